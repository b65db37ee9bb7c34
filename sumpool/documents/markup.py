"""The blocks of an HTML tree: web pages, the chapters of an EPUB and the HTML in mail all come through here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import TYPE_CHECKING, Literal

from sumpool.documents.building import Block
from sumpool.documents.document import ParagraphKind
from sumpool.documents.repair import repair, squeeze

if TYPE_CHECKING:
    from lxml.etree import _Element

_SKIPPED = frozenset({
    "head", "script", "style", "template", "noscript", "svg", "iframe", "object", "canvas", "audio", "video", "button",
    "select", "textarea", "input", "nav", "rp", "rt", "annotation", "annotation-xml", "dialog", "noframes",
})  # fmt: skip
_BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "div", "dl", "dt",
    "fieldset", "figcaption", "figure", "footer", "form", "header", "hr", "html", "main", "p", "section", "summary",
    "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul", "ol", "li", "pre", "h1", "h2", "h3", "h4", "h5", "h6",
})  # fmt: skip
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_CAPTIONS = frozenset({"caption", "figcaption"})
_HIDDEN = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.I)
_EPUB_TYPE = "{http://www.idpf.org/2007/ops}type"
_NO_PROSE = frozenset({"pagebreak", "noteref", "toc", "landmarks", "page-list", "index"})
_MARK = re.compile(r"[\[(]?(?:\d{1,3}|[a-z*†‡])[\])]?", re.I)
_PERMALINKS = frozenset("#¶§🔗")
_LONG_CELL = 25
"""Words: a table whose cells have more than that on average only arranges text on the page."""

Event = tuple[Literal["start", "text", "end"], str, "_Element"]


def parse_html(text: str) -> _Element | None:
    """The root of an HTML page, however malformed; None where there is nothing."""
    from lxml import etree

    parser = etree.HTMLParser(no_network=True, encoding="utf-8")
    return etree.fromstring(text.encode("utf-8", errors="replace"), parser)


def tag_of(element: _Element) -> str:
    """An element's name without its namespace, in lower case; "" for comments and the like."""
    tag = element.tag
    return tag.rpartition("}")[2].lower() if isinstance(tag, str) else ""


def markup_blocks(root: _Element) -> Iterator[Block]:
    """The blocks of everything that a reader of the page would see."""
    return _Collector().collect(root)


def text_of(element: _Element) -> str:
    """The text of an element as one line."""
    return _line("".join(text for kind, text, _ in _walk(element) if kind == "text"))


def _walk(root: _Element) -> Iterator[Event]:
    """The tree in its order, without what is not shown; no recursion, since pages can be nested without end."""
    from lxml import etree

    yield "start", tag_of(root), root
    yield "text", root.text or "", root
    stack = [(root, iter(root))]
    while stack:
        element, children = stack[-1]
        child = next(children, None)
        if child is None:
            stack.pop()
            yield "end", tag_of(element), element
            if stack:
                yield "text", element.tail or "", stack[-1][0]
            continue
        tag = tag_of(child)
        if tag and not _is_hidden(child, tag):
            yield "start", tag, child
            yield "text", child.text or "", child
            stack.append((child, iter(child)))
            continue
        if child.tag is etree.Entity:
            yield "text", unescape(child.text or ""), element
        elif tag == "math":
            yield "text", f" {_formula(child)} ", element
        yield "text", child.tail or "", element


def _is_hidden(element: _Element, tag: str) -> bool:
    if tag in _SKIPPED or tag == "math" or element.get("hidden") is not None or element.get("aria-hidden") == "true":
        return True
    if _HIDDEN.search(element.get("style", "")):
        return True
    if not _NO_PROSE.isdisjoint(element.get(_EPUB_TYPE, element.get("epub:type", "")).split()):
        return True
    if tag == "a" and element.get("href", "").startswith("#") and (element.text or "").strip() in _PERMALINKS:
        return True
    # The mark of a note or a reference: a raised number or letter that leads elsewhere.
    return tag == "sup" and next(element.iter("{*}a"), None) is not None and _is_mark(element)


def _is_mark(element: _Element) -> bool:
    parts = [part for part in element.itertext() if isinstance(part, str)]
    return len(parts) < 9 and _MARK.fullmatch("".join(parts).strip()) is not None


def _formula(element: _Element) -> str:
    """A formula as the author's short text for it, or as its symbols."""
    alternative = element.get("alttext", "")
    if alternative and "\\" not in alternative:
        return alternative
    symbols = [
        node.text
        for node in element.iter("{*}mi", "{*}mn", "{*}mo", "{*}mtext")
        if node.text and not isinstance(node.text, bytes)
    ]
    return " ".join("".join(symbols).split())


def _line(text: str) -> str:
    return re.sub(r"\s+", " ", repair(text)).strip()


class _Collector:
    """What is open while the tree is walked: a heading, lists, preformatted text, a table."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._heading = 0
        self._caption = 0
        self._code = 0
        self._marks: list[tuple[str, int]] = []  # open lists: (kind, next number)
        self._pending = ""  # the mark of an item that has no text yet
        self._items: list[str] = []
        self._tables = 0
        self._rows: list[list[list[str]]] = []  # of the outermost table, each cell as its paragraphs

    def collect(self, root: _Element) -> Iterator[Block]:
        for kind, text, element in _walk(root):
            if kind == "text":
                self._text.append(text)
            elif text == "br":
                if kind == "start":
                    self._text.append("\n" if self._code else "\v")
            elif text in _BLOCKS:
                yield from self._flush()
                yield from self._open(text, element) if kind == "start" else self._close(text)
        yield from self._flush()
        yield from self._end_list()

    def _open(self, tag: str, element: _Element) -> Iterator[Block]:
        if tag in _HEADINGS:
            self._heading = _HEADINGS[tag]
        elif tag in ("ul", "ol", "dl"):
            self._marks.append((tag, _number(element.get("start"))))
        elif tag == "li":
            style, number = self._marks.pop() if self._marks else ("ul", 1)
            self._pending = f"{number}. " if style == "ol" else "- "
            self._marks.append((style, number + 1))
        elif tag == "pre":
            self._code += 1
        elif tag in _CAPTIONS:
            self._caption += 1
        elif tag == "table":
            yield from self._end_list() if not self._tables else ()
            self._tables += 1
        elif tag == "tr" and self._tables == 1:
            self._rows.append([])
        elif tag in ("td", "th") and self._tables == 1:
            if not self._rows:
                self._rows.append([])
            self._rows[-1].append([])

    def _close(self, tag: str) -> Iterator[Block]:
        if tag in _HEADINGS:
            self._heading = 0
        elif tag in ("ul", "ol", "dl"):
            if self._marks:
                self._marks.pop()
            self._pending = ""
            if not self._marks:
                yield from self._end_list()
        elif tag == "pre":
            self._code -= 1
        elif tag in _CAPTIONS:
            self._caption -= 1
        elif tag == "table":
            self._tables -= 1
            if not self._tables:
                yield from self._end_table()

    def _flush(self) -> Iterator[Block]:
        """The text since the last block's beginning or end, as what it is."""
        raw = "".join(self._text)
        self._text.clear()
        if not raw or raw.isspace():
            return
        if self._code and not self._tables and not self._marks:
            yield Block("code", repair(raw.replace("\v", "\n").expandtabs(4)).strip("\n"))
            return
        # A line break is a space, two are what pages without <p> have for a paragraph's end.
        for piece in re.split(r"\v\s*\v", raw):
            line = _line(piece.replace("\v", " "))
            if not line:
                continue
            if self._tables and not self._caption:
                if self._rows and self._rows[-1]:
                    self._rows[-1][-1].append(line)
                else:
                    yield Block("body", line)
            elif self._marks:
                self._items.append(self._pending + line)
                self._pending = ""
            elif self._heading:
                yield Block("heading", line, level=self._heading)
            else:
                kind: ParagraphKind = "caption" if self._caption else "body"
                yield Block(kind, line)

    def _end_list(self) -> Iterator[Block]:
        if self._items:
            yield Block("list", "\n".join(self._items))
            self._items = []

    def _end_table(self) -> Iterator[Block]:
        rows, self._rows = self._rows, []
        cells = [cell for row in rows for cell in row if cell]
        words = sum(len(line.split()) for cell in cells for line in cell)
        if all(len(row) < 2 for row in rows) or words > _LONG_CELL * len(cells):
            for cell in cells:
                yield from (Block("body", line) for line in cell)
        else:
            lines = [" | ".join(" ".join(cell) for cell in row) for row in rows if any(row)]
            yield Block("table", "\n".join(squeeze(line) for line in lines))


def _number(start: str | None) -> int:
    return int(start) if start and re.fullmatch(r"\d{1,6}", start) else 1
