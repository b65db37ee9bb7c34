"""Lines in reading order: what spans the page, and the columns between."""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median

from sumpool.documents.pdf.glyphs import Sheet, main_size
from sumpool.documents.pdf.initials import with_initials
from sumpool.documents.pdf.lines import Line, Run, line_of, runs_of
from sumpool.documents.pdf.tables import mark_ruled

_STEP = 2.0
"""Points: heights are compared in steps of this size."""
_APART = 1.8
"""Sizes between two baselines that no paragraph has inside."""
_MOST_HEADING_LINES = 3
_LINES = 8
"""That end at one place make a column."""
_DEEPEST = 6
"""Regions are cut in columns, and columns in regions, this many times."""


def read_lines(sheet: Sheet) -> list[Line]:
    """The page's lines in reading order, each with its column region."""
    runs = _without_line_numbers(runs_of(with_initials(sheet.glyphs)))
    if not runs:
        return []
    result: list[Line] = []
    size = main_size(_weights(runs))
    for number, region in enumerate(_regions(runs, size, _DEEPEST)):
        lines = [line_of(row) for row in _rows(region)]
        left, right = min(line.x0 for line in lines), max(line.x1 for line in lines)
        for line in lines:
            line.column, line.left, line.right = number, left, right
        result += lines
    mark_ruled(result, sheet.rules)
    return result


def _without_line_numbers(runs: list[Run]) -> list[Run]:
    """Without the numbers that proofs, drafts and bills print in the margin beside every line (or every fifth)."""
    numbers: dict[int, list[tuple[Run, int]]] = {}
    for run in runs:
        text = "".join(glyph.text for glyph in run.glyphs)
        if len(text) < 5 and text.isdecimal():
            for place in {round(run.x0 / 4), round(run.x1 / 4)}:
                numbers.setdefault(place, []).append((run, int(text)))
    drop: set[int] = set()
    for column in numbers.values():
        ordered = [number for _, number in sorted(column, key=lambda item: item[0].base)]
        steps = Counter(after - before for before, after in itertools.pairwise(ordered))
        if len(ordered) >= 9 and steps[1] + steps[5] >= 0.8 * (len(ordered) - 1):
            drop.update(id(run) for run, _ in column)
    if not drop:
        return runs
    left, right = min(run.x0 for run in runs), max(run.x1 for run in runs)
    text_lines = [run for run in runs if id(run) not in drop and run.x1 - run.x0 > 0.3 * (right - left)]
    # In a table or a list of contents such numbers stand between the words, not beside all of them.
    inner = (min(run.x0 for run in text_lines), max(run.x1 for run in text_lines)) if text_lines else (left, right)
    return [run for run in runs if id(run) not in drop or (run.x1 > inner[0] + 1 and run.x0 < inner[1] - 1)]


def _regions(runs: list[Run], size: float, depth: int) -> Iterator[list[Run]]:
    """The runs by regions that are read from top to bottom, one after the other."""
    edge = _gutter(runs, size) if depth else None
    if edge is None:
        yield runs
        return
    full: list[Run] = []
    for columns, members in _bands(runs, edge, size):
        if columns:
            if full:
                yield from _regions(full, size, depth - 1)
                full = []
            yield from _regions([run for run in members if run.x0 < edge - 1], size, depth - 1)
            yield from _regions([run for run in members if run.x0 >= edge - 1], size, depth - 1)
        else:
            full += members
    if full:
        yield from _regions(full, size, depth - 1)


def _bands(runs: list[Run], edge: float, size: float) -> Iterator[tuple[bool, list[Run]]]:
    """(whether there are two columns, the runs) from top to bottom: bands end where something crosses the gutter."""
    crossing = {id(run) for run in runs if run.x0 < edge - 1 and run.x1 > edge - 0.4 * size}
    heights: dict[int, list[Run]] = {}
    for run in runs:
        if id(run) in crossing:
            for step in (-1, 0, 1):
                heights.setdefault(int(run.base / _STEP) + step, []).append(run)
    # A piece of a line that crosses belongs to it: same height, no more than a wide space between.
    for run in runs:
        for wide in heights.get(int(run.base / _STEP), ()):
            if max(wide.x0 - run.x1, run.x0 - wide.x1) < 1.2 * size and abs(wide.base - run.base) < 0.3 * size:
                crossing.add(id(run))
    band: list[Run] = []
    for run in sorted(runs, key=lambda item: (item.base, item.x0)):
        if id(run) in crossing:
            if band:
                band, heading = _without_heading(band, edge, size)
                yield _two_sided(band, edge), band
                yield False, heading
                band = []
            yield False, [run]
        else:
            band.append(run)
    if band:
        yield _two_sided(band, edge), band


def _without_heading(band: list[Run], edge: float, size: float) -> tuple[list[Run], list[Run]]:
    """A band that ends above something full-width, and what stands apart at its end: the heading of that."""
    left = [run for run in band if run.x0 < edge - 1]
    ends = [run.base for run in band if run.x0 >= edge - 1]
    below = [run for run in left if ends and run.base > max(ends) + 2]
    for run, before in zip(below, [None, *below], strict=False):
        above = max((other.base for other in left if other.base < run.base - 2), default=run.base)
        if run.base - above > _APART * size and (before is None or run.base > before.base + 2):
            start = band.index(run)
            if len({round(other.base) for other in band[start:]}) <= _MOST_HEADING_LINES:
                return band[:start], band[start:]
    return band, []


def _two_sided(band: Sequence[Run], edge: float) -> bool:
    left = [run.base for run in band if run.x0 < edge - 1]
    right = [run.base for run in band if run.x0 >= edge - 1]
    return bool(left and right) and max(min(left), min(right)) <= min(max(left), max(right)) + 3


def _gutter(runs: Sequence[Run], size: float) -> float | None:
    """The x at which the strip between two columns ends, if there are two."""
    if len(runs) < 8:
        return None
    left_end, right_end = min(run.x0 for run in runs), max(run.x1 for run in runs)
    width = right_end - left_end
    if width < 16 * size:
        return None
    starts = Counter(round(run.x0 / 3) for run in runs if 0.2 * width < run.x0 - left_end < 0.8 * width)
    best, best_score = 0.0, 0
    for place, _ in starts.most_common(10):
        edge = min((run.x0 for run in runs if abs(run.x0 / 3 - place) <= 0.5), default=place * 3.0)
        score = _score(runs, edge, size)
        if score > best_score:
            best, best_score = edge, score
    heights = {int(run.base / _STEP) for run in runs}
    if best_score * _STEP < max(4.5 * size, 0.12 * len(heights) * _STEP):
        return _beside_column(runs, size)
    return best


def _beside_column(runs: Sequence[Run], size: float) -> float | None:
    """Where what stands beside a column of justified text begins: a column that is nearly empty, or notes."""
    left, right = min(run.x0 for run in runs), max(run.x1 for run in runs)
    wide = [run for run in runs if run.x0 < left + 2.5 * size and run.x1 - run.x0 > 10 * size]
    ends = Counter(round(run.x1) for run in wide)
    if not ends:
        return None
    end = max(ends, key=lambda place: (ends[place], -place))
    column = [run for run in wide if abs(run.x1 - end) < 2]
    edge = end + 0.9 * size
    top, bottom = min(run.base for run in column), max(run.base for run in column)
    around = [run for run in runs if top - 1 <= run.base <= bottom + 1]
    justified = 2 * len(column) > sum(top - 1 <= run.base <= bottom + 1 for run in wide)
    if len(column) < _LINES or not justified or end - left > 0.7 * (right - left):
        return None
    if any(run.x0 < edge and run.x1 > edge for run in around):
        return None
    return min((run.x0 for run in runs if run.x0 >= edge), default=None)


def _score(runs: Sequence[Run], edge: float, size: float) -> int:
    """How much height has text on both sides of `edge` and none over the strip in front of it; 0 if no columns."""
    strip = 0.9 * size
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
    least_left, least_right = 0.5 * (edge - far_left), 0.5 * (far_right - edge)
    if median(left[step] for step in both) >= least_left and median(right[step] for step in both) >= least_right:
        return len(both) - len(crossed & (left.keys() | right.keys())) // 4
    # Mostly a table, be it as wide as the page; but above or below it may be some lines of text in two columns.
    full = {step for step in both if left[step] >= least_left and right[step] >= least_right}
    return _longest_stretch(full, [*both, *crossed], round(0.8 * size / _STEP))


def _longest_stretch(chosen: set[int], steps: Sequence[int], gap: int) -> int:
    """How many of `chosen` follow each other among `steps`, with no more than `gap` between two of them."""
    longest = length = last = 0
    for step in sorted(set(steps)):
        follows = step in chosen and step - last <= gap + 1
        length = (length + 1 if follows else 1) if step in chosen else 0
        longest, last = max(longest, length), step
    return longest


def _rows(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs of one region by lines, top to bottom: those on one baseline, and the raised and lowered ones by them."""
    usual = main_size(_weights(runs))
    rows: list[list[Run]] = []
    for run in sorted(runs, key=lambda item: (item.base, item.x0)):
        if run.size < 0.8 * usual:
            continue
        if rows and abs(run.base - rows[-1][0].base) <= 0.3 * min(run.size, rows[-1][0].size):
            rows[-1].append(run)
        else:
            rows.append([run])
    bases = [row[0].base for row in rows]
    ends = [(min(run.x0 for run in row), max(run.x1 for run in row)) for row in rows]
    loose: list[Run] = []
    reach = 0.62 * usual
    for run in runs:
        if run.size >= 0.8 * usual:
            continue
        near = [
            number
            for number in range(bisect_left(bases, run.base - reach), bisect_right(bases, run.base + reach))
            if ends[number][0] - 0.6 * usual <= run.x1
            and run.x0 <= ends[number][1] + 0.6 * usual
            and run.size < 0.9 * rows[number][0].size
            and run.x1 - run.x0 < 5 * usual
        ]
        if near:
            rows[min(near, key=lambda number: abs(bases[number] - run.base))].append(run)
        else:
            loose.append(run)
    small: list[list[Run]] = []
    for run in sorted(loose, key=lambda item: (item.base, item.x0)):
        if small and abs(run.base - small[-1][0].base) <= 0.3 * run.size:
            small[-1].append(run)
        else:
            small.append([run])
    return sorted(rows + small, key=lambda row: row[0].base)


def _weights(runs: Sequence[Run]) -> Counter[float]:
    weights: Counter[float] = Counter()
    for run in runs:
        weights[round(run.size, 1)] += len(run.glyphs)
    return weights
