"""Layers that compute with weights as the checkpoint stores them: int8, one scale a row. For inference on CPUs.

Nothing is widened in memory: a quarter of float32's, which is what a written token's time goes to.
"""

from __future__ import annotations

from functools import cache, cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

Floats = NDArray[np.float32]

FEW = 8
"""Rows up to which `FewRows` beats an ordinary product with widened weights."""
_STEPS = 127
"""From 0 to the largest number of a row in int8."""
_FINER = 64
"""Steps that such a step is divided into, at most."""
_LEAST = 1e-30
"""Scale of a row of zeros."""
_MANY = 8192
"""Outputs from which on a second core pays."""


def matrix_type() -> torch.dtype:
    """What this CPU multiplies large matrices in: bfloat16 where it has instructions for it.

    Every int8 weight is exact in either type; bfloat16 rounds activations to 8 bits.
    """
    return torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else torch.float32


@cache
def multiplies_int8() -> bool:
    """Whether this CPU has instructions for products of int8 with int8; without them, they may overflow."""
    return torch.cpu._is_vnni_supported()


@cache
def _has_tiles() -> bool:
    return torch.cpu._is_amx_tile_supported()


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

    def ready(self, x: Tensor) -> Tensor:
        """x in the type that it is multiplied in; for several maps of the same x, once."""
        return x.to(matrix_type())

    def forward(self, x: Tensor) -> Tensor:
        """x [..., inputs] -> [..., outputs], in the type that `ready` gives."""
        return F.linear(self.ready(x), self.weight.to(matrix_type())).mul_(self._wide_scale)


class FewRows:
    """The maps of one input put together, for up to `FEW` rows of it, in numpy: its calls on small arrays take half the
    time of torch's.

    Where the CPU multiplies int8 with int8, each row becomes two: itself rounded to int8, and what that took away. One
    alone loses too much, since a few numbers of a row are far larger than the rest; two have 13 bits. Such products are
    exact, so that a row comes out the same to the bit, whatever stands beside it. torch's other kernel for int8 weights
    takes each row by itself, too.

    Args:
        maps: with the same inputs; their weights are copied if there is more than one.
    """

    def __init__(self, *maps: Int8Linear) -> None:
        self._weight = maps[0].weight if len(maps) == 1 else torch.cat([one.weight for one in maps])
        scale = torch.cat([one.scale for one in maps])
        # However many inputs there are, sums stay within 32 bits.
        self._finer = min(_FINER, (2**31 - 1) // (self._weight.shape[1] * _STEPS * (_STEPS + 1)))
        self._scale = scale / self._finer if multiplies_int8() else scale.bfloat16()

    def ready(self, x: Floats) -> tuple[Tensor, Floats]:
        """x [r, inputs] as it is multiplied, and by what [r, 1] the result is to be."""
        scale = np.maximum.reduce(np.abs(x), axis=-1, keepdims=True)
        scale = np.maximum(np.multiply(scale, np.float32(1 / _STEPS)), np.float32(_LEAST))
        steps = x / scale
        if not multiplies_int8():
            return torch.from_numpy(steps).to(torch.bfloat16), scale
        whole = np.rint(steps)
        steps -= whole
        steps *= np.float32(self._finer)
        both = np.empty((2, *x.shape), np.int8)
        both[0], both[1] = whole, steps
        return torch.from_numpy(both.reshape(-1, x.shape[1])), scale

    def __call__(self, values: Tensor) -> Floats:
        """What `ready` made of r rows -> [r, outputs], as if that were the input."""
        if values.dtype != torch.int8:
            return torch._weight_int8pack_mm(values, self._weight, self._scale).float().numpy()
        if _has_tiles():  # Weights fill them as they lie in memory if they stand on the left side.
            product = torch._int_mm(self._weight, values.t()).t()
        else:
            product = torch._int_mm(values, self._weight.t())
        if product.shape[1] > _MANY:
            whole, rest = product.chunk(2)
            sums = torch.add(rest, whole, alpha=self._finer)
            # Row by row in memory, whatever the product is: what comes next is fast on long rows.
            return torch.mul(sums, self._scale, out=torch.empty(sums.shape)).numpy()
        parts = np.ascontiguousarray(product.numpy()).reshape(2, -1, product.shape[1])
        totals = parts[0] * np.int32(self._finer)
        totals += parts[1]
        return np.multiply(totals, self._scale.numpy(), dtype=np.float32, casting="unsafe")


class Int8Embedding(Int8Linear):
    """Token embeddings that are the output layer, too."""

    def __init__(self, entries: int, size: int) -> None:
        super().__init__(size, entries)

    def forward(self, ids: Tensor) -> Tensor:
        """ids [...] -> [..., size]."""
        return self.weight[ids].float() * self.scale[ids][..., None]

    @cached_property
    def _few(self) -> FewRows:
        return FewRows(self)

    def project(self, x: Tensor) -> Tensor:
        """x [..., size] -> logits [..., entries] in float32: their softmax is not for bfloat16."""
        rows = x.reshape(-1, x.shape[-1])
        if len(rows) > FEW:
            return super().forward(x).float()
        values, scale = self._few.ready(rows.float().numpy())
        logits = self._few(values)
        logits *= scale
        return torch.from_numpy(logits).view(*x.shape[:-1], -1)
