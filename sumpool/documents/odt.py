"""OpenDocument text (LibreOffice): the text that is printed, with headings, lists, tables and notes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sumpool.documents.archives import Archive
from sumpool.documents.building import Block, arrange, build
from sumpool.documents.document import Document
from sumpool.documents.repair import repair, squeeze
from sumpool.documents.sections import Abstract, select
from sumpool.errors import DocumentError

if TYPE_CHECKING:
    from lxml.etree import _Element

_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_STYLE = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
_SKIPPED = frozenset({
    "tracked-changes", "annotation", "annotation-end", "note-citation", "bibliography-mark-template", "forms",
    "sequence-decls", "user-field-decls", "variable-decls", "title", "desc", "object", "binary-data", "ruby-text",
    "index-title-template", "table-of-content-source",
})  # fmt: skip
_INDEXES = {"table-of-content": "contents", "bibliography": "references", "alphabetical-index": "index",
            "illustration-index": "contents", "table-index": "contents", "user-index": "index",
            "object-index": "contents"}  # fmt: skip
_GAPS = {"tab": " ", "line-break": " "}


def read_odt(archive: Archive, source: str, *, abstract: Abstract) -> Document:
    """The Document of an ODT file. Raises DocumentError."""
    archive.shown = "ODT file"
    manifest = archive.xml_if_any("META-INF/manifest.xml")
    if manifest is not None and next(manifest.iter("{*}encryption-data"), None) is not None:
        raise DocumentError("encrypted", "encrypted ODT file (save it without a password)")
    reader = _Reader(archive)
    blocks = list(reader.blocks())
    if not blocks:
        raise DocumentError("no-text", "ODT file without text (if it shows pictures of text, run OCR on them)")
    kept, left_out = select(blocks, abstract)
    title = reader.title or _named(archive) or (blocks[0].text if blocks[0].kind == "heading" else None)
    return build(source, kept, title=title, left_out=[*reader.left_out, *left_out])


def _named(archive: Archive) -> str | None:
    meta = archive.xml_if_any("meta.xml")
    for element in meta.iter("{http://purl.org/dc/elements/1.1/}title") if meta is not None else ():
        return squeeze(repair(element.text or "")) or None
    return None


class _Reader:
    def __init__(self, archive: Archive) -> None:
        self.title = ""
        self.left_out: list[str] = []
        self._root = archive.xml("content.xml")
        self._parents: dict[str, str] = {}
        self._numbered: set[str] = set()
        for root in (archive.xml_if_any("styles.xml"), self._root):
            if root is None:
                continue
            for style in root.iter(f"{_STYLE}style"):
                self._parents[style.get(f"{_STYLE}name", "")] = style.get(f"{_STYLE}parent-style-name", "")
            for style in root.iter(f"{_TEXT}list-style"):
                first = next((level for level in style if level.get(f"{_TEXT}level") == "1"), None)
                if first is not None and _local(first) == "list-level-style-number":
                    self._numbered.add(style.get(f"{_STYLE}name", ""))

    def blocks(self) -> Iterator[Block]:
        body = next(self._root.iter("{urn:oasis:names:tc:opendocument:xmlns:office:1.0}text"), None)
        if body is None:
            return
        stack = [iter(body)]
        while stack:
            element = next(stack[-1], None)
            if element is None:
                stack.pop()
                continue
            name = _local(element)
            if name in ("p", "h"):
                yield from self._paragraph(element, name)
                yield from _boxes(element)
            elif name == "list":
                yield from self._list(element)
            elif name == "table":
                yield from arrange(
                    [[_text(cell) for cell in row.iterfind("{*}table-cell")] for row in element.iter("{*}table-row")]
                )
            elif name in _INDEXES:
                self.left_out.append(_INDEXES[name])
            elif name and name not in _SKIPPED:
                stack.append(iter(element))  # sections, and whatever else only holds text

    def _paragraph(self, element: _Element, name: str) -> Iterator[Block]:
        text = _text(element)
        style = self._style(element)
        if not text:
            pass
        elif style == "Title":
            self.title = self.title or text
            yield Block("heading", text, level=1)
        elif name == "h":
            level = element.get(f"{_TEXT}outline-level", "1")
            yield Block("heading", text, level=int(level) if level.isdecimal() and len(level) < 3 else 1)
        elif style.startswith("Preformatted"):
            yield Block("code", text)
        elif style in ("Illustration", "Table", "Figure", "Drawing", "Caption"):
            yield Block("caption", text)
        else:
            yield Block("body", text)
        yield from _notes(element)

    def _style(self, element: _Element) -> str:
        """The paragraph's style; automatic ones (P1, P2) stand for what they derive from."""
        name = element.get(f"{_TEXT}style-name", "")
        if re.fullmatch(r"P\d+", name):
            name = self._parents.get(name, name)
        return name

    def _list(self, element: _Element) -> Iterator[Block]:
        lines: list[str] = []
        notes: list[Block] = []
        headings: list[Block] = []
        numbered = element.get(f"{_TEXT}style-name", "") in self._numbered
        pending = ""  # the mark of an item that has no text yet
        counts = [0]  # items so far of each open list
        stack = [(iter(element), True)]
        while stack:
            child = next(stack[-1][0], None)
            if child is None:
                if stack.pop()[1]:
                    counts.pop()
                continue
            name = _local(child)
            if name == "p":
                text = _text(child)
                if text:
                    lines.append(pending + text)
                    pending = ""
                notes += _notes(child)
            elif name == "h":  # numbered headings come as items of a list
                headings += self._paragraph(child, name)
            elif name in ("list-item", "list-header"):
                counts[-1] += 1
                pending = f"{counts[-1]}. " if numbered and len(counts) == 1 else "- "
                stack.append((iter(child), False))
            elif name == "list":
                counts.append(0)
                stack.append((iter(child), True))
        yield from headings
        yield Block("list", "\n".join(lines))
        yield from notes


def _local(element: _Element) -> str:
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def _text(element: _Element) -> str:
    """The text of a paragraph or a cell as one line, without its notes."""
    parts = [element.text or ""]
    stack = [(element, iter(element))]
    while stack:
        child = next(stack[-1][1], None)
        if child is None:
            done, _ = stack.pop()
            if stack:
                parts.append(done.tail or "")
            continue
        name = _local(child)
        if name == "s":
            parts.append(" ")
        elif name in _GAPS:
            parts.append(_GAPS[name])
        elif name and name not in _SKIPPED and name not in ("note", "text-box"):
            parts.append(" " if name == "p" else "")
            parts.append(child.text or "")
            stack.append((child, iter(child)))
            continue
        parts.append(child.tail or "")
    return re.sub(r"\s+", " ", repair("".join(parts))).strip()


def _notes(element: _Element) -> Iterator[Block]:
    for note in element.iter(f"{_TEXT}note-body"):
        yield Block("footnote", _text(note))


def _boxes(element: _Element) -> Iterator[Block]:
    """The paragraphs in frames that hang on this one."""
    for box in element.iter("{*}text-box"):
        for paragraph in box.iterfind(f"{_TEXT}p"):
            yield Block("caption", _text(paragraph))
