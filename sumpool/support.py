"""Which sentences of a document support a statement of its summary: those that share its rarer words. Free of torch."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence

MOST = 2
"""Sentences named for one statement."""
_LEAST_FIRST, _LEAST_MORE = 0.25, 0.15
"""Shares of a statement that the first sentence must cover, and that a further one must add."""
_WORD = re.compile(r"\w+(?:[.,]\d+)*")
_STEM = 6


class Support:
    """Sentences to look for support in.

    A word counts by how rare it is among them (inverse document frequency, Spärck Jones 1972). Words are compared by
    their first letters, so that "pooling" meets "pooled"; numbers as they are.
    """

    def __init__(self, sentences: Sequence[str]) -> None:
        self._terms = [terms(sentence) for sentence in sentences]
        seen = Counter(term for terms in self._terms for term in terms)
        self._total = len(sentences) + 1
        self._weights = {term: math.log(self._total / count) for term, count in seen.items()}

    def of(self, statement: str) -> list[int]:
        """Indices, best first, of at most `MOST` sentences; none where nothing says anything of the kind."""
        found: list[int] = []
        for index, share in self.best(statement):
            if share < (_LEAST_MORE if found else _LEAST_FIRST):
                break
            found.append(index)
        return found

    def share(self, statement: str) -> float:
        """How much of the statement its best sentences cover together, from 0 to 1."""
        return sum(share for _, share in self.best(statement))

    def best(self, statement: str) -> Iterator[tuple[int, float]]:
        """`MOST` sentences, best first, each with the share of the statement that it covers and those before don't."""
        wanted = {term: self._weights.get(term, math.log(self._total)) for term in terms(statement)}
        whole = sum(wanted.values())
        for _ in range(MOST if whole and self._terms else 0):
            best, index = max((self._cover(terms, wanted), -i) for i, terms in enumerate(self._terms))
            yield -index, best / whole
            for term in self._terms[-index]:
                wanted.pop(term, None)

    def _cover(self, terms: frozenset[str], wanted: dict[str, float]) -> float:
        return sum(wanted[term] for term in wanted.keys() & terms)


def terms(text: str) -> frozenset[str]:
    """A text's words as they are compared: the first letters of those with three or more, and numbers."""
    words = _WORD.findall(text.lower())
    return frozenset(word if word[0].isdigit() else word[:_STEM] for word in words if len(word) > 2 or word.isdigit())
