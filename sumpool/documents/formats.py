"""Which format a document is in, told by what it contains; its name's suffix decides only where contents leave doubt.

A format's reader takes text or bytes and gives a Document: one module each, imported when it is needed.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from importlib import import_module

from sumpool.documents.decoding import decode, wide_encoding
from sumpool.documents.document import Document
from sumpool.documents.sections import Abstract
from sumpool.documents.transcripts import is_transcript

_SUFFIXES: dict[str, tuple[str, ...]] = {
    "markdown": (".md", ".markdown", ".mdown", ".mkd", ".mkdn", ".mdx", ".qmd", ".rmd"),
    "html": (".html", ".htm", ".xhtml", ".xht"),
    "latex": (".tex", ".latex", ".ltx"),
    "mail": (".eml",),
}
"""The formats of which a file may show too little to be known without its name."""

_SAMPLE = 1 << 16
_PDF_HEADER = b"%PDF-"
_HEADER_REACH = 1024  # readers have always allowed this much in front of the header
_MAIL_HEADERS = frozenset({
    "from", "to", "cc", "subject", "date", "message-id", "mime-version", "content-type", "return-path", "received",
    "delivered-to", "reply-to", "sender", "x-mailer", "user-agent", "in-reply-to", "references",
})  # fmt: skip
_HTML = re.compile(r"<(?:!doctype\s+html|html|head)\b", re.I)
_LATEX = re.compile(r"\\(?:documentclass|documentstyle|begin\s*\{document\}|(?:chapter|section)\*?\s*[\[{])")
_CUE = re.compile(r"\s*(?:\d+:)?\d{1,2}:\d\d[.,]\d{1,3}\s*-->\s*(?:\d+:)?\d{1,2}:\d\d[.,]\d{1,3}")
_SIGNS = {"html": re.compile(r"</?[a-z][a-z0-9]*\b[^<>]*>", re.I), "latex": re.compile(r"\\[a-zA-Z]")}
"""What a file must have to be what its name says: a page that is only a part of one, say."""


@dataclass(frozen=True, slots=True)
class Format:
    """How a format is called, and how its files are read."""

    name: str
    shown: str
    apart: bool
    """Whether it takes a library that some file may hang or exhaust: those work in a process of their own."""


FORMATS = {
    format.name: format
    for format in (
        Format("pdf", "PDF", apart=True),
        Format("zip", "office file or EPUB", apart=True),
        Format("gzip", "gzip file", apart=True),
        Format("html", "HTML", apart=True),
        Format("latex", "LaTeX source", apart=True),
        Format("mail", "e-mail", apart=True),
        Format("subtitles", "subtitle file", apart=False),
        Format("transcript", "transcript", apart=False),
        Format("markdown", "Markdown", apart=False),
        Format("text", "text", apart=False),
    )
}


def recognize(data: bytes, suffix: str) -> Format:
    """The format of a file that begins with `data`; its suffix is lower-case, with the dot, or empty."""
    return FORMATS[_recognize(data[:_SAMPLE], suffix)]


def _recognize(data: bytes, suffix: str) -> str:
    if data.startswith(b"PK\x03\x04"):
        return "zip"
    if data.startswith(b"\x1f\x8b"):
        return "gzip"
    if _PDF_HEADER in data[:_HEADER_REACH] or suffix == ".pdf":
        return "pdf"
    text = _opening(_glance(data))
    lines = text.splitlines()
    if _HTML.match(text):
        return "html"
    if _is_mail(lines, least=2 if text.startswith("From ") else 3):  # a mailbox says that it is one
        return "mail"
    if text.startswith("WEBVTT") or any(map(_CUE.match, [line for line in lines[:20] if line.strip()][:4])):
        return "subtitles"
    if _is_latex(lines, text):
        return "latex"
    named = next((name for name, suffixes in _SUFFIXES.items() if suffix in suffixes), "")
    if named in _SIGNS:
        return named if _SIGNS[named].search(text) else "text"
    if named == "mail" and _is_mail(lines, least=1):
        return named
    if named == "markdown":
        return named
    return "transcript" if is_transcript(lines) else "text"


def read_format(name: str, data: bytes, source: str, suffix: str, abstract: Abstract) -> Document:
    """The Document of bytes in the format of that name (any but PDF). Raises DocumentError."""
    module = import_module(f"sumpool.documents.{_MODULES.get(name, name)}")
    if name in ("gzip", "zip", "html", "mail"):  # these know themselves what their bytes mean
        return getattr(module, f"read_{name}")(data, source, suffix=suffix, abstract=abstract)
    return getattr(module, f"read_{name}")(decode(data), source, abstract=abstract)


_MODULES = {"gzip": "compressed", "zip": "office", "transcript": "transcripts"}


def _glance(data: bytes) -> str:
    """About what the text begins with; never an error, since those who read it in earnest will raise it."""
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        text = data.decode("utf-32", errors="ignore")
    elif data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = data.decode("utf-16", errors="ignore")
    else:
        text = data.decode(wide_encoding(data) or "utf-8", errors="replace")
    return text


def _opening(text: str) -> str:
    """The text from its first word that is no byte order mark, XML declaration or comment."""
    text = text.lstrip("\ufeff \t\r\n\f")
    for opening, closing in (("<?xml", "?>"), *(("<!--", "-->"),) * 9):
        if text.startswith(opening):
            text = text.partition(closing)[2].lstrip()
    return text


def _is_mail(lines: list[str], least: int) -> bool:
    """Whether the text begins with a header block, and at least so many fields in it are those of mail."""
    known: set[str] = set()
    for number, line in enumerate(lines):
        if not line.strip():
            break
        name, colon, _ = line.partition(":")
        if line[0] in " \t" or (number == 0 and line.startswith(("From ", ">From "))):
            continue
        if not colon or not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
            return False
        known.add(name.lower())
    known &= _MAIL_HEADERS
    return len(known) >= least and not known.isdisjoint({"from", "received", "return-path", "subject"})


def _is_latex(lines: list[str], text: str) -> bool:
    first = next((line for line in lines if line.strip() and not line.lstrip().startswith("%")), "")
    return first.lstrip().startswith("\\") and _LATEX.search(text) is not None
