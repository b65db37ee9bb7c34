"""Extractive-oracle labels: the document's sentences that together come nearest to the human summary."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

Grams = Counter[tuple[str, ...]]

_WORD = re.compile(r"[a-z0-9]+")


def oracle_sentences(sentences: Sequence[str], summary: str, *, most: int = 12) -> list[int]:
    """Indices, best first, of the sentences that a greedy search picks to maximize ROUGE-1 + ROUGE-2 (F1).

    The search adds the sentence that gains most until none gains (Nallapati et al. 2017, SummaRuNNer, section 3).
    """
    targets = _grams(_words(summary))
    pieces = [
        [_Piece(grams, target) for grams, target in zip(_grams(_words(sentence)), targets, strict=True)]
        for sentence in sentences
    ]
    left = [index for index, (_, pairs) in enumerate(pieces) if pairs.shared]
    chosen: list[int] = []
    picked = [_Picked(target) for target in targets]
    best = 0.0
    while left and len(chosen) < most:
        scores = {index: sum(map(_Picked.f1_with, picked, pieces[index])) for index in left}
        winner = max(left, key=lambda index: (scores[index], -index))
        if scores[winner] <= best:
            break
        best = scores[winner]
        chosen.append(winner)
        left.remove(winner)
        for owned, piece in zip(picked, pieces[winner], strict=True):
            owned.add(piece)
    return chosen


class _Piece:
    """A sentence's n-grams of one order: how many there are, and the counts of those that the summary has, too."""

    def __init__(self, grams: Grams, target: Grams) -> None:
        self.size = grams.total()
        self.shared = {gram: count for gram, count in grams.items() if gram in target}


class _Picked:
    """The n-grams of one order of all sentences picked so far, against those of the summary."""

    def __init__(self, target: Grams) -> None:
        self._target = target
        self._wanted = max(1, target.total())
        self._owned = Grams()
        self._size = self._hits = 0

    def f1_with(self, piece: _Piece) -> float:
        """ROUGE's F1 if the piece were picked, too."""
        return 2 * (self._hits + self._new_hits(piece)) / (self._wanted + self._size + piece.size)

    def add(self, piece: _Piece) -> None:
        self._hits += self._new_hits(piece)
        self._size += piece.size
        self._owned.update(piece.shared)

    def _new_hits(self, piece: _Piece) -> int:
        return sum(min(count, max(self._target[gram] - self._owned[gram], 0)) for gram, count in piece.shared.items())


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _grams(words: list[str]) -> tuple[Grams, Grams]:
    """Single words, and pairs of words that follow one another."""
    return Counter((word,) for word in words), Counter(pairwise(words))
