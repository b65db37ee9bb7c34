"""From blocks, which readers make, to a Document, whose offsets everything else relies on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sumpool.documents.document import Document, Paragraph, ParagraphKind, Sentence
from sumpool.documents.sentences import cut, split_sentences, trim

_BLANK_LINES = re.compile(r"[^\S\n]*\n(?:[^\S\n]*\n)+")
_ENDS_OF_LINES = re.compile(r"[^\S\n]+(?=\n)")
_LINEWISE: frozenset[ParagraphKind] = frozenset({"code", "list", "table"})


@dataclass(frozen=True, slots=True)
class Block:
    """One paragraph of a document under construction.

    `pages` says which page the text is on: (offset in `text`, page number), ascending, the first at 0; empty where
    the source has no pages. `level` counts headings from 1, the highest; 0 is "unknown" (and for what is no heading).
    """

    kind: ParagraphKind
    text: str
    pages: tuple[tuple[int, int], ...] = ()
    level: int = 0

    @property
    def page(self) -> int | None:
        return self.pages[0][1] if self.pages else None

    @property
    def words(self) -> int:
        return len(self.text.split())

    def page_at(self, offset: int) -> int | None:
        page = self.page
        for start, number in self.pages:
            if start > offset:
                break
            page = number
        return page


def build(
    source: str,
    blocks: Iterable[Block],
    *,
    title: str | None = None,
    pages: int | None = None,
    left_out: Iterable[str] = (),
) -> Document:
    """The Document of `blocks` in their order; blocks without text vanish."""
    parts: list[str] = []
    paragraphs: list[Paragraph] = []
    sentences: list[Sentence] = []
    position = 0
    for block in blocks:
        text = _BLANK_LINES.sub("\n", _ENDS_OF_LINES.sub("", block.text))
        start, end = trim(text, 0, len(text))
        if block.kind == "code":  # the first line's indent is part of it
            start = text.rfind("\n", 0, start) + 1
        if not text[start:end].strip():
            continue
        shift = position - start
        parts.append(text[start:end])
        paragraphs.append(Paragraph(position, position + end - start, block.kind, block.page))
        for first, last in _sentences(block.kind, text, start, end):
            sentences.append(Sentence(first + shift, last + shift, block.page_at(first)))
        position += end - start + 2
    return Document(
        source=source,
        text="\n\n".join(parts),
        paragraphs=tuple(paragraphs),
        sentences=tuple(sentences),
        title=title,
        pages=pages,
        left_out=tuple(dict.fromkeys(left_out)),
    )


def _sentences(kind: ParagraphKind, text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Prose by sentences, a heading as one, lists line by line and then by sentences, code and tables line by line."""
    if kind == "heading":
        yield from cut(text, start, end)
    elif kind in _LINEWISE:
        for line in re.finditer(r"[^\n]+", text[start:end]):
            first, last = start + line.start(), start + line.end()
            if kind == "list":
                yield from ((first + a, first + b) for a, b in split_sentences(text[first:last]))
            else:
                yield from cut(text, first, last)
    else:
        yield from ((start + first, start + last) for first, last in split_sentences(text[start:end]))


def arrange(rows: list[list[str]]) -> Iterator[Block]:
    """A table's cells as a table, or as paragraphs: a single column or long texts in cells only arrange a page."""
    cells = [cell for row in rows for cell in row if cell]
    if all(len(row) < 2 for row in rows) or sum(len(cell.split()) for cell in cells) > 25 * len(cells):
        yield from (Block("body", cell) for cell in cells)
    else:
        yield Block("table", "\n".join(" | ".join(row) for row in rows if any(row)))
