"""Iterative soft top-k: k softmaxes over all n scores, one for each representation that is kept.

The relaxation of Goyal et al., "A Continuous Relaxation of Beam Search for End-to-End Training of Neural
Sequence Models" (AAAI 2018), in the form that Pietruszka et al. 2022 compare with, which is algorithm 1
of Pietruszka et al. 2020.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sumpool.pooling.pooled import Pooled, combine, finish, peaked_logits, prepare, rank, take, whole


def iterative_top_k(
    representations: Tensor,
    scores: Tensor,
    k: int,
    *,
    mask: Tensor | None = None,
    restore_order: bool = True,
    base: float = 20.0,
) -> Pooled:
    """Pool n representations to k, each a combination of all; arguments and result as `TopK` says.

    Step j combines all tokens with the weights of a peaked softmax, softmax(base**score), after the j - 1
    tokens of the highest scores were struck out. Seen from the sorted scores, step j is a softmax over those from
    j on: the k steps are one masked softmax [batch, k, n], and one product of matrices, O(k n d).

    Args:
        base: b of the peaked softmax, above 1 (ValueError).
    """
    representations, rates, mask = prepare(representations, scores, k, mask)
    if base <= 1:
        raise ValueError(f"base must be above 1, not {base}")
    n = rates.shape[1]
    if n <= k:
        return whole(representations, rates, mask, restore_order=restore_order)
    order = rank(rates, mask)
    ranked = take(rates, order)
    logits = peaked_logits(ranked, ranked[:, :1], base)
    struck = torch.ones(k, n, dtype=torch.bool, device=rates.device).tril(-1) | ~take(mask, order)[:, None]
    # A step past the last token has nothing to choose from: it may choose anything, since `combine` drops it.
    struck = struck & ~struck.all(dim=2, keepdim=True)
    weights = logits[:, None].masked_fill(struck, -torch.inf).softmax(dim=2)
    return finish(*combine(weights, order, representations, rates, mask), restore_order=restore_order)
