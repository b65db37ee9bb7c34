"""The dimensions of a PyramidionLM, as its `config.json` holds them. Free of torch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

MODEL_TYPE = "pyramidion_lm"


@dataclass(frozen=True, slots=True)
class PyramidionConfig:
    """Names follow the Llama family's config where the two overlap.

    `split_layer` layers read blocks of at most `block_size` document tokens each; the scorer keeps
    `pool_size` representations; the other layers see those only.
    """

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    rope_theta: float
    rms_norm_eps: float
    max_position_embeddings: int
    split_layer: int
    block_size: int = 512
    pool_size: int = 640
    scorer_hidden_size: int = 64
    name: str = "sumpool"

    def __post_init__(self) -> None:
        if not 1 <= self.split_layer < self.num_hidden_layers:
            raise ValueError(f"split_layer {self.split_layer} must lie within the {self.num_hidden_layers} layers")
        if self.hidden_size % self.num_attention_heads or self.num_attention_heads % self.num_key_value_heads:
            raise ValueError("attention heads must divide the hidden size, and key-value heads the attention heads")

    @property
    def head_dim(self) -> int:
        return self.hidden_size // self.num_attention_heads

    @property
    def sharing(self) -> int:
        """Heads of queries that share one head of keys."""
        return self.num_attention_heads // self.num_key_value_heads

    def as_dict(self) -> dict[str, Any]:
        return {"model_type": MODEL_TYPE, **asdict(self)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> PyramidionConfig:
        """Unknown keys are ignored, so that newer checkpoints still open; ValueError if it is another model's."""
        if values.get("model_type") != MODEL_TYPE:
            raise ValueError(f"model_type is {values.get('model_type')!r}, not {MODEL_TYPE!r}")
        known = {field.name for field in fields(cls)}
        try:
            return cls(**{key: value for key, value in values.items() if key in known})
        except TypeError as error:
            raise ValueError(str(error)) from None

    @classmethod
    def load(cls, directory: Path) -> PyramidionConfig:
        return cls.from_dict(json.loads((directory / "config.json").read_text(encoding="utf-8")))
