"""PDF files: workers (worker, ocr, pool) read pages (glyphs, lines, columns, tables); assembly makes the document."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from sumpool.documents.building import build
from sumpool.documents.document import Document
from sumpool.documents.sections import Abstract, select
from sumpool.errors import DocumentError

if TYPE_CHECKING:
    from sumpool.documents.pdf.pool import Page, RawPdf

_FEW = 40
"""Characters: a page with a picture and fewer than that is a scan, be it with a stamp or a page number."""


def read_pdf(
    data: bytes,
    source: str,
    *,
    password: str | None = None,
    abstract: Abstract = "keep",
    timeout: float = 120.0,
    jobs: int = 2,
    progress: Callable[[int, int], None] | None = None,
    ocr_progress: Callable[[int, int], None] | None = None,
) -> Document:
    """The Document of a PDF file's bytes; pages that are scans are read by OCR where that is installed.

    Raises DocumentError.
    """
    from sumpool.documents.pdf import ocr
    from sumpool.documents.pdf.assembly import assemble
    from sumpool.documents.pdf.pool import Kind, TooLong, read_pages
    from sumpool.documents.pdf.worker import DAMAGED

    deadline = time.monotonic() + timeout
    try:
        raw = read_pages(data, password=password, deadline=deadline, jobs=jobs, progress=progress)
    except TooLong:
        message = f"reading takes longer than {timeout:g} seconds (the PDF is damaged, or larger than the limit allows)"
        raise DocumentError("timeout", message) from None
    if raw.broken and not any(page.lines for page in raw.pages):
        raise DocumentError("damaged", DAMAGED)
    scans = _scans(raw)
    missing = ocr.missing() if scans else None
    if scans and missing is None:
        try:
            seen = read_pages(
                data,
                password=password,
                deadline=deadline,
                jobs=jobs,
                progress=ocr_progress,
                kind=Kind("sumpool.documents.pdf.ocr", 1),
                wanted=[number - 1 for number in scans],
            )
        except TooLong:
            pages = f"{len(scans):,} scanned page{'s' * (len(scans) > 1)}"
            message = f"OCR of {pages} takes longer than {timeout:g} seconds (give a longer --timeout)"
            raise DocumentError("timeout", message) from None
        recognized = {page.number: page for page in seen.pages}
        richer = (max(page, recognized.get(page.number, page), key=lambda page: page.characters) for page in raw.pages)
        raw = replace(raw, pages=list(richer))
        if not any(page.characters for page in raw.pages):
            raise DocumentError("no-text", "PDF without text, and OCR finds none in what it shows")
    elif not any(page.characters for page in raw.pages if page.number not in scans):
        raise _unread(raw, missing)
    blocks, title, dropped = assemble(raw)
    kept, left_out = select(blocks, abstract)
    if missing:
        left_out.append("scanned pages")
    document = build(source, kept, title=title, pages=raw.count, left_out=[*dropped, *left_out])
    if not document.text:
        raise DocumentError("no-text", "PDF without running text")
    return document


def _scans(raw: RawPdf) -> list[int]:
    """The numbers of the pages that show text as a picture, or in fonts that hide what their characters are.

    All pages where there is no text at all: it may be drawn as lines.
    """
    if not any(page.characters for page in raw.pages):
        return [page.number for page in raw.pages]
    return [page.number for page in raw.pages if _is_scan(page)]


def _is_scan(page: Page) -> bool:
    return page.unreadable > page.characters or (page.images > 0 and page.characters < _FEW)


def _unread(raw: RawPdf, missing: str | None) -> DocumentError:
    """Why there is no text, and what to install."""
    if sum(page.unreadable for page in raw.pages):
        return DocumentError("no-text", f"PDF whose fonts hide what their characters are (for OCR: {missing})")
    if any(page.images for page in raw.pages):
        return DocumentError("scanned", f"scanned PDF without text (for OCR: {missing})")
    return DocumentError("no-text", f"PDF without text (if it shows some, for OCR: {missing})")
