"""Hard top-k: what the soft operators tend to, and what inference uses."""

from __future__ import annotations

from torch import Tensor

from sumpool.pooling.pooled import Pooled, finish, prepare, rank, take


def hard_top_k(scores: Tensor, k: int) -> Tensor:
    """Indices [..., min(k, n)] of the k best of scores [..., n], ascending.

    Equal scores are kept in order of position, so that the choice never depends on
    a sorting library's whims. k must be positive (ValueError).
    """
    if k < 1:
        raise ValueError(f"k must be positive, not {k}")
    best = scores.argsort(dim=-1, descending=True, stable=True)[..., :k]
    return best.sort(dim=-1).values


def straight_through_top_k(
    representations: Tensor, scores: Tensor, k: int, *, mask: Tensor | None = None, restore_order: bool = True
) -> Pooled:
    """The k best representations, unchanged; arguments and result as `TopK` says.

    Choosing has no gradient. What stands in for it is the straight-through estimate (Bengio et al. 2013,
    section 4): backward, each chosen representation x counts as (1 + score - stop(score)) * x, so that a chosen token's
    score learns from its representation, and a token that was not chosen learns nothing.
    """
    representations, rates, mask = prepare(representations, scores, k, mask)
    return choose(representations, rates, mask, rank(rates, mask)[:, :k], restore_order=restore_order, learn=True)


def choose(
    representations: Tensor, scores: Tensor, mask: Tensor, chosen: Tensor, *, restore_order: bool, learn: bool
) -> Pooled:
    """Keep the tokens at `chosen` [batch, m]; `learn` hands the scores a straight-through gradient."""
    states, rates = take(representations, chosen), take(scores, chosen)
    if learn:
        # Zero forward, d(rate) backward. Not a quotient, which would depend on how small a score is.
        states = states + (rates - rates.detach()).to(states.dtype)[..., None] * states
    places = chosen.to(scores.dtype)
    return finish(states, rates, places, chosen, take(mask, chosen), restore_order=restore_order)
