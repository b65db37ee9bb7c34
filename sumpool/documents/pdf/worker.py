"""The process that opens PDFs, so that no malformed file can hang, exhaust or crash the process that asked.

It reads one JSON line from stdin ({"size", "password", "seconds", "memory"}), `size` bytes of PDF, and then one JSON
line [first, last) a request for pages. It writes JSON lines to stdout: {"pages", "title"} once the file is open, one
{"page", ...} a page, or {"error": [kind, message]}. The end of stdin ends it.
"""

from __future__ import annotations

import io
import json
import logging
import math
import os
import signal
import sys
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO

from sumpool.errors import DocumentError

if TYPE_CHECKING:
    from pdfminer.pdfdocument import PDFDocument
    from pdfminer.pdfpage import PDFPage

DAMAGED = "damaged PDF (open it in a viewer and save it again, or repair it with qpdf or mutool)"
MOST_PAGES = 20_000


def main() -> None:
    """Serve one document to the parent process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle: it kills this process
    logging.disable(logging.CRITICAL)
    source = sys.stdin.buffer
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whatever a library prints is no answer
    try:
        task = json.loads(source.readline())
        _limit(task["memory"], task["seconds"])
        _serve(source.read(task["size"]), task["password"], source, answers)
    except DocumentError as error:
        _answer(answers, {"error": [error.kind, error.message]})
    except MemoryError:
        _answer(answers, {"error": ["memory", "damaged or huge PDF (reading it takes too much memory)"]})
    except (BrokenPipeError, EOFError):
        return  # the parent is gone


def _limit(memory: int, seconds: float) -> None:
    """No more address space and processor time than this, where the system can say so."""
    try:
        import resource
    except ImportError:  # Windows: the parent's clock is the only limit
        return
    wanted = ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, math.ceil(seconds) + 2), (resource.RLIMIT_CORE, 0))
    for limit, value in wanted:
        try:
            _, hard = resource.getrlimit(limit)
            resource.setrlimit(limit, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))
        except (OSError, ValueError):  # macOS refuses some of them
            continue


def _serve(data: bytes, password: str | None, requests: BinaryIO, answers: TextIO) -> None:
    document, pages = _open(data, password)
    _answer(answers, {"pages": len(pages), "title": _title(document)})
    from sumpool.documents.pdf.columns import read_lines
    from sumpool.documents.pdf.glyphs import PageReader

    reader = PageReader()
    for request in requests:
        first, last = json.loads(request)
        for number in range(first, last):
            answer: dict[str, Any] = {"page": number}
            try:
                sheet = reader.read(pages[number])
                answer["height"] = sheet.height
                answer["lines"] = [line.pack() for line in read_lines(sheet)]
                answer["unreadable"] = sheet.unreadable
                answer["images"] = sheet.images
            except MemoryError:
                raise
            except Exception as problem:  # pdfminer raises anything on malformed pages; the other pages may be fine
                reader = PageReader()
                answer = {"page": number, "broken": type(problem).__name__}
            _answer(answers, answer)


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


def _answer(answers: TextIO, message: dict[str, Any]) -> None:
    json.dump(message, answers, separators=(",", ":"))
    answers.write("\n")
    answers.flush()


if __name__ == "__main__":
    main()
