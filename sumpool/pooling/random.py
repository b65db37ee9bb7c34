"""Random top-k: the baseline that tells what a scorer is worth (Pietruszka et al. 2022, section 4)."""

from __future__ import annotations

import torch
from torch import Tensor

from sumpool.pooling.hard import choose
from sumpool.pooling.pooled import Pooled, prepare, rank


def random_top_k(
    representations: Tensor,
    scores: Tensor,
    k: int,
    *,
    mask: Tensor | None = None,
    restore_order: bool = True,
    generator: torch.Generator | None = None,
) -> Pooled:
    """k tokens drawn with equal chances, without replacement; arguments and result as `TopK` says.

    Scores are handed on but decide nothing, and get no gradient from the representations. Without
    `restore_order` the order is random, too.

    Args:
        generator: where the chances come from, on the scores' device; torch's own where None.
    """
    representations, rates, mask = prepare(representations, scores, k, mask)
    chances = torch.rand(rates.shape, generator=generator, device=rates.device)
    chosen = rank(chances, mask)[:, :k]
    return choose(representations, rates, mask, chosen, restore_order=restore_order, learn=False)
