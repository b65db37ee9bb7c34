"""Decoder layers with int8 weights where few rows go through them: the tokens that are being written.

What takes the time there is fetching weights and calling operations on small tensors, not arithmetic. So this is what
`DecoderLayer` computes in fewer operations: a norm is never written out, since a row's length doesn't change what it is
rounded to, and what a row is to be scaled by is multiplied where that comes for free. Tests hold it to `DecoderLayer`.
"""

from __future__ import annotations

import math
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sumpool.modeling.caches import Attend
from sumpool.modeling.int8 import FewRows, Floats, Int8Linear
from sumpool.modeling.layers import DecoderLayer, RMSNorm


class FewRowsLayer:
    """A `DecoderLayer` whose maps are `Int8Linear`, for up to `FEW` rows in all."""

    def __init__(self, layer: DecoderLayer) -> None:
        attention, feed_forward = layer.self_attn, layer.mlp
        self._turned, self._kept = attention.heads + attention.kv_heads, attention.kv_heads
        self._heads, self._head_dim = attention.heads, attention.head_dim
        self._attention_norm = _Norm(layer.input_layernorm)
        self._project = _few(attention.q_proj, attention.k_proj, attention.v_proj)
        self._mix = _few(attention.o_proj)
        self._feed_forward_norm = _Norm(layer.post_attention_layernorm)
        self._gate, self._up = _few(feed_forward.gate_proj), _few(feed_forward.up_proj)
        self._down = _few(feed_forward.down_proj)

    def __call__(self, x: Tensor, angles: tuple[Tensor, Tensor], attend: Attend) -> Tensor:
        """As `DecoderLayer.forward`, with x [b, t, d] in float32."""
        flat = x.numpy().reshape(-1, x.shape[-1])
        rows, scale = self._attention_norm(flat, self._project)
        projected = self._project(rows)
        projected *= scale
        heads = projected.reshape(*x.shape[:-1], -1, self._head_dim)
        turned = torch.from_numpy(_rotate(heads[:, :, : self._turned], angles)).transpose(1, 2)
        queries, keys = turned.split_with_sizes((self._heads, self._kept), 1)
        values = torch.from_numpy(heads[:, :, self._turned :]).transpose(1, 2)
        seen = attend(queries, keys, values).transpose(1, 2).float()
        rows, scale = self._mix.ready(seen.numpy().reshape(len(flat), -1))
        mixed = self._mix(rows)
        mixed *= scale
        mixed += flat

        rows, scale = self._feed_forward_norm(mixed, self._gate)
        gate = self._gate(rows)
        gate *= scale
        F.silu(torch.from_numpy(gate), inplace=True)
        gate *= self._up(rows)
        # The down map's rows are scaled as a whole, so the one factor may be left out of the product.
        rows, inner = self._down.ready(gate)
        inner *= scale
        out = self._down(rows)
        out *= inner
        out += mixed
        return torch.from_numpy(out).view(x.shape)


class _Norm:
    """An `RMSNorm`, as it is multiplied."""

    def __init__(self, norm: RMSNorm) -> None:
        self._weight = norm.weight.detach().numpy() * np.float32(math.sqrt(len(norm.weight)))
        self._least = np.float32(norm.least.square().item())

    def __call__(self, x: Floats, maps: FewRows) -> tuple[Tensor, Floats]:
        """The norm of x [r, d], as `maps` takes it."""
        rows, scale = maps.ready(x * self._weight)
        scale /= np.sqrt(np.vecdot(x, x) + self._least)[:, None]
        return rows, scale


def _rotate(x: Floats, angles: tuple[Tensor, Tensor]) -> Floats:
    """`rotate` with x [b, t, heads, head_dim]."""
    cosines, sines = (one.numpy().swapaxes(1, 2) for one in angles)
    half = x.shape[-1] // 2
    out = x * cosines
    out[..., :half] += x[..., half:] * sines[..., :half]
    out[..., half:] += x[..., :half] * sines[..., half:]
    return out


def _few(*maps: nn.Module) -> FewRows:
    return FewRows(*(cast("Int8Linear", one) for one in maps))
