"""PyramidionLM: a pretrained decoder split in two, with a pooler between the halves.

Lower layers read each block of the document on its own, and the summary as one more block;
the scorer rates every document token's representation; the upper layers see the pooled
representations and the summary, under ordinary causal attention.
After Pietruszka et al., "Sparsifying Transformer Models with Trainable Representation
Pooling" (ACL 2022), sections 3 and 4, carried over from encoder-decoders to a decoder.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from sumpool.modeling.branches import Front, Step
from sumpool.modeling.caches import Attend, KVCache, attend_alone
from sumpool.modeling.config import PyramidionConfig
from sumpool.modeling.few_rows import FewRowsLayers, suits
from sumpool.modeling.int8 import FEW, Int8Embedding, Int8Linear
from sumpool.modeling.layers import DecoderLayer, Embedding, RMSNorm, Rotary
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
        self._few: dict[nn.ModuleList, FewRowsLayers] = {}

    @property
    def device(self) -> torch.device:
        return self.embed_tokens.weight.device

    @property
    def dtype(self) -> torch.dtype:
        return self.norm.weight.dtype

    @property
    def writes_compiled(self) -> bool:
        """Whether few rows go through a stack of layers in one compiled call."""
        return isinstance(self.embed_tokens, Int8Embedding) and suits(self.config)

    def new_cache(self, stack: nn.ModuleList, capacity: int, rows: int = 1) -> KVCache:
        """An empty cache for `self.lower` or `self.upper`, with room for `capacity` positions in each row."""
        # Beside int8 weights, float32 keys and values would be a third of what is fetched for a token.
        dtype = torch.bfloat16 if isinstance(self.embed_tokens, Int8Embedding) else self.dtype
        together = self.device.type != "cpu"
        return KVCache(self.config, len(stack), rows, capacity, self.device, dtype, together=together)

    def run(
        self, stack: nn.ModuleList, x: Tensor, cache: KVCache | None = None, steps: Sequence[Step] | None = None
    ) -> Tensor:
        """Run one stack over x [b, t, d] under causal attention, each row behind what the cache holds of it, if given.

        Positions count from 0, or on from those that are held. Rows shorter than t are padded at the end:
        causal attention keeps padding from what stands before it.
        steps: one for each row, whose tokens do not follow one another, but each go on with a branch of their own.
        """
        rows, tokens, _ = x.shape
        if cache is None:
            positions = torch.arange(tokens, device=x.device)
            return self.through(stack, x, positions, [attend_alone(tokens, self.config.sharing, x.device)] * len(stack))
        positions = cache.positions(tokens, steps)
        if rows * tokens <= FEW and self.writes_compiled:
            x = self._few_rows(stack)(x, self.rotary(positions), cache, Front.next(rows, tokens, steps))
        else:
            x = self.through(stack, x, positions, cache.attends(tokens, steps))
        cache.advance(tokens if steps is None else [len(step.visible) for step in steps])
        return x

    def through(self, layers: Iterable[nn.Module], x: Tensor, positions: Tensor, attends: Iterable[Attend]) -> Tensor:
        """Run layers over x [b, t, d], at positions [b or 1, t], each of which attends in its own way."""
        angles = self.rotary(positions)
        for layer, attend in zip(layers, attends, strict=True):
            if self.gradient_checkpointing and torch.is_grad_enabled():
                x = checkpoint(layer, x, angles, attend, use_reentrant=False)
            else:
                x = layer(x, angles, attend)
        return x

    def _few_rows(self, stack: nn.ModuleList) -> FewRowsLayers:
        """The layers of a stack as few rows go through them; made once, from weights that stay as they are."""
        if stack not in self._few:
            self._few[stack] = FewRowsLayers([cast("DecoderLayer", layer) for layer in stack], self.config)
        return self._few[stack]

    def read(self, ids: Tensor, cache: KVCache | None = None, steps: Sequence[Step] | None = None) -> Tensor:
        """Token ids [b, t] through the lower layers -> representations [b, t, d]."""
        return self.run(self.lower, self.embed_tokens(ids), cache, steps)

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
