"""Characters to lines of words: where words end, what is raised or lowered, which accents belong to which letters."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from statistics import median

from sumpool.documents.pdf.glyphs import Glyph
from sumpool.documents.repair import ACCENTS, accented, repair

WIDE_GAP = 1.7
"""Ems between two words of a line that no justification makes: cells of a table, columns."""

_BOLD = re.compile(r"bold|black|heavy|demi|semibd|-bd|cmb|sfbx|ptmb|phvb|\bB$|medi", re.I)
_ITALIC = re.compile(r"ital|obli|slant|cmti|cmsl|sfti|-it\b", re.I)
_MONO = re.compile(r"mono|courier|consol|cmtt|typewriter|txtt|menlo|inconsolata|luximono|sftt|nimbusmon", re.I)
_RAISED_MARK = re.compile(r"[\d*,;†‡§¶–−+\-a-zA-Z#∗\[\]]+")
_UNIT = re.compile(r"(?:^|[\s\d/·.(])(?:[kcmdµμn]?m|kg|K|h|L|yr|min|mol|W|g)$|[/·\s]s$")
_BASE = re.compile(r"(?:^|\D)(?:10|2)$")
_VARIABLE = re.compile(r"(?:^|[^A-Za-z'’])[A-Za-z\u0370-\u03ff\u211d\u2102\u2115\u2124]$|\)$")
_MINUS = str.maketrans("–−", "--")
_SPACED_OUT = re.compile(r"(?:\S ){4,}\S")


@dataclass(slots=True)
class Line:
    """One line of one column, in page coordinates (points, y downwards); `base` is its baseline."""

    text: str
    x0: float
    x1: float
    base: float
    size: float
    bold: bool
    italic: bool
    mono: bool
    math: float
    """Share of the characters that are set in a mathematical font or are mathematical signs."""
    cells: int
    """Pieces of the line that wide gaps separate: 1 for running text."""
    figure: bool
    """Inside of an embedded picture."""
    marked: bool
    """It starts with something raised: the mark of a footnote or an affiliation."""
    first_word: float
    """Width of its first word."""
    column: int = 0
    """Column region it is in; regions count up through the page in reading order."""
    left: float = 0.0
    right: float = 0.0
    """Where the region's text begins and ends."""
    ruled: bool = False
    """It stands in a table with rules above and below."""

    @property
    def width(self) -> float:
        return self.x1 - self.x0

    def pack(self) -> list[object]:
        return [round(value, 2) if isinstance(value, float) else value for value in astuple(self)]


@dataclass(slots=True)
class Run:
    """Characters that follow each other closely on one baseline, as the file draws them."""

    glyphs: list[Glyph]
    x0: float
    x1: float
    base: float
    size: float

    @classmethod
    def of(cls, glyphs: list[Glyph]) -> Run:
        sizes: Counter[float] = Counter()
        for glyph in glyphs:
            sizes[glyph.size] += len(glyph.text)
        size = max(sizes, key=lambda value: (sizes[value], value))
        base = median([glyph.base for glyph in glyphs if glyph.size >= 0.9 * size] or [glyphs[0].base])
        return cls(glyphs, min(g.x0 for g in glyphs), max(g.x1 for g in glyphs), base, size)


def runs_of(glyphs: Sequence[Glyph]) -> list[Run]:
    """Runs in the file's order: they end at a gap wider than a space ever is, at a new line, at a step back."""
    runs: list[Run] = []
    current: list[Glyph] = []
    for glyph in glyphs:
        if current and not _follows(current, glyph):
            runs.append(Run.of(current))
            current = []
        current.append(glyph)
    if current:
        runs.append(Run.of(current))
    return runs


def _follows(run: list[Glyph], glyph: Glyph) -> bool:
    last = run[-1]
    large = max(last.size, glyph.size)
    gap = glyph.x0 - last.x1
    if not -0.5 * large < gap < 0.9 * large:
        # An accent is drawn over its letter, before or after it.
        return last.text in ACCENTS and -1.2 * large < gap < 0 and abs(glyph.base - last.base) < 0.5 * large
    drop = glyph.base - last.base
    if abs(drop) < 0.12 * large:
        return True
    # Raised and lowered characters, and the way back from them.
    return abs(drop) < 0.55 * large and (gap < 0.35 * large or glyph.size != last.size)


def line_of(runs: Sequence[Run]) -> Line:
    """The line that `runs`, which share it, make up."""
    rtl = sum(_is_rtl(run.glyphs[0].text) for run in runs) * 2 > len(runs)
    ordered = sorted(runs, key=lambda run: -run.x1 if rtl else run.x0)
    glyphs = _with_accents([glyph for run in ordered for glyph in run.glyphs])
    whole = Run.of(glyphs)
    text, cells, first_word, marked = _words(glyphs, whole, rtl)
    letters = max(1, sum(len(glyph.text) for glyph in glyphs))
    count = Counter[str]()
    for glyph in glyphs:
        count[glyph.font] += len(glyph.text)
    math = sum(len(glyph.text) for glyph in glyphs if glyph.math)
    return Line(
        text=text,
        x0=whole.x0,
        x1=whole.x1,
        base=whole.base,
        size=whole.size,
        bold=sum(n for font, n in count.items() if _BOLD.search(font)) * 10 > 7 * letters,
        italic=sum(n for font, n in count.items() if _ITALIC.search(font)) * 10 > 7 * letters,
        mono=sum(n for font, n in count.items() if _MONO.search(font)) * 10 > 8 * letters,
        math=math / letters,
        cells=cells,
        figure=sum(glyph.figure for glyph in glyphs) * 2 > len(glyphs),
        marked=marked,
        first_word=first_word,
    )


def _with_accents(glyphs: list[Glyph]) -> list[Glyph]:
    """Accents that are drawn over a letter become one character with it."""
    result: list[Glyph] = []
    waiting: Glyph | None = None
    for glyph in glyphs:
        if waiting is not None:
            mark, waiting = waiting, None
            if _overlap(mark, glyph) and (whole := accented(mark.text, glyph.text)):
                result.append(_merged(glyph, whole, mark.spaced))
                continue
            result.append(mark)
        if glyph.text in ACCENTS:
            if result and _overlap(glyph, result[-1]) and (whole := accented(glyph.text, result[-1].text)):
                result[-1] = _merged(result[-1], whole, result[-1].spaced)
            else:
                waiting = glyph
            continue
        result.append(glyph)
    if waiting is not None:
        result.append(waiting)
    return result


def _merged(letter: Glyph, text: str, spaced: bool) -> Glyph:
    return replace(letter, text=text, spaced=spaced or letter.spaced)


def _overlap(accent: Glyph, letter: Glyph) -> bool:
    shared = min(accent.x1, letter.x1) - max(accent.x0, letter.x0)
    return shared > 0.5 * min(accent.x1 - accent.x0, letter.x1 - letter.x0)


def _words(glyphs: list[Glyph], whole: Run, rtl: bool) -> tuple[str, int, float, bool]:
    """(text, cells, width of the first word, whether it starts with a raised mark)."""
    gaps = [_gap(a, b, rtl) for a, b in itertools.pairwise(glyphs)]
    limit = _word_gap(glyphs, gaps, whole.size)
    parts: list[str] = []
    raised = ""
    marked = False
    cells = 1
    first_word = 0.0
    for position, glyph in enumerate(glyphs):
        gap = gaps[position - 1] if position else 0.0
        is_raised = glyph.size < 0.88 * whole.size and whole.base - glyph.base > 0.15 * whole.size
        breaks = position > 0 and (gap > limit or (glyph.spaced and gap > 0.05 * whole.size))
        stands_alone = not parts or parts[-1] == " "
        if raised and stands_alone and not is_raised and _is_under(glyph, glyphs[position - 1], whole):
            parts.append(raised + "/")  # a fraction: one small number over another, nothing in front
            raised, breaks = "", False
        if raised and (not is_raised or breaks):
            parts.append(_raised("".join(parts), raised))
            marked |= len("".join(parts[:-1]).strip()) == 0
            raised = ""
        if breaks:
            if not first_word:
                first_word = abs(glyphs[position - 1].x1 - glyphs[0].x0)
            parts.append(" ")
            cells += gap > WIDE_GAP * whole.size
        if is_raised:
            raised += glyph.text
        else:
            parts.append(glyph.text)
    if raised:
        parts.append(_raised("".join(parts), raised))
    text = re.sub(r" +", " ", repair("".join(parts))).strip()
    if _SPACED_OUT.fullmatch(text) and not any(character.isdigit() for character in text):
        text = text.replace(" ", "")
    return text, cells, first_word or whole.x1 - whole.x0, marked


def _is_under(glyph: Glyph, raised: Glyph, line: Run) -> bool:
    lowered = glyph.size < 0.88 * line.size and glyph.base - line.base > 0.1 * line.size
    return lowered and glyph.text.isdigit() and raised.text.isdigit() and abs(glyph.x0 - raised.x0) < glyph.size


def _gap(before: Glyph, after: Glyph, rtl: bool) -> float:
    return before.x0 - after.x1 if rtl else after.x0 - before.x1


def _word_gap(glyphs: list[Glyph], gaps: list[float], size: float) -> float:
    """The gap that parts words of this line: in the widest step between its narrow gaps and its wide ones."""
    usual = 0.16 * size
    if len(gaps) < 2:
        return usual
    letter = median(gaps)
    spaced = sum(glyph.spaced for glyph in glyphs[1:]) * 12 >= len(gaps)
    if letter > 0.08 * size and len(gaps) >= 6:
        return letter + usual  # letter-spaced: gaps are wide everywhere
    if spaced:  # the file draws its spaces, or most of them
        gaps = [gap for gap, glyph in zip(gaps, glyphs[1:], strict=True) if not glyph.spaced]
    ordered = sorted(gaps)
    steps = [
        (after - before, (after + before) / 2)
        for before, after in itertools.pairwise(ordered)
        if before < 0.16 * size and 0.1 * size < after
    ]
    widest, middle = max(steps, default=(0.0, usual))
    if spaced:
        return max(middle, 0.15 * size) if widest > 0.1 * size else 0.25 * size
    return min(middle, 0.2 * size) if widest > 0.05 * size else usual


def _raised(before: str, raised: str) -> str:
    """What becomes of raised characters: exponents stay ("10^6", "m^2"), marks of notes and citations go."""
    if not _RAISED_MARK.fullmatch(raised):
        return raised
    if raised in ("st", "nd", "rd", "th"):
        return raised
    stem = before.rstrip()[-8:]
    if stem != before[-8:]:
        return ""
    power = re.fullmatch(r"[-–−+]?(?:\d{1,3}|[a-zA-Z]{1,2}\d?)", raised)
    if power and (
        _VARIABLE.search(stem)
        or (raised[-1].isdigit() and _BASE.search(stem))
        or (raised[-1] in "123" and len(raised) < 3 and _UNIT.search(stem))
    ):
        return "^" + raised.translate(_MINUS)
    return ""


def _is_rtl(text: str) -> bool:
    return unicodedata.bidirectional(text[0]) in ("R", "AL")
