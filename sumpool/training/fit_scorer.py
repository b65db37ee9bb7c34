"""Fit the scorer of a checkpoint on extractive-oracle labels, the language model frozen.

    python -m sumpool.training.fit_scorer CORPUS/train/*.jsonl.zst --checkpoint models/sumpool-135m --cache runs/scorer

With --split-layer the model is first split elsewhere: its layers stay as they are, and the scorer judges what comes out
of the new number of lower ones. Reading is what takes the time, so each example's representations are cached on disk as
they come: a run that was stopped goes on where it was. Then the scorer is fitted in minutes.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.progress import track
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from sumpool.modeling.blocks import Tokens, cut_blocks, tokenize
from sumpool.modeling.checkpoint import find_model, load_model, save_model
from sumpool.modeling.prompts import Prompts
from sumpool.modeling.pyramidion_lm import PyramidionLM
from sumpool.modeling.reading import focus_match, read_blocks, token_features
from sumpool.pooling import Scorer
from sumpool.pooling.scorer import sentence_means
from sumpool.training.base import split_at
from sumpool.training.corpus import Example, mixture, suitable
from sumpool.training.objective import oracle_loss
from sumpool.training.oracle import oracle_sentences

WEIGHTS = {"paper": 8.0, "techdoc": 4.0, "book": 4.0, "meeting": 2.0, "report": 1.0, "dialogue": 0.2, "news": 0.3}
BLOCKS = 5
"""Blocks read of each document, drawn at random: more documents teach more than more of one."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The sampled sentences of one document: states [m, d], features [m, FEATURES], owner sentence [m], labels [s]."""

    states: Tensor
    features: Tensor
    owners: Tensor
    labels: Tensor


def sample_blocks(model: PyramidionLM, prompts: Prompts, example: Example, chance: random.Random) -> Sample:
    """Read some blocks of an example's document and label their sentences by the oracle."""
    spans = example.sentences()
    tokens = tokenize(prompts, example.document, spans)
    chosen = set(oracle_sentences([example.document[start:end] for start, end in spans], example.summary))
    features = token_features(focus_match(tokens, prompts.focus(example.focus) if example.focus else None))
    blocks = cut_blocks(tokens, model.config.block_size)
    states, kept, owners = [], [], []
    labels: list[float] = []
    prefix = prompts.prefix(example.words, example.focus)
    for first, end in chance.sample(blocks, min(BLOCKS, len(blocks))):
        inside = [s for s, (a, b) in enumerate(tokens.sentence_spans()) if a < end and b > first]
        block = Tokens(tokens.ids[first:end], [0, end - first])
        states += [batch.states for batch in read_blocks(model, block, prefix, end - first)]
        kept.append(features[first:end])
        for sentence in inside:
            a, b = tokens.sentence_starts[sentence], tokens.sentence_starts[sentence + 1]
            owners.append(torch.full((min(b, end) - max(a, first),), len(labels)))
            labels.append(float(sentence in chosen))
    return Sample(torch.cat(states).half(), torch.cat(kept), torch.cat(owners), torch.tensor(labels))


def fit(scorer: Scorer, samples: list[Sample], *, epochs: int = 12, batch: int = 8, rate: float = 2e-3) -> float:
    """Fit in place by `oracle_loss` on sentence means of the token logits; returns the last epoch's loss."""
    optimizer = torch.optim.AdamW(scorer.parameters(), lr=rate, weight_decay=0.05)
    steps = epochs * -(-len(samples) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    chance = random.Random(0)
    loss_sum = 0.0
    for _ in range(epochs):
        order = chance.sample(samples, len(samples))
        loss_sum = 0.0
        for start in range(0, len(order), batch):
            losses = []
            for sample in order[start : start + batch]:
                # Dropout on the input: a hidden layer on a few hundred documents learns them by heart otherwise.
                states = F.dropout(sample.states.float(), 0.2)
                logits = scorer(states, sample.features)
                means, counts = sentence_means(logits, sample.owners, len(sample.labels))
                losses.append(oracle_loss(means, sample.labels, counts))
            loss = torch.stack(losses).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            loss_sum += loss.item() * len(losses)
    return loss_sum / len(samples)


def main(
    train: Annotated[list[Path], typer.Argument(help="JSON Lines files, .zst or plain")],
    cache: Annotated[Path, typer.Option(help="directory for the representations (about 3 MB an example)")],
    checkpoint: Annotated[str | None, typer.Option(help="name or directory of the model")] = None,
    split_layer: Annotated[int | None, typer.Option(help="layers that read blocks; as many as now by default")] = None,
    out: Annotated[Path | None, typer.Option(help="where to write; the checkpoint itself by default")] = None,
    count: Annotated[int, typer.Option(help="examples to read")] = 600,
    seed: Annotated[int, typer.Option()] = 0,
) -> None:
    """Fit the scorer and write it into the checkpoint."""
    console = Console(stderr=True)
    directory = find_model(checkpoint)
    model = load_model(directory, device=torch.device("cpu"), dtype=torch.float32)
    model = split_at(model, split_layer or model.config.split_layer)
    prompts = Prompts.load(directory)
    cache.mkdir(parents=True, exist_ok=True)
    samples = []
    drawn = islice(mixture(suitable(train, longest_summary=400), WEIGHTS, seed=seed), count)
    for index, example in enumerate(track(drawn, "reading", total=count, console=console)):
        path = cache / f"{seed}-{index}.safetensors"
        if not path.exists():
            with torch.inference_mode():
                made = sample_blocks(model, prompts, example, random.Random(index))
            save_file({name: getattr(made, name) for name in Sample.__slots__}, path.with_suffix(".part"))
            path.with_suffix(".part").replace(path)
        samples.append(Sample(**load_file(path)))
    torch.manual_seed(seed)
    model.scorer = Scorer(model.config.hidden_size, model.config.scorer_hidden_size)
    loss = fit(model.scorer, samples)
    save_model(model, out or directory, tokenizer_json=prompts.tokenizer.to_str())
    console.print(f"scorer fitted on {len(samples)} examples: {loss:.4f} nats a sentence")


if __name__ == "__main__":
    typer.run(main)
