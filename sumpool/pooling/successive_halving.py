"""Successive Halving Top-k (Pietruszka et al. 2022, section 3.2): differentiable selection in log2(n/k) rounds."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def successive_halving_top_k(
    representations: Tensor, scores: Tensor, k: int, *, base: float = 20.0, restore_order: bool = True
) -> tuple[Tensor, Tensor, Tensor]:
    """Pool n representations to k, so that gradients reach every score.

    Each round sorts by score and plays the best against the worst (i with n+1-i). A pair is replaced by
    the convex combination of its two members, representations and scores alike, with the weights
    softmax(base**score_i, base**score_j): the larger the base, the nearer to taking the better one whole.

    Args:
        representations: [batch, n, d], any floating type.
        scores: [batch, n], in (0, 1); non-positive entries are padding and never win against a real token.
        k: how many to keep. n that is not k * 2**r is padded with entries of score 0.
        base: b of the peaked softmax, above 1. Compared with exponents b**s <= b, which float32 holds for any sane b.
        restore_order: put winners in order of their places in the sequence, weighted as they were combined.

    Returns:
        pooled representations [batch, min(n, k), d], their scores [batch, min(n, k)] in float32 (float64 for
        float64 input), and their (fractional) places in the sequence, same shape.

    Raises:
        ValueError: for a k below 1, a base not above 1, or shapes that don't match.
    """
    if k < 1 or base <= 1:
        raise ValueError(f"k must be positive and base above 1, not k={k}, base={base}")
    batch, n, d = representations.shape
    if scores.shape != (batch, n):
        raise ValueError(f"scores {tuple(scores.shape)} don't match representations {tuple(representations.shape)}")
    working = torch.float64 if representations.dtype == torch.float64 else torch.float32
    values, rates = representations, scores.to(working)
    places = torch.arange(n, device=scores.device, dtype=working).expand(batch, n)
    if n > k:
        size = k * 2 ** math.ceil(math.log2(n / k))
        if size > n:
            values = torch.cat((values, values.new_zeros(batch, size - n, d)), dim=1)
            rates = torch.cat((rates, rates.new_zeros(batch, size - n)), dim=1)
            places = torch.cat((places, places.new_zeros(batch, size - n)), dim=1)
        while size > k:
            order = rates.argsort(dim=1, descending=True, stable=True)
            half = size // 2
            best, worst = order[:, :half], order[:, half:].flip(1)
            rate_best, rate_worst = rates.gather(1, best), rates.gather(1, worst)
            # softmax of two is a sigmoid of the difference of their logits b**s.
            weight = torch.sigmoid(base**rate_best - base**rate_worst)
            # Padding has no say: a real token is never diluted by it.
            weight = torch.where(rate_worst > 0, weight, torch.ones_like(weight))
            rates = weight * rate_best + (1 - weight) * rate_worst
            places = weight * places.gather(1, best) + (1 - weight) * places.gather(1, worst)
            mix = weight.to(values.dtype)[..., None]
            spread = (batch, half, d)
            values = mix * values.gather(1, best[..., None].expand(spread)) + (1 - mix) * values.gather(
                1, worst[..., None].expand(spread)
            )
            size = half
    if restore_order:
        order = places.argsort(dim=1, stable=True)
        values = values.gather(1, order[..., None].expand_as(values))
        rates, places = rates.gather(1, order), places.gather(1, order)
    return values, rates, places
