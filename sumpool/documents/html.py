"""Web pages: trafilatura tells which text is the page's content; the structure comes from the page itself.

trafilatura alone would do for search engines: on the pages that it was tried on, its output lost many a heading and
took code in a line for a block of its own. So its text is only the measure for what of the page is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from sumpool.documents.building import Block, build
from sumpool.documents.decoding import decode
from sumpool.documents.document import Document
from sumpool.documents.markup import markup_blocks, parse_html, tag_of, text_of
from sumpool.documents.sections import Abstract, select
from sumpool.errors import DocumentError

if TYPE_CHECKING:
    from lxml.etree import _Element

_CHARSET = re.compile(rb"<(?:meta\b[^>]*\bcharset|\?xml\b[^>]*\bencoding)\s*=\s*[\"']?\s*([\w-]{2,30})", re.I)
_WORD = re.compile(r"\w+")
_MARK = re.compile(r"^(?:-|\d+\.) ")
_SPAN = 3
"""Words in a row that must come in the content, too, for a block that has them to be part of it."""


def read_html(data: bytes, source: str, *, suffix: str, abstract: Abstract) -> Document:
    """The Document of a web page's bytes: its main content. Raises DocumentError."""
    declared = _CHARSET.search(data[:4096])
    text = decode(data, declared[1].decode("ascii") if declared else None)
    root = parse_html(text)
    blocks = list(_main(markup_blocks(root), text)) if root is not None else []
    if root is None or not blocks:
        raise DocumentError("no-text", "web page without text (if it shows some, save it as PDF)")
    title = _title(root, blocks)
    kept, left_out = select(blocks, abstract)
    return build(source, kept, title=title, left_out=left_out)


def _main(blocks: Iterable[Block], page: str) -> list[Block]:
    """The blocks whose text trafilatura finds in the page's content, and the headings over them."""
    from trafilatura import extract

    everything = list(blocks)
    content = extract(page, favor_recall=True, include_comments=False, include_formatting=False)
    if not content:
        return everything
    known = _Content(content)
    kept: list[Block] = []
    headings: list[Block] = []  # those that nothing came under yet, each above the next
    for block in everything:
        if block.kind == "heading":
            headings = [heading for heading in headings if heading.level < block.level]
            headings.append(block)
            continue
        if block.kind == "list":
            block = replace(block, text="\n".join(line for line in block.text.split("\n") if known.has(line)))
        elif not known.has(block.text):
            continue
        if block.text:
            kept += [*headings, block]
            headings = []
    return kept


class _Content:
    """The text of the page's content, to look others up in."""

    def __init__(self, text: str) -> None:
        self._lines = {tuple(_words(line)) for line in text.split("\n")}
        self._spans = set(_spans(_words(text)))

    def has(self, text: str) -> bool:
        """Whether at least half of the text is there."""
        words = _words(_MARK.sub("", text))
        spans = list(_spans(words))
        if not spans:
            return not words or tuple(words) in self._lines
        return sum(span in self._spans for span in spans) * 2 >= len(spans)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _spans(words: list[str]) -> Iterable[tuple[str, ...]]:
    return zip(*(words[first:] for first in range(_SPAN)), strict=False)


def _title(root: _Element, blocks: list[Block]) -> str | None:
    """The page's one main heading, or what the browser's tab would show."""
    tops = [block.text for block in blocks if block.kind == "heading" and block.level == 1]
    named = ""
    for element in root.iter():
        if tag_of(element) == "title":
            named = text_of(element)
            break
    if tops and (len(tops) == 1 or not named or tops[0] in named):
        return tops[0]
    return named or None
