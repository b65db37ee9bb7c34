"""The Llama decoder layer, in plain torch.

Written out rather than taken from transformers: importing that library takes longer
than reading a paper, and the two stacks of layers here need caches of their own.
Tests hold it to transformers' `LlamaForCausalLM`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sumpool.modeling.caches import Attend
from sumpool.modeling.config import PyramidionConfig


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

    On a CPU by the vector's length: sqrt(mean(x^2) + eps) is hypot(|x|, sqrt(n eps)) / sqrt(n). Where a single token is
    written that takes half the time of `F.rms_norm`, which only GPUs have a kernel for.
    """

    least: Tensor

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps
        self.register_buffer("least", torch.tensor(math.sqrt(size * eps)), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu":
            return F.rms_norm(x, self.weight.shape, self.weight.type_as(x), self.eps)
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

    def forward(self, x: Tensor, angles: tuple[Tensor, Tensor], attend: Attend) -> Tensor:
        """x [b, t, d] -> [b, t, d]."""
        batch, tokens, _ = x.shape
        x = self.q_proj.ready(x)
        turned = torch.cat((self.q_proj(x), self.k_proj(x)), dim=-1).view(batch, tokens, -1, self.head_dim)
        queries, keys = rotate(turned.transpose(1, 2), angles).split((self.heads, self.kv_heads), dim=1)
        values = self.v_proj(x).view(batch, tokens, self.kv_heads, self.head_dim).transpose(1, 2)
        out = attend(queries, keys, values)
        mixed: Tensor = self.o_proj(out.transpose(1, 2).reshape(batch, tokens, -1))
        return mixed


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

    def forward(self, x: Tensor, angles: tuple[Tensor, Tensor], attend: Attend) -> Tensor:
        """x [b, t, d] -> [b, t, d], the tokens at positions of these angles."""
        # What int8 layers give may be bfloat16; torch adds mixed types one by one.
        x = x + self.self_attn(self.input_layernorm(x), angles, attend).type_as(x)
        out: Tensor = x + self.mlp(self.post_attention_layernorm(x)).type_as(x)
        return out
