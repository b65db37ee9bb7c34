"""The process that opens PDFs: see sumpool.documents.isolation.

Each further line that it reads is a list of the pages, from 0, that are wanted. It answers {"pages", "title"} once the
file is open, and one {"page", ...} a page.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, BinaryIO

from sumpool.documents.isolation import Answer, serve
from sumpool.errors import DocumentError

if TYPE_CHECKING:
    from pdfminer.pdfdocument import PDFDocument
    from pdfminer.pdfpage import PDFPage

    from sumpool.documents.pdf.glyphs import Sheet

DAMAGED = "damaged PDF (open it in a viewer and save it again, or repair it with qpdf or mutool)"
MOST_PAGES = 20_000


def main() -> None:
    """Serve one document to the parent process."""
    serve(_serve, "damaged or huge PDF (reading it takes too much memory)")


def _serve(task: dict[str, Any], data: bytes, requests: BinaryIO, answer: Answer) -> None:
    document, pages = _open(data, task["password"])
    answer({"pages": len(pages), "title": _title(document)})
    from sumpool.documents.pdf.glyphs import PageReader

    reader = PageReader()

    def read(number: int) -> Sheet:
        nonlocal reader
        try:
            return reader.read(pages[number])
        except Exception:
            reader = PageReader()  # who knows what the old one is left with
            raise

    answer_pages(requests, answer, read)


def answer_pages(requests: Iterable[bytes], answer: Answer, read: Callable[[int], Sheet]) -> None:
    """Answer each request for pages with what `read` sees on them."""
    from sumpool.documents.pdf.columns import read_lines

    for request in requests:
        for number in json.loads(request):
            page: dict[str, Any] = {"page": number}
            try:
                sheet = read(number)
                page["height"] = sheet.height
                page["lines"] = [line.pack() for line in read_lines(sheet)]
                page["unreadable"] = sheet.unreadable
                page["images"] = sheet.images
            except (DocumentError, MemoryError):
                raise
            except Exception as problem:  # the libraries raise anything on malformed pages; the others may be fine
                page = {"page": number, "broken": type(problem).__name__}
            answer(page)


def _open(data: bytes, password: str | None) -> tuple[PDFDocument, list[PDFPage]]:
    """The document and its pages; if the cross-reference table leads nowhere, by searching the file for objects."""
    from pdfminer.pdfdocument import PDFEncryptionError, PDFPasswordIncorrect

    empty = False
    for attempt in (data, data.replace(b"startxref", b"startxxxx")):
        try:
            document, pages = _parse(attempt, password or "")
        except PDFPasswordIncorrect:
            if password is None:
                raise DocumentError("encrypted", "encrypted PDF (give --password)") from None
            raise DocumentError("password", "wrong password (the PDF is encrypted with another one)") from None
        except PDFEncryptionError:
            message = "encrypted PDF of an unsupported kind (decrypt it with qpdf first)"
            raise DocumentError("encrypted", message) from None
        except MemoryError:
            raise
        except Exception:  # pdfminer raises anything on malformed files
            continue
        if pages:
            return document, pages
        empty = empty or "Pages" in document.catalog
    if empty:
        raise DocumentError("no-pages", "PDF has no pages")
    raise DocumentError("damaged", DAMAGED)


def _parse(data: bytes, password: str) -> tuple[PDFDocument, list[PDFPage]]:
    from pdfminer.pdfdocument import PDFDocument
    from pdfminer.pdfpage import PDFPage
    from pdfminer.pdfparser import PDFParser

    document = PDFDocument(PDFParser(io.BytesIO(data)), password=password)
    pages: list[PDFPage] = []
    try:
        for page in PDFPage.create_pages(document):
            pages.append(page)
            if len(pages) == MOST_PAGES:
                break
    except MemoryError:
        raise
    except Exception:  # the pages found so far are better than none
        if not pages:
            raise
    return document, pages


def _title(document: PDFDocument) -> str:
    """The title in the document information, if it is one."""
    from pdfminer.pdftypes import resolve1
    from pdfminer.utils import decode_text

    for info in document.info:
        try:
            title = resolve1(info.get("Title"))
            if isinstance(title, bytes):
                return decode_text(title)
        except MemoryError:
            raise
        except Exception:  # pdfminer raises anything on malformed files
            continue
    return ""
