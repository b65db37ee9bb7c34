"""Lines to groups: runs of lines that belong together, and what each of them is."""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sumpool.documents.pdf.lines import Line
from sumpool.documents.pdf.pool import Page
from sumpool.documents.sections import is_section_heading

GroupKind = Literal["body", "heading", "list", "code", "caption", "footnote", "table", "rows", "equation", "junk"]

TERMINAL = re.compile(r"[.!?:;…。！？]['\"”’»)\]]*$")
_BULLET = re.compile(r"[•●▪◦‣∙∗■□➢➤·◆⁃►✓–—*\-]\s+(?=\S)|[•●▪◦‣■➢➤◆►✓](?=\w)")
_ENUMERATED = re.compile(r"\(?(?:\d{1,2}|[a-z]|[ivx]{1,4})[.)]\s+\S")
_NUMBERED = re.compile(r"(?:\d{1,2}(?:\.\d{1,2})*\.?|[IVX]{1,5}\.|[A-Z]\.(?:\d{1,2}\.?)*)\s+[A-Z“\"]")
_NUMBERED_TITLE = re.compile(r"\d{1,2}(?:\.\d{1,2})*\.?\s+[A-Z](?:[^.:]|[.:](?!\s))*")
"""A numbered heading without a full stop inside, as one has that the text of its section goes on behind."""
_CAPTION = re.compile(
    r"(?:supplementary |extended data )?(?:fig(?:ures?|s)?|tab(?:les?)?|algorithm|listing|scheme|chart|plate|exhibit)"
    r"\.?\s*(?:[A-Z]?\d+(?:\.\d+)*[A-Za-z]?|[IVX]+)",
    re.I,
)
_CAPTION_END = re.compile(r"\s*[.:|–—]|\s*$")
_CAPTION_TEXT = re.compile(r"\s+(?:[A-Z“]|[a-z]\s)")
_WORD = re.compile(r"[^\W\d_]{3,}")
_LEADERS = re.compile(r"(?:\.\s?){5,}|(?:…\s?){2,}|_{5,}")
_EQUATION_NUMBER = re.compile(r"\(\d{1,3}[a-z]?(?:\.\d+)?\)$")
_NOTE_MARK = re.compile(r"[*†‡§¶∗\d]{1,2}\s?\S")
_NOTE = re.compile(r"(?:[*†‡§¶∗]{1,2}|\d{1,2})\s?[A-Z“\"'‘(]")
_STEP = re.compile(r"\d{1,3}:\s")
"""The number of an algorithm's line."""
_TABLE_CAPTION = re.compile(r"tab", re.I)
_SENTENCE_END = re.compile(r"[.!?]['\"”’)\]]*$")
_APART = 2.2
"""Line distances: what is further apart does not belong together."""


@dataclass(slots=True)
class Group:
    """Consecutive lines of one column that make a paragraph, a heading, a row of a table, ..."""

    lines: list[Line]
    page: int
    height: float
    """Of its page."""
    kind: GroupKind = "body"
    indented: bool = False
    """Its first line starts further right than the column."""
    opens: bool = False
    """It is the first of its column, but for tables, figures and captions."""
    space: float = 0.0
    """Distance to the baseline above, in this document's usual line distances; 9 at a column's top."""

    @property
    def text(self) -> str:
        return " ".join(line.text for line in self.lines)

    @property
    def size(self) -> float:
        return max(self.lines, key=lambda line: len(line.text)).size

    @property
    def words(self) -> int:
        return sum(len(line.text.split()) for line in self.lines)

    def all(self, field: str) -> bool:
        return all(getattr(line, field) for line in self.lines)


@dataclass(frozen=True, slots=True)
class Style:
    """What is usual in a document."""

    size: float
    leading: float
    """Distance of baselines, in sizes."""
    bold: bool
    italic: bool
    mono: bool


def style_of(pages: Sequence[Page]) -> Style:
    sizes: Counter[float] = Counter()
    leadings: Counter[float] = Counter()
    flags: Counter[str] = Counter()
    for page in pages:
        for before, line in zip([None, *page.lines], page.lines, strict=False):
            if line.figure:
                continue
            weight = len(line.text)
            sizes[round(line.size * 2) / 2] += weight
            flags["all"] += weight
            for flag in ("bold", "italic", "mono"):
                flags[flag] += weight * getattr(line, flag)
            if before is not None and before.column == line.column and abs(before.size - line.size) < 0.3:
                step = (line.base - before.base) / line.size
                if 0.9 < step < 2.6:
                    leadings[round(step * 20) / 20] += weight
    size = max(sizes, key=lambda value: (sizes[value], value), default=10.0)
    leading = max(leadings, key=lambda value: (leadings[value], -value), default=1.2)
    half = flags["all"] / 2
    return Style(size or 10.0, leading, flags["bold"] > half, flags["italic"] > half, flags["mono"] > half)


def group_lines(pages: Sequence[Page], style: Style) -> list[Group]:
    """All groups of the document, in reading order, classified."""
    groups: list[Group] = []
    for page in pages:
        mine: list[Group] = []
        for column in _columns(page):
            mine += _groups_of_column(column, page, style)
        _classify(mine, style)
        groups += mine
    return groups


def _columns(page: Page) -> list[list[Line]]:
    """The page's lines by column regions, whose edges are those of the same column all over the page."""
    regions: defaultdict[int, list[Line]] = defaultdict(list)
    for line in page.lines:
        if re.search(r"\w", line.text):  # ornaments are no text
            regions[line.column].append(line)
    edges: dict[int, tuple[float, float]] = {}
    for number, lines in regions.items():
        long = [line for line in lines if line.cells == 1 and len(line.text) > 20] or lines
        edges[number] = min(line.x0 for line in long), _upper(sorted(line.x1 for line in long))
    for number, lines in regions.items():
        left, right = edges[number]
        for other_left, other_right in edges.values():
            if abs(other_left - left) < 25 and right < other_right and len(lines) < 6:
                right = other_right
        for line in lines:
            line.left, line.right = left, max(right, left + 1)
    return [_with_side_heads(lines) for lines in regions.values()]


def _with_side_heads(lines: list[Line]) -> list[Line]:
    """Headings that stand in the margin beside the text, as in many reports, in front of the text that they head."""
    lefts: Counter[int] = Counter()
    for line in lines:
        lefts[round(line.x0 / 2)] += len(line.text)
    margin = 2 * max(lefts, key=lambda place: lefts[place]) - 6
    ordered: list[tuple[float, Line]] = []
    last: Line | None = None
    key = 0.0
    for line in lines:
        if line.x1 >= margin:
            ordered.append((line.base, line))
            continue
        if last is None or line.base - last.base > 1.6 * line.size:
            key = line.base - 0.9 * line.size
        last = line
        ordered.append((key, line))
    return [line for _, line in sorted(ordered, key=lambda item: item[0])]


def _upper(values: list[float]) -> float:
    """The largest but for outliers: nearly the end of the sorted `values`."""
    return values[-1] if len(values) < 8 else values[int(0.96 * (len(values) - 1))]


def _groups_of_column(lines: list[Line], page: Page, style: Style) -> list[Group]:
    groups: list[Group] = []
    for position, line in enumerate(lines):
        before = lines[position - 1] if position else None
        after = lines[position + 1] if position + 1 < len(lines) else None
        if before is not None and groups and not _breaks(groups[-1].lines, before, line, after, style):
            groups[-1].lines.append(line)
            continue
        space = 9.0 if before is None else (line.base - before.base) / (style.leading * style.size)
        indented = line.x0 - line.left > 0.7 * line.size
        groups.append(Group([line], page.number, page.height, indented=indented, opens=before is None, space=space))
    return groups


def _breaks(group: list[Line], before: Line, line: Line, after: Line | None, style: Style) -> bool:
    """Whether `line`, under `before`, starts something new."""
    size = max(before.size, line.size)
    if abs(before.size - line.size) > 0.08 * size and not _runs_on(before, line, style):
        return True
    if (before.figure, before.ruled, before.mono) != (line.figure, line.ruled, line.mono):
        return True
    if not -0.5 * size < line.base - before.base < (style.leading + 0.36) * size:
        return True
    if is_bullet(line.text) or (is_section_heading(line.text) and len(line.text) < 40):
        return True
    if _is_displayed(before) != _is_displayed(line):
        return True
    ended = bool(TERMINAL.search(before.text))
    room = before.right - before.x1 - line.first_word - 0.3 * size
    if before.bold != line.bold and (room > 0.5 * size or (line.bold and ended)):
        return True
    if before.bold and not line.bold and len(group) == 1 and _NUMBERED_TITLE.fullmatch(before.text):
        return True
    if before.italic != line.italic and room > size and len(group) == 1:
        return not ended
    if before.cells != line.cells and max(before.cells, line.cells) > 2 and not _is_stretched(before, line):
        return True
    if abs((before.x0 + before.x1) - (line.x0 + line.x1)) < 4 and abs(before.x0 - line.x0) > 2:
        return False  # centred
    shift = line.x0 - before.x0
    em = 0.7 * size
    hanging = len(group) == 1 and (is_bullet(before.text) or _ENUMERATED.match(before.text) is not None)
    if shift > em:
        follows = after is not None and abs(after.x0 - line.x0) < em
        return not hanging and not (len(group) == 1 and follows and not ended)
    if shift < -em and len(group) > 1:
        return True
    if _ENUMERATED.match(line.text) and (ended or room > size) and shift <= 0:
        return True
    starts = line.text[:1]
    new = starts.isupper() or starts.isdigit() or starts in "“\"'‘(["
    return room > 0.6 * size and new and (ended or room > 0.25 * (line.right - line.left))


def _is_stretched(before: Line, line: Line) -> bool:
    """Whether the wide gaps of one of two lines of justified text are there to fill the column."""
    fill = all(each.x1 > each.right - 1.5 for each in (before, line)) and line.x0 - line.left < 1.5
    return fill and min(before.cells, line.cells) == 1 and not TERMINAL.search(before.text)


def _runs_on(before: Line, line: Line, style: Style) -> bool:
    """A full line and the next one of the same paragraph, though one is mostly small capitals or a smaller font."""
    step = (line.base - before.base) / (style.leading * style.size)
    full = before.x1 > before.right - before.size and not TERMINAL.search(before.text)
    alike = (
        abs(line.x0 - before.x0) < 2 and before.bold == line.bold and min(before.size, line.size) > 0.75 * style.size
    )
    return full and alike and 0.9 < step < 1.08 and max(before.size, line.size) < 1.06 * style.size


def _is_displayed(line: Line) -> bool:
    """A formula on a line of its own."""
    letters = sum(len(word) for word in _WORD.findall(line.text))
    inset = line.x0 - line.left > 1.2 * line.size
    return inset and line.math > 0.3 and letters < 0.5 * len(line.text)


def is_bullet(text: str) -> bool:
    return _BULLET.match(text) is not None


def without_bullet(text: str) -> str:
    return "- " + _BULLET.sub("", text, count=1)


def _classify(groups: list[Group], style: Style) -> None:
    """Say what each group of one page is, by its look first, then by its neighbours."""
    for position, group in enumerate(groups):
        following = groups[position + 1] if position + 1 < len(groups) else None
        group.kind = _kind(group, following, style)
    _mark_tables(groups, style)
    _mark_figures(groups, style)
    _mark_ragged(groups)
    _mark_footnotes(groups, style)
    _mark_labels(groups, style)
    _mark_openings(groups)


def _kind(group: Group, following: Group | None, style: Style) -> GroupKind:
    text = group.text
    if is_caption(text, small=group.size < 0.96 * style.size or group.lines[0].bold):
        return "caption"
    if sum(line.ruled for line in group.lines) * 2 > len(group.lines):
        return "table"
    if group.all("figure") or not re.search(r"\w", text):
        return "junk"
    if sum(_LEADERS.search(line.text) is not None for line in group.lines) * 2 >= len(group.lines):
        return "table"
    if _is_heading(group, following, style):
        return "heading"
    if _is_equation(group):
        return "equation"
    rows = sum(line.cells > 1 for line in group.lines)
    if (rows * 2 >= len(group.lines) and len(group.lines) > 1) or group.lines[0].cells > 2 > len(group.lines):
        return "table"
    if is_bullet(text) or (_ENUMERATED.match(text) and group.indented):
        return "list"
    if group.all("mono") and not style.mono:
        return "code"
    if not _WORD.search(text):
        return "junk"
    return "body"


def is_caption(text: str, small: bool) -> bool:
    """ "Figure 3: ...", and where the type is small or bold also "Fig. 3 Something"."""
    found = _CAPTION.match(text)
    if not found:
        return False
    return bool(_CAPTION_END.match(text, found.end()) or (small and _CAPTION_TEXT.match(text, found.end())))


def _is_heading(group: Group, following: Group | None, style: Style) -> bool:
    text, first = group.text, group.lines[0]
    if len(group.lines) > 3 or group.words > 18 or len(text) > 150 or group.size < 0.93 * style.size:
        return False
    if max(line.math for line in group.lines) > 0.3 or max(line.cells for line in group.lines) > 2:
        return False
    letters = [character for character in text if character.isalpha()]
    start = next((character for character in text if character.isalnum()), "")
    if len(letters) < 3 or not (start.isupper() or start.isdigit()) or is_bullet(text):
        return False
    if is_section_heading(text) and len(group.lines) == 1:
        return True
    if re.search(r"[,;]$|\w\.$", text) and not (_NUMBERED.match(text) and group.words < 8):
        return False
    if group.size > 1.07 * style.size:
        return True
    stands_out = group.space > 1.12
    if group.all("bold") and not style.bold:
        return stands_out or first.x1 < 0.9 * first.right
    short = group.lines[-1].x1 < first.right - 0.08 * (first.right - first.left) and group.words <= 14
    if not (short and stands_out and len(group.lines) <= 2 and following is not None):
        return False
    if group.all("italic") and not style.italic:
        return True
    alone = group.space > 1.25 and following.space > 1.25 and len(group.lines) == 1
    if alone and not group.indented and group.words <= 10:
        return following.words > group.words
    caps = sum(character.isupper() for character in letters) * 10 > 9 * len(letters) and len(letters) > 4
    return caps or (_NUMBERED.match(text) is not None and group.space > 1.25 and len(group.lines) == 1)


def _is_equation(group: Group) -> bool:
    """Displayed mathematics: few words, many signs."""
    if len(group.lines) > 6:
        return False
    text = group.text
    letters = sum(len(word) for word in _WORD.findall(text))
    signs = max(1, len(text.replace(" ", "")))
    math = sum(line.math * len(line.text) for line in group.lines) / max(1, len(text))
    if math > 0.3:
        return letters < 0.6 * signs
    if _EQUATION_NUMBER.search(text):
        return letters < 0.55 * signs
    return math > 0 and letters < 0.2 * signs


def _mark_tables(groups: list[Group], style: Style) -> None:
    """Around a table's caption, and between its rows, short and numeric pieces are parts of the table."""

    def part(group: Group) -> bool:
        if group.kind in ("table", "junk", "equation"):
            return True
        if group.kind == "caption" or (group.kind == "heading" and group.size > 1.02 * style.size):
            return False
        tokens = group.text.split()
        numeric = sum(any(character.isdigit() for character in token) for token in tokens)
        first = group.lines[0]
        narrow = sum(line.width for line in group.lines) < 0.6 * len(group.lines) * (first.right - first.left)
        return (
            numeric * 5 >= 2 * len(tokens)
            or (len(tokens) <= 4 * len(group.lines) and narrow and not TERMINAL.search(group.text))
            or (first.cells > 1 and len(tokens) < 12)
        )

    for position, group in enumerate(groups):
        if group.kind == "caption" and _TABLE_CAPTION.match(group.text):
            for step in (1, -1):
                here = position + step
                while 0 <= here < len(groups) and part(groups[here]) and groups[here].kind != "heading":
                    groups[here].kind = "table"
                    here += step
    for before, group in itertools.pairwise(groups):
        distance = group.lines[0].base - before.lines[-1].base
        near = 0 < distance < 1.5 * group.size
        heads = len(before.lines) == 1 and before.kind in ("body", "heading") and before.size < 1.02 * style.size
        if group.kind == "table" and near and heads and not TERMINAL.search(before.text):
            before.kind = "table"
        if group.kind != "body":
            continue
        unfinished = before.kind == "caption" and not TERMINAL.search(before.text)
        if unfinished and near and group.text[:1].islower() and abs(group.lines[0].x0 - before.lines[-1].x0) < 2:
            group.kind = "caption"
        if group.size > 0.96 * style.size:
            continue
        # A table's own notes, and a caption's further lines.
        if before.kind == "caption" and 0 < distance < 1.7 * group.size and not before.text.endswith("."):
            group.kind = "caption"
        below = before.kind == "table" and group.lines[0].column == before.lines[0].column
        if below and group.words < 60 and not group.lines[0].marked:
            group.kind = "table"
    for position in range(1, len(groups) - 1):
        if groups[position - 1].kind == groups[position + 1].kind == "table" and part(groups[position]):
            groups[position].kind = "table"


def _mark_figures(groups: list[Group], style: Style) -> None:
    """Small print next to a figure's or an algorithm's caption is what the figure shows."""

    def part(group: Group) -> bool:
        small = group.size < 0.94 * style.size
        note = group.lines[0].marked or (_NOTE.match(group.text) and _SENTENCE_END.search(group.text))
        steps = all(_STEP.match(line.text) for line in group.lines)
        return (
            group.kind in ("junk", "equation", "code", "table")
            or (steps and group.kind in ("body", "list"))
            or (small and group.kind != "caption" and group.words < 40 and not note)
        )

    for position, group in enumerate(groups):
        if group.kind == "caption" and not _TABLE_CAPTION.match(group.text):
            for step in (-1, 1):
                here = position + step
                while 0 <= here < len(groups) and part(groups[here]):
                    groups[here].kind = "junk"
                    here += step


def _mark_ragged(groups: list[Group]) -> None:
    """Where text is justified, several ragged lines next to a caption are a table of words or an algorithm."""

    def reach(lines: Sequence[Line]) -> int:
        return sum(line.x1 > line.right - 0.5 * line.size for line in lines)

    def ragged(group: Group) -> bool:
        if group.kind in ("junk", "equation", "table"):
            return True
        if group.kind not in ("body", "heading") or _SENTENCE_END.search(group.text):
            return False
        return reach(group.lines) * 3 <= len(group.lines)

    inner = [line for group in groups if group.kind == "body" and len(group.lines) > 3 for line in group.lines[:-1]]
    if reach(inner) < 0.85 * len(inner) or not inner:
        return
    for position, caption in enumerate(groups):
        if caption.kind != "caption":
            continue
        for step in (-1, 1):
            run: list[Group] = []
            here = position + step
            while 0 <= here < len(groups) and ragged(groups[here]):
                lower = groups[here] if step > 0 else groups[here + 1]
                if lower.opens or lower.space > _APART:
                    break
                run.append(groups[here])
                here += step
            while run and run[-1].kind == "heading":  # that of the section
                run.pop()
            if sum(len(group.lines) for group in run) > 2:
                for group in run:
                    group.kind = "junk"


def _mark_footnotes(groups: list[Group], style: Style) -> None:
    """Small print at the foot of a column, from the first mark on."""
    columns: defaultdict[int, list[Group]] = defaultdict(list)
    for group in groups:
        columns[group.lines[0].column].append(group)
    large = [group.lines[-1] for group in groups if group.size > 0.94 * style.size and group.kind in ("body", "list")]
    for members in columns.values():
        while members and members[-1].kind in ("table", "junk", "caption"):  # a float at the foot
            members.pop()
        if not members:
            continue
        end = members[-1].lines[-1]
        if any(line.base > end.base and line.x0 < end.right and line.x1 > end.left for line in large):
            continue  # text goes on below
        foot: list[Group] = []
        for group in reversed(members):
            if group.size > 0.94 * style.size or group.lines[0].base < 0.4 * group.height:
                break
            foot.insert(0, group)
        if not foot or (len(foot) == len(members) and foot[0].lines[0].base < 0.7 * foot[0].height):
            continue  # a whole column of small print is something else
        marks = [number for number, group in enumerate(foot) if group.lines[0].marked or _NOTE_MARK.match(group.text)]
        start = marks[0] if marks else (0 if groups[0].page == 1 else len(foot))
        for group in foot[start:]:
            if group.kind not in ("caption", "junk") and not group.lines[0].ruled:
                group.kind = "footnote"


def _mark_labels(groups: list[Group], style: Style) -> None:
    """Loose short pieces that are no sentence: the labels of diagrams drawn on the page."""

    def label(group: Group) -> bool:
        if group.kind in ("junk", "equation", "table"):
            return True
        if group.kind not in ("body", "heading") or TERMINAL.search(group.text):
            return False
        short = group.words <= 4 * len(group.lines)
        return short and (group.size < 0.94 * style.size or (group.kind == "body" and group.words <= 6))

    start = 0
    while start < len(groups):
        stop = start
        while stop < len(groups) and label(groups[stop]):
            stop += 1
        members = groups[start:stop]
        for group in members:
            small = group.size < 0.94 * style.size
            if group.kind in ("body", "heading") and (len(members) >= 4 or (small and len(members) >= 2)):
                group.kind = "junk"
        start = stop + 1


def _mark_openings(groups: list[Group]) -> None:
    """Text under what floats at a column's top is where the column's text begins."""
    begun: set[int] = set()
    for group in groups:
        column = group.lines[0].column
        group.opens = column not in begun
        if group.kind not in ("table", "junk", "caption"):
            begun.add(column)
