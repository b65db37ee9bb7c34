"""Examples as what the model is trained on: rows of token ids, features, oracle labels, the summary to predict."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from sumpool.modeling.blocks import cut_blocks, padded, tokenize
from sumpool.modeling.config import PyramidionConfig
from sumpool.modeling.prompts import Prompts
from sumpool.modeling.pyramidion_lm import PyramidionLM
from sumpool.modeling.reading import focus_match, token_features
from sumpool.training.corpus import Example
from sumpool.training.oracle import oracle_sentences


@dataclass(frozen=True, slots=True)
class Lesson:
    """One example in ids.

    Attributes:
        rows: what the lower layers read, each row on its own, the instruction prefix in front: the document's blocks
            and, last, the summary's own block. A document that is kept whole has one row for all.
        prefix: tokens of the instruction.
        features: [n, FEATURES] for the scorer.
        owners: [n], the sentence of each document token.
        labels: [s], 1.0 for the sentences of the extractive oracle.
        targets: [m], the summary's ids and the end, predicted at the last m places.
    """

    rows: list[list[int]]
    prefix: int
    features: Tensor
    owners: Tensor
    labels: Tensor
    targets: Tensor

    @property
    def tokens(self) -> int:
        """The document's."""
        return len(self.owners)

    @property
    def whole(self) -> bool:
        return len(self.rows) == 1


@dataclass(frozen=True, slots=True)
class Lowered:
    """A lesson behind the lower layers: prefix [p, d], document [n, d], and the summary's block [t, d]."""

    head: Tensor
    document: Tensor
    tail: Tensor


def make_lesson(
    config: PyramidionConfig, prompts: Prompts, example: Example, *, longest: int, labelled: bool = True
) -> Lesson:
    """Tokenize an example as `read` and `write` would; documents are cut after `longest` words.

    Oracle labels take a moment; they are all 0 where not `labelled`.
    """
    spans = sentences_within(example, longest)
    document = example.document
    tokens = tokenize(prompts, document, spans)
    prefix = prompts.prefix(example.words, example.focus)
    targets = [*prompts.plain(example.summary), prompts.end]
    tail = [*prompts.answer, *targets[:-1]]
    if len(tokens) <= config.pool_size:
        rows = [prefix + tokens.ids + tail]
    else:
        blocks = cut_blocks(tokens, config.block_size)
        rows = [prefix + tokens.ids[first:end] for first, end in blocks] + [prefix + tail]
    labels = torch.zeros(len(spans))
    if labelled:
        labels[oracle_sentences([document[start:end] for start, end in spans], example.summary)] = 1.0
    owners = torch.repeat_interleave(torch.arange(len(spans)), torch.tensor(tokens.sentence_starts).diff())
    features = token_features(focus_match(tokens, prompts.focus(example.focus) if example.focus else None))
    return Lesson(rows, len(prefix), features, owners, labels, torch.tensor(targets))


def sentences_within(example: Example, words: int) -> list[tuple[int, int]]:
    """(start, end) character offsets of the document's sentences, up to the one with the last of so many words."""
    spans = example.sentences()
    for index, (start, end) in enumerate(spans):
        words -= example.document.count(" ", start, end) + 1
        if words < 0:
            return spans[: index + 1]
    return spans


def run_lower(model: PyramidionLM, lessons: Sequence[Lesson], *, tokens_at_once: int = 16_384) -> list[Lowered]:
    """The lower layers over every row of the lessons, rows of like length side by side."""
    rows = [row for lesson in lessons for row in lesson.rows]
    waiting = sorted(range(len(rows)), key=lambda index: len(rows[index]))
    states: dict[int, Tensor] = {}
    while waiting:
        width = padded(len(rows[waiting[-1]]))
        count = max(1, tokens_at_once // width)
        waiting, batch = waiting[:-count], waiting[-count:]
        ids = torch.zeros(len(batch), width, dtype=torch.long)
        for place, index in enumerate(batch):
            ids[place, : len(rows[index])] = torch.tensor(rows[index])
        outputs = model.read(ids.to(model.device))
        for place, index in enumerate(batch):
            states[index] = outputs[place, : len(rows[index])]
    lowered = []
    ordered = (states[index] for index in range(len(rows)))
    for lesson in lessons:
        pieces = list(islice(ordered, len(lesson.rows)))
        p = lesson.prefix
        if lesson.whole:
            pieces = [pieces[0][: p + lesson.tokens], torch.cat((pieces[0][:p], pieces[0][p + lesson.tokens :]))]
        document = torch.cat([piece[p:] for piece in pieces[:-1]])
        lowered.append(Lowered(pieces[-1][:p], document, pieces[-1][p:]))
    return lowered


class LowerCache:
    """Lessons behind frozen lower layers, kept on disk in float16: a second visit costs no reading.

    Files are named by the rows and the lower layers' weights, so that a directory may serve any number of runs.
    """

    def __init__(self, directory: Path, model: PyramidionLM) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        weights = hashlib.sha256()
        for parameter in (model.embed_tokens.weight, *model.lower.parameters()):
            weights.update(parameter.detach().float().cpu().numpy().tobytes())
        self._weights = weights.digest()
        self._model = model

    @torch.no_grad()
    def run_lower(self, lessons: Sequence[Lesson]) -> list[Lowered]:
        """As the function of that name, one lesson at a time, from disk where it was before."""
        return [self._one(lesson) for lesson in lessons]

    def _one(self, lesson: Lesson) -> Lowered:
        name = hashlib.sha256(self._weights + repr(lesson.rows).encode()).hexdigest()[:32]
        path = self.directory / f"{name}.safetensors"
        if not path.exists():
            made = run_lower(self._model, [lesson])[0]
            tensors = {field: getattr(made, field).half().cpu().contiguous() for field in Lowered.__slots__}
            save_file(tensors, path.with_suffix(".part"))
            path.with_suffix(".part").replace(path)
        # From disk the first time, too: a run gives the same losses whether the cache was warm or not.
        stored = load_file(path, device=str(self._model.device))
        return Lowered(**{field: tensor.float() for field, tensor in stored.items()})
