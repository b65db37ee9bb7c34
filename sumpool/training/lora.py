"""Low-rank adaptation (Hu et al. 2022): matrices learn a difference of small rank and take it in at the end."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize


class LowRank(nn.Module):
    """A parametrization of a weight [o, i]: the weight itself, frozen, plus up [o, r] @ down [r, i]."""

    def __init__(self, weight: Tensor, rank: int, scale: float = 2.0) -> None:
        super().__init__()
        self.down = nn.Parameter(torch.empty(rank, weight.shape[1], device=weight.device))
        self.up = nn.Parameter(torch.zeros(weight.shape[0], rank, device=weight.device))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))
        self.scale = scale

    def forward(self, weight: Tensor) -> Tensor:
        return weight + self.scale * (self.up @ self.down)


def add_low_rank(stack: nn.Module, rank: int) -> None:
    """Freeze a stack and give each of its linear maps a trainable difference of this rank."""
    stack.requires_grad_(False)
    for module in list(stack.modules()):
        if isinstance(module, nn.Linear):
            # The weight was frozen above, and stays so as the parametrization's original.
            parametrize.register_parametrization(module, "weight", LowRank(module.weight, rank))


def merge_low_rank(stack: nn.Module) -> None:
    """Put the differences into the weights; the stack is an ordinary one again."""
    for module in list(stack.modules()):
        if isinstance(module, nn.Linear) and parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)
