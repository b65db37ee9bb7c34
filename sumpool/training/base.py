"""What a training starts from: a checkpoint of ours, or a Llama-family model that is split on the spot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from sumpool.errors import ModelError
from sumpool.modeling.checkpoint import MANIFEST, describe_model, find_model, load_model
from sumpool.modeling.prompts import Prompts
from sumpool.modeling.pyramidion_lm import PyramidionLM
from sumpool.training.convert import SPLIT_LAYER, load_llama
from sumpool.training.settings import Settings


def load_base(settings: Settings) -> tuple[PyramidionLM, Prompts, dict[str, Any]]:
    """The model in float32 with its prompts, and the facts (base, licence) that its checkpoint's manifest names."""
    named = Path(settings.base).expanduser() if settings.base else None
    if named is not None and (named / "config.json").is_file() and not (named / MANIFEST).is_file():
        model, prompts = load_llama(str(named), split_layer=settings.split_layer or SPLIT_LAYER)
        facts = {"base": named.name, "licence": "unknown"}
    else:
        directory = find_model(settings.base)
        model = load_model(directory, device=torch.device("cpu"), dtype=torch.float32)
        prompts = Prompts.load(directory)
        info = describe_model(directory)
        facts = {"base": info.base, "licence": info.licence}
        model = split_at(model, settings.split_layer or model.config.split_layer)
    sizes = {"pool_size": settings.pool, "block_size": settings.block}
    model.config = replace(model.config, name=settings.out.name, **{k: v for k, v in sizes.items() if v is not None})
    return model, prompts, facts


def split_at(model: PyramidionLM, split_layer: int) -> PyramidionLM:
    """The same layers with another number of them below the pooler; the scorer was trained for the old place."""
    if split_layer == model.config.split_layer:
        return model
    try:
        moved = PyramidionLM(replace(model.config, split_layer=split_layer))
    except ValueError as error:
        raise ModelError("model", str(error)) from None
    moved.embed_tokens, moved.norm = model.embed_tokens, model.norm
    layers = [*model.lower, *model.upper]
    moved.lower = torch.nn.ModuleList(layers[:split_layer])
    moved.upper = torch.nn.ModuleList(layers[split_layer:])
    return moved
