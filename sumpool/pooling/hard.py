"""Hard top-k: what successive halving tends to as its base grows, and what inference uses."""

from __future__ import annotations

from torch import Tensor


def hard_top_k(scores: Tensor, k: int) -> Tensor:
    """Indices [..., min(k, n)] of the k best of scores [..., n], ascending.

    Equal scores are kept in order of position, so that the choice never depends on
    a sorting library's whims. k must be positive (ValueError).
    """
    if k < 1:
        raise ValueError(f"k must be positive, not {k}")
    best = scores.argsort(dim=-1, descending=True, stable=True)[..., :k]
    return best.sort(dim=-1).values
