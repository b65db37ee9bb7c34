"""PyramidionLM: a pretrained decoder split in two, with a pooler between the halves.

Lower layers read each block of the document on its own, and the summary as one more block;
the scorer rates every document token's representation; the upper layers see the pooled
representations and the summary, under ordinary causal attention.
After Pietruszka et al., "Sparsifying Transformer Models with Trainable Representation
Pooling" (ACL 2022), sections 3 and 4, carried over from encoder-decoders to a decoder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import cast

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from sumpool.modeling.branches import Step
from sumpool.modeling.config import PyramidionConfig
from sumpool.modeling.few_rows import FewRowsLayer
from sumpool.modeling.int8 import FEW, Int8Embedding, Int8Linear, matrix_type
from sumpool.modeling.layers import DecoderLayer, Embedding, KVCache, RMSNorm, Rotary, View, causal_views
from sumpool.pooling.scorer import Scorer


class PyramidionLM(nn.Module):
    """The weights and the two stacks; reading a document and writing live in `reading` and `writing`."""

    def __init__(self, config: PyramidionConfig) -> None:
        super().__init__()
        self.config = config
        self.embed_tokens: Embedding | Int8Embedding = Embedding(config.vocab_size, config.hidden_size)
        self.lower = nn.ModuleList(DecoderLayer(config) for _ in range(config.split_layer))
        self.scorer = Scorer(config.hidden_size, config.scorer_hidden_size)
        self.upper = nn.ModuleList(DecoderLayer(config) for _ in range(config.num_hidden_layers - config.split_layer))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.rotary = Rotary(config.head_dim, config.rope_theta)
        self.gradient_checkpointing = False
        self._few: dict[nn.ModuleList, list[FewRowsLayer]] = {}

    @property
    def device(self) -> torch.device:
        return self.embed_tokens.weight.device

    @property
    def dtype(self) -> torch.dtype:
        return self.norm.weight.dtype

    def new_cache(self, stack: nn.ModuleList, capacity: int) -> KVCache:
        """An empty cache for `self.lower` or `self.upper`, with room for `capacity` positions."""
        # Beside int8 weights, float32 keys and values would be a third of what is fetched for a token.
        dtype = matrix_type() if isinstance(self.embed_tokens, Int8Embedding) else self.dtype
        return KVCache(self.config, len(stack), capacity, self.device, dtype)

    def run(self, stack: nn.ModuleList, x: Tensor, *caches: KVCache, step: Step | None = None) -> Tensor:
        """Run one stack over x [b, t, d] under causal attention, each row behind what its cache holds, if given.

        Positions count from 0, or on from the row's cache. Rows shorter than t are padded at the end:
        causal attention keeps padding from what stands before it.
        step: the t tokens of a row do not follow one another, but each goes on with a branch of its own.
        """
        positions = torch.arange(x.shape[1], device=x.device)
        visible = None
        if step is not None:
            visible = step.visible.to(x.device)
            positions = torch.full_like(positions, step.depth - step.held)
        views = [cache.views(x.shape[1], visible) for cache in caches]
        if caches:
            positions = torch.stack([positions + cache.length for cache in caches])
        else:
            views.append(self._views(x))
        angles = self.rotary(positions)
        layers: Iterable[Callable[..., Tensor]] = stack
        if caches and x.shape[0] * x.shape[1] <= FEW and isinstance(self.embed_tokens, Int8Embedding):
            layers = self._few_rows(stack)
        for index, layer in enumerate(layers):
            if self.gradient_checkpointing and torch.is_grad_enabled():
                x = checkpoint(layer, x, angles, caches, views, index, use_reentrant=False)
            else:
                x = layer(x, angles, caches, views, index)
        for cache in caches:
            cache.advance(x.shape[1])
        return x

    def _views(self, x: Tensor) -> list[View]:
        """What each of x [b, t, d] sees that stand on their own."""
        if x.device.type != "cpu" or torch.is_grad_enabled():
            return []
        return causal_views(0, x.shape[1], x.shape[1], self.config.sharing)

    def _few_rows(self, stack: nn.ModuleList) -> list[FewRowsLayer]:
        """The layers of a stack as few rows go through them; made once, from weights that stay as they are."""
        if stack not in self._few:
            self._few[stack] = [FewRowsLayer(cast("DecoderLayer", layer)) for layer in stack]
        return self._few[stack]

    def read(self, ids: Tensor, *caches: KVCache, step: Step | None = None) -> Tensor:
        """Token ids [b, t] through the lower layers -> representations [b, t, d]."""
        return self.run(self.lower, self.embed_tokens(ids), *caches, step=step)

    def logits(self, x: Tensor) -> Tensor:
        """Upper representations [..., d] -> next-token logits [..., vocabulary] by the tied embeddings."""
        return self.embed_tokens.project(self.norm(x))

    def use_int8(self) -> None:
        """Put int8 layers in the place of linear maps and embeddings; their weights are yet to be loaded."""
        for module in [*self.lower.modules(), *self.upper.modules()]:
            for name, child in module.named_children():
                if isinstance(child, nn.Linear):
                    setattr(module, name, Int8Linear(child.in_features, child.out_features))
        self.embed_tokens = Int8Embedding(self.config.vocab_size, self.config.hidden_size)
