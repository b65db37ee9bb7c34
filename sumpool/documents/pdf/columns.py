"""Lines in reading order: the columns of a page, and what spans them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import median

from sumpool.documents.pdf.glyphs import Sheet, main_size
from sumpool.documents.pdf.lines import Line, Run, line_of, runs_of

_STEP = 2.0
"""Points: heights are compared in steps of this size."""
_DEEPEST = 2
"""Columns are split in two this many times: up to four side by side."""


def read_lines(sheet: Sheet) -> list[Line]:
    """The page's lines in reading order, each with its column region."""
    runs = runs_of(sheet.glyphs)
    if not runs:
        return []
    sizes: Counter[float] = Counter()
    for run in runs:
        sizes[round(run.size, 1)] += len(run.glyphs)
    size = main_size(sizes)
    edges = sorted(_gutters(runs, size, _DEEPEST))
    placed: dict[tuple[int, int], list[Run]] = {}
    for run in runs:
        placed.setdefault(_columns_of(run, edges), []).append(run)
    _widen(placed, size)
    lines: dict[tuple[int, int], list[Line]] = {
        span: [line_of(row) for row in _rows(members)] for span, members in placed.items()
    }
    return _ordered(lines)


def _columns_of(run: Run, edges: Sequence[float]) -> tuple[int, int]:
    """(first, last) column that the run touches, counted from 0."""
    first = sum(edge <= run.x0 + 1 for edge in edges)
    last = sum(edge < run.x1 - 1 for edge in edges)
    return first, max(first, last)


def _gutters(runs: Sequence[Run], size: float, depth: int) -> list[float]:
    """Where columns end: the x at which the strip between two columns stops, for each strip."""
    if depth == 0 or len(runs) < 8:
        return []
    left_end, right_end = min(run.x0 for run in runs), max(run.x1 for run in runs)
    width = right_end - left_end
    if width < 16 * size:
        return []
    starts: Counter[int] = Counter(round(run.x0 / 3) for run in runs if 0.2 * width < run.x0 - left_end < 0.8 * width)
    best, best_score = 0.0, 0
    for place, _ in starts.most_common(10):
        edge = min((run.x0 for run in runs if abs(run.x0 / 3 - place) <= 0.5), default=place * 3.0)
        score = _score(runs, edge, size)
        if score > best_score:
            best, best_score = edge, score
    heights = {int(run.base / _STEP) for run in runs}
    if best_score * _STEP < max(4.5 * size, 0.12 * len(heights) * _STEP):
        return []
    left = [run for run in runs if run.x1 <= best]
    right = [run for run in runs if run.x0 >= best - 1]
    return [*_gutters(left, size, depth - 1), best, *_gutters(right, size, depth - 1)]


def _score(runs: Sequence[Run], edge: float, size: float) -> int:
    """How much height has text on both sides of `edge` and none over the strip in front of it; 0 if no columns."""
    strip = 0.6 * size
    left: dict[int, float] = {}
    right: dict[int, float] = {}
    crossed: set[int] = set()
    far_left, far_right = edge, edge
    for run in runs:
        steps = range(int((run.base - 0.7 * run.size) / _STEP), int((run.base + 0.25 * run.size) / _STEP) + 1)
        if run.x1 <= edge - strip:
            far_left = min(far_left, run.x0)
            for step in steps:
                left[step] = left.get(step, 0.0) + run.x1 - run.x0
        elif run.x0 >= edge - 1:
            far_right = max(far_right, run.x1)
            for step in steps:
                right[step] = right.get(step, 0.0) + run.x1 - run.x0
        else:
            crossed.update(steps)
    both = [step for step in left.keys() & right.keys() if step not in crossed]
    if not both:
        return 0
    # Cells of a table are short; most lines of a column fill it.
    if median(left[step] for step in both) < 0.5 * (edge - far_left):
        return 0
    if median(right[step] for step in both) < 0.5 * (far_right - edge):
        return 0
    return len(both) - len(crossed & (left.keys() | right.keys())) // 4


def _widen(placed: dict[tuple[int, int], list[Run]], size: float) -> None:
    """Give a run to the wider line that it is only a piece of: on the same height, with no more than a space between."""
    spanning = [span for span in placed if span[0] < span[1]]
    for span in sorted(spanning, key=lambda item: item[0] - item[1]):
        rows: dict[int, list[Run]] = {}
        for run in placed[span]:
            for step in (-1, 0, 1):
                rows.setdefault(int(run.base / _STEP) + step, []).append(run)
        for other in list(placed):
            if other == span or other[0] < span[0] or other[1] > span[1] or other[0] < other[1]:
                continue
            kept = []
            for run in placed[other]:
                neighbours = rows.get(int(run.base / _STEP), [])
                close = any(
                    max(wide.x0 - run.x1, run.x0 - wide.x1) < 1.2 * size and abs(wide.base - run.base) < 0.3 * size
                    for wide in neighbours
                )
                (placed[span] if close else kept).append(run)
            placed[other] = kept


def _rows(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs of one column by lines, top to bottom: those on one baseline, and the raised and lowered ones by them."""
    if not runs:
        return []
    usual = main_size(_weights(runs))
    large = [run for run in runs if run.size >= 0.8 * usual]
    rows: list[list[Run]] = []
    for run in sorted(large, key=lambda item: (item.base, item.x0)):
        if rows and abs(run.base - rows[-1][0].base) <= 0.3 * min(run.size, rows[-1][0].size):
            rows[-1].append(run)
        else:
            rows.append([run])
    loose = []
    bases = [row[0].base for row in rows]
    ends = [(min(run.x0 for run in row), max(run.x1 for run in row)) for row in rows]
    for run in runs:
        if run.size >= 0.8 * usual:
            continue
        near = [
            number
            for number in _around(bases, run.base, 0.62 * usual)
            if ends[number][0] - 0.6 * usual <= run.x1 and run.x0 <= ends[number][1] + 0.6 * usual
            and run.size < 0.9 * rows[number][0].size
            and run.x1 - run.x0 < 5 * usual
        ]  # fmt: skip
        if near:
            rows[min(near, key=lambda number: abs(bases[number] - run.base))].append(run)
        else:
            loose.append(run)
    for run in sorted(loose, key=lambda item: (item.base, item.x0)):
        if rows and rows[-1][0].size < 0.8 * usual and abs(run.base - rows[-1][0].base) <= 0.3 * run.size:
            rows[-1].append(run)
        else:
            rows.append([run])
    return sorted(rows, key=lambda row: row[0].base)


def _weights(runs: Sequence[Run]) -> Counter[float]:
    weights: Counter[float] = Counter()
    for run in runs:
        weights[round(run.size, 1)] += len(run.glyphs)
    return weights


def _around(bases: list[float], base: float, reach: float) -> range:
    from bisect import bisect_left, bisect_right

    return range(bisect_left(bases, base - reach), bisect_right(bases, base + reach))


def _ordered(lines: dict[tuple[int, int], list[Line]]) -> list[Line]:
    """Top to bottom in bands between the lines that span columns, column by column inside of a band."""
    tagged = sorted(((line, span) for span, members in lines.items() for line in members), key=lambda item: item[0].base)
    result: list[Line] = []
    region = 0
    band: list[tuple[Line, tuple[int, int]]] = []

    def close(band: list[tuple[Line, tuple[int, int]]]) -> None:
        nonlocal region
        for column in sorted({span for _, span in band}):
            members = [line for line, span in band if span == column]
            left, right = min(line.x0 for line in members), max(line.x1 for line in members)
            for line in members:
                line.column, line.left, line.right = region, left, right
            result.extend(members)
            region += 1

    def spans(span: tuple[int, int]) -> bool:
        return span[0] < span[1]

    for line, span in tagged:
        if band and spans(span) != spans(band[-1][1]):
            close(band)
            band = []
        band.append((line, span))
    close(band)
    return result

