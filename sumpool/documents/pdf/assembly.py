"""Groups to blocks: title, abstract, sections, and paragraphs that go on in the next column or on the next page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from sumpool.documents.building import Block
from sumpool.documents.document import ParagraphKind
from sumpool.documents.joining import Vocabulary, join_marked
from sumpool.documents.pdf.furniture import without_furniture
from sumpool.documents.pdf.groups import TERMINAL, Group, group_lines, is_caption, style_of, without_bullet
from sumpool.documents.pdf.lines import Line
from sumpool.documents.pdf.pool import Page, RawPdf
from sumpool.documents.repair import repair, squeeze
from sumpool.documents.sections import is_section_heading

_PROSE = re.compile(r"[a-z]{2,}[.!?]['”\")]*(?:\s|$)")
_RUN_IN = re.compile(r"abstract\b|summary\s*[:.—–-]", re.I)
_INTRODUCTION = re.compile(r"(?:(?:1|I)[.\s]+\S|(?:introduction|background)$)", re.I)
_AFFILIATION = re.compile(
    r"@|e-?mail|university|department|institute|correspond|equal contribution|permission to make|©|copyright", re.I
)
_LICENCE = re.compile(r"©|\bcopyright\b|open access article|permission to make|creative commons", re.I)
_NOTE_NUMBER = re.compile(r"(\d{1,2})\s?(?=[A-Z][a-z\s]|[“\"'‘(])")
_OPEN_ENDED = re.compile(r"(?:[,–—-]|\b(?:a|an|and|as|at|by|for|from|in|of|on|or|the|to|with))$")
_NOTE_PROSE = 8
"""Words: a shorter note on the first page is a place and a date."""
_FRONT_PROSE = 25
"""Words: a shorter piece between title and text is a name, an address, a date."""


def assemble(raw: RawPdf) -> tuple[list[Block], str | None, list[str]]:
    """(the document's blocks in reading order, its title, names of what was left out)."""
    pages = without_furniture(raw.pages)
    style = style_of(pages)
    words = Vocabulary(line.text for page in pages for line in page.lines)
    title_lines = _title_lines(pages[0], style.size) if pages else []
    title = _title(title_lines, raw.title, pages, words)
    left_out: list[str] = []
    if title_lines:
        first = pages[0]
        taken = set(map(id, title_lines))
        pages[0] = Page(first.number, first.height, [line for line in first.lines if id(line) not in taken])
    groups = group_lines(pages, style)
    _drop_note_marks(groups)
    if title_lines:
        groups, dropped = _without_front_matter(groups, pages[0].number, max(line.base for line in title_lines))
        if dropped:
            left_out.append("authors")
    _keep_tables_of_tables(groups)
    blocks = list(_flow(groups, words, _levels(groups)))
    if title_lines:
        blocks = _with_abstract(blocks, pages[0].number)
    if title_lines and title:
        blocks.insert(0, Block("heading", title, ((0, pages[0].number),), 1))
    return blocks, title, left_out


def _title_lines(page: Page, size: float) -> list[Line]:
    """The largest print in the upper part of the first page, if it is larger than the text and not too long."""
    upper = [
        line
        for line in page.lines
        if line.base < 0.65 * page.height
        and line.cells < 3
        and not line.figure
        and sum(map(str.isalpha, line.text)) > 3
    ]
    large = [line for line in upper if line.size > 1.12 * size]
    # What is set larger further down, behind "Abstract" or "1 Introduction", is a heading.
    first = min((line.base for line in page.lines if is_section_heading(line.text)), default=page.height)
    for line in sorted(large, key=lambda line: (line.base > first, -round(line.size, 1), -len(line.text), line.base)):
        alike = [other for other in upper if abs(other.size - line.size) < 0.04 * line.size and other.bold == line.bold]
        run = _near(alike, line)
        text = " ".join(member.text for member in run)
        if is_section_heading(text) or len(text.split()) < 2 or is_caption(text, small=False):
            continue
        return run if len(text.split()) <= 45 else []
    return []


def _near(lines: list[Line], line: Line) -> list[Line]:
    """The lines above and below `line` at line distances from each other."""
    ordered = sorted(lines, key=lambda item: item.base)
    start = stop = ordered.index(line)
    while start and ordered[start].base - ordered[start - 1].base < 1.9 * line.size:
        start -= 1
    while stop + 1 < len(ordered) and ordered[stop + 1].base - ordered[stop].base < 1.9 * line.size:
        stop += 1
    return ordered[start : stop + 1]


def _title(lines: Sequence[Line], stated: str, pages: Sequence[Page], words: Vocabulary) -> str | None:
    """The printed title; the stated one where it is printed on the first page and nothing stands out there."""
    if lines:
        return repair(join_marked([line.text for line in lines], words)[0])
    stated = squeeze(repair(stated))
    if len(stated.split()) < 2 or not pages:
        return None
    printed = _letters(" ".join(line.text for line in pages[0].lines))
    return stated if _letters(stated) in printed else None


def _letters(text: str) -> str:
    return re.sub(r"\W+", "", text).lower()


def _without_front_matter(groups: list[Group], page: int, title_base: float) -> tuple[list[Group], bool]:
    """Without names, addresses, dates and logos around the title: everything before the first prose of its page."""
    total = sum(group.words for group in groups if group.kind == "body")
    if total < 300:
        return groups, False
    for position, group in enumerate(groups):
        if group.page != page:
            break
        prose = group.kind == "body" and group.words >= _FRONT_PROSE and _PROSE.search(group.text)
        if prose and _LICENCE.search(group.text[:300]):
            continue
        named = (group.kind == "heading" and is_section_heading(group.text)) or _RUN_IN.match(group.text)
        if prose or named:
            # A heading that belongs to this prose stays with it.
            start = position
            while start and groups[start - 1].kind == "heading" and groups[start - 1].lines[0].base > title_base:
                if groups[start - 1].size < group.size or groups[start - 1].page != page or not prose:
                    break
                start -= 1
            kept = [item for item in groups[start:] if not _is_affiliation(item, page)]
            return kept, any(item.kind in ("body", "heading", "footnote") for item in groups[:start])
    return groups, False


def _is_affiliation(group: Group, page: int) -> bool:
    """A note at the foot of the first page that says who the authors are, or who may copy."""
    if group.page != page or group.kind != "footnote":
        return False
    return bool(_AFFILIATION.search(group.text)) or not _PROSE.search(group.text) or group.words < _NOTE_PROSE


def _keep_tables_of_tables(groups: Sequence[Group]) -> None:
    """Where nearly all of a document is tables (forms, lists of codes), they are its text: keep them, row by row."""
    words = sum(group.words for group in groups)
    rest = sum(group.words for group in groups if group.kind in ("table", "junk", "equation"))
    if rest > 0.7 * words:
        for group in groups:
            if group.kind in ("table", "junk", "equation"):
                group.kind = "rows"


def _drop_note_marks(groups: Sequence[Group]) -> None:
    """Remove footnotes' numbers where their fonts draw them small instead of raising them: "... once.2 And"."""
    starts = [(note, first) for note in groups if note.kind == "footnote" for first in note.lines]
    for note, first in starts:
        number = _NOTE_NUMBER.match(first.text)
        if number is None:
            continue
        mark = re.compile(rf"(?<=[^\W\d_]{{3}})([.,;:!?)”’]*){number[1]}(?![\w.,%–-])")
        lines = [
            line
            for group in groups
            if group.page == note.page and group.kind in ("body", "list", "caption")
            for line in group.lines
            if mark.search(line.text)
        ]
        if len(lines) > 1:
            continue
        for line in lines:
            line.text = mark.sub(r"\1", line.text, count=1)
        first.text = first.text[number.end() :]


def _starts_caption(group: Group) -> bool:
    return is_caption(group.text, small=True)


def _with_abstract(blocks: list[Block], page: int) -> list[Block]:
    """Mark an abstract without a heading: the prose of the first page before the introduction."""
    front: list[Block] = []
    for block in blocks:
        if block.page != page or block.kind in ("heading", "abstract"):
            break
        front.append(block)
    words = sum(len(block.text.split()) for block in front if block.kind == "body")
    following = blocks[len(front)] if len(front) < len(blocks) else None
    if following is None or following.kind != "heading" or not _INTRODUCTION.match(following.text):
        return blocks
    if not 40 <= words <= 500 or any(_RUN_IN.match(block.text) for block in front):
        return blocks
    marked = [replace(block, kind="abstract") if block.kind == "body" else block for block in front]
    return marked + blocks[len(front) :]


def _levels(groups: Sequence[Group]) -> dict[int, int]:
    """Heading levels by look: the larger, the higher; bold over light, upright over italic. The title has level 1."""
    looks = {id(group): _look(group) for group in groups if group.kind == "heading"}
    ranks = {look: rank for rank, look in enumerate(sorted(set(looks.values()), reverse=True), 2)}
    return {key: ranks[look] for key, look in looks.items()}


def _look(group: Group) -> tuple[float, bool, bool, bool]:
    return round(group.size * 2) / 2, group.all("bold"), group.text.isupper(), not group.all("italic")


def _flow(groups: Sequence[Group], words: Vocabulary, levels: dict[int, int]) -> Iterator[Block]:
    """Blocks in reading order; captions and notes after the page's text, tables and formulas not at all."""
    indents = _uses_indents(groups)
    current: list[Group] = []
    waiting: list[Group] = []
    for group in groups:
        if group.kind in ("table", "equation", "junk"):
            continue
        if group.kind in ("caption", "footnote"):
            if group.kind == "caption" and waiting and waiting[-1].kind == "caption" and not _starts_caption(group):
                waiting[-1].lines += group.lines
            else:
                waiting.append(group)
            continue
        if current and _goes_on(current, group, indents):
            current.append(group)
            continue
        if current:
            yield _block(current, words, levels)
        ready = [note for note in waiting if note.page < group.page]
        yield from (_block([note], words, levels) for note in ready)
        waiting = [note for note in waiting if note.page >= group.page]
        current = [group]
    if current:
        yield _block(current, words, levels)
    yield from (_block([note], words, levels) for note in waiting)


def _uses_indents(groups: Sequence[Group]) -> bool:
    """Whether new paragraphs start with an indent in this document, so that one without goes on with the last."""
    inner = [group for group in groups if group.kind == "body" and not group.opens and len(group.lines) > 2]
    return sum(group.indented for group in inner) * 10 > 6 * len(inner)


def _goes_on(current: Sequence[Group], group: Group, indents: bool) -> bool:
    """Whether `group` is the rest of the paragraph, or one more item or line of the same list or listing."""
    last = current[-1]
    if last.kind in ("list", "code", "rows") and group.kind == last.kind:
        return True
    if last.kind == "heading" and group.kind == "heading":
        same = abs(last.size - group.size) < 0.3 and last.all("bold") == group.all("bold") and last.page == group.page
        return same and group.space < 1.6 and (group.text[:1].islower() or _OPEN_ENDED.search(last.text) is not None)
    if group.kind != "body" or last.kind not in ("body", "list"):
        return False
    if abs(last.size - group.size) > 0.08 * group.size:
        return False
    line = last.lines[-1]
    full = line.x1 > line.right - 1.5 * line.size
    across = full and not group.indented and (group.opens or group.page != last.page)
    end, start = last.text.rstrip(), group.text[:1]
    if end.endswith((":", ";")):
        return start.islower()
    if TERMINAL.search(end):
        return across and indents and last.kind == "body"
    return start.islower() or (across and last.kind == "body")


def _block(groups: Sequence[Group], words: Vocabulary, levels: dict[int, int]) -> Block:
    first = groups[0]
    if first.kind == "list":
        items: list[list[Line]] = []
        item_pages: list[list[int]] = []
        for group in groups:
            if group.kind == "list" or not items:
                items.append([])
                item_pages.append([])
            items[-1] += group.lines
            item_pages[-1] += [group.page] * len(group.lines)
        texts, marks, offset = [], [], 0
        for item, item_page in zip(items, item_pages, strict=True):
            text, starts = join_marked([line.text for line in item], words)
            plain = without_bullet(text) if not text[:2].strip("(").isalnum() else text
            shift = offset + len(plain) - len(text)
            marks += [(max(offset, start + shift), page) for start, page in zip(starts, item_page, strict=True)]
            texts.append(plain)
            offset += len(plain) + 1
        return Block("list", "\n".join(texts), _changes(marks))
    lines = [(line, group.page) for group in groups for line in group.lines]
    if first.kind in ("code", "rows"):
        text, starts = "", []
        for line, _ in lines:
            starts.append(len(text))
            text += line.text + "\n"
    else:
        text, starts = join_marked([line.text for line, _ in lines], words)
    pages = _changes([(start, page) for start, (_, page) in zip(starts, lines, strict=True)])
    assert first.kind != "equation"
    assert first.kind != "junk"
    kind: ParagraphKind = "table" if first.kind == "rows" else first.kind
    return Block(kind, text, pages, levels.get(id(first), 0))


def _changes(marks: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Only where the page changes; the first mark at 0."""
    result: list[tuple[int, int]] = []
    for start, page in marks:
        if not result:
            result.append((0, page))
        elif page != result[-1][1]:
            result.append((start, page))
    return tuple(result)
