"""PDF files: workers (worker, pool) read pages (glyphs, lines, columns, tables); assembly makes the document."""

from __future__ import annotations

from collections.abc import Callable

from sumpool.documents.building import build
from sumpool.documents.document import Document
from sumpool.documents.sections import Abstract, select
from sumpool.errors import DocumentError


def read_pdf(
    data: bytes,
    source: str,
    *,
    password: str | None = None,
    abstract: Abstract = "keep",
    timeout: float = 120.0,
    jobs: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> Document:
    """The Document of a PDF file's bytes. Raises DocumentError."""
    from sumpool.documents.pdf.assembly import assemble
    from sumpool.documents.pdf.pool import read_pages
    from sumpool.documents.pdf.worker import DAMAGED

    raw = read_pages(data, password=password, timeout=timeout, jobs=jobs, progress=progress)
    if raw.broken and not any(page.lines for page in raw.pages):
        raise DocumentError("damaged", DAMAGED)
    characters = sum(len(line.text) for page in raw.pages for line in page.lines)
    if raw.unreadable > characters:
        message = "PDF whose fonts hide what their characters are (run OCR on it, for example ocrmypdf --force-ocr)"
        raise DocumentError("no-text", message)
    if characters < 40 * raw.count and raw.images >= raw.count and characters < 400:
        raise DocumentError("scanned", "scanned PDF without text (run OCR on it first, for example ocrmypdf)")
    if not characters:
        raise DocumentError("no-text", "PDF without text (if it shows some, run OCR on it, for example ocrmypdf)")
    blocks, title, dropped = assemble(raw)
    kept, left_out = select(blocks, abstract)
    document = build(source, kept, title=title, pages=raw.count, left_out=[*dropped, *left_out])
    if not document.text:
        raise DocumentError("no-text", "PDF without running text")
    return document
