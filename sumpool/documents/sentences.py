"""Sentence boundaries with exact offsets: sentencex finds them, a few rules for scholarly prose mend them.

sentencex (Wikimedia, Rust, linear time) was compared with pysbd and syntok on scientific text. All three cut after
some abbreviations ("In Eq. | (3)", "vol. | 3"); sentencex is the fastest by far and the only one whose faults are all
of that one kind, which a list of abbreviations mends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

LONGEST = 1_000
"""A sentence of more characters is no sentence (a table, a list, a bibliography): it is cut."""

_WINDOW = 4_000
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n\s*")
_NEVER_LAST = re.compile(
    r"(?:^|[\s(\[\"“‘'–—-])"
    r"(?:approx|appx|cf|e\.g|i\.e|viz|resp|vs|ca|c\.f|et al|et|w\.r\.t|a\.k\.a"
    r"|Dr|Mr|Mrs|Ms|Prof|Rev|Gen|Gov|Sen|Rep|Hon|St|Proc|Trans|Conf|Symp|Dept|Univ)\.$"
)
"""Abbreviations that something always follows, whatever it begins with."""
_BEFORE_NUMBER = re.compile(
    r"(?:^|[\s(\[–—-])"
    r"(?:[Aa]lg|[Aa]pp|[Aa]rt|[Cc]h|[Cc]hap|[Cc]or|[Dd]ef|[Ee]d|[Ee]qn?s?|[Ee]x|[Ff]igs?|[Ll]em|[Nn]os?|[Nn]r|[Pp]p?|[Pp]art"
    r"|[Pp]rop|[Pp]ubl|[Rr]efs?|[Ss]ecs?|[Ss]ect|[Ss]uppl|[Tt]abs?|[Tt]hm|[Vv]ols?"
    r"|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.$"
)
"""Abbreviations that belong to the number after them: "Eq. (3)", "vol. 12", "Jan. 2010", "Ref. [4]"."""
_NUMBER = re.compile(r"[\[(]?(?:[A-Z]\.?)?\d|[\[(]?[ivxIVX]+\b")
_FRAGMENT = re.compile(r"[\W\d_]*\Z")
_CUTS = (re.compile(r"[;:]\s"), re.compile(r",\s"), re.compile(r"\s"))


def split_sentences(text: str) -> list[tuple[int, int]]:
    """(start, end) of each sentence of `text`, in order, without surrounding white space.

    Together they cover everything but white space. A blank line always ends a sentence, a single line break never does.
    """
    sentences: list[tuple[int, int]] = []
    start = 0
    for blank in _BLANK_LINE.finditer(text):
        sentences += _split_paragraph(text, start, blank.start())
        start = blank.end()
    sentences += _split_paragraph(text, start, len(text))
    return sentences


def trim(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without the white space at its ends; empty spans come back empty."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def cut(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The span in pieces of at most `LONGEST` characters, cut after a semicolon, a comma, a space, in this order."""
    start, end = trim(text, start, end)
    while end - start > LONGEST:
        window = text[start : start + LONGEST]
        for cuts in _CUTS:
            places = [found.end() for found in cuts.finditer(window, LONGEST // 2)]
            if places:
                stop = start + places[-1]
                break
        else:
            stop = start + LONGEST
        yield trim(text, start, stop)
        start, end = trim(text, stop, end)
    if start < end:
        yield start, end


def _split_paragraph(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """As `split_sentences`, for a span without blank lines."""
    start, end = trim(text, start, end)
    if start == end:
        return []
    # One space for each white-space character: the offsets stay, and sentencex sees plain lines.
    line = re.sub(r"\s", " ", text[start:end])
    spans: list[tuple[int, int]] = []
    for first, last in _boundaries(line):
        if spans and _belongs(line, spans[-1], first, last):
            spans[-1] = (spans[-1][0], last)
        else:
            spans.append((first, last))
    return [piece for first, last in spans for piece in cut(text, start + first, start + last)]


def _boundaries(line: str) -> Iterator[tuple[int, int]]:
    """sentencex's spans, window by window: on some input (backquotes, exclamation marks) its time is quadratic."""
    start = 0
    begun: int | None = None  # where a sentence began that goes on beyond its window
    while start < len(line):
        end = min(len(line), start + _WINDOW)
        pieces = list(_pieces(line, start, end))
        start = end
        if not pieces:
            continue
        if begun is not None:
            pieces[0] = (begun, pieces[0][1])
        begun = None
        if end < len(line) and len(pieces) == 1:
            begun = pieces[0][0]
            continue
        if end < len(line):
            start = pieces.pop()[0]  # it may go on after the window: it begins the next one
        yield from pieces
    if begun is not None:
        yield trim(line, begun, len(line))


def _pieces(line: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """sentencex's sentences in line[start:end]. It gives texts; each is looked up where the last one ended."""
    from sentencex import segment

    position = start
    for piece in segment("en", line[start:end]):
        stripped = piece.strip()
        found = line.find(stripped, position, end) if stripped else -1
        if found < 0 or line[position:found].strip():
            continue  # sentencex changed the text: this piece goes to the next one, or to the last
        yield found, found + len(stripped)
        position = found + len(stripped)
    if line[position:end].strip():
        yield trim(line, position, end)


def _belongs(line: str, before: tuple[int, int], start: int, end: int) -> bool:
    """Whether line[start:end] goes on with the sentence `before`."""
    if start - before[1] > 1:
        gap = line[before[1] : start]
        if gap.strip():
            return True
    tail = line[max(before[0], before[1] - 24) : before[1]]
    opening = line[start]
    if opening.islower() and not line[before[0]].islower():
        return True  # where sentences begin with capitals, this one does not begin
    if _NEVER_LAST.search(tail):
        return True
    if _BEFORE_NUMBER.search(tail) and _NUMBER.match(line, start, end):
        return True
    # "3." alone, "(a)", "- ": a label, not a sentence; so is a lone closing bracket or quote.
    return before[1] - before[0] <= 6 and _FRAGMENT.match(line[before[0] : before[1]]) is not None
