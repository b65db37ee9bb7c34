"""Drop caps: a paragraph's first letter, as high as several of its lines, back in front of its word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from sumpool.documents.pdf.glyphs import Glyph, main_size

_LARGE = 1.8
"""How many times as large as the text a drop cap is, at least."""
_MOST = 50
"""Large letters on a page that has drop caps."""
_WORDS = "AI"
"""Letters that are words: they stay apart."""


def with_initials(glyphs: list[Glyph]) -> list[Glyph]:
    """The page's glyphs with each drop cap as large as its text, on the first of the lines that stand beside it.

    These lines begin where it begins, so that they and those below it are seen to have one left edge.
    """
    sizes: Counter[float] = Counter()
    for glyph in glyphs:
        sizes[round(glyph.size, 1)] += 1
    usual = main_size(sizes)
    large = [index for index, glyph in enumerate(glyphs) if glyph.size > _LARGE * usual and glyph.text.isupper()]
    if len(large) > _MOST:  # a poster
        return glyphs
    result: list[Glyph | None] = list(glyphs)
    moved: dict[int, Glyph] = {}
    for index in large:
        cap = glyphs[index]
        if any(_touches(cap, glyphs[other]) for other in large if other != index):
            continue  # a word in large letters
        beside = _first_of_lines(glyphs, cap, usual)
        if len(beside) < 2:
            continue
        for place in beside[1:]:
            result[place] = replace(glyphs[place], x0=cap.x0)
        first = glyphs[beside[0]]
        apart = 0.3 * first.size if first.spaced or cap.text in _WORDS else 0.0
        result[index] = None
        moved[beside[0]] = replace(cap, x1=first.x0 - apart, base=first.base, size=first.size, font=first.font)
    whole: list[Glyph] = []
    for index, kept in enumerate(result):
        if index in moved:
            whole.append(moved[index])
        if kept is not None:
            whole.append(kept)
    return whole


def _touches(cap: Glyph, other: Glyph) -> bool:
    near = max(cap.x0 - other.x1, other.x0 - cap.x1) < 0.5 * cap.size
    return near and abs(cap.base - other.base) < 0.5 * cap.size


def _first_of_lines(glyphs: Sequence[Glyph], cap: Glyph, usual: float) -> list[int]:
    """The glyphs that begin the lines beside a letter, top to bottom; none if the first lies lower than its top."""
    lines: dict[int, int] = {}
    for index, glyph in enumerate(glyphs):
        if not (0.8 * usual < glyph.size < 1.3 * usual and -1 < glyph.x0 - cap.x1 < 1.2 * usual):
            continue
        if not -0.8 * cap.size < glyph.base - cap.base < 0.3 * usual:
            continue
        line = next((base for base in lines if abs(base - glyph.base) < 0.5 * usual), None)
        if line is None:
            lines[round(glyph.base)] = index
        elif glyph.x0 < glyphs[lines[line]].x0:
            lines[line] = index
    ordered = [lines[line] for line in sorted(lines)]
    if not ordered or glyphs[ordered[0]].base > cap.base - 0.3 * cap.size:
        return []
    return ordered
