"""Grounding: a number or a name may only be written if the document has it. Free of torch.

A word is checked as it grows. What it may grow into are the document's own words, so a name is never
misspelt halfway and a number never gets a digit too many. Names and numbers that follow one another
follow one another in the document: a first name gets no other's surname, a month no other year.
A number stands behind the same word as in the document, which tells what it counts or measures, and opens no
sentence: what does is mostly a heading's or a list's.
An address (of a page, of a person) is a name, too.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Container, Iterable
from itertools import pairwise
from typing import NamedTuple

from sumpool.modeling.spelling import beginnings, begins_with, is_complete, joined, may_be_completed

_EDGES = "\"'“”‘’()[]{}<>.,;:!?*_…—–"
_PARTS = re.compile(r"[-/–—+=()]")
_SUFFIX = re.compile(r"(?:['’]s|['’]|s)$")
_ADDRESS = re.compile(r"://|@|www\.|[^\W\d_]{2}\.[^\W\d_]{2}")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*%?")
_UNFINISHED = re.compile(r"\d[\d.,]*%?$")
_POINT = re.compile(r"(?<!\w)\.\d+")
"""A number that begins with its point, which looks like punctuation."""
_ITEM = re.compile(rf"{_NUMBER.pattern}|[^\W\d_]+|[=<>≤≥±$€£¥]")
"""Numbers, words and signs: the neighbours that a number is known by."""
_COMPOUND = 3
"""Parts of a word that the text has only in its parts: without an end to it, names would be strung together."""
_STEM = 5
"""Letters that two forms of a word share: with "evaluated" in the document, a sentence may open with "Evaluation"."""


class Place(NamedTuple):
    """Where a word of the summary stands.

    Attributes:
        opens_sentence: it is its sentence's first, where a capital says little.
        name: the name or number right before it, that it may belong to.
        last: the word right before it, whatever it is.
    """

    opens_sentence: bool = False
    name: str = ""
    last: str = ""


class Grounding:
    """The numbers and capitalized words of a text, whole and in their parts ("SmolLM2-135M" has "135M").

    ordinary: words in lower case that are no names. A sentence may open with any of them, and with the text's own.
    """

    def __init__(self, text: str, ordinary: Iterable[str] = ()) -> None:
        words = text.split()
        self._words: set[str] = set()
        self._openers = set(ordinary)
        for word in set(words):
            pieces = [piece.strip(_EDGES) for piece in _PARTS.split(word)]
            for bare in (word.strip(_EDGES), *pieces):
                self._openers.add(bare.lower())
                if _checked(bare):
                    self._words.add(bare)
        self._prefixes = beginnings(self._words)
        self._mixed_prefixes = beginnings(word for word in self._words if not _NUMBER.fullmatch(word))
        self._opener_prefixes = beginnings(self._openers)
        self._stems = {word[:_STEM] for word in self._openers if len(word) >= _STEM}
        self._followers: defaultdict[str, set[str]] = defaultdict(set)
        for first, second in pairwise(words):
            together = first[-1:] not in _EDGES and second[:1] not in _EDGES
            first, second = first.strip(_EDGES), second.strip(_EDGES)
            if together and _checked(first) and _checked(second):
                self._followers[_key(first)].update((second, *_PARTS.split(second)))
        for word in set(words):
            for first, second in _names(word):
                self._followers[_key(first)].add(second)
        self._points = set(_POINT.findall(text))
        self._numbers: defaultdict[str, set[str]] = defaultdict(set)
        for last, item in pairwise(_ITEM.findall(text.lower())):
            if item[0].isdigit():
                self._numbers[last].add(item)

    def allows(self, word: str, more: str, place: Place, *, ends_sentence: bool = False) -> bool:
        """Whether `more`, a token's text, may follow `word`, what stands of the word being written at `place`.

        ends_sentence: the word may be its sentence's last, so that the next opens one.
        """
        continues = bool(more) and not more[0].isspace()
        if continues and more.strip(_EDGES):
            return self._may_grow(joined(word, more), place)
        # A space or punctuation: the word is over as it stands, and another may begin; or a number goes on.
        longer = word.strip().lstrip(_EDGES) + more
        goes_on = continues and longer in self._prefixes and self._follows(longer, place, whole=False)
        if not goes_on and not self.is_whole(word, place):
            return False
        if not more.strip() or continues:
            return True
        return self._may_grow(more, Place(True, last=word) if ends_sentence else self.next_place(word, place))

    def next_place(self, word: str, place: Place) -> Place:
        """The place in the same sentence right behind `word` at `place`."""
        stripped = word.strip()
        bare = stripped.strip(_EDGES)
        ended = stripped[-1:] in _EDGES
        ordinary = place.opens_sentence and self._opens(bare)
        return Place(False, "" if ended or ordinary or not _checked(bare) else bare, stripped)

    def is_whole(self, word: str, place: Place) -> bool:
        """Whether the text supports `word` as it stands; words in lower case need no support."""
        bare = word.strip().strip(_EDGES)
        if not is_complete(word) or not self._points.issuperset(_POINT.findall(word)):
            return False
        if not _checked(bare):
            return True
        if place.opens_sentence and not bare[0].isdigit() and self._opens(bare):
            return True
        if not self._follows(bare, place, whole=True):
            return False
        if bare in self._words or _SUFFIX.sub("", bare) in self._words:
            return True
        parts = [part.strip(_EDGES) for part in _PARTS.split(bare)]
        if len(parts) == 1 or not _may_be_joined(parts) or _ADDRESS.search(bare):
            return False
        known = all(not _checked(part) or part in self._words for part in parts)
        return known and all(self._follows(second, Place(name=first), whole=True) for first, second in _names(bare))

    def _may_grow(self, word: str, place: Place) -> bool:
        bare = word.strip().lstrip(_EDGES)
        if not may_be_completed(word):
            return False
        if not all(any(known.startswith(point) for known in self._points) for point in _POINT.findall(word)):
            return False
        if not _checked(bare):
            return True
        if place.opens_sentence and bare[0].isdigit():
            return False
        if place.opens_sentence and self._opens(bare, self._opener_prefixes):
            return True
        if bare[-1] in _EDGES and bare not in self._prefixes:  # nothing more comes
            return self.is_whole(word, place)
        bare = bare.rstrip(_EDGES)
        if not self._follows(bare, place, whole=False):
            return False
        if bare in self._prefixes or self.is_whole(bare, Place()):
            return True
        parts = _PARTS.split(bare)
        if not _may_be_joined(parts):
            return False
        *_, before, last = ("", *parts)
        known = last in self._prefixes and self._follows(
            last, Place(name=before if _checked(before) else ""), whole=False
        )
        return known and self.is_whole(bare.removesuffix(last), place) and not _ADDRESS.search(bare)

    def _opens(self, bare: str, also: Container[str] = ()) -> bool:
        """Whether a sentence may open with the word, with a form of it, or with one of the words `also`."""
        lower = bare.lower()
        if bare[1:] != lower[1:]:
            return False
        known = all(part in self._openers for part in _PARTS.split(lower))
        return known or lower[:_STEM] in self._stems or lower in also

    def _follows(self, bare: str, place: Place, *, whole: bool) -> bool:
        """Whether the text has the word, or one that it may become, right behind what stands before it."""
        line = f"{place.last} {bare}".lower()
        number = _UNFINISHED.search(line)
        if number and (whole or bare not in self._mixed_prefixes):
            *_, last = ("", *_ITEM.findall(line[: number.start()]))
            numbers = self._numbers.get(last, set())
            if last and not any(known == number[0] if whole else known.startswith(number[0]) for known in numbers):
                return False
        if not place.name:
            return True
        followers = self._followers.get(_key(place.name), ())
        if whole:
            return any(_key(bare) == _key(follower) for follower in followers)
        return any(begins_with(follower, bare) or _key(bare) == _key(follower) for follower in followers)


def _names(word: str) -> list[tuple[str, str]]:
    """Neighbours among a word's parts where both are names or numbers: the two of "Spanish-English"."""
    parts = [part.strip(_EDGES) for part in _PARTS.split(word)]
    return [(first, second) for first, second in pairwise(parts) if _checked(first) and _checked(second)]


def _may_be_joined(parts: list[str]) -> bool:
    """Whether they can make a word that the text hasn't: few of them, and no two numbers, as a range or a ratio has."""
    numbers = sum(any(map(str.isdigit, part)) and not any(map(str.isalpha, part)) for part in parts)
    return len(parts) <= _COMPOUND and numbers < 2


def _key(word: str) -> str:
    """The form in which neighbours are compared: without a possessive or plural "s"."""
    return _SUFFIX.sub("", word)


def _checked(word: str) -> bool:
    """Whether a word must be the document's: a part begins with a capital, it holds a digit or is an address."""
    capital = any(part[:1].isupper() for part in _PARTS.split(word))
    return capital or any(character.isdigit() for character in word) or bool(_ADDRESS.search(word))
