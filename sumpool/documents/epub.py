"""EPUB books: their chapters in the order of the spine.

ebooklib, the library for this format, is under the AGPL; the format is XHTML in a ZIP archive with a list of contents.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import unquote

from sumpool.documents.archives import Archive, parse_xml
from sumpool.documents.building import Block, build
from sumpool.documents.decoding import decode
from sumpool.documents.document import Document
from sumpool.documents.markup import markup_blocks, parse_html, text_of
from sumpool.documents.sections import Abstract, select
from sumpool.errors import DocumentError

if TYPE_CHECKING:
    from lxml.etree import _Element

_FONT_OBFUSCATION = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
_PAGES = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml", "")


def read_epub(archive: Archive, source: str, *, abstract: Abstract) -> Document:
    """The Document of an EPUB file. Raises DocumentError."""
    archive.shown = "EPUB file"
    encryption = archive.xml_if_any("META-INF/encryption.xml")
    for method in encryption.iter("{*}EncryptionMethod") if encryption is not None else ():
        if method.get("Algorithm") not in _FONT_OBFUSCATION:
            raise DocumentError("encrypted", "EPUB file with copy protection (it opens in its seller's reader only)")
    package, folder = _package(archive)
    blocks = [block for name in _spine(package, folder, archive) for block in _chapter(archive, name)]
    if not blocks:
        raise DocumentError("no-text", "EPUB file without text (if it shows pictures of text, run OCR on them)")
    title = next((text_of(element) for element in package.iter("{http://purl.org/dc/elements/1.1/}title")), "")
    kept, left_out = select(blocks, abstract)
    return build(source, kept, title=title or None, left_out=left_out)


def _package(archive: Archive) -> tuple[_Element, str]:
    """(the list of what is in the book, the folder that its names are relative to)."""
    for root in archive.xml("META-INF/container.xml").iter("{*}rootfile"):
        name = root.get("full-path", "")
        if name in archive.names:
            return archive.xml(name), posixpath.dirname(name)
    raise archive.damaged()


def _spine(package: _Element, folder: str, archive: Archive) -> Iterator[str]:
    """The names of the chapters in reading order, each once."""
    items = {item.get("id"): item for item in package.iterfind("{*}manifest/{*}item")}
    seen: set[str] = set()
    for reference in package.iterfind("{*}spine/{*}itemref"):
        item = items.get(reference.get("idref"))
        if item is None or reference.get("linear") == "no":
            continue
        if item.get("media-type", "") not in _PAGES or "nav" in item.get("properties", "").split():
            continue
        name = posixpath.normpath(posixpath.join(folder, unquote(item.get("href", "").partition("#")[0])))
        if name in archive.names and name not in seen:
            seen.add(name)
            yield name


def _chapter(archive: Archive, name: str) -> Iterator[Block]:
    from lxml import etree

    data = archive.read(name)
    root: _Element | None
    try:
        root = parse_xml(data)
    except etree.XMLSyntaxError:  # a reader forgives this, too
        if not data.strip():
            return
        root = parse_html(decode(data))
    if root is not None:
        yield from markup_blocks(root)
