"""What do storing weights as int8 and computing with them cost?

    python benchmarks/storage_loss.py BASE --gguf FILE --data CORPUS/dev/paper.jsonl.zst

Loss on human summaries behind their documents' first tokens, in nats a token, for a base in full precision, for the
same weights after a trip through the checkpoint's int8 with one scale a row, and for these as a CPU computes with them:
in the types of its matrix products, the summary token by token behind what the caches hold. None pools.
"""

from __future__ import annotations

import statistics
import tempfile
from itertools import islice
from pathlib import Path
from typing import Annotated

import torch
import typer
from torch.nn import functional as F
from transformers import AutoModelForCausalLM, AutoTokenizer

from sumpool.modeling.checkpoint import load_model, save_model
from sumpool.modeling.prompts import Prompts
from sumpool.modeling.pyramidion_lm import PyramidionLM
from sumpool.training.convert import split_llama
from sumpool.training.corpus import examples


def summary_loss(model: PyramidionLM, context: list[int], summary: list[int]) -> float:
    """Nats a token of the summary, all layers over everything."""
    hidden = model.run(model.upper, model.read(torch.tensor([context + summary[:-1]])))
    logits = model.logits(hidden[0, -len(summary) :])
    return float(F.cross_entropy(logits.float(), torch.tensor(summary)))


def written_loss(model: PyramidionLM, context: list[int], summary: list[int]) -> float:
    """The same, each token on its own, as it is when it is written."""
    room = len(context) + len(summary)
    lower, upper = model.new_cache(model.lower, room), model.new_cache(model.upper, room)
    losses = []
    ids = context
    for target in summary:
        hidden = model.run(model.upper, model.read(torch.tensor([ids]), lower), upper)[0, -1]
        losses.append(float(F.cross_entropy(model.logits(hidden), torch.tensor(target))))
        ids = [target]
    return statistics.fmean(losses)


def main(
    base: Annotated[str, typer.Argument(help="directory or hub name of the base")],
    data: Annotated[list[Path], typer.Option(help="JSON Lines files")],
    gguf: Annotated[str | None, typer.Option(help="GGUF file within BASE")] = None,
    count: Annotated[int, typer.Option(help="documents of each file")] = 20,
    window: Annotated[int, typer.Option(help="document tokens before the summary")] = 1000,
) -> None:
    """Print the table."""
    source = {"gguf_file": gguf} if gguf else {}
    full = split_llama(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, **source), 6)
    tokenizer = AutoTokenizer.from_pretrained(base, **source).backend_tokenizer
    prompts = Prompts(tokenizer)
    with tempfile.TemporaryDirectory() as directory:
        save_model(full, Path(directory), tokenizer_json=tokenizer.to_str())
        stored, computing = (
            load_model(Path(directory), device=torch.device("cpu"), dtype=torch.float32, keep_int8=keep)
            for keep in (False, True)
        )
    print("| kind | documents | full precision | stored as int8 | and computed with |\n|---|---|---|---|---|")
    for path in data:
        losses = []
        for example in islice(examples(path, queries=False), count):
            context = prompts.prefix(example.words) + prompts.plain(example.document[: window * 8])[:window]
            summary = [*prompts.plain(example.summary), prompts.end]
            with torch.inference_mode():
                context += prompts.answer
                losses.append(
                    (
                        *(summary_loss(model, context, summary) for model in (full, stored)),
                        written_loss(computing, context, summary),
                    )
                )
        one, two, three = (statistics.fmean(column) for column in zip(*losses, strict=True))
        changes = f"{two:.4f} ({two - one:+.4f}) | {three:.4f} ({three - one:+.4f})"
        print(f"| {path.name.split('.')[0]} | {len(losses)} | {one:.4f} | {changes} |", flush=True)


if __name__ == "__main__":
    typer.run(main)
