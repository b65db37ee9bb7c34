"""Successive Halving Top-k (Pietruszka et al. 2022, section 3; Pietruszka et al. 2020, algorithm 2).

A tournament: differentiable selection of k representations in log2(n / k) rounds.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from sumpool.pooling.pooled import Pooled, finish, peaked_logits, prepare, rank, take, whole


def successive_halving_top_k(
    representations: Tensor,
    scores: Tensor,
    k: int,
    *,
    mask: Tensor | None = None,
    restore_order: bool = True,
    base: float = 20.0,
) -> Pooled:
    """Pool n representations to k, so that gradients reach every score; arguments and result as `TopK` says.

    Each round sorts by score and plays the best against the worst (i with n + 1 - i). A pair is replaced by
    the convex combination of its two members, representations and scores alike, with the weights
    softmax(base**score_i, base**score_j): the larger the base, the nearer to taking the better one whole.
    n that is not k * 2**r is filled up with padding, which loses against every token without a trace.

    Scores alone decide the tournament, and every token ends up in exactly one of the k combinations. So the rounds
    are played with scores and weights, and the representations are gathered and combined once: O(n log(n) + n d).

    Args:
        base: b of the peaked softmax, above 1 (ValueError).
    """
    representations, rates, mask = prepare(representations, scores, k, mask)
    if base <= 1:
        raise ValueError(f"base must be above 1, not {base}")
    batch, n = rates.shape
    if n <= k:
        return whole(representations, rates, mask, restore_order=restore_order)
    size = k * 2 ** math.ceil(math.log2(n / k))
    padding = (0, size - n)
    real = F.pad(mask, padding)
    rates = F.pad(rates, padding)
    # Entry e of a round is the combination of tokens members[e] with weights[e], which sum to 1.
    members = torch.arange(size, device=rates.device).clamp(max=n - 1).expand(batch, size)[..., None]
    weights = real.to(rates.dtype)[..., None]
    while size > k:
        order = rank(rates, real)
        size //= 2
        best, worst = order[:, :size], order[:, size:].flip(1)
        rate_best, rate_worst = rates.gather(1, best), rates.gather(1, worst)
        # A softmax of two is a sigmoid of the difference of their logits.
        share = torch.sigmoid(peaked_logits(rate_worst, rate_best, base)).masked_fill(~real.gather(1, worst), 0)
        real = real.gather(1, best)
        rates = (1 - share) * rate_best + share * rate_worst
        members = torch.cat((take(members, best), take(members, worst)), dim=2)
        weights = torch.cat(((1 - share)[..., None] * take(weights, best), share[..., None] * take(weights, worst)), 2)
    states = take(representations, members.flatten(1)).unflatten(1, (k, -1))
    mixed = (weights.to(states.dtype)[:, :, None] @ states)[:, :, 0]
    places = (weights * members).sum(dim=2)
    # The better member of a pair always came first.
    return finish(mixed, rates, places, members[..., 0], real, restore_order=restore_order)
