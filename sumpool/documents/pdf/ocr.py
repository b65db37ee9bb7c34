"""Reading scanned pages: pypdfium2 draws them, the program tesseract says which words are where.

Both are optional. The process that does it is a worker (see sumpool.documents.isolation) with the same requests and
answers as sumpool.documents.pdf.worker; tesseract gets a picture and gives text through pipes, without files.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from importlib.util import find_spec
from statistics import median
from typing import TYPE_CHECKING, Any, BinaryIO

from sumpool.documents.archives import parse_xml
from sumpool.documents.isolation import Answer, lead_group, serve
from sumpool.documents.pdf.glyphs import Glyph, Sheet
from sumpool.documents.pdf.worker import DAMAGED, answer_pages
from sumpool.errors import DocumentError

if TYPE_CHECKING:
    from pypdfium2 import PdfPage

_RESOLUTION = 300
"""Dots per inch: what tesseract was trained for."""
_MOST_DOTS = 36_000_000
"""Of one page: larger ones (posters, plans) are drawn coarser."""
_SURE = 50
"""Percent: a word of which tesseract is less sure is a stain or a piece of a picture."""
_ASCENT = 0.72
"""Of its size, what a line of print is high above the baseline."""
_ALIKE = 0.12
"""Print that differs in size from most of the page's by less than this share does not differ: it is measured badly."""
_POINTS = 72


def missing() -> str | None:
    """What is to be done before pages can be read by OCR; None if nothing is."""
    steps = []
    if find_spec("pypdfium2") is None:
        steps.append("pip install 'sumpool[ocr]'")
    if shutil.which("tesseract") is None:
        steps.append("install the program tesseract, on Debian: apt install tesseract-ocr")
    return " and ".join(steps) or None


def main() -> None:
    """Serve one document to the parent process."""
    lead_group()
    serve(_serve, "damaged or huge PDF (OCR of it takes too much memory)")


def _serve(task: dict[str, Any], data: bytes, requests: BinaryIO, answer: Answer) -> None:
    from pypdfium2 import PdfDocument, PdfiumError

    try:
        document = PdfDocument(data, password=task["password"])
    except PdfiumError:
        raise DocumentError("damaged", DAMAGED) from None
    answer({"pages": len(document), "title": ""})

    def read(number: int) -> Sheet:
        page = document[number]
        try:
            return _sheet(page)
        finally:
            page.close()

    answer_pages(requests, answer, read)


def _sheet(page: PdfPage) -> Sheet:
    width, height = page.get_size()
    scale = min(_RESOLUTION / _POINTS, (_MOST_DOTS / max(1.0, width * height)) ** 0.5)
    bitmap = page.render(scale=scale, grayscale=True)
    dots = memoryview(bitmap.buffer).cast("B")
    rows = (dots[start : start + bitmap.width] for start in range(0, bitmap.height * bitmap.stride, bitmap.stride))
    picture = b"P5 %d %d 255\n" % (bitmap.width, bitmap.height) + b"".join(rows)
    bitmap.close()
    glyphs = _glyphs(_recognized(picture, round(scale * _POINTS)), scale)
    return Sheet(width, height, glyphs, unreadable=0, images=1, rules=[])


def _recognized(picture: bytes, resolution: int) -> bytes:
    """tesseract's account, in hOCR, of a picture in PGM format."""
    # Never other bytes than a picture's: tesseract takes what is none for a list of files to open.
    done = subprocess.run(
        ["tesseract", "stdin", "stdout", "--dpi", str(max(70, resolution)), "hocr"],
        input=picture,
        capture_output=True,
        env={**os.environ, "OMP_THREAD_LIMIT": "1"},  # pages are read side by side, not each by many threads
    )
    if done.returncode:
        if b"load" in done.stderr and b"language" in done.stderr:
            message = "the program tesseract lacks its data for English (on Debian: apt install tesseract-ocr-eng)"
            raise DocumentError("ocr", message)
        raise RuntimeError("tesseract failed")
    return done.stdout


def _glyphs(hocr: bytes, scale: float) -> list[Glyph]:
    """The characters of hOCR, in points; where in its word each stands is a guess, the words' places are not."""
    words = [
        (word.getparent(), word, "".join(word.itertext()).strip())
        for word in parse_xml(hocr).iter("{*}span")
        if word.get("class") == "ocrx_word" and _values(word, "x_wconf")[0] >= _SURE
    ]
    sizes = _sizes([line for line, _, _ in words], scale)
    glyphs: list[Glyph] = []
    for line, word, text in words:
        left, _, right, bottom = _values(line, "bbox")
        slope, offset = _values(line, "baseline") or (0.0, 0.0)
        base = (bottom + offset + slope * (right - left) / 2) / scale
        x0, _, x1, _ = (value / scale for value in _values(word, "bbox"))
        step = (x1 - x0) / max(1, len(text))
        glyphs += [
            Glyph(letter, x0 + place * step, x0 + (place + 1) * step, base, sizes[line], "", False, spaced=not place)
            for place, letter in enumerate(text)
        ]
    return glyphs


def _sizes(lines: list[Any], scale: float) -> dict[Any, float]:
    """The size of each line's print, in points, from those of its words' lines: one for the lines of a paragraph."""
    paragraphs: dict[Any, list[float]] = {}
    for line in lines:
        # Its height without what hangs below the baseline, of which tesseract knows little where nothing hangs.
        height = _values(line, "x_size")[0] - _values(line, "x_descenders")[0]
        paragraphs.setdefault(line.getparent(), []).append(height / _ASCENT / scale)
    usual = round(2 * median(size for sizes in paragraphs.values() for size in sizes)) / 2 if paragraphs else 0.0
    found = {paragraph: median(sizes) for paragraph, sizes in paragraphs.items()}
    return {
        line: usual if abs(found[line.getparent()] - usual) < _ALIKE * usual else found[line.getparent()]
        for line in lines
    }


def _values(element: Any, name: str) -> list[float]:
    """The numbers behind a property's name in an hOCR element's title: "bbox 671 276 1814 343; baseline 0 -17"."""
    found = re.search(rf"\b{name}((?: -?[\d.]+)+)", element.get("title", ""))
    return [float(number) for number in found[1].split()] if found else []
