"""Damaged files and made-up ones, thousands of them with fixed seeds, to every reader.

Each ends in a Document that keeps its promises or in one clear error, in bounds, and leaves nothing behind. A few run
each time, all of them with `make test-long`.
"""

from __future__ import annotations

import gzip
import io
import os
import random
import re
import time
import zipfile
import zlib
from pathlib import Path

import pytest
from checking import check
from handmade import docx, epub, odt, zipped
from handset import HEIGHT, WIDTH, Paper, prose
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reportlab.pdfgen.canvas import Canvas
from test_formats import BODY, CHAPTERS, LATEX, MAILBOX, ODT_BODY, ODT_STYLES, PAGE, REFERENCES, SRT, VTT, message
from test_ocr import pdf, picture

from sumpool.documents import read_document
from sumpool.documents.formats import read_format, recognize
from sumpool.errors import DocumentError

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
LIMIT = 10.0
"""Seconds that a document may take."""

pytestmark = pytest.mark.usefixtures("temporary")


def _uncompressed() -> bytes:
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(WIDTH, HEIGHT), pageCompression=0, invariant=1)
    for page in range(2):
        for number, words in enumerate(prose(page, 12).split(". ")):
            canvas.drawString(72, 700 - 14 * number, words)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


SAMPLES: dict[str, bytes] = {
    "a.html": PAGE.encode(),
    "a.docx": docx(BODY),
    "a.odt": odt(ODT_BODY, ODT_STYLES),
    "a.epub": epub(CHAPTERS),
    "a.tex": LATEX.encode(),
    "a.eml": message(f"{prose(1, 30)}\n\n> Quoted.\n\n-- \nAnna\n", f"<p>{prose(1, 30)}</p>"),
    "a.srt": SRT.encode(),
    "a.vtt": VTT.encode(),
    "a.txt": b"[00:01] Anna: Words.\n[00:02] More.\n[00:03] Ben: Yes.\n",
    "a.md": (EXAMPLES / "minutes.md").read_bytes()[:6_000],
    "handbook.txt": (EXAMPLES / "handbook.txt").read_bytes()[:8_000],
    "utf-16.txt": prose(2, 20).replace("the", "thé").encode("utf-16"),
    "latin-1.txt": prose(3, 20).replace("the", "thé").encode("latin-1"),
    "mojibake.txt": prose(4, 20).replace("the", "thÃ©").encode(),
    "mailbox": MAILBOX,
    "references.tex": REFERENCES.encode(),
    "a.txt.gz": gzip.compress(prose(1).encode()),
}
PDFS: dict[str, bytes] = {
    "uncompressed.pdf": _uncompressed(),
    "paper.pdf": Paper().body(prose(1, 40)).heading("A Heading").body(prose(2, 20)).note("A note.").pdf(),
    "encrypted.pdf": Paper(password="x").body(prose(3, 20)).pdf(),
    "scan.pdf": pdf(picture("The harbour was dredged in 1911.")),
    "report.pdf": (EXAMPLES / "report.pdf").read_bytes(),
}


def _mutant(data: bytes, chance: random.Random) -> bytes:
    mutant = bytearray(data)
    for _ in range(chance.choice([1, 3, 12])):
        place = chance.randrange(len(mutant) + 1)
        kind = chance.randrange(6)
        if kind == 0 and place < len(mutant):
            mutant[place] = chance.randrange(256)
        elif kind == 1:
            del mutant[place : place + chance.randrange(1, 200)]
        elif kind == 2:
            mutant[place:place] = mutant[chance.randrange(len(mutant) + 1) :][: chance.randrange(1, 200)]
        elif kind == 3:
            mutant[place:place] = chance.choice(_BITS)
        elif kind == 4:
            numbers = list(re.finditer(rb"\d+", bytes(mutant[:20_000])))
            if numbers:
                number = chance.choice(numbers)
                mutant[number.start() : number.end()] = chance.choice(_NUMBERS)
        elif chance.random() < 0.3:
            del mutant[place:]
    return bytes(mutant) or b"x"


_BITS = [
    b"<", b">", b"</p>", b"<table>", b"<li>", b"<pre>", b"&#0;", b"&#xD800;", b"&lt;", b"<![CDATA[", b"<!--", b"\x00",
    b"\\", b"{", b"}", b"$", b"%", b"\\begin{itemize}", b"\\end{x}", b"\\item", b"\\verb|", b"&", b"#1", b"\n\n",
    b"\xff\xfe", b"\xc3", b"=?utf-8?q?=FF?=", b"Content-Type: text/html; charset=utf-7\n", b"-->", b"99:99:99,999",
    b"00:00:00,000 --> 00:00:01,000\n", b">", b"-- \n", b"<w:p>", b"<text:list>", b"\x1f\x8b", b"PK\x03\x04",
]  # fmt: skip
_NUMBERS = [b"0", b"-1", b"99999999999", b"1e9", b"(x)", b"<<", b"[", b"1 0 R", b"4 0 R"]


def _remade(data: bytes, chance: random.Random) -> bytes:
    """An archive whose members are damaged, not its own structure: deeper in than bytes alone would get."""
    if data.startswith(b"\x1f\x8b"):
        return gzip.compress(_mutant(zlib.decompress(data, 31), chance))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts: dict[str, str | bytes] = {name: archive.read(name) for name in archive.namelist()}
    victim = chance.choice(sorted(parts))
    part = parts[victim]
    assert isinstance(part, bytes)
    parts[victim] = _mutant(part, chance)
    return zipped(parts)


def _mutated(name: str, seed: int) -> bytes:
    chance = random.Random(f"{name} {seed}")
    packed = name.endswith((".docx", ".odt", ".epub", ".gz"))
    return (_remade if packed and seed % 4 else _mutant)((SAMPLES | PDFS)[name], chance)


def _survives(name: str, data: bytes) -> None:
    """Through the door that everybody uses."""
    start = time.monotonic()
    try:
        check(read_document(name, data, timeout=LIMIT))
    except DocumentError as problem:
        assert "\n" not in problem.message  # noqa: PT017
        assert len(problem.message) < 200  # noqa: PT017
    assert time.monotonic() - start < 3 * LIMIT


def _survives_here(name: str, data: bytes) -> None:
    """As above, but in this process, where it is quick: what the library of a format raises is let through."""
    suffix = os.path.splitext(name)[1]
    format = recognize(data, suffix)
    start = time.monotonic()
    if format.name != "pdf":
        try:
            check(read_format(format.name, data, name, suffix, "keep"))
        except DocumentError as problem:
            assert "\n" not in problem.message  # noqa: PT017
    assert time.monotonic() - start < 3 * LIMIT


@pytest.mark.parametrize("name", [*SAMPLES, *PDFS])
def test_damage(name: str) -> None:
    for seed in range(3):
        _survives(name, _mutated(name, seed))


@pytest.mark.parametrize("name", SAMPLES)
def test_readers_themselves_cope_with_damage(name: str) -> None:
    for seed in range(100, 130):
        _survives_here(name, _mutated(name, seed))


@pytest.mark.long
@pytest.mark.parametrize("name", SAMPLES)
def test_much_damage(name: str) -> None:
    for seed in range(1_000, 1_010):
        _survives(name, _mutated(name, seed))
    for seed in range(2_000, 2_200):
        _survives_here(name, _mutated(name, seed))


@pytest.mark.long
@pytest.mark.parametrize("first", range(1_000, 1_100, 10))
@pytest.mark.parametrize("name", PDFS)
def test_much_damage_to_pdfs(name: str, first: int) -> None:
    for seed in range(first, first + (2 if name in ("report.pdf", "scan.pdf") else 10)):
        _survives(name, _mutated(name, seed))


OPENINGS = {
    "a.html": b"<html>",
    "a.tex": b"\\documentclass{a}",
    "a.eml": b"From: a\nSubject: b\n\n",
    "a.vtt": b"WEBVTT\n\n",
}
PIECES = st.sampled_from(_BITS) | st.binary(max_size=8) | st.sampled_from([b"word ", b"Word. "])


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(SAMPLES)), st.lists(PIECES, max_size=30))
def test_any_pieces(name: str, pieces: list[bytes]) -> None:
    _survives_here(name, OPENINGS.get(name, b"") + b"".join(pieces) or b"x")


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=300))
def test_any_bytes_behind_a_pdf_header(data: bytes) -> None:
    _survives("x.pdf", b"%PDF-1.5\n" + data)
