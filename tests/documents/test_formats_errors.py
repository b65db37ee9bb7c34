"""Files that are damaged or hostile, in every format besides PDF: a Document or one clear error, in bounds."""

from __future__ import annotations

import gzip
import io
import os
import random
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from checking import check, children
from handmade import docx, epub, odt, p, zipped
from handset import prose
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_formats import BODY, CHAPTERS, LATEX, ODT_BODY, ODT_STYLES, PAGE, SRT, VTT, message

from sumpool.documents import apart, read_document
from sumpool.documents.formats import read_format, recognize
from sumpool.errors import DocumentError

XML_BOMB = (
    '<?xml version="1.0"?><!DOCTYPE x ['
    + '<!ENTITY a0 "harbour">'
    + "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9))
    + "]>"
)


def failure(data: bytes, name: str = "-", **options: object) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        read_document(name, data, **options)  # type: ignore[arg-type]
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 160
    return caught.value


def _worked() -> float:
    """Seconds of processor time, of this process and those it has waited for: the machine may be doing other things."""
    return sum(os.times()[:4])


def test_gzip_bombs() -> None:
    bomb = gzip.compress(b"A word. " * (1 << 25))
    start = time.monotonic()
    problem = failure(bomb)
    assert problem.kind == "memory"
    assert "unpack" in problem.message
    assert time.monotonic() - start < 20


def test_zip_bombs() -> None:
    """One member too large, one that lies about its size, and too many of them."""
    body = "<w:p><w:r><w:t>" + "word " * (1 << 24) + "</w:t></w:r></w:p>"
    assert failure(docx(body)).kind == "memory"
    lying = docx(p("word " * 100_000))
    entry = lying.rindex(b"word/document.xml") - 46  # in the central directory
    assert lying[entry : entry + 4] == b"PK\x01\x02"
    lying = lying[: entry + 24] + (100).to_bytes(4, "little") + lying[entry + 28 :]
    assert failure(lying).kind == "damaged"
    assert failure(zipped({f"word/{number}": "" for number in range(30_000)})).kind == "memory"


@pytest.mark.parametrize("declaration", [XML_BOMB, '<!DOCTYPE x SYSTEM "http://example.org/x">'])
def test_entities_are_not_expanded(declaration: str) -> None:
    name = "&a9;" if "a9" in declaration else ""
    data = zipped(
        {"word/document.xml": f"{declaration}<document><body><p><r><t>Words{name}.</t></r></p></body></document>"}
    )
    try:
        assert len(check(read_document("-", data, timeout=20)).text) < 100
    except DocumentError as problem:
        assert problem.kind in ("damaged", "no-text")  # noqa: PT017


def test_no_file_is_opened_on_a_documents_behalf(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret word")
    url = secret.as_uri()
    entity = f'<!DOCTYPE x [<!ENTITY e SYSTEM "{url}">]>'
    documents = {
        "a.docx": zipped(
            {"word/document.xml": f"{entity}<document><body><p><r><t>Words &e;</t></r></p></body></document>"}
        ),
        "a.epub": epub({"a.xhtml": f'<?xml version="1.0"?>{entity}<html><body><p>Words &e;</p></body></html>'}),
        "a.html": f'{entity}<html><body><p>Words &e;</p><iframe src="{url}"></iframe><object data="{url}"></object>'
        "</body></html>",
        "a.tex": f"\\documentclass{{a}}\\begin{{document}}Words "
        f"\\input{{{secret}}}\\include{{{secret}}}\\end{{document}}",
        "a.eml": "From: a@b.c\nSubject: s\n"
        f"Content-Type: message/external-body; access-type=local-file; name={secret}\n\nx",
    }
    for name, data in documents.items():
        raw = data.encode() if isinstance(data, str) else data
        try:
            assert "secret word" not in read_document(name, raw).text
        except DocumentError as problem:
            assert "secret word" not in problem.message  # noqa: PT017
    traversal = {"../../escaped.txt": "x", "/tmp/escaped.txt": "x", "word/document.xml": "x"}
    before = set(os.listdir(tmp_path))
    failure(zipped(traversal))
    assert set(os.listdir(tmp_path)) == before
    assert not Path("/tmp/escaped.txt").exists()


def test_time_and_memory_limits_end_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    before = children()
    start = time.monotonic()
    page = b"<html><body>" + b"<p>The harbour was dredged in 1911, they say.</p>" * 200_000
    assert failure(page, timeout=1).kind == "timeout"
    assert time.monotonic() - start < 4
    pytest.importorskip("resource")
    monkeypatch.setattr(apart, "MEMORY", 160 << 20)
    assert failure(page).kind in ("memory", "damaged")
    assert children() <= before


@pytest.mark.parametrize(
    "make",
    [
        lambda n: "<html>" + "<p>word" * n,
        lambda n: "<html>" + "<ul><li>word" * n,
        lambda n: "<html>" + "<!-- " * n,
        lambda n: "<html>" + "<br>" * n,
        lambda n: "\\documentclass{a}" + "\\section{x}" * n,
        lambda n: "\\documentclass{a}" + "\\begin{comment}" * n,
        lambda n: "\\documentclass{a}" + "\\newcommand{\\a" * n,
        lambda n: "\\documentclass{a}" + "% \\a{\n" * n,
        lambda n: "\\documentclass{a}" + "$" * n,
        lambda n: "From: a@b.c\nTo: b\nSubject: x\n\n" + "> x\n" * n,
        lambda n: "From: a@b.c\nTo: b\nSubject: x\n\n" + "On x wrote " * n,
        lambda n: "WEBVTT\n\n" + "00:01.000 --> 00:02.000\n<v " * n,
        lambda n: "0:01 A:\n" * n,
        lambda n: "<!-- --> " * n,
        lambda n: "From: x\n" * n,
        lambda n: "a" * n * 20,
    ],
)
def test_time_is_linear(make: Callable[[int], str]) -> None:
    """Ten times the size that a document of its kind may well have, in time that is not felt."""
    data = make(6_000).encode()
    start = _worked()
    try:
        check(read_document("-", data, timeout=60))
    except DocumentError as problem:
        assert problem.kind in ("no-text", "empty", "damaged")  # noqa: PT017
    assert _worked() - start < 8


def test_a_line_of_many_megabytes() -> None:
    line = (prose(1, 500) + " ").encode() * 300
    start = _worked()
    document = read_document("-", line)
    assert document.words > 120_000
    assert _worked() - start < 20


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
    "a.txt.gz": gzip.compress(prose(1).encode()),
}


def _mutant(data: bytes, chance: random.Random) -> bytes:
    mutant = bytearray(data)
    for _ in range(chance.choice([1, 3, 12])):
        place = chance.randrange(len(mutant) + 1)
        kind = chance.randrange(5)
        if kind == 0 and place < len(mutant):
            mutant[place] = chance.randrange(256)
        elif kind == 1:
            del mutant[place : place + chance.randrange(1, 200)]
        elif kind == 2:
            mutant[place:place] = mutant[chance.randrange(len(mutant) + 1) :][: chance.randrange(1, 200)]
        elif kind == 3:
            mutant[place:place] = chance.choice(_BITS)
        elif chance.random() < 0.3:
            del mutant[place:]
    return bytes(mutant) or b"x"


_BITS = [
    b"<", b">", b"</p>", b"<table>", b"<li>", b"<pre>", b"&#0;", b"&#xD800;", b"&lt;", b"<![CDATA[", b"<!--", b"\x00",
    b"\\", b"{", b"}", b"$", b"%", b"\\begin{itemize}", b"\\end{x}", b"\\item", b"\\verb|", b"&", b"#1", b"\n\n",
    b"\xff\xfe", b"\xc3", b"=?utf-8?q?=FF?=", b"Content-Type: text/html; charset=utf-7\n", b"-->", b"99:99:99,999",
    b"00:00:00,000 --> 00:00:01,000\n", b">", b"-- \n", b"<w:p>", b"<text:list>", b"\x1f\x8b", b"PK\x03\x04",
]  # fmt: skip


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
    return (_remade if packed and seed % 4 else _mutant)(SAMPLES[name], chance)


@pytest.mark.parametrize("name", SAMPLES)
def test_damage_ends_in_a_document_or_an_error(name: str) -> None:
    for seed in range(6):
        try:
            check(read_document(name, _mutated(name, seed), timeout=20))
        except DocumentError as problem:
            assert problem.kind != "timeout", seed  # noqa: PT017
            assert "\n" not in problem.message  # noqa: PT017


def _readable_here(name: str, data: bytes) -> None:
    """As read_document, but in this process, where it is quick: what the library of a format raises is let through."""
    suffix = os.path.splitext(name)[1]
    format = recognize(data, suffix)
    if format.name != "pdf":
        check(read_format(format.name, data, name, suffix, "keep"))


@pytest.mark.parametrize("name", SAMPLES)
def test_readers_themselves_cope_with_damage(name: str) -> None:
    for seed in range(100, 160):
        try:
            _readable_here(name, _mutated(name, seed))
        except DocumentError:
            continue


@pytest.mark.long
@pytest.mark.parametrize("name", SAMPLES)
def test_readers_themselves_cope_with_much_damage(name: str) -> None:
    for seed in range(1_000, 3_000):
        try:
            _readable_here(name, _mutated(name, seed))
        except DocumentError:
            continue


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(sorted(SAMPLES)),
    st.lists(st.sampled_from(_BITS) | st.binary(max_size=8) | st.sampled_from([b"word ", b"Word. "]), max_size=30),
)
def test_any_pieces_make_a_document_or_an_error(name: str, pieces: list[bytes]) -> None:
    opening = {
        ".html": b"<html>",
        ".tex": b"\\documentclass{a}",
        ".eml": b"From: a\nSubject: b\n\n",
        ".vtt": b"WEBVTT\n\n",
    }
    try:
        _readable_here(name, opening.get(os.path.splitext(name)[1], b"") + b"".join(pieces) or b"x")
    except DocumentError as problem:
        assert problem.message  # noqa: PT017
