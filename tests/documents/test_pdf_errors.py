"""PDFs that can't be read, and readers that are stopped: one clear error each, in time, and nothing left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from checking import check
from handset import Paper, plain_page, prose
from processes import children

from sumpool.documents import read_document
from sumpool.documents.pdf import pool
from sumpool.errors import DocumentError

NO_PAGES = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n"
    b"trailer<</Root 1 0 R>>\n%%EOF"
)


def failure(data: bytes, **options: object) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        read_document("secret-name.pdf", data, **options)  # type: ignore[arg-type]
    message = caught.value.message
    assert "secret-name" not in message
    assert "\n" not in message
    assert len(message) < 160
    return caught.value


def endless() -> bytes:
    """A small PDF that takes hours: forms that draw each other, ten times each, fifteen levels deep."""
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>"]
    resources = b"/Resources<</XObject<</F %d 0 R>>>>"
    objects.append(b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R" + resources % 5 + b">>")
    objects.append(b"<</Length 4>>stream\n/F Do\nendstream")
    for level in range(15):
        form = b"<</Type/XObject/Subtype/Form/BBox[0 0 9 9]" + resources % min(6 + level, 19)
        objects.append(form + b"/Length 60>>stream\n" + b"/F Do " * 10 + b"\nendstream")
    body = b"".join(b"%d 0 obj%s endobj\n" % (number, text) for number, text in enumerate(objects, 1))
    return b"%PDF-1.4\n" + body + b"trailer<</Root 1 0 R>>\n%%EOF"


def test_encrypted() -> None:
    paper = Paper(password="open sesame").body(prose(1, 20))
    data = paper.pdf()
    assert failure(data).kind == "encrypted"
    assert "--password" in failure(data).message
    assert failure(data, password="guess").kind == "password"
    assert prose(1, 20) in read_document("paper.pdf", data, password="open sesame").text


def test_no_pages() -> None:
    assert failure(NO_PAGES).kind == "no-pages"


def test_blank_page() -> None:
    assert failure(plain_page("")).kind == "no-text"


@pytest.mark.parametrize("data", [b"%PDF-1.4\n", b"%PDF-1.7\n" + bytes(range(256)) * 40, b"not a PDF at all"])
def test_damaged(data: bytes) -> None:
    assert failure(data).kind == "damaged"


def test_a_truncated_file_is_read_as_far_as_it_goes() -> None:
    paper = Paper(columns=1)
    for seed in range(40):
        paper.body(prose(seed, 8))
    data = paper.pdf()
    try:
        document = check(read_document("paper.pdf", data[: len(data) * 2 // 3]))
    except DocumentError as error:
        assert error.kind == "damaged"  # noqa: PT017
    else:
        assert document.text


def test_time_limit() -> None:
    before = children()
    start = time.monotonic()
    error = failure(endless(), timeout=1.5)
    assert error.kind == "timeout"
    assert time.monotonic() - start < 4
    assert children() <= before


def test_memory_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("resource")
    monkeypatch.setattr(pool, "MEMORY", 48 << 20)
    assert failure(Paper().body(prose(1, 900)).pdf()).kind in ("memory", "damaged")


def test_no_process_outlives_a_reading_or_an_interrupt() -> None:
    before = children()
    read_document("paper.pdf", plain_page("A line of text, and a full stop."))
    assert children() <= before

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_document("paper.pdf", plain_page("A line of text, and a full stop."), progress=interrupt)
    assert children() <= before
    assert not [thread for thread in threading.enumerate() if "_talk" in thread.name]


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_ends_a_reading_at_once(tmp_path: Path) -> None:
    import signal

    path = tmp_path / "endless.pdf"
    path.write_bytes(endless())
    program = f"from sumpool.documents import read_document; print('go', flush=True); read_document({str(path)!r})"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout
        process.stdout.readline()
        time.sleep(0.7)
        start = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)  # a terminal's Ctrl-C reaches the workers too
        _, noise = process.communicate(timeout=10)
    assert time.monotonic() - start < 3
    assert b"KeyboardInterrupt" in noise
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)  # nobody of that session is left


def test_a_script_without_a_main_guard_can_read(tmp_path: Path) -> None:
    path = tmp_path / "letter.pdf"
    path.write_bytes(plain_page("A line of text, and a full stop."))
    script = tmp_path / "script.py"
    script.write_text(f"from sumpool.documents import read_document\nprint(read_document({str(path)!r}).text)\n")
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "A line of text, and a full stop.\n"
    assert not done.stderr


def test_importing_is_light() -> None:
    heavy = (
        "torch", "transformers", "pdfminer", "ftfy", "charset_normalizer", "markdown_it", "sentencex", "lxml",
        "trafilatura", "pylatexenc", "pypdfium2", "zipfile", "email",
    )  # fmt: skip
    program = f"import sys, sumpool.documents; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
