"""What does storing weights as int8 cost?

    python benchmarks/storage_loss.py BASE --gguf FILE --data CORPUS/dev/paper.jsonl.zst

Loss on human summaries behind their documents' first tokens, in nats a token, for a base in full precision and for
the same weights after a trip through the checkpoint's int8 with one scale a row. Neither pools: what is compared
is the format alone.
"""

from __future__ import annotations

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
        stored = load_model(Path(directory), device=torch.device("cpu"), dtype=torch.float32)
    print("| kind | documents | full precision | int8 | difference |\n|---|---|---|---|---|")
    for path in data:
        pairs = []
        for example in islice(examples(path, queries=False), count):
            context = prompts.prefix(example.words) + prompts.plain(example.document[: window * 8])[:window]
            summary = [*prompts.plain(example.summary), prompts.end]
            with torch.inference_mode():
                pairs.append([summary_loss(model, context + prompts.answer, summary) for model in (full, stored)])
        one, two = (sum(column) / len(pairs) for column in zip(*pairs, strict=True))
        print(f"| {path.name.split('.')[0]} | {len(pairs)} | {one:.4f} | {two:.4f} | {two - one:+.4f} |", flush=True)


if __name__ == "__main__":
    typer.run(main)
