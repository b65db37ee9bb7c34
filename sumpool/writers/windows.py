"""How many tokens a model can read and write, as its config and its tokenizer say."""

from __future__ import annotations

from typing import Any

_READING = ("max_encoder_position_embeddings", "max_position_embeddings", "n_positions", "max_seq_len")
_WRITING = ("max_decoder_position_embeddings", "max_position_embeddings")
_INSANE = 1_000_000
"""Tokenizers that were told no limit say 10^30."""


def reading_window(config: Any, tokenizer: Any) -> int | None:
    """Tokens of input that a model can take; None where nothing sets a limit."""
    part = getattr(config, "encoder", config).get_text_config()
    window = min(
        (limit for limit in (_first(part, _READING), tokenizer.model_max_length) if limit and limit < _INSANE),
        default=None,
    )
    local = getattr(config, "attention_window", None)
    if window is not None and local:
        # LED pads its input to whole windows of its local attention, and these must have positions, too.
        size = local if isinstance(local, int) else max(local)
        window = max(window // size * size, min(window, size))
    return window


def writing_window(config: Any) -> int | None:
    """Tokens that an encoder-decoder's decoder can write; None where nothing sets a limit."""
    return _first(getattr(config, "decoder", config).get_text_config(), _WRITING)


def _first(config: Any, names: tuple[str, ...]) -> int | None:
    values = (getattr(config, name, None) for name in names)
    return next((value for value in values if isinstance(value, int) and value > 0), None)
