"""The layers of the encoder-decoder (Vaswani et al. 2017), with BART's parameter names, so that its weights fit."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import Cache, EncoderDecoderCache
from transformers.activations import ACT2FN
from transformers.modeling_layers import GradientCheckpointingLayer

from sumpool.modeling.transpooler.configuration import TranspoolerConfig


def sinusoids(positions: Tensor, size: int) -> Tensor:
    """positions [...] -> [..., size]: sines, then cosines (Vaswani et al. 2017, section 3.5), in float32."""
    exponents = torch.arange(0, size, 2, dtype=torch.float32, device=positions.device) / size
    angles = positions[..., None].float() / 10000**exponents
    return torch.cat((angles.sin(), angles.cos()), dim=-1)[..., :size]


class TokenEmbedding(nn.Module):
    """Token and position embeddings, normed and dropped out."""

    def __init__(self, config: TranspoolerConfig) -> None:
        super().__init__()
        self.tokens = nn.Embedding(config.vocab_size, config.d_model, config.pad_token_id)
        learned = config.positions == "learned"
        self.positions = nn.Embedding(config.max_position_embeddings, config.d_model) if learned else None
        self.norm = nn.LayerNorm(config.d_model) if config.norm_embedding else nn.Identity()
        self.scale = config.d_model**0.5 if config.scale_embedding else 1.0
        self.dropout = config.dropout

    def forward(self, ids: Tensor, positions: Tensor) -> Tensor:
        """ids [b, n] at positions [n] -> [b, n, d]."""
        x = self.tokens(ids) * self.scale
        if self.positions is None:
            x = x + sinusoids(positions, x.shape[-1]).to(x.dtype)
        else:
            x = x + self.positions(positions)
        return F.dropout(self.norm(x), self.dropout, self.training)


class Attention(nn.Module):
    """Multi-head attention by torch's fused kernels."""

    def __init__(self, config: TranspoolerConfig, heads: int, layer: int) -> None:
        super().__init__()
        size = config.d_model
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(size, size) for _ in range(4))
        self.heads = heads
        self.layer = layer
        self.dropout = config.attention_dropout

    def split(self, x: Tensor) -> Tensor:
        """[b, t, d] -> [b, heads, t, d / heads]."""
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)

    def attend(self, x: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, causal: bool = False) -> Tensor:
        """x [b, t, d] attends to keys and values [b, heads, s, d / heads] where mask [b or 1, 1, t or 1, s] is True."""
        out = F.scaled_dot_product_attention(
            self.split(self.q_proj(x)),
            keys,
            values,
            attn_mask=mask,
            is_causal=causal,
            dropout_p=self.dropout if self.training else 0.0,
        )
        mixed: Tensor = self.out_proj(out.transpose(1, 2).flatten(2))
        return mixed

    def to_itself(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Every x [b, t, d] attends to all that the mask allows: the encoder's attention."""
        return self.attend(x, self.split(self.k_proj(x)), self.split(self.v_proj(x)), mask)

    def to_past(self, x: Tensor, cache: Cache | None) -> Tensor:
        """Every x attends to itself and what came before it, cached or new: the decoder's own attention."""
        tokens = x.shape[1]
        keys, values = self.split(self.k_proj(x)), self.split(self.v_proj(x))
        if cache is not None:
            keys, values = cache.update(keys, values, self.layer)
        past = keys.shape[2] - tokens
        seen = None
        if past and tokens > 1:
            seen = torch.ones(tokens, past + tokens, dtype=torch.bool, device=x.device).tril(past)
        return self.attend(x, keys, values, seen, causal=tokens > 1 and not past)

    def to_source(self, x: Tensor, source: Tensor, mask: Tensor | None, cache: EncoderDecoderCache | None) -> Tensor:
        """x attends to source [b, s, d], whose keys and values are computed once for a cache."""
        if cache is not None and cache.is_updated.get(self.layer):
            held: Any = cache.cross_attention_cache.layers[self.layer]
            return self.attend(x, held.keys, held.values, mask)
        keys, values = self.split(self.k_proj(source)), self.split(self.v_proj(source))
        if cache is not None:
            keys, values = cache.cross_attention_cache.update(keys, values, self.layer)
            cache.is_updated[self.layer] = True
        return self.attend(x, keys, values, mask)


class Layer(GradientCheckpointingLayer):
    """What both kinds of layer have: self-attention, feed-forward, and residuals normed before or behind."""

    def __init__(self, config: TranspoolerConfig, heads: int, ffn_dim: int, layer: int) -> None:
        super().__init__()
        size = config.d_model
        self.self_attn = Attention(config, heads, layer)
        self.self_attn_layer_norm = nn.LayerNorm(size)
        self.fc1, self.fc2 = nn.Linear(size, ffn_dim), nn.Linear(ffn_dim, size)
        self.final_layer_norm = nn.LayerNorm(size)
        self.activation = ACT2FN[config.activation_function]
        self.pre_norm = config.pre_norm
        self.dropout, self.activation_dropout = config.dropout, config.activation_dropout

    def before(self, x: Tensor, norm: nn.Module) -> Tensor:
        """x as a sublayer sees it."""
        normed: Tensor = norm(x) if self.pre_norm else x
        return normed

    def add(self, x: Tensor, change: Tensor, norm: nn.Module) -> Tensor:
        """x with what a sublayer adds to it."""
        x = x + F.dropout(change, self.dropout, self.training)
        return x if self.pre_norm else norm(x)

    def feed_forward(self, x: Tensor) -> Tensor:
        """The position-wise sublayer, with its residual."""
        hidden = self.activation(self.fc1(self.before(x, self.final_layer_norm)))
        hidden = F.dropout(hidden, self.activation_dropout, self.training)
        return self.add(x, self.fc2(hidden), self.final_layer_norm)


class EncoderLayer(Layer):
    """x [b, t, d] -> [b, t, d]; mask [b, 1, 1, t] is False where nothing is to be seen."""

    def __init__(self, config: TranspoolerConfig, layer: int) -> None:
        super().__init__(config, config.encoder_attention_heads, config.encoder_ffn_dim, layer)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        norm = self.self_attn_layer_norm
        x = self.add(x, self.self_attn.to_itself(self.before(x, norm), mask), norm)
        return self.feed_forward(x)


class DecoderLayer(Layer):
    """x [b, t, d] behind what the cache holds, attending to source [b, s, d] where mask [b, 1, 1, s] is True."""

    def __init__(self, config: TranspoolerConfig, layer: int) -> None:
        super().__init__(config, config.decoder_attention_heads, config.decoder_ffn_dim, layer)
        self.encoder_attn = Attention(config, config.decoder_attention_heads, layer)
        self.encoder_attn_layer_norm = nn.LayerNorm(config.d_model)

    def forward(
        self, x: Tensor, source: Tensor, mask: Tensor | None, past_key_values: EncoderDecoderCache | None = None
    ) -> Tensor:
        own = None if past_key_values is None else past_key_values.self_attention_cache
        norm = self.self_attn_layer_norm
        x = self.add(x, self.self_attn.to_past(self.before(x, norm), own), norm)
        norm = self.encoder_attn_layer_norm
        x = self.add(x, self.encoder_attn.to_source(self.before(x, norm), source, mask, past_key_values), norm)
        return self.feed_forward(x)
