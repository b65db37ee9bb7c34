"""The documents to summarize, each with what a human wrote and how many words every system is asked for."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from sumpool.documents import Document, from_text
from sumpool.errors import UsageError
from sumpool.lengths import LONGEST, SHORTEST, fitting_length
from sumpool.training.corpus import Example, examples
from sumpool.training.oracle import oracle_sentences


@dataclass(frozen=True)
class Case:
    """One document and what all systems are asked: a summary of `words` words, about `focus` if given."""

    id: str
    kind: str
    document: Document
    reference: str
    words: int
    focus: str | None = None

    @cached_property
    def sentences(self) -> list[str]:
        text = self.document.text
        return [text[sentence.start : sentence.end] for sentence in self.document.sentences]

    @cached_property
    def oracle(self) -> list[int]:
        """Indices, best first, of the sentences that come nearest to the reference."""
        return oracle_sentences(self.sentences, self.reference)


def draw_cases(path: Path, *, count: int, length: int | None, seed: int) -> list[Case]:
    """The first `count` of a file's documents in an order that depends on the seed alone.

    length: words to ask for; None is as many as the reference has, within what `--length` takes.

    Raises:
        UsageError: the file can't be read, a line isn't what it should be, or there is nothing in it.
    """
    found = list(examples(path, queries=False))
    if not found:
        raise UsageError("data", f"{path}: no documents (give JSON Lines with document and summary)")
    random.Random(seed).shuffle(found)
    return [_case(example, path, length) for example in found[:count]]


def name_kinds(drawn: Sequence[tuple[Path, Sequence[Case]]]) -> list[Case]:
    """The cases of all files; where several files hold documents of one kind, it is told apart by file."""
    files: dict[str, set[Path]] = {}
    for path, cases in drawn:
        for case in cases:
            files.setdefault(case.kind, set()).add(path)
    return [
        replace(case, kind=f"{case.kind}, {path.name}") if len(files[case.kind]) > 1 else case
        for path, cases in drawn
        for case in cases
    ]


def _case(example: Example, path: Path, length: int | None) -> Case:
    if not example.document.strip() or not example.summary:
        raise UsageError("data", f"{path}: document {example.id} or its summary is empty")
    document = from_text(example.document, example.id)
    asked = length or min(max(example.words, SHORTEST), LONGEST)
    words = fitting_length(asked, document.words)
    return Case(example.id, example.kind, document, example.summary, words, example.focus)
