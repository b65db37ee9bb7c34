"""What every top-k operator takes and gives, and the softmax that two of them share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

_LARGEST_EXPONENT = 80.0
"""exp of this is still a float32."""


@dataclass(frozen=True, slots=True)
class Pooled:
    """What is left of n representations, m = min(n, k) of them for each row of the batch.

    Attributes:
        representations: [batch, m, d], of the type that came in.
        scores: [batch, m], of the working type (float32; float64 for float64 representations).
        positions: [batch, m], where in the sequence each stood; fractional where several were combined.
        winners: [batch, m], the token that each stems from first of all: where several were combined, the one of the
            best score. No two are the same.
        mask: [batch, m], False where a row had fewer than m tokens; the others are zero there.
    """

    representations: Tensor
    scores: Tensor
    positions: Tensor
    winners: Tensor
    mask: Tensor


class TopK(Protocol):
    """A top-k operator: n scored representations to k (Pietruszka et al. 2022, section 3).

    Called with representations [batch, n, d] of any floating type, scores [batch, n] (any real numbers; the
    scorer's sigmoid keeps them in (0, 1)), k, and optionally mask [batch, n], False at padding. What holds for all:

    * a row of at most k tokens is kept as it is;
    * the result does not depend on how much padding there is, nor on what stands in it;
    * no step loops over the batch.

    `restore_order` puts what was kept in order of position; without it, the best comes first.
    ValueError for a k below 1, shapes that don't match, or a parameter out of its range.
    """

    def __call__(
        self,
        representations: Tensor,
        scores: Tensor,
        k: int,
        *,
        mask: Tensor | None = None,
        restore_order: bool = True,
    ) -> Pooled: ...


def prepare(representations: Tensor, scores: Tensor, k: int, mask: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """What operators start from: representations, scores in the working type, and a mask, all True if there was none.

    Padding may hold anything, and nothing times infinity is not nothing: it is zero from here on.
    ValueError as `TopK` says.
    """
    if k < 1:
        raise ValueError(f"k must be positive, not {k}")
    if representations.ndim != 3 or scores.shape != representations.shape[:2]:
        raise ValueError(f"scores {tuple(scores.shape)} don't match representations {tuple(representations.shape)}")
    scores = scores.to(torch.float64 if representations.dtype == torch.float64 else torch.float32)
    if mask is None:
        return representations, scores, torch.ones_like(scores, dtype=torch.bool)
    if mask.shape != scores.shape or mask.dtype != torch.bool:
        raise ValueError(f"mask must be a boolean tensor of shape {tuple(scores.shape)}")
    return representations.masked_fill(~mask[..., None], 0), scores.masked_fill(~mask, 0), mask


def rank(scores: Tensor, mask: Tensor) -> Tensor:
    """Indices [batch, n] from best to worst, padding last, equals in order of position."""
    return scores.detach().masked_fill(~mask, -torch.inf).argsort(dim=1, descending=True, stable=True)


def take(values: Tensor, indices: Tensor) -> Tensor:
    """values [batch, n, ...] at indices [batch, m] -> [batch, m, ...]."""
    if values.ndim == 2:
        return values.gather(1, indices)
    # Selecting rows of one long matrix is many times faster than gathering number by number.
    batch, n = values.shape[:2]
    rows = indices + n * torch.arange(batch, device=indices.device)[:, None]
    return values.flatten(0, 1).index_select(0, rows.flatten()).unflatten(0, (batch, indices.shape[1]))


def peaked_logits(scores: Tensor, highest: Tensor, base: float) -> Tensor:
    """base**scores - base**highest, at most 0: logits of the peaked softmax, shifted as softmax allows.

    Written as a product, base**highest * (base**(scores - highest) - 1), it neither overflows for large
    scores nor rounds the difference of near equals away. `highest` broadcasts against `scores`, which are not above it
    but where padding makes them so.
    """
    log_base = math.log(base)
    below = (scores - highest).clamp(max=0)
    return torch.exp((highest * log_base).clamp(max=_LARGEST_EXPONENT)) * torch.expm1(below * log_base)


def finish(
    representations: Tensor, scores: Tensor, positions: Tensor, winners: Tensor, mask: Tensor, *, restore_order: bool
) -> Pooled:
    """Put entries in order, the empty ones last, and clear those."""
    if restore_order:
        order = positions.detach().masked_fill(~mask, torch.inf).argsort(dim=1, stable=True)
        representations, scores, positions, winners, mask = (
            take(x, order) for x in (representations, scores, positions, winners, mask)
        )
    return Pooled(
        representations.masked_fill(~mask[..., None], 0),
        scores.masked_fill(~mask, 0),
        positions.masked_fill(~mask, 0),
        winners.masked_fill(~mask, 0),
        mask,
    )


def whole(representations: Tensor, scores: Tensor, mask: Tensor, *, restore_order: bool) -> Pooled:
    """Everything is kept: what any operator does where n <= k."""
    winners = torch.arange(scores.shape[1], device=scores.device).expand_as(scores)
    if not restore_order:
        winners = rank(scores, mask)
        representations, scores, mask = (take(x, winners) for x in (representations, scores, mask))
    return finish(representations, scores, winners.to(scores.dtype), winners, mask, restore_order=restore_order)


def combine(weights: Tensor, order: Tensor, representations: Tensor, scores: Tensor, mask: Tensor) -> list[Tensor]:
    """Convex combinations of ranked tokens, for the operators that weigh all n against each other.

    weights [batch, k, n] are over tokens in `order` [batch, n] (`rank`), the j-th of which leads the j-th combination.
    Returns representations, scores, positions, winners and mask of the k combinations. A row of at most k tokens is
    kept as it is, whatever its weights.
    """
    k, n = weights.shape[1:]
    count = mask.sum(dim=1)
    itself = torch.eye(k, n, dtype=weights.dtype, device=weights.device)
    weights = torch.where((count <= k)[:, None, None], itself, weights)
    states, rates = take(representations, order), take(scores, order)
    mixed = torch.bmm(weights.to(states.dtype), states)
    # Scores and places keep their precision where autocast would take it from products.
    with torch.autocast(weights.device.type, enabled=False):
        rates, places = (weights @ x[..., None] for x in (rates, order.to(weights.dtype)))
    filled = torch.arange(k, device=mask.device) < count[:, None]
    return [mixed, rates[..., 0], places[..., 0], order[:, :k], filled]
