"""The Llama decoder layer with a preallocated KV cache, in plain torch.

Written out rather than taken from transformers: importing that library takes longer
than reading a paper, and the two stacks of layers here need caches of their own.
Tests hold it to transformers' `LlamaForCausalLM`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sumpool.modeling.config import PyramidionConfig

_STRETCH = 64
"""Keys in a stretch: on a CPU, queries that stand within the same one attend together, to all keys up to its end."""


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

    least: Tensor

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.register_buffer("least", torch.tensor(math.sqrt(size * eps)), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()
        length = torch.linalg.vector_norm(wide, dim=-1, keepdim=True)
        weight = self.weight.float() * math.sqrt(x.shape[-1])
        return (wide / torch.hypot(length, self.least) * weight).type_as(x)


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


@dataclass(frozen=True, slots=True)
class View:
    """What some queries that follow one another see: the first `keys` keys, less those that the mask hides.

    Attributes:
        queries: their places among all.
        keys: how many.
        mask: [sharing * t, keys], 0 or minus infinity; None where they see all. Row i t + j is for the j-th of t
            queries, in each of the heads that share keys.
    """

    queries: slice
    keys: int
    mask: Tensor | None


def causal_views(past: int, tokens: int, room: int, sharing: int) -> list[View]:
    """Causality on a CPU for `tokens` queries whose own keys come behind `past` others, in memory for `room` keys.

    torch's kernel for CPUs computes most of what causality then masks, so that in stretches a block takes a quarter of
    its time. And a query comes out the same to the bit, be it alone or beside others that stand before or behind it,
    since both are the same product, as long as the masked keys are numbers.
    """
    views = []
    first = 0
    while first < tokens:
        keys = min((past + first) // _STRETCH * _STRETCH + _STRETCH, room)
        end = min(keys - past, tokens)
        seen = torch.ones(end - first, keys, dtype=torch.bool).tril(past + first)
        views.append(View(slice(first, end), keys, _hiding(seen, sharing)))
        first = end
    return views


def _hiding(seen: Tensor, sharing: int) -> Tensor:
    """What each of t queries sees [t, keys] -> the mask for all heads that share keys [sharing * t, keys]."""
    return torch.zeros(seen.shape, device=seen.device).masked_fill(~seen, -torch.inf).repeat(sharing, 1)


class KVCache:
    """Keys and values of one stack of layers for one row, in memory taken once for `capacity` positions."""

    def __init__(
        self, config: PyramidionConfig, layers: int, capacity: int, device: torch.device, dtype: torch.dtype
    ) -> None:
        self._sharing = config.sharing
        capacity = -(-capacity // _STRETCH) * _STRETCH
        shape = (layers, 1, config.num_key_value_heads, capacity, config.head_dim)
        # Zeros, since what was never held is multiplied, too, if only by zero.
        self.keys = torch.zeros(shape, device=device, dtype=dtype)
        self.values = torch.zeros(shape, device=device, dtype=dtype)
        self._layers = list(zip(self.keys, self.values, strict=True))
        self.length = 0

    def views(self, tokens: int, visible: Tensor | None) -> list[View]:
        """What `tokens` queries see that come behind what is held; none where that is themselves, causally.

        visible [t, v]: which of the last v keys each query sees, besides all before them.
        """
        keys, device = self.length + tokens, self.keys.device
        if visible is not None:
            seen = F.pad(visible, (keys - visible.shape[1], 0), value=True)
            return [View(slice(tokens), keys, _hiding(seen, self._sharing))]
        if device.type == "cpu":
            return causal_views(self.length, tokens, self.keys.shape[3], self._sharing)
        if tokens == 1:
            return [View(slice(1), keys, None)]
        if self.length == 0:
            return []
        seen = torch.ones(tokens, keys, dtype=torch.bool, device=device).tril(self.length)
        return [View(slice(tokens), keys, _hiding(seen, self._sharing))]

    def extend(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Append [1, heads, t, head_dim] behind what `layer` holds; return all of both, [1, heads, room, head_dim].

        What stands there behind what was appended has no meaning.
        """
        tokens = keys.shape[2]
        held_keys, held_values = self._layers[layer]
        held_keys.narrow(2, self.length, tokens).copy_(keys)
        held_values.narrow(2, self.length, tokens).copy_(values)
        return held_keys, held_values

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
        views: Sequence[Sequence[View]],
        layer: int,
    ) -> Tensor:
        """x [b, t, d] -> [b, t, d]; each row behind what its cache holds and with its views, or all with the same."""
        batch, tokens, _ = x.shape
        x = self.q_proj.ready(x)
        turned = torch.cat((self.q_proj(x), self.k_proj(x)), dim=-1).view(batch, tokens, -1, self.head_dim)
        queries, keys = rotate(turned.transpose(1, 2), angles).split((self.heads, self.kv_heads), dim=1)
        values = self.v_proj(x).view(batch, tokens, self.kv_heads, self.head_dim).transpose(1, 2)
        out = attend(queries, keys, values, caches, views, layer)
        mixed: Tensor = self.o_proj(out.transpose(1, 2).reshape(batch, tokens, -1))
        return mixed


def attend(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    caches: Sequence[KVCache],
    views: Sequence[Sequence[View]],
    layer: int,
) -> Tensor:
    """Queries, keys, values [b, heads, t, head_dim]: each row behind its cache and with its views, as `Attention`."""
    if not caches:
        return _attend(queries, keys, values, *views)
    if len(caches) == 1:
        return _attend_behind(caches[0], layer, queries, keys, values, *views)
    rows = zip(caches, queries.split(1), keys.split(1), values.split(1), views, strict=True)
    return torch.cat([_attend_behind(cache, layer, q, k, v, seen) for cache, q, k, v, seen in rows])


def _attend_behind(
    cache: KVCache, layer: int, queries: Tensor, keys: Tensor, values: Tensor, views: Sequence[View]
) -> Tensor:
    """Append keys and values to what the cache holds, and attend to all of it."""
    held = cache.extend(layer, keys, values)
    if not views:
        return _attend(queries, keys, values, views)
    return _attend(queries.type_as(cache.keys), *held, views)


def _attend(queries: Tensor, keys: Tensor, values: Tensor, views: Sequence[View]) -> Tensor:
    """Queries [b, heads, t, head_dim] see the keys that their views say; without views, those up to their own."""
    if not views:
        return F.scaled_dot_product_attention(queries, keys, values, is_causal=queries.shape[2] > 1, enable_gqa=True)
    if len(views) == 1:
        return _look(queries, keys, values, views[0])
    out = torch.empty_like(queries)
    for view in views:
        out[:, :, view.queries] = _look(queries[:, :, view.queries], keys, values, view)
    return out


def _look(queries: Tensor, keys: Tensor, values: Tensor, view: View) -> Tensor:
    """The queries of one view; all that share keys as rows of one head: half the time of having the keys repeated."""
    rows = queries.reshape(len(queries), keys.shape[1], -1, queries.shape[3])
    keys, values = keys.narrow(2, 0, view.keys), values.narrow(2, 0, view.keys)
    return F.scaled_dot_product_attention(rows, keys, values, attn_mask=view.mask).reshape(queries.shape)


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
        views: Sequence[Sequence[View]],
        layer: int,
    ) -> Tensor:
        # What int8 layers give may be bfloat16; torch adds mixed types one by one.
        x = x + self.self_attn(self.input_layernorm(x), angles, caches, views, layer).type_as(x)
        out: Tensor = x + self.mlp(self.post_attention_layernorm(x)).type_as(x)
        return out
