"""Running heads, footers and page numbers: what a page repeats and no reader reads."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from statistics import median

from sumpool.documents.pdf.lines import Line
from sumpool.documents.pdf.pool import Page

_BAND = 0.15
"""Share of a page's height, at its top and at its bottom, in which such lines are looked for."""
_NEAR = 4.0
"""Points: the same place on two pages."""
_PAGE_NUMBER = re.compile(
    r"[\W_]*(?:(?:page|p\.|seite|slide)\s*)?(?:[a-z]{0,2}-?\d{1,4}|[ivxlc]{1,7})(?:\s*(?:of|/|von)\s*\d{1,4})?[\W_]*",
    re.I,
)
_NUMBERED_HEAD = re.compile(
    r"(?:\d{1,4}|[ivxlc]{1,7})\s+[A-Z][A-Z ,:’'&-]+|[A-Z][A-Z ,:’'&-]+\s(?:\d{1,4}|[ivxlc]{1,7})"
)
_NUMBERS = re.compile(r"\d+|\b[ivxlc]+\b", re.I)
_IMPRINT = re.compile(
    r"proceedings of|©|\bcopyright\b|\bc\s?(?:19|20)\d\d\b|\bdoi\b|doi\.org|\bissn\b|\bisbn\b|arxiv:|permission to make"
    r"|all rights reserved|creative\s?commons|licensed under|downloaded from|preprint|manuscript submitted|under review"
    r"|^received:|^received \w+ \d|accepted for publication|published online|open access|association for comput"
    r"|\bpages? \d+\s?[–-]\s?\d+",
    re.I,
)


def without_furniture(pages: Sequence[Page]) -> list[Page]:
    """The pages without running heads, footers, page numbers and the first page's imprint."""
    drop = _repeated(pages)
    result = []
    for page in pages:
        kept = [line for number, line in enumerate(page.lines) if (page.number, number) not in drop]
        result.append(Page(page.number, page.height, _without_ends(kept, page, first=page is pages[0])))
    return result


def _repeated(pages: Sequence[Page]) -> set[tuple[int, int]]:
    """(page, index) of the lines that stand on the same place of several pages, but for their digits."""
    places: defaultdict[str, list[tuple[int, int, Line]]] = defaultdict(list)
    for page in pages:
        for index, line in enumerate(page.lines):
            if _in_band(line, page) and len(line.text) < 160:
                places[_NUMBERS.sub("0", line.text.lower())].append((page.number, index, line))
    often = 2 if len(pages) < 6 else 3
    drop: set[tuple[int, int]] = set()
    slots: Counter[tuple[int, int]] = Counter()
    for found in places.values():
        for group in _by_height(found):
            if len({number for number, _, _ in group}) >= often:
                drop.update((number, index) for number, index, _ in group)
                for _, _, line in group:
                    slots[_slot(line)] += 1
    # A head that is there only once or twice (a short chapter's) stands where the others stand.
    usual = {slot for slot, count in slots.items() if count >= 3 and count * 4 >= len(pages)}
    for page in pages:
        if not page.lines:
            continue
        ends = (min(line.base for line in page.lines), max(line.base for line in page.lines))
        for index, line in enumerate(page.lines):
            if line.base in ends and any((_slot(line)[0] + step, _slot(line)[1]) in usual for step in (-1, 0, 1)):
                drop.add((page.number, index))
    return drop


def _in_band(line: Line, page: Page) -> bool:
    return not _BAND * page.height <= line.base <= (1 - _BAND) * page.height


def _slot(line: Line) -> tuple[int, int]:
    return round(line.base / 2), round(line.size * 2)


def _by_height(found: list[tuple[int, int, Line]]) -> list[list[tuple[int, int, Line]]]:
    groups: list[list[tuple[int, int, Line]]] = []
    for entry in sorted(found, key=lambda item: item[2].base):
        if groups and entry[2].base - groups[-1][-1][2].base <= _NEAR:
            groups[-1].append(entry)
        else:
            groups.append([entry])
    return groups


def _stands_apart(line: Line, inner: Line | None, page: Page, size: float) -> bool:
    """A small or italic line, or capitals and a number, at the very edge of a page, well apart from what is next."""
    edge = min(line.base, page.height - line.base) < 0.08 * page.height
    apart = inner is not None and abs(line.base - inner.base) > 2.2 * size
    set_off = line.size < 0.95 * size or line.italic
    numbered = line.size < 1.05 * size and _NUMBERED_HEAD.fullmatch(line.text) is not None
    return edge and apart and (set_off or numbered) and len(line.text) < 120


def _without_ends(lines: list[Line], page: Page, *, first: bool) -> list[Line]:
    """Without page numbers (and on the first page the imprint) as the outermost lines at the top and the bottom."""
    drop: set[int] = set()
    ordered = sorted(lines, key=lambda line: line.base)
    size = median(line.size for line in lines) if lines else 0.0
    for side in (ordered, ordered[::-1]):
        for line, next_line in zip(side[:6], [*side[1:7], None], strict=False):
            if not _in_band(line, page):
                break
            if _stands_apart(line, next_line, page, size) and not first:
                drop.add(id(line))
                continue
            imprint = first and len(line.text) < 200 and _IMPRINT.search(line.text)
            if not (imprint or _PAGE_NUMBER.fullmatch(line.text)):
                break
            drop.add(id(line))
    return [line for line in lines if id(line) not in drop]
