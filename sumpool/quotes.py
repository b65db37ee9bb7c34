"""A summary in the document's own words: which of the kept sentences to quote. Free of torch.

A sentence is worth what the scorer gives it, and how often the document comes back to its words: frequency tells
what a text is about (Nenkova and Vanderwende, "The Impact of Frequency on Summarization", 2005), which blocks that are
read one by one can't know. Words that were quoted already count for less from then on.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sumpool.support import terms
from sumpool.trimming import EXHIBIT, SPEAKER, trim

KEPT_A_WORD = 8
"""Representations that the pooler keeps for each word to be quoted, so that there are sentences to choose among."""
SHORTEST, LONGEST = 6, 70
"""Words of a sentence that can stand in a summary."""
_CHARACTERS = 20 * LONGEST
"""Of a sentence that is looked at, before it is trimmed."""
_FREQUENCY = 2.5
"""What a word's mean log frequency weighs against the scorer's logit."""
_COVERED = 0.7
"""What a word's frequency is still worth once it was quoted."""
_SAME = 0.75
"""Share of a sentence's words in a single other one from which the two say the same."""
_DANGLING, _POINTING, _SYMBOLS = 0.5, 2.0, 6.0
"""What it costs, in logits: to speak of something before; to point elsewhere, to be said or asked by somebody; symbols.

The last by their share of the words.
"""
_FOCUS = 3.0
"""Logits that a sentence gains that has all words of the focus."""
_EARLY, _OPENING = 1.5, 20
"""What it is worth, in logits, to stand at the beginning, and how many sentences that is."""
_BRIEF, _FEW = 60, 100
"""Words of a summary and sentences of a document up to which all of that counts; then in proportion less.

Where there is little to say or little room, people take it from where the document says what it is about.
"""
_PARTS, _SPREAD = 3, 0.5
"""Parts of a document, in its order, and what it is worth to be the first sentence from one of them."""
_LETTERS = 0.6
"""Share of a sentence's characters that are letters or spaces, at least: formulas and rows of tables have fewer."""
_TOLERANCE, _LONGER = 0.1, 0.2
"""How much shorter than asked a summary may end, and how much longer it may get, where sentences allow."""

_COMMON = terms(
    "about above after again against also although among another are because been before being between both but can "
    "could did does doing down during each either for from further had has have having her here him his how however "
    "into its itself just may more most much not one only other others our out over per same should shown since some "
    "such than that the their them then there these they this those through thus under until use used using very via "
    "was were what when where whether which while who will with within without would you your"
)
_DANGLES = re.compile(
    r"(?:These|Those|Such|It|They|He|She|Here|There|Both|(?:This|That)"
    r"(?! (?:paper|study|article|report|work|thesis|review|book|chapter|guide|document|research|proposal|survey|trial|"
    r"enhancement|[A-Z]{2,}))|The (?:former|latter|above|following|same))\b"
)
_ROLL = re.compile(
    r"(?:Present|Attending|Attendees|Attendance|Participants|In attendance|Apologies|Absent|Regrets|Authors?|Editors?|"
    r"Keywords|Key words)\b[^:.]{0,30}:"
)
"""What a list of names or terms begins with that stands over a text."""
_BROKEN = re.compile(r"\d[\d.,]*, ")
"""What a page's break or a figure leaves of "In 1979, ships came": a number and a comma."""
_STUTTER = re.compile(r"\b(\w+(?:\W+\w+)?)\W+\1\W+\1\b", re.IGNORECASE)
_SYMBOL = re.compile(
    r"(?!\W*(?:[aAI]|(?:[A-Za-z]\.)+)\W*$)(?=.*[^\W\d_])(?!.*[^\W\d_]{2})\S+|\S*[=+×−<>≤≥√∑∏∫∈^|]\S*", re.ASCII
)
"""A word without two letters in a row, but for the article, the pronoun and abbreviations; or one with an operator."""
_POINTS = re.compile(
    rf"{EXHIBIT}\b|as follows|the following(?: [\w-]+){{0,3}}[.:]$|"
    r"(?:see|shown|described|mentioned) (?:above|below|in)|\b[Ii]n (?:this|the next|the following) section|https?://|"
    r"^[\"“‘']|\?[\"”’')]*$|\b(?:[Uu]m|[Uu]h|[Yy]eah|[Oo]kay)\b"
)


@dataclass(frozen=True, slots=True)
class Quote:
    """A sentence of the document, by its index, as it stands in the summary."""

    index: int
    text: str


def quote(
    sentences: Sequence[str],
    logits: Sequence[float],
    kept: Iterable[int],
    *,
    words: int,
    focus: str | None = None,
    spoken: bool = False,
) -> list[Quote]:
    """The sentences to quote for a summary of about `words` words, in the document's order; none if none can stand.

    Args:
        sentences: all of the document's.
        logits: the scorer's for each of them.
        kept: indices of those to choose among.
        focus: what to pay attention to.
        spoken: the document is what people said, taken down word by word.
    """
    wanted = terms(focus or "")

    def part_of(candidate: _Candidate) -> int:
        return _PARTS * candidate.index // len(sentences)

    counts = Counter(term for sentence in sentences for term in terms(sentence) if term not in _COMMON)
    early = _EARLY * min(1.0, _BRIEF / words) * min(1.0, _FEW / max(len(sentences), 1))
    candidates = [
        _Candidate(
            index,
            trim(sentences[index], spoken=spoken),
            logits[index] + early * math.exp(-index / _OPENING),
            counts,
            wanted,
        )
        for index in kept
        if len(sentences[index]) <= _CHARACTERS
    ]
    candidates = [candidate for candidate in candidates if candidate.content and _stands(candidate.text)]
    weights = {term: math.log1p(counts[term]) for candidate in candidates for term in candidate.content}
    nearest = sorted(candidates, key=lambda found: (abs(found.size - words), found.index))[:1]
    chosen: list[_Candidate] = []
    said = 0
    new_parts = set(range(_PARTS))
    while candidates and said < (1 - _TOLERANCE) * words:
        best = max(candidates, key=lambda found: found.worth(weights) + _SPREAD * (part_of(found) in new_parts))
        candidates.remove(best)
        fits = abs(said + best.size - words) <= abs(said - words) and said + best.size <= (1 + _LONGER) * words
        if not fits or any(best.says(other) for other in chosen):
            continue
        chosen.append(best)
        said += best.size
        new_parts.discard(part_of(best))
        for term in best.content:
            weights[term] = _COVERED * math.log1p(counts[term])
    return [
        Quote(candidate.index, candidate.text) for candidate in sorted(chosen or nearest, key=lambda found: found.index)
    ]


class _Candidate:
    """A kept sentence, trimmed, with what decides whether it is quoted."""

    def __init__(self, index: int, text: str, logit: float, counts: Counter[str], wanted: frozenset[str]) -> None:
        self.index, self.text = index, text
        words = text.split()
        self.size = len(words)
        self.content = frozenset(term for term in terms(text) if term in counts)
        symbols = sum(bool(_SYMBOL.fullmatch(word)) for word in words) / max(self.size, 1)
        self._own = logit - _SYMBOLS * symbols
        if wanted:
            self._own += _FOCUS * len(wanted & self.content) / len(wanted)
        self._own -= _DANGLING * bool(_DANGLES.match(text)) + _POINTING * bool(_POINTS.search(text))

    def worth(self, weights: dict[str, float]) -> float:
        return self._own + _FREQUENCY * sum(weights[term] for term in self.content) / len(self.content)

    def says(self, other: _Candidate) -> bool:
        """Whether both say much the same."""
        return len(self.content & other.content) > _SAME * min(len(self.content), len(other.content))


def _stands(text: str) -> bool:
    """Whether a sentence is one: neither a fragment nor a formula, a row of a table, a roll or stammering."""
    letters = sum(character.isalpha() or character.isspace() for character in text)
    size = len(text.split())
    first = SPEAKER.sub("", text, count=1)[:1]
    opens = first.isupper() or first.isdigit() or first in "\"“‘'("
    ends = text.rstrip("\"'”’)]")[-1:] in (".", "!", "?")
    fluent = not _STUTTER.search(text)
    prose = fluent and not (_ROLL.match(text) or _BROKEN.match(text)) and letters >= _LETTERS * len(text)
    return SHORTEST <= size <= LONGEST and opens and ends and prose
