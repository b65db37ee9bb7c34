"""Optimal-transport top-k: Xie et al., "Differentiable Top-k with Optimal Transport" (NeurIPS 2020).

Their sorted operator (section 3): the tokens, one unit of mass each, are carried to k places for
one token each, in order, and one place for all the rest. The entropic plan is soft and differentiable.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from sumpool.pooling.pooled import Pooled, combine, finish, prepare, rank, take, whole

_CHECK_EVERY = 10
_FIRST_EPSILON = 1.0
_ANNEALING = 0.5
_ROUGHLY = 0.01


def optimal_transport_top_k(
    representations: Tensor,
    scores: Tensor,
    k: int,
    *,
    mask: Tensor | None = None,
    restore_order: bool = True,
    epsilon: float = 1e-3,
    iterations: int = 200,
) -> Pooled:
    """Pool n representations to k, each a combination of all; arguments and result as `TopK` says.

    Place j of 0..k has the anchor (k - j) / k, and carrying a token of score s there costs (s - anchor)**2. Of that
    only -2 * s * anchor matters, since the rest is the same for every plan. O(k n) for each iteration, O(k n d) at
    the end, and O(k n) memory, since the gradient is that of the fixed point and not of the steps towards it.

    Args:
        epsilon: weight of the entropy, above 0 (ValueError); the smaller, the nearer to hard top-k, and the more
            iterations it takes. Neighbours in score and place are told apart where it is well below the product
            of the distances of their scores and anchors.
        iterations: of Sinkhorn's algorithm, at most; it ends early where the plan has settled.
    """
    representations, rates, mask = prepare(representations, scores, k, mask)
    if epsilon <= 0 or iterations < 1:
        raise ValueError(f"epsilon and iterations must be positive, not {epsilon} and {iterations}")
    if rates.shape[1] <= k:
        return whole(representations, rates, mask, restore_order=restore_order)
    order = rank(rates, mask)
    filled = take(mask, order)
    ranked = take(rates, order)
    anchors = torch.arange(k, -1, -1, dtype=rates.dtype, device=rates.device) / k
    rest = filled.sum(dim=1, keepdim=True).to(rates.dtype) - k
    masses = torch.cat((torch.ones_like(ranked[:, :k]), rest), dim=1)
    # A row of at most k tokens is kept as it is: it has no plan to make.
    masses = masses.masked_fill(rest <= 0, 0)
    filled = filled & (rest > 0)
    plan = _Plan.apply(ranked, anchors, filled, masses, epsilon, iterations)
    return finish(*combine(plan[:, :k], order, representations, rates, mask), restore_order=restore_order)


class _Plan(torch.autograd.Function):
    """The entropic plan [batch, k + 1, n] of tokens `filled` [batch, n], of mass 1, to places of mass `masses`."""

    @staticmethod
    def forward(
        ctx: Any, scores: Tensor, anchors: Tensor, filled: Tensor, masses: Tensor, epsilon: float, iterations: int
    ) -> Tensor:
        gains = 2 * anchors[:, None] * scores[:, None]
        open_places = masses > 0
        log_masses = masses.clamp_min(1).log()
        place = torch.zeros_like(masses)
        token = torch.zeros_like(scores)
        # From a large epsilon down to the one that is meant: far fewer iterations than with the small one at once.
        schedule = [epsilon]
        while schedule[-1] < _FIRST_EPSILON:
            schedule.append(schedule[-1] / _ANNEALING)
        schedule.reverse()
        # A row stops where its own plan has settled, so that it does not depend on the rows beside it.
        for current in schedule:
            last = current == epsilon
            tolerance = torch.finfo(scores.dtype).eps ** 0.75 if last else _ROUGHLY
            settled = torch.zeros_like(masses[:, :1], dtype=torch.bool)
            for step in range(iterations if len(schedule) == 1 else iterations // (2 if last else 2 * len(schedule))):
                token = -current * _log_sum((gains + place[..., None]) / current, open_places[..., None], 1)
                there = current * (log_masses - _log_sum((gains + token[:, None]) / current, filled[:, None], 2))
                moved = (there - place).masked_fill(~open_places, 0).abs().amax(dim=1, keepdim=True)
                place = torch.where(settled, place, there)
                settled = settled | (moved < current * tolerance)
                # Looking at the result waits for the device: not every time.
                if step % _CHECK_EVERY == _CHECK_EVERY - 1 and bool(settled.all()):
                    break
        # Places last, also in rows that stopped early: what is kept are then true convex combinations.
        token = -epsilon * _log_sum((gains + place[..., None]) / epsilon, open_places[..., None], 1)
        place = epsilon * (log_masses - _log_sum((gains + token[:, None]) / epsilon, filled[:, None], 2))
        plan = ((gains + place[..., None] + token[:, None]) / epsilon).exp()
        plan = plan.masked_fill(~(open_places[..., None] & filled[:, None]), 0)
        ctx.save_for_backward(plan, anchors, filled, open_places)
        ctx.epsilon = epsilon
        return plan

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        plan, anchors, filled, open_places = ctx.saved_tensors
        # plan = exp((gain + place + token) / epsilon) with fixed sums over places and tokens. What the potentials
        # give back is the multiplier (a, b) that makes plan * (gradient - a - b) sum to zero both ways
        # (Xie et al. 2020, theorem 2, with the system reduced to the k + 1 places).
        flow = plan * gradient
        of_token, of_place = flow.sum(dim=1), flow.sum(dim=2)
        per_token = plan / plan.sum(dim=1, keepdim=True).clamp_min(torch.finfo(plan.dtype).tiny)
        system = torch.diag_embed(plan.sum(dim=2)) - plan @ per_token.mT
        right = of_place - (per_token @ of_token[..., None])[..., 0]
        # Constants cancel between a and b, and a plan that is nearly a permutation has many such: keep b small.
        ridge = torch.finfo(plan.dtype).eps ** 0.75
        system = system + torch.diag_embed(torch.where(open_places, ridge, 1.0).to(plan.dtype))
        b = torch.linalg.solve(system, right)
        a = (of_token - (plan * b[..., None]).sum(dim=1)) / plan.sum(dim=1).clamp_min(torch.finfo(plan.dtype).tiny)
        of_gain = plan * (gradient - a[:, None] - b[..., None]) / ctx.epsilon
        of_score = 2 * (of_gain * anchors[:, None]).sum(dim=1)
        return of_score.masked_fill(~filled, 0), None, None, None, None, None


def _log_sum(x: Tensor, mask: Tensor, dim: int) -> Tensor:
    """logsumexp over `dim` where mask is True; 0 where it is nowhere."""
    total = x.masked_fill(~mask, -torch.inf).logsumexp(dim=dim)
    return total.masked_fill(total.isneginf(), 0)
