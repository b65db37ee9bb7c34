"""How many more summaries does a GPU write in a minute when it writes several at once, and records its passes?

    python benchmarks/side_by_side.py DEV.jsonl... --count 16 --device cuda

The documents are read first; then their summaries are written in the model's own words, in groups of each size, with
passes replayed from a recording (CUDA alone) and with each operation called. On a CPU, which writes one after the
other, all come out alike. Then, from extracted documents on, summaries as `Summarizer.summarize_many` gives them: with
documents read while others are written, as on a GPU, and with all of a group read first. Writes side_by_side.json and
side_by_side.md.
"""

from __future__ import annotations

from typing import Annotated
from unittest.mock import patch

import torch
import typer
from reporting import RESULTS, Out, Pairs, machine, markdown, measure, megabytes, save

from sumpool.evaluation.cases import draw_cases
from sumpool.modeling import writing
from sumpool.summarizer import Assignment, Summarizer

FEWEST = 8
"""Summaries that are measured of each size, at least."""


def main(
    data: Pairs,
    count: Annotated[int, typer.Option(help="documents of each file")] = 16,
    length: Annotated[int, typer.Option(help="words of each summary")] = 120,
    size: Annotated[list[int] | None, typer.Option(help="documents at once; may be repeated")] = None,
    drafts: Annotated[int, typer.Option(help="of each sentence")] = 4,
    device: Annotated[str, typer.Option()] = "auto",
    seed: Annotated[int, typer.Option()] = 0,
    out: Out = RESULTS,
) -> None:
    """Measure, print the table, and write it."""
    summarizer = Summarizer(device=device, drafts=drafts)
    chosen = torch.device(summarizer.device)
    assigned = []
    for case in (case for path in data for case in draw_cases(path, count=count, length=length, seed=seed)):
        tokens = summarizer.tokenize(case.document)
        reading = summarizer.read(tokens, case.words, wording="own")
        assigned.append(Assignment(case.document, tokens, reading, case.words, "own"))
    summarizer.write(assigned[:1])  # what is set up once is not what a summary takes
    recorded = writing.RECORDED
    rows = []
    for most in size or [1, 4, 16, 32]:
        some = assigned[: max(most, FEWEST)]
        groups = [some[first : first + most] for first in range(0, len(some), most)]
        texts: list[str] = []

        def write(groups: list[list[Assignment]] = groups, texts: list[str] = texts) -> None:
            texts[:] = [text for group in groups for text in summarizer.write(group)]

        row: dict[str, float | int | None] = {"at once": most}
        for name, devices in (("recorded", recorded), ("called", ())):
            writing.RECORDED = devices
            cost = measure(write, chosen)
            row |= {f"{name}/min": 60 * len(texts) / cost.seconds, f"{name}_bytes": cost.peak_bytes}
        row["words/s"] = sum(len(text.split()) for text in texts) * row["recorded/min"] / 60 / len(texts)
        rows.append(row)
    writing.RECORDED = recorded
    documents = [one.document for one in assigned]
    whole = []
    for ahead in (True, False):
        with patch.object(Summarizer, "reads_ahead", ahead):
            cost = measure(lambda: list(summarizer.summarize_many(documents, length=length, wording="own")), chosen)
        whole.append({"ahead": ahead, "summaries/min": 60 * len(documents) / cost.seconds, "bytes": cost.peak_bytes})
    facts = {"documents": len(assigned), "words": length, "drafts": drafts, "seed": seed, **machine(chosen)}
    columns = ["at once", "summaries a minute", "words/s", "memory, MB", "a minute, without a recording"]
    table = [
        [
            str(row["at once"]),
            f"{row['recorded/min']:.1f}",
            f"{row['words/s']:.0f}",
            megabytes(row["recorded_bytes"]),
            f"{row['called/min']:.1f}",
        ]
        for row in rows
    ]
    read = [["yes" if row["ahead"] else "no", f"{row['summaries/min']:.1f}", megabytes(row["bytes"])] for row in whole]
    tables = [
        markdown("Summaries side by side", columns, table, facts),
        markdown("Read while others are written", ["", "summaries a minute", "memory, MB"], read, facts),
    ]
    save(out, "side_by_side", {"facts": facts, "rows": rows, "whole": whole}, "\n".join(tables))


if __name__ == "__main__":
    typer.run(main)
