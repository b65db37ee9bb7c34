"""Average the writers of two checkpoints: the layers above the pooler, weight by weight.

    python -m sumpool.training.average READER OTHER --share 0.6 --out models/sumpool-135m

Two that were trained from the same base, one longer than the other, write better as one than either does, and in the
time of one: Wortsman et al., "Model soups" (ICML 2022), section 3. The reader, scorer and lower layers, is the first's.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import torch
import typer

from sumpool.errors import ModelError
from sumpool.modeling.checkpoint import describe_model, find_model, load_model, save_model
from sumpool.modeling.prompts import Prompts
from sumpool.modeling.pyramidion_lm import PyramidionLM

WRITER = ("upper.", "norm.")


def average(model: PyramidionLM, other: PyramidionLM, share: float) -> None:
    """Mix the writer of `other` into that of `model`, which keeps `share` of its own; ModelError if sizes differ."""
    theirs = other.state_dict()
    shapes = {name: weight.shape for name, weight in model.state_dict().items()}
    if shapes != {name: weight.shape for name, weight in theirs.items()}:
        raise ModelError("model", "only models of the same sizes can be averaged")
    for name, weight in model.state_dict().items():
        if name.startswith(WRITER):
            weight.lerp_(theirs[name], 1 - share)


def main(
    reader: Annotated[str, typer.Argument(help="name or directory of the model whose reader stays")],
    other: Annotated[str, typer.Argument(help="name or directory of the other")],
    share: Annotated[float, typer.Option(min=0, max=1, help="of the first one's writer")],
    out: Annotated[Path, typer.Option(help="directory of the new checkpoint")],
) -> None:
    """Average two checkpoints and write the result."""
    first, second = (find_model(name) for name in (reader, other))
    model, theirs = (load_model(path, device=torch.device("cpu"), dtype=torch.float32) for path in (first, second))
    average(model, theirs, share)
    model.config = replace(model.config, name=out.name)
    info = describe_model(first)
    tokenizer = Prompts.load(first).tokenizer.to_str()
    save_model(model, out, tokenizer_json=tokenizer, base=info.base, licence=info.licence)


if __name__ == "__main__":
    typer.run(main)
