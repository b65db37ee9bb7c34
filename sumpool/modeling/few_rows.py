"""Few rows through int8 layers: the tokens that are being written, a whole stack of layers in one call.

A written token is little arithmetic, a thousand small operations, and all of the weights fetched. What `compiled` has
does the operations without leaving them to Python, and fetches the weights as they are stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from sumpool.modeling import compiled
from sumpool.modeling.branches import Front
from sumpool.modeling.caches import KVCache
from sumpool.modeling.config import PyramidionConfig
from sumpool.modeling.int8 import Int8Linear
from sumpool.modeling.layers import DecoderLayer


def suits(config: PyramidionConfig) -> bool:
    """Whether few rows can go through layers of these sizes in one call."""
    return compiled.suits(config.hidden_size, config.intermediate_size, config.head_dim)


class FewRowsLayers:
    """A stack of `DecoderLayer`s whose maps are `Int8Linear`, for up to `FEW` rows in all.

    A row comes out the same to the bit, whatever stands beside it.
    """

    def __init__(self, layers: Sequence[DecoderLayer], config: PyramidionConfig) -> None:
        self._held: list[Tensor] = []
        """Keeps alive what the structures point to."""
        self._shape = compiled.Shape(
            len(layers),
            config.hidden_size,
            config.intermediate_size,
            config.num_attention_heads,
            config.num_key_value_heads,
            config.head_dim,
            config.rms_norm_eps,
        )
        self._layers = (compiled.Layer * len(layers))(*map(self._layer, layers))

    def _layer(self, layer: DecoderLayer) -> compiled.Layer:
        attention, feed_forward = layer.self_attn, layer.mlp
        norms = (
            self._pointer(norm.weight.detach()) for norm in (layer.input_layernorm, layer.post_attention_layernorm)
        )
        maps = (
            attention.q_proj,
            attention.k_proj,
            attention.v_proj,
            attention.o_proj,
            feed_forward.gate_proj,
            feed_forward.up_proj,
            feed_forward.down_proj,
        )
        linear = (cast("Int8Linear", one) for one in maps)
        return compiled.Layer(
            *norms, *(compiled.Map(self._pointer(one.weight), self._pointer(one.scale)) for one in linear)
        )

    def _pointer(self, tensor: Tensor) -> int:
        self._held.append(tensor.contiguous())
        return self._held[-1].data_ptr()

    def __call__(self, x: Tensor, angles: tuple[Tensor, Tensor], cache: KVCache, front: Front) -> Tensor:
        """x [b, t, d], at positions of these angles, behind what the cache holds -> [b, t, d].

        The cache takes up their keys and values, but doesn't count them yet.

        Raises:
            MemoryError: there is none.
        """
        rows, tokens, _ = x.shape
        out = x.float().clone(memory_format=torch.contiguous_format)
        trunks, visible = cache.lengths - front.held, front.visible.contiguous()
        cosines, sines = (one.contiguous() for one in angles)
        assert cache.keys.dtype == torch.bfloat16, "as beside all int8 weights"
        past = compiled.Cache(cache.keys.data_ptr(), cache.values.data_ptr(), *cache.keys.stride()[:3])
        pointers = (one.data_ptr() for one in (cache.lengths, trunks, visible, cosines, sines))
        new = compiled.Front(rows, tokens, visible.shape[2], *pointers)
        compiled.layers(self._shape, self._layers, past, new, out)
        return out
