"""Models of either family behind one interface: what the pipeline calls, with a checkpoint's weights bound to it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import torch

from sumpool.modeling.checkpoint import load_model, model_type
from sumpool.modeling.ngrams import load_ngrams
from sumpool.modeling.prompts import Prompts
from sumpool.modeling.reading import Reading, read
from sumpool.modeling.writing import write
from sumpool.summary import Wording


@dataclass(frozen=True, slots=True)
class Engine:
    """A loaded model.

    Attributes:
        prompts: its tokenizer, and how it is asked.
        read: `sumpool.modeling.reading.read` without its first argument.
        write: `sumpool.modeling.writing.write` without its first two.
        wording: what a summary of prose is made of unless something else is wanted.
        pool_size: representations kept, where that can change with what is wanted; None where training has fixed it.
    """

    prompts: Prompts
    read: Callable[..., Reading]
    write: Callable[..., list[str]]
    wording: Wording
    pool_size: int | None = None


def load_engine(directory: Path, device: torch.device) -> Engine:
    """The model in `directory`, of the family that its config names; ModelError if something is wrong with it."""
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    if model_type(directory) == "transpooler":
        # It needs transformers, which the shipped model does without.
        from sumpool.modeling.transpooler import summarizing

        transpooler, asking = summarizing.load(directory, device=device, dtype=dtype)
        writing = partial(summarizing.write, transpooler, asking)
        return Engine(asking, partial(summarizing.read, transpooler), writing, "own")
    # Checking the weights' sums leaves Python to others, and both take as long.
    with ThreadPoolExecutor(1) as beside:
        loading = beside.submit(Prompts.load, directory)
        model = load_model(directory, device=device, dtype=dtype, keep_int8=device.type == "cpu")
    prompts = loading.result()
    writing = partial(write, model, prompts, ngrams=cache(partial(load_ngrams, directory)))
    return Engine(prompts, partial(read, model), writing, "quoted", model.config.pool_size)
