"""The Llama decoder layer with a preallocated KV cache, in plain torch.

Written out rather than taken from transformers: importing that library takes longer
than reading a paper, and the two stacks of layers here need caches of their own.
Tests hold it to transformers' `LlamaForCausalLM`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sumpool.modeling.config import PyramidionConfig

_SLICE = 64
"""Queries that attend at a time, where doing so saves work."""
_FEW = 4
"""Queries that attend one by one, so that each comes out as it would alone, to the bit."""


class Linear(nn.Linear):
    """A linear map without bias whose weights are always loaded: drawing random ones takes longer than that."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, bias=False)

    def reset_parameters(self) -> None:
        """Leave the memory as it comes."""

    def ready(self, x: Tensor) -> Tensor:
        """x in the type that it is multiplied in: any."""
        return x


class Embedding(nn.Embedding):
    """Token embeddings that are the output layer, too; always loaded, as `Linear`."""

    def reset_parameters(self) -> None:
        """Leave the memory as it comes."""

    def project(self, x: Tensor) -> Tensor:
        """x [..., size] -> logits [..., entries]."""
        return F.linear(x, self.weight)


class RMSNorm(nn.Module):
    """Root-mean-square norm over the last dimension, computed in float32.

    By the vector's length: sqrt(mean(x^2) + eps) is hypot(|x|, sqrt(n eps)) / sqrt(n). Where a single token is
    written that takes half the time of `F.rms_norm`, which a CPU has no kernel for.
    """

    _least: Tensor

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.register_buffer("_least", torch.tensor(math.sqrt(size * eps)), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()
        length = torch.linalg.vector_norm(wide, dim=-1, keepdim=True)
        weight = self.weight.float() * math.sqrt(x.shape[-1])
        return (wide / torch.hypot(length, self._least) * weight).type_as(x)


class Rotary(nn.Module):
    """Rotary position angles, computed for the positions at hand: nothing grows with the document."""

    inverse_frequency: Tensor

    def __init__(self, head_dim: int, theta: float) -> None:
        super().__init__()
        exponents = torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim
        self.register_buffer("inverse_frequency", 1.0 / theta**exponents, persistent=False)

    def forward(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """positions [..., t] -> cosines and sines [..., 1, t, head_dim], with room for the heads.

        For `rotate`, the sines of a head's first half are negative: there they weigh what is taken away.
        """
        angles = (positions[..., None].float() * self.inverse_frequency.float()).unsqueeze(-3)
        cosines, sines = angles.cos(), angles.sin()
        return torch.cat((cosines, cosines), dim=-1), torch.cat((-sines, sines), dim=-1)


def rotate(x: Tensor, angles: tuple[Tensor, Tensor]) -> Tensor:
    """Turn x [..., heads, t, head_dim] by its positions' angles."""
    cosines, sines = angles
    wide = x.float()
    return torch.addcmul(wide * cosines, wide.roll(x.shape[-1] // 2, dims=-1), sines).type_as(x)


class KVCache:
    """Keys and values of one stack of layers for one row, in memory taken once for `capacity` positions."""

    def __init__(
        self, config: PyramidionConfig, layers: int, capacity: int, device: torch.device, dtype: torch.dtype
    ) -> None:
        shape = (layers, 1, config.num_key_value_heads, capacity, config.head_dim)
        self.keys = torch.empty(shape, device=device, dtype=dtype)
        self.values = torch.empty(shape, device=device, dtype=dtype)
        self._layers = list(zip(self.keys, self.values, strict=True))
        self.length = 0

    def extend(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Append [1, heads, t, head_dim] behind what `layer` holds; return all of it."""
        tokens = keys.shape[2]
        held_keys, held_values = self._layers[layer]
        held_keys.narrow(2, self.length, tokens).copy_(keys)
        held_values.narrow(2, self.length, tokens).copy_(values)
        return held_keys.narrow(2, 0, self.length + tokens), held_values.narrow(2, 0, self.length + tokens)

    def advance(self, tokens: int) -> None:
        """Count `tokens` more positions as held, once every layer has appended them; if negative, drop the last."""
        self.length += tokens

    def keep(self, first: int, places: Sequence[int]) -> None:
        """Hold the `first` positions and, right behind them, those at `places`, counted from there; drop the rest."""
        chosen = first + torch.tensor(places, dtype=torch.long, device=self.keys.device)
        self.length = first + len(places)
        self.keys[..., first : self.length, :] = self.keys[..., chosen, :]
        self.values[..., first : self.length, :] = self.values[..., chosen, :]


class Attention(nn.Module):
    """Grouped-query causal attention."""

    def __init__(self, config: PyramidionConfig) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.head_dim = (
            config.num_attention_heads,
            config.num_key_value_heads,
            config.head_dim,
        )
        self.q_proj = Linear(config.hidden_size, self.heads * self.head_dim)
        self.k_proj = Linear(config.hidden_size, self.kv_heads * self.head_dim)
        self.v_proj = Linear(config.hidden_size, self.kv_heads * self.head_dim)
        self.o_proj = Linear(self.heads * self.head_dim, config.hidden_size)

    def forward(
        self,
        x: Tensor,
        angles: tuple[Tensor, Tensor],
        caches: Sequence[KVCache],
        layer: int,
        visible: Tensor | None = None,
    ) -> Tensor:
        batch, tokens, _ = x.shape
        x = self.q_proj.ready(x)
        turned = torch.cat((self.q_proj(x), self.k_proj(x)), dim=-1).view(batch, tokens, -1, self.head_dim)
        queries, keys = rotate(turned.transpose(1, 2), angles).split((self.heads, self.kv_heads), dim=1)
        values = self.v_proj(x).view(batch, tokens, self.kv_heads, self.head_dim).transpose(1, 2)
        if not caches:
            out = _attend(queries, keys, values)
        elif len(caches) == 1:
            out = _attend_behind(caches[0], layer, queries, keys, values, visible)
        else:
            rows = zip(caches, queries.split(1), keys.split(1), values.split(1), strict=True)
            out = torch.cat([_attend_behind(cache, layer, q, k, v, visible) for cache, q, k, v in rows])
        mixed: Tensor = self.o_proj(out.transpose(1, 2).reshape(batch, tokens, -1))
        return mixed


def _attend_behind(
    cache: KVCache, layer: int, queries: Tensor, keys: Tensor, values: Tensor, visible: Tensor | None
) -> Tensor:
    """Append keys and values to what the cache holds, and attend to all of it."""
    held = cache.extend(layer, keys, values)
    return _attend(queries.type_as(cache.keys), *held, visible, past=cache.length)


def _attend(queries: Tensor, keys: Tensor, values: Tensor, visible: Tensor | None = None, past: int = 0) -> Tensor:
    """Each of the t queries sees the `past` first keys and, of the t behind them, those up to its own.

    visible [t, v]: which of the last v keys each query sees instead, besides all before them.
    """
    tokens = queries.shape[2]
    if past == 0 and visible is None:
        if queries.device.type == "cpu" and tokens > _SLICE and not torch.is_grad_enabled():
            return _attend_in_slices(queries, keys, values)
        return F.scaled_dot_product_attention(queries, keys, values, is_causal=tokens > 1, enable_gqa=True)
    if visible is None and 1 < tokens <= _FEW:
        ends = range(past + 1, past + tokens + 1)
        each = [
            _attend(query, keys[:, :, :end], values[:, :, :end], past=end - 1)
            for query, end in zip(queries.split(1, dim=2), ends, strict=True)
        ]
        return torch.cat(each, dim=2)
    seen = None
    if visible is not None:
        seen = F.pad(visible, (keys.shape[2] - visible.shape[1], 0), value=True)
    elif tokens > 1:
        seen = torch.ones(tokens, past + tokens, dtype=torch.bool, device=queries.device).tril(past)
    # All queries of the same keys as rows of one head: for a single token, half the time of having the keys repeated.
    sharing = queries.shape[1] // keys.shape[1]
    rows = queries.reshape(len(queries), keys.shape[1], sharing * tokens, -1)
    if seen is not None:
        seen = seen.repeat(sharing, 1)
    return F.scaled_dot_product_attention(rows, keys, values, attn_mask=seen).reshape(queries.shape)


def _attend_in_slices(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Causal attention, some queries at a time, to the keys up to theirs.

    torch's kernel for CPUs computes most of what causality then masks: for a block, a quarter of its time.
    """
    out = torch.empty_like(queries)
    for first in range(0, queries.shape[2], _SLICE):
        end = min(first + _SLICE, queries.shape[2])
        out[:, :, first:end] = _attend(queries[:, :, first:end], keys[:, :, :end], values[:, :, :end], past=first)
    return out


class FeedForward(nn.Module):
    """SwiGLU."""

    def __init__(self, config: PyramidionConfig) -> None:
        super().__init__()
        self.gate_proj = Linear(config.hidden_size, config.intermediate_size)
        self.up_proj = Linear(config.hidden_size, config.intermediate_size)
        self.down_proj = Linear(config.intermediate_size, config.hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        x = self.gate_proj.ready(x)
        out: Tensor = self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))
        return out


class DecoderLayer(nn.Module):
    """Parameter names are the Llama family's, so that its checkpoints map one to one."""

    def __init__(self, config: PyramidionConfig) -> None:
        super().__init__()
        self.self_attn = Attention(config)
        self.mlp = FeedForward(config)
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(
        self,
        x: Tensor,
        angles: tuple[Tensor, Tensor],
        caches: Sequence[KVCache],
        layer: int,
        visible: Tensor | None = None,
    ) -> Tensor:
        # What int8 layers give may be bfloat16; torch adds mixed types one by one.
        x = x + self.self_attn(self.input_layernorm(x), angles, caches, layer, visible).type_as(x)
        out: Tensor = x + self.mlp(self.post_attention_layernorm(x)).type_as(x)
        return out
