"""Any checkpoint of the BART family as a Transpooler: the same weights, and attention and pooling as wanted."""

from __future__ import annotations

import os
from typing import Any

from torch import Tensor
from transformers import AutoModelForSeq2SeqLM, PreTrainedModel

from sumpool.errors import ModelError
from sumpool.modeling.transpooler.configuration import TranspoolerConfig
from sumpool.modeling.transpooler.model import Transpooler

_FAMILY: dict[str, dict[str, Any]] = {
    "bart": {"positions": "learned"},
    "plbart": {"positions": "learned"},
    "mbart": {"positions": "learned", "pre_norm": True},
    "pegasus": {"positions": "sinusoidal", "pre_norm": True, "norm_embedding": False},
}
_SAME = (
    "vocab_size",
    "d_model",
    "encoder_layers",
    "decoder_layers",
    "encoder_attention_heads",
    "decoder_attention_heads",
    "encoder_ffn_dim",
    "decoder_ffn_dim",
    "activation_function",
    "dropout",
    "attention_dropout",
    "activation_dropout",
    "init_std",
    "max_position_embeddings",
    "scale_embedding",
    "bos_token_id",
    "pad_token_id",
    "eos_token_id",
    "decoder_start_token_id",
)
_RENAMED = {
    "embed_tokens.weight": "embed.tokens.weight",
    "embed_positions.weight": "embed.positions.weight",
    "layernorm_embedding.": "embed.norm.",
}
_POSITION_OFFSET = 2
"""BART's table of positions begins with two rows that no position uses."""


def from_base(name_or_path: str | os.PathLike[str], **changes: Any) -> Transpooler:
    """The BART-family checkpoint in a directory or on the hub, as `convert` makes it; ModelError if it can't be had."""
    try:
        # Nothing is run that comes with a checkpoint: neither its code nor what a pickle says.
        base = AutoModelForSeq2SeqLM.from_pretrained(name_or_path, use_safetensors=True, trust_remote_code=False)
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError("model", f"{name_or_path}: no encoder-decoder to start from ({reason})") from None
    return convert(base, **changes)


def convert(base: PreTrainedModel, **changes: Any) -> Transpooler:
    """`base` with its weights copied: BART, mBART, PLBART or Pegasus.

    Args:
        changes: options of `TranspoolerConfig`: block_size, pooling, ... Without any, the logits are those of `base`.

    Raises:
        ModelError: for a model of another family, or one that its family's description doesn't fit.
    """
    family = base.config.model_type
    if family not in _FAMILY:
        raise ModelError("model", f"can't start from a {family} model (start from one of: {', '.join(_FAMILY)})")
    options: dict[str, Any] = {name: getattr(base.config, name, None) for name in _SAME} | _FAMILY[family] | changes
    if options["positions"] == "learned" and options.get("block_size") is not None:
        # The table ends where the base's window did; blocks are windows.
        options.setdefault("restart_positions", True)
    model = Transpooler(TranspoolerConfig(**options))
    model.to(dtype=base.dtype)  # type: ignore[call-arg]  # transformers' decorator hides self
    weights: dict[str, Tensor] = {}
    for name, tensor in base.state_dict().items():
        if name == "final_logits_bias" and bool(tensor.any()):
            raise ModelError("model", f"can't start from a {family} model whose logits have a bias")
        if name.startswith("model."):
            weights.update([_renamed(name.removeprefix("model."), tensor, family)])
    if options["positions"] == "sinusoidal":
        weights = {name: tensor for name, tensor in weights.items() if not name.endswith("positions.weight")}
    missing, unexpected = model.load_state_dict(weights, strict=False)
    # Scorers are the one thing that a base doesn't have.
    lacking = [name for name in missing if not name.startswith("encoder.scorers.")]
    if lacking or unexpected:
        raise ModelError("model", f"weights of this {family} model don't fit (first: {[*lacking, *unexpected][0]})")
    model.tie_weights()
    if base.generation_config is not None:
        model.generation_config = base.generation_config
    return model.train(base.training)


def _renamed(name: str, tensor: Tensor, family: str) -> tuple[str, Tensor]:
    for old, new in _RENAMED.items():
        name = name.replace(old, new)
    if name.endswith("embed.positions.weight") and _FAMILY[family]["positions"] == "learned":
        tensor = tensor[_POSITION_OFFSET:]
    return name, tensor
