"""Documents made to exhaust, or to reach for something outside of themselves: bounded, and alone."""

from __future__ import annotations

import gzip
import http.server
import io
import os
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from checking import check
from handmade import docx, epub, odt, p, zipped
from handset import prose

from sumpool.documents import read_document
from sumpool.errors import DocumentError
from sumpool.record import NAME

CATALOG = b"<</Type/Catalog/Pages 2 0 R>>"
PAGES = b"<</Type/Pages/Kids[3 0 R]/Count 1>>"
PAGE = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Resources<</Font<</F 5 0 R>>>>/Contents 4 0 R>>"
FONT = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
TEXT = b"BT /F 12 Tf 72 700 Td (The harbour was dredged in 1911, says the report.) Tj ET"


def stream(content: bytes, more: bytes = b"") -> bytes:
    return b"<<%s/Length %d>>stream\n%s\nendstream" % (more, len(content), content)


def pdf(*objects: bytes) -> bytes:
    """A PDF of objects numbered from 1, the first its catalog."""
    body = b"".join(b"%d 0 obj%s endobj\n" % (number, text) for number, text in enumerate(objects, 1))
    return b"%PDF-1.7\n" + body + b"trailer<</Root 1 0 R>>\n%%EOF"


def deflated(megabytes: int, content: bytes) -> bytes:
    """Content many times over, deflated twice: some kilobytes."""
    packer = zlib.compressobj(1)
    once = b"".join(
        [*(packer.compress(content * ((1 << 20) // len(content))) for _ in range(megabytes)), packer.flush()]
    )
    return stream(zlib.compress(once, 9), b"/Filter[/FlateDecode/FlateDecode]")


BOMBS: dict[str, Callable[[], bytes]] = {
    "a page that unpacks to a gigabyte": lambda: pdf(CATALOG, PAGES, PAGE, deflated(1024, b" " * 4096), FONT),
    "a page with megabytes of text": lambda: pdf(CATALOG, PAGES, PAGE, deflated(16, TEXT + b" "), FONT),
    "arrays in arrays": lambda: pdf(CATALOG, PAGES, PAGE, stream(b"[" * 400_000), FONT),
    "dictionaries in dictionaries": lambda: pdf(CATALOG, PAGES, PAGE, stream(TEXT), b"<</A" * 200_000),
    "a million objects": lambda: pdf(CATALOG, PAGES, PAGE, stream(TEXT), FONT, *[b"null"] * 1_000_000),
    "a page tree that is its own child": lambda: pdf(CATALOG, b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 9>>"),
    "a page tree a hundred thousand deep": lambda: pdf(
        CATALOG, *[b"<</Type/Pages/Kids[%d 0 R]/Count 1>>" % number for number in range(3, 100_000)], PAGE
    ),
    "more pages than are there": lambda: pdf(
        CATALOG, b"<</Type/Pages/Kids[%s]/Count 99>>" % (b"3 0 R " * 200_000), PAGE, stream(TEXT), FONT
    ),
    "an object that is a reference to itself": lambda: pdf(CATALOG, PAGES, PAGE, b" 4 0 R ", FONT),
    "a page without bounds": lambda: pdf(
        CATALOG, PAGES, PAGE.replace(b"600 800", b"9e30 9e30"), stream(TEXT), FONT
    ),
    "a page larger than a country": lambda: pdf(
        CATALOG, PAGES, PAGE.replace(b"600 800", b"99999999 99999999"), stream(TEXT), FONT
    ),
    "spans of a hundred million cells": lambda: b"<html><table><tr><td colspan=99999999 rowspan=99999999>A</table>",
    "elements in elements": lambda: b"<html><body>" + b"<div>" * 300_000 + b"Words.",
    "XML elements in elements": lambda: docx("<w:p>" * 100_000),
    "OpenDocument spaces": lambda: odt('<text:p>A<text:s text:c="999999999"/>B.</text:p>'),
    "OpenDocument cells": lambda: odt(
        '<table:table><table:table-row table:number-rows-repeated="99999999"><table:table-cell '
        'table:number-columns-repeated="99999999"><text:p>A</text:p></table:table-cell></table:table-row></table:table>'
    ),
    "LaTeX macros that double": lambda: (
        b"\\documentclass{a}\\newcommand{\\a}{word word }"
        + b"".join(b"\\newcommand{\\%c}{\\%c\\%c}" % (n + 1, n, n) for n in range(97, 121))
        + b"\\begin{document}\\y\\end{document}"
    ),
    "LaTeX groups in groups": lambda: b"\\documentclass{a}\\begin{document}" + b"{" * 100_000,
    "Markdown lists in lists": lambda: b"# A\n\n" + b"- " * 50_000 + b"x",
    "Markdown quotations in quotations": lambda: b"# A\n\n" + b">" * 100_000 + b"x",
    "mail parts in mail parts": lambda: b"From: a\nTo: b\nSubject: c\n" + b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(3_000)
    ),
    "gzip of zeros": lambda: gzip.compress(bytes(64 << 20)),
    "gzip in gzip in gzip": lambda: gzip.compress(gzip.compress(gzip.compress(bytes(1 << 20)))),
    "a line of eight megabytes": lambda: b"word" * (2 << 20),
}  # fmt: skip


@pytest.mark.usefixtures("temporary")
@pytest.mark.parametrize("name", BOMBS)
def test_bombs(name: str) -> None:
    suffix = ".md" if name.startswith("Markdown") else ""
    start = time.monotonic()
    try:
        assert len(check(read_document(f"bomb{suffix}", BOMBS[name](), timeout=3)).text) < 32 << 20
    except DocumentError as problem:
        assert "\n" not in problem.message  # noqa: PT017
        assert len(problem.message) < 160  # noqa: PT017
    assert time.monotonic() - start < 30  # ten times the limit: machines are slow, and it is the limit that ends it


@pytest.mark.usefixtures("temporary")
def test_a_batch_goes_on_after_a_killed_reader(tmp_path: Path, small_model: Path, root: Path) -> None:
    good = pdf(CATALOG, PAGES, PAGE, stream(TEXT), FONT)
    for name, data in (("a", good), ("b", BOMBS["a page with megabytes of text"]()), ("c", good)):
        (tmp_path / f"{name}.pdf").write_bytes(data)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "sumpool", "summarize", "a.pdf", "b.pdf", "c.pdf", "-o", "out"),
            *("--model", str(small_model), "--timeout", "5", "--length", "20"),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    failure, *table = done.stderr.splitlines()
    assert failure.startswith("sumpool: b.pdf: reading takes longer than 5 seconds")
    assert [line.split()[:2] for line in table] == [["done", "2"], ["failed", "1"]]
    assert sorted(file.name for file in (tmp_path / "out").glob("*.*")) == [NAME, "a.pdf.txt", "c.pdf.txt"]


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_a_million_tokens_take_no_more_memory_than_their_text(tmp_path: Path, small_model: Path, root: Path) -> None:
    """The text, its sentences and its token ids are all that grows with a document: some hundred bytes a token."""
    program = (
        "import sys, sumpool\n"
        "summary = sumpool.Summarizer(sys.argv[1], device='cpu').summarize(sys.argv[2], length=20)\n"
        "status = open('/proc/self/status').read()\n"
        "print(summary.tokens, status.partition('VmHWM:')[2].split()[0])"
    )
    text = "\n\n".join(prose(seed, 8) for seed in range(9_000))
    peaks = []
    for size in (len(text) // 100, len(text)):
        file = tmp_path / f"{size}.txt"
        file.write_text(text[:size])
        done = subprocess.run(
            [sys.executable, "-c", program, str(small_model), str(file)],
            env={**os.environ, "PYTHONPATH": str(root)},
            capture_output=True,
            text=True,
            check=True,
            timeout=900,
        )
        tokens, peak = map(int, done.stdout.split())
        peaks.append(peak << 10)
    print(tokens, peaks)
    assert tokens > 1_000_000
    assert peaks[1] - peaks[0] < 400 * tokens, peaks


@pytest.mark.long
@pytest.mark.parametrize("word", ["word", "wörd", "слово", "🙂"])
def test_two_hundred_megabytes_of_text(word: str) -> None:
    """As much as the limits allow is read; what is more ends in a clear error."""
    paragraph = prose(1, 8).replace("the", word).encode() + b"\n\n"
    data = paragraph * ((200 << 20) // len(paragraph))
    try:
        assert read_document("-", data, timeout=120).words > 1_000_000
    except DocumentError as problem:
        assert problem.kind in ("memory", "timeout")  # noqa: PT017


class _Server(http.server.ThreadingHTTPServer):
    asked: list[str]


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, _Server)
        self.server.asked.append(self.path)
        self.send_error(404)

    do_HEAD = do_POST = do_GET

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[_Server]:
    """A web server that remembers what it was asked for."""
    with _Server(("127.0.0.1", 0), _Handler) as made:
        made.asked = []
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


SECRET = "Xyzzyx"


def reaching(url: str, path: Path) -> dict[str, bytes]:
    """Documents of every format that names things outside; `url` leads to a server, `path` to a file with SECRET."""
    entities = (
        f'<!DOCTYPE x SYSTEM "{url}/dtd" [<!ENTITY e SYSTEM "{path.as_uri()}"><!ENTITY u SYSTEM "{url}/entity">'
        f'<!ENTITY % p SYSTEM "{url}/parameter"> %p;]>'
    )
    body = "<p>The harbour was dredged in 1911. &e; &u;</p>"
    include = f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{path.as_uri()}" parse="text"/>'
    namespaces = (
        'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
    )
    loading = (
        f'<link rel="stylesheet" href="{url}/style"><script src="{url}/script"></script><img src="{url}/image">'
        f'<iframe src="{url}/frame"></iframe><iframe src="{path.as_uri()}"></iframe><object data="{path.as_uri()}">'
        f'</object><meta http-equiv="refresh" content="0; url={url}/refresh"><base href="{url}/">'
        f'<video src="{url}/video"></video><svg><image href="{url}/svg"/></svg>'
    )
    launch = (
        b"<</Type/Catalog/Pages 2 0 R/OpenAction<</S/Launch/F(%s)/Next<</S/URI/URI(%s/open)>>>>"
        b"/AA<</WC<</S/JavaScript/JS(app.launchURL\\('%s/script'\\))>>>>>>"
    ) % (os.fsencode(path), url.encode(), url.encode())
    annotations = (
        b"/Annots[<</Type/Annot/Subtype/Link/Rect[0 0 600 800]/A<</S/GoToR/F(%s)/D[0/Fit]>>>>"
        b"<</Type/Annot/Subtype/FileAttachment/FS<</Type/Filespec/FS/URL/F(%s/attached)>>>>]>>"
    ) % (os.fsencode(path), url.encode())
    external = stream(b"", b"/F(%s)/FFilter/None" % os.fsencode(path))
    return {
        "a.docx": zipped({
            "word/document.xml": f'<?xml version="1.0"?>{entities}<document><body><p><r><t>The harbour was dredged in '
            f"1911. &e; &u;</t></r></p>{include}</body></document>",
            "word/_rels/document.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/'
            f'relationships"><Relationship Id="r" TargetMode="External" Target="{url}/template" Type="http://schemas.'
            'openxmlformats.org/officeDocument/2006/relationships/attachedTemplate"/></Relationships>',
        }),
        "a.odt": zipped({
            "mimetype": "application/vnd.oasis.opendocument.text",
            "content.xml": f'<?xml version="1.0"?>{entities}<office:document-content {namespaces}><office:body>'
            f"<office:text><text:p>The harbour was dredged in 1911. &e; &u;</text:p>{include}</office:text>"
            "</office:body></office:document-content>",
        }),
        "a.epub": epub({
            "a.xhtml": f'<?xml version="1.0"?>{entities}<html><head>{loading}</head>{body}{include}</html>',
            "b.xhtml": f'<?xml version="1.0"?>{entities}<html><body>{body}</body></html>',
            f"../../../../../..{path}": f"<p>{body}</p>",
        }),
        "a.html": f"{entities}<html><head>{loading}</head><body>{body}{loading}{include}</body></html>".encode(),
        "a.xhtml": f'<?xml version="1.0"?>{entities}<html xmlns="http://www.w3.org/1999/xhtml">{body}</html>'.encode(),
        "a.eml": (
            f"From: a@b.c\nTo: b\nSubject: s\nContent-Type: text/html\n\n<html>{loading}{body}{loading}</html>"
        ).encode(),
        "b.eml": (
            "From: a@b.c\nTo: b\nSubject: s\nMIME-Version: 1.0\nContent-Type: message/external-body; "
            f'access-type=local-file; name="{path}"\n\nContent-Type: text/plain\n\n'
        ).encode(),
        "a.tex": (
            f"\\documentclass{{article}}\\usepackage{{{path}}}\\begin{{document}}The harbour was dredged in 1911. "
            f"\\input{{{path}}} \\input {path} \\include{{{path}}} \\subfile{{{path}}} \\verbatiminput{{{path}}} "
            f"\\lstinputlisting{{{path}}} \\openin1={path} \\read1 to\\x \\x \\immediate\\write18{{touch {path}.made}} "
            f"\\includegraphics{{{url}/figure}} \\csname input\\endcsname{{{path}}} \\end{{document}}"
        ).encode(),
        "a.md": f"# A\n\nThe harbour was dredged in 1911. ![a]({url}/image) <img src='{url}/image'> "
        f"[b]({path.as_uri()})\n\n<iframe src='{path.as_uri()}'></iframe>\n".encode(),
        "a.pdf": pdf(launch, PAGES, PAGE[:-2] + annotations, stream(TEXT), FONT),
        "b.pdf": pdf(CATALOG, PAGES, PAGE, external, FONT),
    }  # fmt: skip


@pytest.mark.parametrize("name", reaching("http://x", Path("/x")))
def test_nothing_outside_is_touched(name: str, server: _Server, tmp_path: Path, temporary: Path) -> None:
    path = tmp_path / "secret.txt"
    path.write_text(SECRET)
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")}
    data = reaching(f"http://127.0.0.1:{server.server_port}", path)[name]
    try:
        text = check(read_document(name, data, timeout=30)).text
        assert SECRET not in text
        assert "dredged" in text
    except DocumentError as problem:
        assert SECRET not in problem.message  # noqa: PT017
        assert name not in ("a.html", "a.tex", "a.md", "a.eml", "a.pdf", "a.epub"), problem  # noqa: PT017
    assert not server.asked
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")} == before


def test_names_in_archives_are_no_paths(tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    secret = tmp_path / "secret.xhtml"
    secret.write_text(f"<html><body><p>{SECRET}</p></body></html>")
    names = ("../escaped", f"{tmp_path}/escaped", "..\\escaped", "C:\\escaped", "a/../../b")
    outside: dict[str, str | bytes] = dict.fromkeys(names, "x")
    chapter = "<p>The harbour was dredged in 1911, says the report of that year.</p>"
    book = epub({"a.xhtml": chapter, f"../../{'../' * 20}{str(secret)[1:]}": chapter})
    before = set(os.listdir(tmp_path))
    empty = zipped({**outside, "word/document.xml": "<document><body/></document>"})
    for data in (docx(p(prose(1))), empty, book, zipped(outside)):
        try:
            assert SECRET not in read_document("-", data).text
        except DocumentError as problem:
            assert SECRET not in problem.message  # noqa: PT017
    assert set(os.listdir(tmp_path)) == before
    assert not (tmp_path.parent / "escaped").exists()


def test_a_link_in_an_archive_is_not_followed(tmp_path: Path) -> None:
    import zipfile

    secret = tmp_path / "secret.xml"
    secret.write_text(f"<document><body><p><r><t>{SECRET}</t></r></p></body></document>")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        link = zipfile.ZipInfo("word/document.xml")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, str(secret))
    with pytest.raises(DocumentError) as caught:
        read_document("-", buffer.getvalue())
    assert SECRET not in caught.value.message
