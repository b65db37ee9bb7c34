"""Turn a pretrained Llama-family checkpoint into a PyramidionLM checkpoint with an untrained scorer.

    python -m sumpool.training.convert BASE --gguf FILE --out models/sumpool-135m

A build step: reading GGUF needs the packages gguf and accelerate, which nothing else here does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from sumpool.errors import ModelError
from sumpool.modeling.checkpoint import save_model
from sumpool.modeling.config import PyramidionConfig
from sumpool.modeling.prompts import Prompts
from sumpool.modeling.pyramidion_lm import PyramidionLM

SPLIT_LAYER = 2
"""Where nothing else is asked for: the representations behind two layers are as good to choose from as later ones."""


def split_llama(llama: Any, split_layer: int, **sizes: Any) -> PyramidionLM:
    """A PyramidionLM with the weights of a transformers `LlamaForCausalLM` with tied embeddings, in float32.

    Raises ModelError for what the Llama layer here doesn't have: biases, scaled rotary positions, untied heads.
    """
    theirs = llama.config
    rope = theirs.rope_parameters or {}
    if theirs.model_type != "llama" or theirs.attention_bias or theirs.mlp_bias or not theirs.tie_word_embeddings:
        raise ModelError("base", "the base must be a Llama-family model with tied embeddings and no biases")
    if rope.get("rope_type", "default") != "default":
        raise ModelError("base", f"rotary positions of type {rope['rope_type']!r} are not supported")
    config = PyramidionConfig(
        vocab_size=theirs.vocab_size,
        hidden_size=theirs.hidden_size,
        intermediate_size=theirs.intermediate_size,
        num_hidden_layers=theirs.num_hidden_layers,
        num_attention_heads=theirs.num_attention_heads,
        num_key_value_heads=theirs.num_key_value_heads,
        rope_theta=rope.get("rope_theta", 10000.0),
        rms_norm_eps=theirs.rms_norm_eps,
        max_position_embeddings=theirs.max_position_embeddings,
        split_layer=split_layer,
        **sizes,
    )
    model = PyramidionLM(config)
    weights = {}
    for name, tensor in llama.model.state_dict().items():
        if name.startswith("layers."):
            _, index, rest = name.split(".", 2)
            below = int(index) < split_layer
            name = f"lower.{index}.{rest}" if below else f"upper.{int(index) - split_layer}.{rest}"
        weights[name] = tensor.float()
    missing, unexpected = model.load_state_dict(weights, strict=False)
    if unexpected or any(not name.startswith("scorer.") for name in missing):
        raise ModelError("base", f"weights don't match: missing {missing}, unexpected {unexpected}")
    return model.eval()


def load_llama(base: str, *, split_layer: int, gguf: str | None = None, **sizes: Any) -> tuple[PyramidionLM, Prompts]:
    """A Llama-family model by directory or hub name, split, with its tokenizer; ModelError if it can't be had."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source = {"gguf_file": gguf} if gguf else {}
    try:
        llama = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, **source)
        tokenizer = AutoTokenizer.from_pretrained(base, **source)
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError("base", f"{base}: {reason}") from None
    return split_llama(llama, split_layer, **sizes), Prompts(tokenizer.backend_tokenizer)


def main(
    base: Annotated[str, typer.Argument(help="directory or hub name of the base; with --gguf, the directory of FILE")],
    out: Annotated[Path, typer.Option(help="directory of the new checkpoint")],
    gguf: Annotated[str | None, typer.Option(help="GGUF file within BASE")] = None,
    split_layer: Annotated[int, typer.Option(help="layers that read blocks")] = SPLIT_LAYER,
    licence: Annotated[str, typer.Option(help="licence of the base")] = "Apache-2.0",
    base_name: Annotated[str, typer.Option(help="what the manifest calls the base")] = "SmolLM2-135M-Instruct",
) -> None:
    """Convert BASE and write the checkpoint."""
    torch.manual_seed(0)
    model, prompts = load_llama(base, gguf=gguf, split_layer=split_layer, name=out.name)
    save_model(model, out, tokenizer_json=prompts.tokenizer.to_str(), base=base_name, licence=licence)


if __name__ == "__main__":
    typer.run(main)
