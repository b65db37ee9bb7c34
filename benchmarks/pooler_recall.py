"""How much of what a good summary needs does the pooler keep?

    python benchmarks/pooler_recall.py CORPUS/dev/paper.jsonl.zst CORPUS/dev/acl.jsonl.zst --count 60

Oracle recall: the share of the tokens of the extractive oracle's sentences that are among the k kept;
for the trained scorer, for the document's first k tokens (lead), and for k tokens in whole sentences drawn
at random. Documents of at most k tokens are left out for that k: anything keeps all of them.
Prints a Markdown table; intervals are 95% bootstrap intervals of the mean over documents.
"""

from __future__ import annotations

import random
from itertools import islice
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.progress import track

from sumpool.modeling.blocks import Tokens, tokenize
from sumpool.modeling.checkpoint import find_model, load_model
from sumpool.modeling.prompts import Prompts
from sumpool.modeling.reading import read
from sumpool.pooling import hard_top_k
from sumpool.training.corpus import examples
from sumpool.training.oracle import oracle_sentences


def kept_at_random(tokens: Tokens, k: int, chance: random.Random) -> set[int]:
    """k token indices: whole sentences in random order, the last one cut."""
    spans = list(tokens.sentence_spans())
    indices = [index for first, end in chance.sample(spans, len(spans)) for index in range(first, end)]
    return set(indices[:k])


def interval(values: list[float], chance: random.Random) -> str:
    """Mean and 95% bootstrap interval, in percent."""
    means = sorted(sum(chance.choices(values, k=len(values))) / len(values) for _ in range(1000))
    return f"{100 * sum(values) / len(values):.1f} ({100 * means[25]:.1f} to {100 * means[974]:.1f})"


def main(
    data: Annotated[list[Path], typer.Argument(help="JSON Lines files of documents and summaries")],
    checkpoint: Annotated[str | None, typer.Option(help="name or directory of the model")] = None,
    count: Annotated[int, typer.Option(help="documents of each file")] = 60,
    device: Annotated[str, typer.Option()] = "cpu",
) -> None:
    """Print the table."""
    directory = find_model(checkpoint)
    model = load_model(directory, device=torch.device(device), dtype=torch.float32)
    prompts = Prompts.load(directory)
    chance = random.Random(0)
    print("| kind | k | documents | scorer | lead | random |\n|---|---|---|---|---|---|")
    for path in data:
        recalls: dict[int, list[tuple[float, float, float]]] = {640: [], 1024: []}
        drawn = islice(examples(path, queries=False), count)
        for example in track(drawn, path.name, total=count, console=Console(stderr=True)):
            spans = example.sentences()
            tokens = tokenize(prompts, example.document, spans)
            chosen = oracle_sentences([example.document[start:end] for start, end in spans], example.summary)
            starts = tokens.sentence_starts
            wanted = {index for sentence in chosen for index in range(starts[sentence], starts[sentence + 1])}
            if len(tokens) <= min(recalls) or not wanted:
                continue
            with torch.inference_mode():
                reading = read(model, tokens, prompts.prefix(example.words), pool_size=max(recalls))
            owners = torch.repeat_interleave(torch.arange(len(spans)), torch.tensor(starts).diff())
            for k, rows in recalls.items():
                if len(tokens) <= k:
                    continue
                # The k best of the best are the k best: one reading serves every k.
                best = hard_top_k(reading.scores.cpu()[owners[reading.kept.cpu()]], k)
                kept = set(reading.kept.cpu()[best].tolist())
                ways = (kept, set(range(k)), kept_at_random(tokens, k, chance))
                ours, lead, drawn_blindly = (len(wanted & way) / len(wanted) for way in ways)
                rows.append((ours, lead, drawn_blindly))
        for k, rows in recalls.items():
            if rows:
                columns = " | ".join(interval([row[way] for row in rows], chance) for way in range(3))
                print(f"| {path.name.split('.')[0]} | {k:,} | {len(rows)} | {columns} |", flush=True)


if __name__ == "__main__":
    typer.run(main)
