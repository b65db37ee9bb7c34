"""Word's files (Office Open XML): the text that is printed, headings by their styles, lists, tables and notes.

python-docx, the library for this format, is made for writing it: numbering, notes, tracked changes and text boxes
would have to be dug out of the same XML.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sumpool.documents.archives import Archive
from sumpool.documents.building import Block, arrange, build
from sumpool.documents.document import Document
from sumpool.documents.markup import tag_of
from sumpool.documents.repair import repair, squeeze
from sumpool.documents.sections import Abstract, select
from sumpool.errors import DocumentError

if TYPE_CHECKING:
    from lxml.etree import _Element

_SKIPPED = frozenset({
    "del", "moveFrom", "instrText", "delText", "Fallback", "rPr", "pPr", "tblPr", "trPr", "tcPr", "sdtPr", "drawing",
    "ruby",
})  # fmt: skip
_TITLE, _NO_TEXT = 0, -1
_HEADING = re.compile(r"heading ?(\d)", re.I)
_CODE = re.compile(r"\b(?:code|source|preformatted|verbatim|listing)\b|html preformatted", re.I)
_GAPS = {"tab": " ", "br": " ", "cr": " ", "noBreakHyphen": "-", "ptab": " "}


def read_docx(archive: Archive, source: str, *, abstract: Abstract) -> Document:
    """The Document of a DOCX file. Raises DocumentError."""
    archive.shown = "DOCX file"
    reader = _Reader(archive)
    blocks = list(reader.blocks())
    if not blocks:
        raise DocumentError("no-text", "DOCX file without text (if it shows pictures of text, run OCR on them)")
    kept, left_out = select(blocks, abstract)
    return build(source, kept, title=_title(archive, blocks, reader.title), left_out=[*reader.left_out, *left_out])


def _title(archive: Archive, blocks: list[Block], titled: str) -> str | None:
    """What is styled as the title, what the properties say, or a heading at the very top."""
    core = archive.xml_if_any("docProps/core.xml")
    if titled:
        return titled
    for element in core.iter("{*}title") if core is not None else ():
        named = squeeze(repair(element.text or ""))
        # The properties often keep the title of the file that this one was made from.
        if named and any(named.lower() in block.text.lower() for block in blocks[:8]):
            return named
    return blocks[0].text if blocks[0].kind == "heading" else None


@dataclass(slots=True)
class _Style:
    name: str = ""
    based_on: str = ""
    outline: int | None = None
    numbering: tuple[str, int] | None = None


@dataclass(slots=True)
class _Numbering:
    """Which lists have numbers, and how far each has counted."""

    numbered: dict[tuple[str, int], bool] = field(default_factory=dict)
    counts: Counter[tuple[str, int]] = field(default_factory=Counter)

    def mark(self, list_id: str, level: int) -> str:
        for deeper in [key for key in self.counts if key[0] == list_id and key[1] > level]:
            del self.counts[deeper]
        if not self.numbered.get((list_id, level)):
            return "- "
        self.counts[list_id, level] += 1
        return f"{self.counts[list_id, level]}. "


class _Reader:
    def __init__(self, archive: Archive) -> None:
        self.title = ""
        self.left_out: list[str] = []
        main = _main_part(archive)
        self._root = archive.xml(main)
        folder = main.rpartition("/")[0]
        self._styles = _styles(archive.xml_if_any(f"{folder}/styles.xml"))
        self._numbering = _numbering(archive.xml_if_any(f"{folder}/numbering.xml"))
        self._notes: dict[tuple[str, str], str] = {}
        for kind in ("footnote", "endnote"):
            notes = archive.xml_if_any(f"{folder}/{kind}s.xml")
            for note in notes.iter(f"{{*}}{kind}") if notes is not None else ():
                if note.get(_w(note, "type")) is None:  # the others are the rules above notes
                    self._notes[kind, note.get(_w(note, "id"), "")] = _text(note)

    def blocks(self) -> Iterator[Block]:
        body = next(self._root.iter("{*}body"), None)
        if body is None:
            return
        items: list[str] = []
        for element in _flat(body):
            notes = self._notes_in(element)
            if tag_of(element) == "tbl":
                yield from _list(items)
                yield from arrange(
                    [[_text(cell) for cell in row.iterfind("{*}tc")] for row in element.iterfind("{*}tr")]
                )
            else:
                style = self._style_of(element)
                mark = self._mark(element, style)
                text = _text(element)
                if not text:
                    continue
                level = self._level(style)
                if mark and level is None:
                    items.append(mark + text)
                else:
                    yield from _list(items)
                    yield from self._paragraph(text, style, level)
            if notes:
                yield from _list(items)
                yield from notes
        yield from _list(items)

    def _paragraph(self, text: str, style: _Style, level: int | None) -> Iterator[Block]:
        if level == _NO_TEXT:
            self.left_out.append("contents")
        elif level == _TITLE:
            self.title = self.title or text
            yield Block("heading", text, level=1)
        elif level is not None:
            yield Block("heading", text, level=level)
        elif style.name.lower() == "caption":
            yield Block("caption", text)
        elif _CODE.search(style.name):
            yield Block("code", text)
        else:
            yield Block("body", text)

    def _style_of(self, paragraph: _Element) -> _Style:
        for element in paragraph.iterfind("{*}pPr/{*}pStyle"):
            return self._styles.get(element.get(_w(element, "val"), ""), _Style())
        return _Style()

    def _chain(self, style: _Style) -> Iterator[_Style]:
        for _ in range(9):  # styles may be based on each other in a ring
            yield style
            if style.based_on not in self._styles:
                return
            style = self._styles[style.based_on]

    def _level(self, style: _Style) -> int | None:
        """The heading's level that a style gives, from 1; None for what is no heading."""
        for each in self._chain(style):
            name = each.name.lower()
            if name == "title":
                return _TITLE
            if re.match(r"toc \d|table of figures|toc heading", name):
                return _NO_TEXT
            if found := _HEADING.fullmatch(name):
                return int(found[1])
            if each.outline is not None and each.outline < 9:
                return each.outline + 1
        return None

    def _mark(self, paragraph: _Element, style: _Style) -> str:
        numbering = _numbering_of(paragraph)
        for each in self._chain(style):
            numbering = numbering or each.numbering
        if numbering is None or numbering[0] == "0":
            return ""
        return self._numbering.mark(*numbering)

    def _notes_in(self, element: _Element) -> list[Block]:
        found = []
        for reference in element.iter("{*}footnoteReference", "{*}endnoteReference"):
            kind = tag_of(reference).removesuffix("reference")
            text = self._notes.pop((kind, reference.get(_w(reference, "id"), "")), "")
            if text:
                found.append(Block("footnote", text))
        return found


def _main_part(archive: Archive) -> str:
    relations = archive.xml_if_any("_rels/.rels")
    for relation in relations.iter("{*}Relationship") if relations is not None else ():
        target = relation.get("Target", "").lstrip("/")
        if relation.get("Type", "").endswith("/officeDocument") and target in archive.names:
            return target
    return "word/document.xml"


def _w(element: _Element, name: str) -> str:
    """The attribute's name in the namespace that the file uses: there are two, strict and transitional."""
    tag = element.tag
    return f"{tag.partition('}')[0]}}}{name}" if isinstance(tag, str) and tag.startswith("{") else name


def _flat(body: _Element) -> Iterator[_Element]:
    """The paragraphs and outermost tables in order, out of whatever content controls are around them."""
    stack = [iter(body)]
    while stack:
        child = next(stack[-1], None)
        if child is None:
            stack.pop()
        elif child.tag.__class__ is str and _local(child) in ("p", "tbl"):
            yield child
            # Text boxes are anchored in a paragraph, but are paragraphs of their own.
            for box in child.iter("{*}txbxContent"):
                if not any(_local(above) == "Fallback" for above in box.iterancestors()):
                    yield from box.iterfind("{*}p")
        elif _local(child) not in _SKIPPED:
            stack.append(iter(child))


def _local(element: _Element) -> str:
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def _text(element: _Element) -> str:
    """The text of a paragraph, a cell or a note as one line."""
    parts: list[str] = []
    stack = [iter(element)]
    while stack:
        child = next(stack[-1], None)
        if child is None:
            stack.pop()
            continue
        name = _local(child)
        if name == "t":
            parts.append(child.text or "")
        elif name in _GAPS:
            parts.append(_GAPS[name])
        elif name == "p":
            parts.append(" ")
            stack.append(iter(child))
        elif name not in _SKIPPED and name not in ("txbxContent", "pict", ""):
            stack.append(iter(child))
    return re.sub(r"\s+", " ", repair("".join(parts))).strip()


def _list(items: list[str]) -> Iterator[Block]:
    """The list that has been read, if any; `items` is empty afterwards."""
    if items:
        yield Block("list", "\n".join(items))
        items.clear()


def _numbering_of(element: _Element) -> tuple[str, int] | None:
    for properties in element.iterfind("{*}pPr/{*}numPr"):
        found = {_local(part): part.get(_w(part, "val"), "") for part in properties}
        level = found.get("ilvl", "0")
        return found.get("numId", ""), int(level) if level.isdecimal() and len(level) < 3 else 0
    return None


def _styles(root: _Element | None) -> dict[str, _Style]:
    styles: dict[str, _Style] = {}
    for element in root.iter("{*}style") if root is not None else ():
        style = _Style(numbering=_numbering_of(element))
        for part in element:
            value = part.get(_w(part, "val"), "")
            if _local(part) == "name":
                style.name = value
            elif _local(part) == "basedOn":
                style.based_on = value
        for outline in element.iterfind("{*}pPr/{*}outlineLvl"):
            value = outline.get(_w(outline, "val"), "")
            style.outline = int(value) if value.isdecimal() and len(value) == 1 else None
        styles[element.get(_w(element, "styleId"), "")] = style
    return styles


def _numbering(root: _Element | None) -> _Numbering:
    numbering = _Numbering()
    if root is None:
        return numbering
    kinds: dict[str, dict[int, bool]] = {}
    for abstract in root.iterfind("{*}abstractNum"):
        levels = kinds.setdefault(abstract.get(_w(abstract, "abstractNumId"), ""), {})
        for level in abstract.iterfind("{*}lvl"):
            number = level.get(_w(level, "ilvl"), "")
            for style in level.iterfind("{*}numFmt"):
                if number.isdecimal() and len(number) < 3:
                    levels[int(number)] = style.get(_w(style, "val")) not in ("bullet", "none")
    for instance in root.iterfind("{*}num"):
        for link in instance.iterfind("{*}abstractNumId"):
            for level, numbered in kinds.get(link.get(_w(link, "val"), ""), {}).items():
                numbering.numbered[instance.get(_w(instance, "numId"), ""), level] = numbered
    return numbering
