"""Layers that compute with weights as the checkpoint stores them: int8, one scale a row. For inference on CPUs.

Nothing is widened in memory: a quarter of float32's, which is what a written token's time goes to.
"""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sumpool.modeling import compiled

FEW = 32
"""Rows up to which int8 weights are widened on their way to the product, not before."""
_WHOLE = 16
"""Numbers in a vector of torch's kernel for int8 weights."""


def matrix_type() -> torch.dtype:
    """What this CPU multiplies large matrices in: bfloat16 where it has instructions for it.

    Every int8 weight is exact in either type; bfloat16 rounds activations to 8 bits.
    """
    return torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else torch.float32


class Int8Linear(nn.Module):
    """A linear map without bias: weight [outputs, inputs] in int8 times scale [outputs]."""

    weight: Tensor
    scale: Tensor

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.empty(outputs, inputs, dtype=torch.int8))
        self.register_buffer("scale", torch.empty(outputs))

    @cached_property
    def _wide_scale(self) -> Tensor:
        """In the type of the product: bfloat16 rounds it by less than what int8 rounded the weights by."""
        return self.scale.to(matrix_type())

    @cached_property
    def _narrow_scale(self) -> Tensor:
        return self.scale.bfloat16()

    def ready(self, x: Tensor) -> Tensor:
        """x in the type that it is multiplied in; for several maps of the same x, once."""
        return x.to(matrix_type())

    def forward(self, x: Tensor) -> Tensor:
        """x [..., inputs] -> [..., outputs], in the type that `ready` gives.

        Few rows are taken each by itself, so that they come out the same to the bit, whatever stands beside them.
        """
        # torch's kernel reads beyond the end of rows that are no whole vectors.
        if x.numel() <= FEW * x.shape[-1] and x.shape[-1] % _WHOLE == 0:
            out = torch._weight_int8pack_mm(x.reshape(-1, x.shape[-1]).bfloat16(), self.weight, self._narrow_scale)
            return out.view(*x.shape[:-1], -1).to(matrix_type())
        return F.linear(self.ready(x), self.weight.to(matrix_type())).mul_(self._wide_scale)


class Int8Embedding(Int8Linear):
    """Token embeddings that are the output layer, too."""

    def __init__(self, entries: int, size: int) -> None:
        super().__init__(size, entries)

    def forward(self, ids: Tensor) -> Tensor:
        """ids [...] -> [..., size]."""
        return self.weight[ids].float() * self.scale[ids][..., None]

    def project(self, x: Tensor) -> Tensor:
        """x [..., size] -> logits [..., entries] in float32: their softmax is not for bfloat16."""
        rows = x.reshape(-1, x.shape[-1])
        if len(rows) <= FEW and compiled.suits(rows.shape[1]):
            return compiled.product(self.weight, self.scale, rows).view(*x.shape[:-1], -1)
        return super().forward(x).float()
