"""Extractive-oracle labels: the document's sentences that together come nearest to the human summary."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

_WORD = re.compile(r"[a-z0-9]+")


def oracle_sentences(sentences: Sequence[str], summary: str, *, most: int = 12) -> list[int]:
    """Indices, best first, of the sentences that a greedy search picks to maximize ROUGE-1 + ROUGE-2 (F1).

    The search adds the sentence that gains most until none gains (Nallapati et al. 2017, SummaRuNNer, section 3).
    """
    target = (_grams(_words(summary), 1), _grams(_words(summary), 2))
    sizes = [max(1, grams.total()) for grams in target]
    pieces = [(_grams(words, 1), _grams(words, 2)) for words in map(_words, sentences)]
    overlapping = {index for index, (_, pairs) in enumerate(pieces) if pairs.keys() & target[1].keys()}
    chosen: list[int] = []
    have = (Counter[tuple[str, ...]](), Counter[tuple[str, ...]]())
    best = 0.0
    while overlapping and len(chosen) < most:
        gains = {}
        for index in overlapping:
            score = 0.0
            for order in (0, 1):
                piece, wanted, owned = pieces[index][order], target[order], have[order]
                hits = sum(min(owned[gram] + piece[gram], count) for gram, count in wanted.items() if gram in piece)
                hits += sum(min(owned[gram], count) for gram, count in wanted.items() if gram not in piece)
                score += 2 * hits / (sizes[order] + owned.total() + piece.total())
            gains[index] = score
        winner = max(gains, key=lambda index: (gains[index], -index))
        if gains[winner] <= best:
            break
        best = gains[winner]
        chosen.append(winner)
        overlapping.discard(winner)
        for order in (0, 1):
            have[order].update(pieces[winner][order])
    return chosen


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _grams(words: list[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[index : index + order]) for index in range(len(words) - order + 1))
