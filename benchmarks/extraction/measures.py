"""How much of a typeset text comes back: its words, the order of its sentences, and what else got into it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

from benchmarks.extraction.layouts import HEADS, Case

_JOINERS = re.compile(r"[\W_]+")


@dataclass
class Counts:
    """What was found in one or more extracted texts, and out of how many."""

    words: int = 0
    words_right: int = 0
    """Of the title, the headings and the running text, aligned in order."""
    sentences: int = 0
    sentences_wrong: int = 0
    """Broken by something else, or out of order."""
    pages: int = 0
    pages_noisy: int = 0
    """With a running head or page number in the text."""

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))

    @property
    def accuracy(self) -> float:
        return self.words_right / self.words

    @property
    def disorder(self) -> float:
        return self.sentences_wrong / self.sentences

    @property
    def noise(self) -> float:
        return self.pages_noisy / self.pages


def count(case: Case, extracted: str, pages: int) -> Counts:
    """What is right and wrong in `extracted`, the text of the case's PDF of so many pages."""
    extracted = unicodedata.normalize("NFKC", extracted)
    words = case.words()
    sentences = case.text.sentences()
    return Counts(
        words=len(words),
        words_right=_aligned(words, extracted.split()),
        sentences=len(sentences),
        sentences_wrong=len(sentences) - _in_order(sentences, _letters(extracted)),
        pages=pages,
        pages_noisy=_noisy(extracted, range(case.first_page, case.first_page + pages)),
    )


def _aligned(truth: Sequence[str], found: Iterable[str]) -> int:
    """The length of the longest common subsequence (by bits, after Hyyrö)."""
    places: dict[str, int] = {}
    for place, word in enumerate(truth):
        places[word] = places.get(word, 0) | 1 << place
    every = (1 << len(truth)) - 1
    row = every
    for word in found:
        if mask := places.get(word):
            shared = row & mask
            row = (row + shared) | (row - shared)
    return len(truth) - (row & every).bit_count()


def _in_order(sentences: Sequence[str], letters: str) -> int:
    """How many sentences are there in one piece, each after the ones before it: the longest rising run of places.

    Spaces, hyphens and signs don't count here; whether words are right is another measure.
    """
    ends: list[int] = []
    for sentence in sentences:
        place = letters.find(_letters(sentence))
        if place < 0:
            continue
        position = next((number for number, end in enumerate(ends) if end >= place), len(ends))
        ends[position : position + 1] = [place]
    return len(ends)


def _noisy(extracted: str, numbers: range) -> int:
    """No running text has the numbers or the words of the heads."""
    printed = set(re.findall(r"\d+", extracted))
    letters = _letters(extracted)
    heads = sum(letters.count(_letters(head)) for head in HEADS)
    return min(len(numbers), max(heads, sum(str(number) in printed for number in numbers)))


def _letters(text: str) -> str:
    return _JOINERS.sub("", text).lower()
