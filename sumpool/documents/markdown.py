"""Markdown to clean prose: what a reader of the rendered page would read, structure kept as paragraph kinds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sumpool.documents.building import Block, build
from sumpool.documents.document import Document
from sumpool.documents.repair import repair, squeeze
from sumpool.documents.sections import Abstract, select

if TYPE_CHECKING:
    from markdown_it.token import Token

_FRONT_MATTER = re.compile(
    r"\A(?:---[^\S\n]*\n(.*?\n)?(?:---|\.\.\.)|\+\+\+[^\S\n]*\n(.*?\n)?\+\+\+)[^\S\n]*(?:\n|\Z)", re.S
)
_TITLE = re.compile(r"^title\s*[:=]\s*(?:\"([^\"\n]*)\"|'([^'\n]*)'|([^\n>|]\S?[^\n]*))$", re.M | re.I)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.S)
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_BREAK = re.compile(r"<br\s*/?>", re.I)


def read_markdown(text: str, source: str, *, abstract: Abstract = "keep") -> Document:
    """The Document of Markdown text (CommonMark with tables and strikethrough; front matter is stripped)."""
    from markdown_it import MarkdownIt

    title, text = _front_matter(text)
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    tokens = parser.parse(text)
    blocks = list(_blocks(tokens))
    if title is None:
        title = next((block.text for block in blocks if block.kind == "heading" and block.level == 1), None)
    kept, left_out = select(blocks, abstract)
    return build(source, kept, title=title, left_out=left_out)


def _front_matter(text: str) -> tuple[str | None, str]:
    """(the title that YAML or TOML front matter gives, the text after it)."""
    found = _FRONT_MATTER.match(text)
    if not found:
        return None, text
    title = _TITLE.search(found[1] or found[2] or "")
    value = squeeze(next(filter(None, title.groups()), "")) if title else ""
    return repair(value) or None, text[found.end() :]


def _blocks(tokens: Sequence[Token]) -> Iterator[Block]:
    items: list[str] = []  # the lines of the list being read, one an item's paragraph
    marks: list[tuple[str, int]] = []  # open lists: (kind, next number)
    pending = ""  # the mark of an item that has no text yet
    row: list[str] = []
    rows: list[str] = []
    heading = 0
    in_table = False
    for token in tokens:
        kind = token.type
        if kind in ("bullet_list_open", "ordered_list_open"):
            marks.append(("ordered" if kind[0] == "o" else "bullet", int(token.attrs.get("start", 1))))
        elif kind in ("bullet_list_close", "ordered_list_close"):
            marks.pop()
            if not marks and items:
                yield Block("list", "\n".join(items))
                items = []
        elif kind == "list_item_open":
            style, number = marks[-1]
            pending = f"{number}. " if style == "ordered" else "- "
            marks[-1] = (style, number + 1)
        elif kind == "heading_open":
            heading = int(token.tag[1])
        elif kind == "heading_close":
            heading = 0
        elif kind == "table_open":
            in_table, rows = True, []
        elif kind == "table_close":
            in_table = False
            yield Block("table", "\n".join(rows))
        elif kind == "tr_open":
            row = []
        elif kind == "tr_close":
            rows.append(" | ".join(row))
        elif kind == "inline":
            text = _inline(token.children or [])
            if in_table:
                row.append(text)
            elif heading:
                yield Block("heading", text, level=heading)
            elif marks and text:
                items.append(pending + text)
                pending = ""
            else:
                yield Block("body", text)
        elif kind in ("fence", "code_block"):
            code = repair(token.content.expandtabs(4)).rstrip()
            if marks:
                items += [line for line in code.split("\n") if line.strip()]
            else:
                yield Block("code", code)
        elif kind == "html_block":
            text = _html(token.content)
            if text:
                yield Block("body", text)


def _inline(tokens: Sequence[Token]) -> str:
    """The text of a line: links reduced to theirs, images to what they show, emphasis and tags removed."""
    parts: list[str] = []
    for token in tokens:
        if token.type in ("softbreak", "hardbreak"):
            parts.append(" ")
        elif token.type == "image":
            parts.append(_inline(token.children or []))
        elif token.type == "html_inline":
            parts.append(" " if _BREAK.fullmatch(token.content) else "")
        else:
            parts.append(token.content)
    return squeeze(repair("".join(parts)))


def _html(content: str) -> str:
    from html import unescape

    plain = _TAG.sub("", _BREAK.sub(" ", _COMMENT.sub("", content)))
    return re.sub(r"\s+", " ", repair(unescape(plain))).strip()
