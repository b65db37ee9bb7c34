"""Layers that compute with weights as the checkpoint stores them: int8, one scale a row. For inference on CPUs.

Nothing is widened in memory: a quarter of float32's, which is what a written token's time goes to.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_FEW = 8
"""Rows up to which torch's int8 kernel, made for writing, beats an ordinary product with widened weights."""


def matrix_type() -> torch.dtype:
    """What this CPU multiplies large matrices in: bfloat16 where it has instructions for it.

    Every int8 weight is exact in either type; bfloat16 rounds activations to 8 bits.
    """
    return torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else torch.float32


class Int8Linear(nn.Module):
    """A linear map without bias: weight [outputs, inputs] in int8 times scale [outputs]."""

    weight: Tensor
    scale: Tensor
    _ones: Tensor

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.empty(outputs, inputs, dtype=torch.int8))
        self.register_buffer("scale", torch.empty(outputs))
        self.register_buffer("_ones", torch.ones(outputs, dtype=torch.bfloat16), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """x [..., inputs] in float32 -> [..., outputs] in float32."""
        rows = x.numel() // x.shape[-1]
        if rows <= _FEW:
            # The kernel's own scales would be bfloat16: ours stay in float32.
            flat = x.reshape(rows, -1).bfloat16()
            out = torch._weight_int8pack_mm(flat, self.weight, self._ones)
            return out.float().mul_(self.scale).view(*x.shape[:-1], -1)
        wide = matrix_type()
        return F.linear(x.to(wide), self.weight.to(wide)).float().mul_(self.scale)


class Int8Embedding(Int8Linear):
    """Token embeddings that are the output layer, too."""

    def __init__(self, entries: int, size: int) -> None:
        super().__init__(size, entries)

    def forward(self, ids: Tensor) -> Tensor:
        """ids [...] -> [..., size]."""
        return self.weight[ids].float() * self.scale[ids][..., None]

    def project(self, x: Tensor) -> Tensor:
        """x [..., size] -> logits [..., entries]."""
        return super().forward(x)
