"""What a text claims that can be looked up: its numbers, dates and proper names.

Whole dates and names are compared, not their words: "March 2015" is not supported by "March 2014" and "May 2015".
None of this knows how summaries are written, so that it finds what the rules of writing let through.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from itertools import pairwise

_NUMBER = re.compile(r"(?<![\w.])\.\d+|\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)*|\d+(?:\.\d+)*")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?P<month>Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?"
    r"|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\b\.?"
)
_DAY = r"(?P<day>\d{1,2})(?!\d)(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>\d{4})(?!\d)"
_DATES = (
    re.compile(rf"(?<![\d.,]){_DAY}(?:\s+of)?\s+{_MONTH}(?:,?\s+{_YEAR})?"),
    re.compile(rf"\b{_MONTH}\s+{_DAY}(?:,?\s+{_YEAR})?"),
    re.compile(rf"\b{_MONTH},?(?:\s+of)?\s+{_YEAR}"),
    re.compile(r"(?<![\d-])(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})(?![\d-])"),
)
_WORD = re.compile(r"(?<!\w)[^\W\d_]\w*(?:['’][^\W\d_]+)*")
_OPENING = re.compile(r"(?:^|[.!?:;…•—–(\[\"“‘]|\s-\s)[\"“‘'’”)\]\s]*$")
_TITLE = re.compile(
    r"chair(?:man|woman)?|chief|dean|director|doctor|dr|general|governor|judge|justice|king|lady|lord|madam|minister"
    r"|miss|mr|mrs|ms|officer|president|prime|prince|princess|prof|professor|queen|representative|reverend|secretary"
    r"|senator|sir|vice",
    re.IGNORECASE,
)
"""Said before a name without being part of it."""
_STEM = 5

Date = tuple[int | None, int, int | None]
"""Day, month from 1, year; None where the text doesn't say."""


class Facts:
    """The numbers, dates and words of a document, for looking up what a summary of it claims.

    ordinary: words in lower case that are no names. The first word of a sentence has a capital whatever it is;
        where the document lacks it, it counts as a name unless it stands here.
    """

    def __init__(self, document: str, ordinary: Container[str] = frozenset()) -> None:
        self._ordinary = ordinary
        self._numbers = set(_numbers(document))
        self._dates = {date for date, _, _ in _dates(document)}
        words = [match[0] for match in _WORD.finditer(document)]
        self._lower = {word for word in words if word[0].islower()}
        keys = [_key(word) for word in words]
        self._words = set(keys)
        self._pairs = set(pairwise(keys))
        self._stems = {key[:_STEM] for key in keys if len(key) >= _STEM}

    def unsupported(self, summary: str) -> list[str]:
        """The dates, numbers and proper names of `summary` that the document lacks, in this order."""
        missing = []
        rest = summary
        for date, start, end in _dates(summary):
            if not any(_agrees(date, known) for known in self._dates):
                missing.append(summary[start:end])
            rest = rest[:start] + "," * (end - start) + rest[end:]
        missing += [number for number in _numbers(rest) if number not in self._numbers]
        missing += [" ".join(name) for name in self._names(rest) if not self._knows(name)]
        return missing

    def _names(self, text: str) -> Iterator[list[str]]:
        """Runs of capitalized words with nothing but space or a hyphen between them."""
        run: list[str] = []
        last = 0
        for match in _WORD.finditer(text):
            word = match[0]
            between = text[last : match.start()]
            if between != "-" and not between.isspace():
                yield from [run] if run else []
                run = []
            last = match.end()
            if not word[0].isupper() or len(word) == 1 or _TITLE.fullmatch(word) or word[:2] in ("I'", "I’"):
                yield from [run] if run else []
                run = []
            elif run or not self._is_ordinary(word) or not _OPENING.search(text[: match.start()][-8:]):
                run.append(word)
        yield from [run] if run else []

    def _is_ordinary(self, word: str) -> bool:
        lower = word.lower()
        return lower in self._lower or lower in self._ordinary or (word.istitle() and lower[:_STEM] in self._stems)

    def _knows(self, name: list[str]) -> bool:
        keys = [_key(word) for word in name]
        return all(key in self._words for key in keys) and all(pair in self._pairs for pair in pairwise(keys))


def _numbers(text: str) -> Iterator[str]:
    for match in _NUMBER.finditer(text):
        number = match[0].replace(",", "")
        yield f"0{number}" if number.startswith(".") else number


def _dates(text: str) -> Iterator[tuple[Date, int, int]]:
    """Each date with its (start, end) in `text`; where two ways of reading overlap, the first of `_DATES` counts."""
    taken: list[tuple[int, int]] = []
    for pattern in _DATES:
        for match in pattern.finditer(text):
            start, end = match.span()
            if any(start < other_end and end > other for other, other_end in taken):
                continue
            taken.append((start, end))
            parts = match.groupdict()
            day, year = parts.get("day"), parts.get("year")
            name = parts["month"]
            month = int(name) if name.isdigit() else _MONTHS.index(name[:3].lower()) + 1
            yield (int(day) if day else None, month, int(year) if year else None), start, end


def _agrees(date: Date, known: Date) -> bool:
    """Whether the document's date says all that the summary's says."""
    return all(part is None or part == other for part, other in zip(date, known, strict=True))


def _key(word: str) -> str:
    """The form in which words are compared: whatever their case, without a possessive or plural "s".

    Nor with an underscore at its end, as transcripts have behind letters that are spelled out ("T_V_").
    """
    return re.sub(r"(?<=..)(?:s?['’]s?|s)$", "", word.casefold().rstrip("_"))
