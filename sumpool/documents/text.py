"""Plain text: paragraphs found again in lines that may or may not be broken by hand."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator

from sumpool.documents.building import Block, build
from sumpool.documents.document import Document
from sumpool.documents.joining import Vocabulary, join
from sumpool.documents.repair import repair, squeeze
from sumpool.documents.sections import Abstract, is_section_heading, select

_LONG_LINE = 160
"""Characters: a longer line was not broken by hand, so its end is a paragraph's end."""
_ITEM = re.compile(r"\s*(?:[-*+•◦▪–]|\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{1,4})[.)])\s+\S")
_RULE = re.compile(r"\s*([=\-~_*#])\1{2,}\s*")
_NUMBERED = re.compile(r"(?:\d+(?:\.\d+)*\.?|[IVXLC]+\.|[A-Z]\.|(?:chapter|part|section) \w+[.:]?)\s+\S", re.I)
_CODE = re.compile(
    r"[{};=]\s*$|^\s*(?:def|class|import|return|while|#include|public|private|var|let)\b|[=<>!]=|->|\(\)|^\s*[$>#] "
)


def read_text(text: str, source: str, *, abstract: Abstract = "keep") -> Document:
    """The Document of decoded plain text."""
    blocks = list(text_blocks(text))
    title = _title(blocks)
    kept, left_out = select(blocks, abstract)
    return build(source, kept, title=title, left_out=left_out)


def text_blocks(text: str) -> Iterator[Block]:
    """The blocks of decoded plain text, in full."""
    return _blocks(repair(_without_heads(text.expandtabs(4))))


def from_text(text: str, source: str = "text", title: str | None = None) -> Document:
    """The Document of text in memory: paragraphs end at blank lines (where there are none, long lines are paragraphs).

    Nothing is left out and nothing is guessed: line breaks inside a paragraph become spaces.
    """
    text = repair(text.replace("\r\n", "\n").replace("\r", "\n"))
    parts = re.split(r"\n\s*\n", text)
    if len(parts) == 1 and max(map(len, text.split("\n"))) > _LONG_LINE:
        parts = text.split("\n")
    return build(source, (Block("body", re.sub(r"\s+", " ", part)) for part in parts), title=title)


def _without_heads(text: str) -> str:
    """Pages, where form feeds tell them, joined without first and last lines that repeat (RFCs, pdftotext)."""
    if "\f" not in text:
        return text
    pages = [page.strip("\n").split("\n") for page in text.split("\f") if page.strip()]
    counts = Counter(_shape(line) for page in pages for line in (page[0], page[-1]))
    often = max(3, len(pages) // 4)
    kept: list[str] = []
    for page in pages:
        first, last = 0, len(page)
        if counts[_shape(page[0])] >= often:
            first += 1
        if counts[_shape(page[-1])] >= often:
            last -= 1
        while first < last and not page[first].strip():
            first += 1
        while last > first and not page[last - 1].strip():
            last -= 1
        lines = page[first:last]
        if not lines:
            continue
        # A page that ends inside of a sentence goes on with the next page's first line.
        if kept and not (kept[-1].rstrip().endswith((".", "!", "?", ":", "”", '"')) or not lines[0][:1].islower()):
            kept += lines
        else:
            kept += ["", *lines]
    return "\n".join(kept)


def _shape(line: str) -> str:
    return re.sub(r"\d+", "0", squeeze(line))


def _blocks(text: str) -> Iterator[Block]:
    words: Vocabulary | None = None
    chunks = [chunk for chunk in re.split(r"\n(?:[^\S\n]*\n)+", text) if chunk.strip()]
    for position, chunk in enumerate(chunks):
        lines = [line.rstrip() for line in chunk.strip("\n").split("\n")]
        following = chunks[position + 1] if position + 1 < len(chunks) else ""
        if len(lines) == 1:
            yield _single(squeeze(lines[0]), following, first=position == 0)
            continue
        if words is None:
            words = Vocabulary(text.split("\n"))
        yield from _several(lines, words)


def _single(line: str, following: str, first: bool = False) -> Block:
    if _RULE.fullmatch(line):
        return Block("body", "")
    if _ITEM.match(line) and not _NUMBERED.match(line):
        return Block("list", line)
    return Block("heading", line) if _is_heading(line, following, first) else Block("body", line)


def _is_heading(line: str, following: str, first: bool) -> bool:
    """A short line of its own, with a capital or a number in front and no full stop behind, and prose under it."""
    if is_section_heading(line):
        return True
    if len(line) > 90 or len(line.split()) > 14 or line[-1:] in ".,;:!" or not following.strip():
        return False
    start = line.lstrip("\"'“‘(")[:1]
    if not (start.isupper() or start.isdigit()):
        return False
    return first or len(following.split()) > len(line.split())


def _several(lines: list[str], words: Vocabulary) -> Iterator[Block]:
    """The blocks of lines that no blank line separates."""
    # An underlined heading, alone or over its text.
    if _RULE.fullmatch(lines[1]) and len(lines[0]) <= 90 and not _RULE.fullmatch(lines[0]):
        yield Block("heading", squeeze(lines[0]), level=1 if lines[1].strip()[0] == "=" else 2)
        lines = lines[2:]
        if lines:
            yield from _several(lines, words) if len(lines) > 1 else [_single(squeeze(lines[0]), "")]
        return
    lines = [line for line in lines if not _RULE.fullmatch(line)]
    if not lines:
        return
    # A section's name in front of its text.
    if len(lines) > 1 and is_section_heading(lines[0]):
        yield Block("heading", squeeze(lines[0]))
        lines = lines[1:]
    indents = [len(line) - len(line.lstrip()) for line in lines]
    if min(indents) >= 3 and len(lines) > 1 and sum(bool(_CODE.search(line)) for line in lines) * 3 >= len(lines):
        margin = min(indents)
        yield Block("code", "\n".join(line[margin:] for line in lines))
        return
    items = [number for number, line in enumerate(lines) if _ITEM.match(line)]
    if items and (len(items) > 1 or items[0] == 0):
        if items[0]:
            yield from _prose(lines[: items[0]], words)
        stops = [*items[1:], len(lines)]
        yield Block("list", "\n".join(squeeze(join(lines[a:b], words)) for a, b in zip(items, stops, strict=True)))
        return
    yield from _prose(lines, words)


def _prose(lines: list[str], words: Vocabulary) -> Iterator[Block]:
    """Paragraphs: joined where lines were broken to a width, apart where an indent or a long line says so."""
    longest = max(map(len, lines))
    if longest > _LONG_LINE:
        for line in lines:
            yield _single(squeeze(line), "")
        return
    indents = [len(line) - len(line.lstrip()) for line in lines]
    margin = min(indents)
    indented = [number for number, indent in enumerate(indents) if margin + 2 <= indent <= margin + 8]
    starts = [0]
    if indented and len(indented) * 2 < len(lines):
        starts += [number for number in indented if number]
    if len(starts) == 1 and not _wrapped(lines, longest):
        yield Block("list", "\n".join(map(squeeze, lines)))  # verse, an address: its lines are meant
        return
    for start, stop in zip(starts, [*starts[1:], len(lines)], strict=True):
        yield Block("body", squeeze(join(lines[start:stop], words)))


def _wrapped(lines: list[str], width: int) -> bool:
    """Whether the line breaks are there because the next word had no room."""
    if len(lines) < 2:
        return True
    if width < 45 and all(line.lstrip()[:1].isupper() for line in lines):
        return False  # verse
    forced = soft = 0
    for line, following in itertools.pairwise(lines):
        word = following.split(None, 1)[0] if following.split() else ""
        if len(line) + 1 + len(word) > width - 2 or line.endswith("-"):
            forced += 1
        elif following.lstrip()[:1].islower() or line.rstrip()[-1:] not in ".!?:":
            soft += 1
    breaks = len(lines) - 1
    return forced * 2 >= breaks or ((forced + soft) * 10 >= breaks * 9 and width > 50)


def _title(blocks: list[Block]) -> str | None:
    """The first block if it is one short line over more text."""
    if len(blocks) < 2 or blocks[0].kind != "heading" or is_section_heading(blocks[0].text):
        return None
    return blocks[0].text
