"""Models of either family behind one interface: what the pipeline calls, with a checkpoint's weights bound to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from sumpool.modeling.checkpoint import load_model, model_type
from sumpool.modeling.prompts import Prompts
from sumpool.modeling.reading import Reading, read
from sumpool.modeling.rules import Vocabulary
from sumpool.modeling.writing import write
from sumpool.summary import Wording


@dataclass(frozen=True, slots=True)
class Engine:
    """A loaded model.

    Attributes:
        prompts: its tokenizer, and how it is asked.
        vocabulary: what is known of its tokens.
        read: `sumpool.modeling.reading.read` without its first argument.
        write: `sumpool.modeling.writing.write` without its first three.
        wording: what a summary is made of unless something else is wanted.
    """

    prompts: Prompts
    vocabulary: Vocabulary
    read: Callable[..., Reading]
    write: Callable[..., str]
    wording: Wording


def load_engine(directory: Path, device: torch.device) -> Engine:
    """The model in `directory`, of the family that its config names; ModelError if something is wrong with it."""
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    if model_type(directory) == "transpooler":
        # It needs transformers, which the shipped model does without.
        from sumpool.modeling.transpooler import summarizing

        transpooler, asking = summarizing.load(directory, device=device, dtype=dtype)
        words = Vocabulary(asking)
        writing = partial(summarizing.write, transpooler, asking, words)
        return Engine(asking, words, partial(summarizing.read, transpooler), writing, "own")
    model = load_model(directory, device=device, dtype=dtype, keep_int8=device.type == "cpu")
    prompts = Prompts.load(directory)
    vocabulary = Vocabulary(prompts)
    writing = partial(write, model, prompts, vocabulary)
    return Engine(prompts, vocabulary, partial(read, model), writing, "quoted")
