"""Scanned PDFs: read by OCR where that is installed, refused with what to install where it is not."""

from __future__ import annotations

import io
import os
import shutil
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
import typst
from checking import check
from handset import HEIGHT, WIDTH, prose
from PIL import Image
from processes import children
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from sumpool.documents import read_document
from sumpool.errors import DocumentError

with_ocr = pytest.mark.skipif(
    shutil.which("tesseract") is None or find_spec("pypdfium2") is None, reason="needs tesseract and pypdfium2"
)


def picture(source: str) -> Image.Image:
    """The first page that typst makes of `source`, as a scanner sees it."""
    page = typst.compile(f'#set page(paper: "a5")\n{source}'.encode(), format="png", ppi=200, ignore_system_fonts=True)
    assert isinstance(page, bytes)
    return Image.open(io.BytesIO(page)).convert("L")


def pdf(*pages: Image.Image | str) -> bytes:
    """A PDF with pictures as pages, and with lines of text."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(WIDTH, HEIGHT), invariant=1)
    for page in pages:
        if isinstance(page, str):
            for number, line in enumerate(page.split("\n")):
                canvas.drawString(72, HEIGHT - 100 - 14 * number, line)
        else:
            canvas.drawImage(ImageReader(page), 0, 0, WIDTH, HEIGHT, preserveAspectRatio=True)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


TEXT = prose(7, 12)
SCAN = f"= A Scanned Report\n#set par(justify: true)\n{TEXT}"


@pytest.fixture
def no_tesseract(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")


@pytest.mark.usefixtures("no_tesseract")
def test_the_error_says_what_to_install() -> None:
    with pytest.raises(DocumentError) as caught:
        read_document("scan.pdf", pdf(picture(SCAN)))
    assert caught.value.kind == "scanned"
    assert "apt install tesseract-ocr" in caught.value.message
    assert ("pip install 'sumpool[ocr]'" in caught.value.message) == (find_spec("pypdfium2") is None)
    assert len(caught.value.message) < 160


@pytest.mark.usefixtures("no_tesseract")
def test_the_error_tells_fonts_that_hide_their_text() -> None:
    data = typst.compile(SCAN.encode(), ignore_system_fonts=True)
    assert isinstance(data, bytes)
    with pytest.raises(DocumentError) as caught:
        read_document("hidden.pdf", data.replace(b"/ToUnicode", b"/ToUnicodX"))
    assert caught.value.kind == "no-text"
    assert "fonts" in caught.value.message
    assert "tesseract" in caught.value.message


@pytest.mark.usefixtures("no_tesseract")
def test_without_ocr_the_pages_with_text_are_read() -> None:
    document = check(read_document("mixed.pdf", pdf(prose(1, 4).replace(". ", ".\n"), picture(SCAN))))
    assert document.text
    assert document.pages == 2
    assert "scanned pages" in document.left_out


@with_ocr
def test_a_scan_is_read_page_by_page() -> None:
    seen: list[tuple[int, int]] = []
    document = check(
        read_document("scan.pdf", pdf(picture(SCAN), picture(prose(8, 5))), ocr_progress=lambda *at: seen.append(at))
    )
    assert document.title == "A Scanned Report"
    assert document.paragraphs[0].kind == "heading"
    assert document.text.split("\n\n")[1] == TEXT
    assert prose(8, 5) in document.text
    assert [paragraph.page for paragraph in document.paragraphs] == [1, 1, 2]
    assert seen == [(1, 2), (2, 2)]
    assert not document.left_out


@with_ocr
def test_only_pages_without_text_are_scans() -> None:
    seen: list[tuple[int, int]] = []
    pages = (prose(1, 4).replace(". ", ".\n"), picture(SCAN), "Scanned by the Ferrybank library")
    document = check(read_document("mixed.pdf", pdf(*pages), ocr_progress=lambda *at: seen.append(at)))
    assert seen == [(1, 1)]
    assert TEXT in document.text
    assert {sentence.page for sentence in document.sentences} >= {1, 2}


@with_ocr
def test_text_in_fonts_that_hide_it_is_read_from_what_they_draw() -> None:
    data = typst.compile(SCAN.encode(), ignore_system_fonts=True)
    assert isinstance(data, bytes)
    hidden = data.replace(b"/ToUnicode", b"/ToUnicodX")
    assert hidden != data
    assert TEXT in check(read_document("hidden.pdf", hidden)).text


@with_ocr
def test_a_picture_without_text() -> None:
    with pytest.raises(DocumentError) as caught:
        read_document("photo.pdf", pdf(Image.effect_noise((600, 800), 60)))
    assert caught.value.kind in ("no-text", "scanned")


@with_ocr
def test_a_page_as_large_as_a_field() -> None:
    """Coordinates end at 200 inches, says the specification; nobody has to keep to that."""
    data = pdf(picture(SCAN)).replace(b"[ 0 0 612 792 ]", b"[ 0 0 612000 792000 ]")
    assert b"612000" in data
    try:
        check(read_document("field.pdf", data, timeout=60))
    except DocumentError as problem:
        assert problem.kind in ("no-text", "damaged", "memory")  # noqa: PT017


@with_ocr
def test_the_time_limit_ends_tesseract_too() -> None:
    before = children()
    data = pdf(*[picture(SCAN)] * 40)
    start = time.monotonic()
    with pytest.raises(DocumentError) as caught:
        read_document("scan.pdf", data, timeout=4)
    assert caught.value.kind == "timeout"
    assert "--timeout" in caught.value.message
    assert time.monotonic() - start < 8
    assert children() <= before
    deadline = time.monotonic() + 10
    while left := _tesseracts():  # killed with their group; the system may take a moment to bury them
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def _tesseracts() -> list[str]:
    """The processes called tesseract whose parent is gone."""
    found = []
    for entry in Path("/proc").iterdir() if Path("/proc").exists() else ():
        try:
            name, _, rest = (entry / "stat").read_text().rpartition(")")
            if "(tesseract" in name and rest.split()[0] != "Z" and int(rest.split()[1]) in (1, os.getpid()):
                found.append(name)
        except (OSError, ValueError):
            continue
    return found
