"""Count what mostly follows a token or two in human summaries, and add it to a checkpoint as a part of its own.

    python -m sumpool.training.count_ngrams CORPUS/train/*.jsonl.zst --checkpoint models/sumpool-135m

A single draft is written faster by it (`sumpool.modeling.speculation`); what is written stays the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sumpool.modeling.checkpoint import add_part, find_model
from sumpool.modeling.ngrams import NGRAMS, count_ngrams, dump_ngrams
from sumpool.modeling.prompts import Prompts
from sumpool.training.corpus import examples


def main(
    data: Annotated[list[Path], typer.Argument(metavar="TRAIN.jsonl...", show_default=False)],
    checkpoint: Annotated[str, typer.Option("--checkpoint", metavar="NAME_OR_PATH", show_default=False)],
    least: Annotated[int, typer.Option("--least", min=1, help="How often a token must have followed.")] = 5,
) -> None:
    """Count n-grams in the summaries of DATA, and add them to --checkpoint."""
    directory = find_model(checkpoint)
    prompts = Prompts.load(directory)
    texts = [prompts.plain_batch([example.summary for example in examples(path)]) for path in data]
    following = count_ngrams((ids for several in texts for ids in several), least=least)
    add_part(directory, NGRAMS, dump_ngrams(following))
    typer.echo(f"{len(following):,} n-grams -> {directory / NGRAMS}")


if __name__ == "__main__":
    typer.run(main)
