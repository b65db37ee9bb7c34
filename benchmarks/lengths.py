"""How well do summaries keep to the length asked for, and how near do they come to human ones?

    python benchmarks/lengths.py CORPUS/dev/paper.jsonl.zst CORPUS/dev/techdoc.jsonl.zst --count 5

Summarizes development documents at each length and prints, per length: the share within 25% of the words asked for,
the median ratio, the share that ends on a full stop, the share with no three words twice, and ROUGE-1/2 F1 beside the
document's first words of equal number (lead). Documents under four times the length asked for are left out.
"""

from __future__ import annotations

import statistics
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rouge_score.rouge_scorer import RougeScorer

from sumpool.documents import from_text
from sumpool.summarizer import Summarizer
from sumpool.training.corpus import examples


def repeats(text: str) -> bool:
    """Whether three words in a row stand in the text twice."""
    words = text.lower().split()
    threes = [tuple(words[index : index + 3]) for index in range(len(words) - 2)]
    return len(threes) != len(set(threes))


def main(
    data: Annotated[list[Path], typer.Argument(help="JSON Lines files")],
    model: Annotated[str | None, typer.Option(help="name or directory of the model")] = None,
    count: Annotated[int, typer.Option(help="documents of each file")] = 5,
    length: Annotated[list[int] | None, typer.Option(help="words to ask for; several are allowed")] = None,
    show: Annotated[bool, typer.Option(help="print every summary to standard error")] = False,
) -> None:
    """Print the table."""
    summarizer = Summarizer(model)
    rouge = RougeScorer(["rouge1", "rouge2"], use_stemmer=True)
    drawn = [example for path in data for example in islice(examples(path, queries=False), count)]
    console = Console(stderr=True)
    print("| words asked | documents | within 25% | median ratio | full stop | no repetition | ROUGE-1/2 | lead |")
    print("|---|---|---|---|---|---|---|---|")
    for asked in length or [60, 120, 250]:
        ratios, ends, clean, ours, lead = [], [], [], [], []
        for example in track(drawn, f"{asked} words", console=console):
            document = from_text(example.document)
            if document.words < 4 * asked:
                continue
            text = summarizer.summarize(document, length=asked).text
            words = len(text.split())
            ratios.append(words / asked)
            ends.append(text[-1:] in ".!?")
            clean.append(not repeats(text))
            first = " ".join(document.text.split()[:words])
            for scores, candidate in ((ours, text), (lead, first)):
                result = rouge.score(example.summary, candidate)
                scores.append([100 * result[name].fmeasure for name in ("rouge1", "rouge2")])
            if show:
                console.print(f"\n[{example.kind} {example.id}, {asked} words asked, {words} written]\n{text}\n")
        near = sum(0.75 <= ratio <= 1.25 for ratio in ratios) / len(ratios)
        columns = [
            f"{near:.0%}",
            f"{statistics.median(ratios):.2f}",
            *(f"{sum(x) / len(x):.0%}" for x in (ends, clean)),
        ]
        for scores in (ours, lead):
            columns.append(" / ".join(f"{statistics.mean(column):.1f}" for column in zip(*scores, strict=True)))
        print(f"| {asked} | {len(ratios)} | {' | '.join(columns)} |", flush=True)


if __name__ == "__main__":
    typer.run(main)
