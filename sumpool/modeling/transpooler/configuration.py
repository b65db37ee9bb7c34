"""The dimensions of an encoder-decoder with pooling, and the paper's four variants of it."""

from __future__ import annotations

import math
from dataclasses import field
from typing import Any

from transformers import PreTrainedConfig

from sumpool.pooling import top_k_operator

VARIANTS = ("vanilla", "blockwise", "transpooler", "pyramidion")


class TranspoolerConfig(PreTrainedConfig):
    """Names follow BART's config where the two overlap.

    Attributes:
        block_size: tokens that an encoder layer's attention spans; None for full attention
            (Pietruszka et al. 2022, section 4, blockwise baseline).
        pooling: {encoder layer, from 1: length}: behind that layer at most `length` representations stay. One
            entry at the last layer is a Transpooler, several are a Pyramidion (section 3).
        pooling_operator, pooling_options: an operator of `sumpool.pooling` by name, and its parameters.
        inference_operator: what takes its place outside of training; the same where None.
        scorer_hidden_size: of the MLP that scores; 0 for a linear scorer.
        positions: "learned" or "sinusoidal".
        restart_positions: count positions from 0 in every block, so that a learned table of `max_position_embeddings`
            serves documents of any length.
        pre_norm: layer norms before attention and feed-forward (mBART, Pegasus), not behind them (BART).
        norm_embedding: a layer norm on the embeddings.

    ValueError where these contradict each other.
    """

    model_type = "transpooler"
    keys_to_ignore_at_inference = ("past_key_values",)
    attribute_map = {  # noqa: RUF012 (transformers wants a plain dictionary)
        "hidden_size": "d_model",
        "num_attention_heads": "encoder_attention_heads",
        "num_hidden_layers": "encoder_layers",
    }

    vocab_size: int = 32000
    d_model: int = 512
    encoder_layers: int = 6
    decoder_layers: int = 6
    encoder_attention_heads: int = 8
    decoder_attention_heads: int = 8
    encoder_ffn_dim: int = 2048
    decoder_ffn_dim: int = 2048
    activation_function: str = "gelu"
    dropout: float = 0.1
    attention_dropout: float = 0.0
    activation_dropout: float = 0.0
    init_std: float = 0.02
    positions: str = "sinusoidal"
    max_position_embeddings: int = 1024
    restart_positions: bool = False
    pre_norm: bool = False
    norm_embedding: bool = True
    scale_embedding: bool = False
    block_size: int | None = None
    pooling: dict[int, int] = field(default_factory=dict)
    pooling_operator: str = "successive-halving"
    pooling_options: dict[str, Any] = field(default_factory=dict)
    inference_operator: str | None = None
    scorer_hidden_size: int = 0
    use_cache: bool = True
    is_encoder_decoder: bool = True
    tie_word_embeddings: bool = True
    bos_token_id: int | None = 0
    pad_token_id: int | None = 1
    eos_token_id: int | list[int] | None = 2
    decoder_start_token_id: int | None = 2

    def __post_init__(self, **kwargs: Any) -> None:
        super().__post_init__(**kwargs)
        # JSON knows no numbers as keys.
        self.pooling = {int(layer): int(length) for layer, length in sorted(self.pooling.items(), key=_layer)}
        lengths = list(self.pooling.values())
        if not all(1 <= layer <= self.encoder_layers for layer in self.pooling):
            raise ValueError(f"pooling names layers {list(self.pooling)} of an encoder of {self.encoder_layers}")
        if min(lengths, default=1) < 1 or lengths != sorted(set(lengths), reverse=True):
            raise ValueError(f"lengths of the pooling schedule must shrink from layer to layer, not {lengths}")
        if self.d_model % self.encoder_attention_heads or self.d_model % self.decoder_attention_heads:
            raise ValueError("attention heads must divide d_model")
        if self.positions not in ("learned", "sinusoidal"):
            raise ValueError(f"positions must be learned or sinusoidal, not {self.positions!r}")
        if self.block_size is not None and self.block_size < 1:
            raise ValueError(f"block_size must be positive, not {self.block_size}")
        if self.restart_positions and self.block_size is None:
            raise ValueError("positions can restart in blocks only where there is a block_size")
        top_k_operator(self.pooling_operator, **self.pooling_options)
        if self.inference_operator is not None:
            top_k_operator(self.inference_operator)


def _layer(entry: tuple[int | str, int]) -> int:
    return int(entry[0])


def halving_schedule(encoder_layers: int, document_length: int, pool_size: int) -> dict[int, int]:
    """A Pyramidion's schedule: the halvings from `document_length` to `pool_size`, spread evenly over the layers."""
    rounds = max(math.ceil(math.log2(document_length / pool_size)), 0)
    schedule: dict[int, int] = {}
    for layer in range(1, encoder_layers + 1):
        length = pool_size * 2 ** (rounds - round(rounds * layer / encoder_layers))
        if rounds and length < min(schedule.values(), default=document_length):
            schedule[layer] = length
    return schedule


def variant(
    name: str, *, encoder_layers: int, document_length: int, pool_size: int = 512, block_size: int = 512
) -> dict[str, Any]:
    """The options of `TranspoolerConfig` that make one of the paper's `VARIANTS`, for documents of that many tokens."""
    if name not in VARIANTS:
        raise ValueError(f"no variant {name!r} (there are: {', '.join(VARIANTS)})")
    schedules = {
        "transpooler": {encoder_layers: pool_size},
        "pyramidion": halving_schedule(encoder_layers, document_length, pool_size),
    }
    return {
        "encoder_layers": encoder_layers,
        "block_size": None if name == "vanilla" else block_size,
        "pooling": schedules.get(name, {}),
    }
