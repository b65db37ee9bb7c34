"""One document read in a process of its own: what it costs in time and memory is bounded, whatever is in it."""

from __future__ import annotations

import queue
import time
from typing import Any, BinaryIO

from sumpool.documents.document import Document, Paragraph, Sentence
from sumpool.documents.formats import FORMATS, read_format
from sumpool.documents.isolation import MEMORY, Answer, Worker, serve
from sumpool.documents.sections import Abstract
from sumpool.errors import DocumentError


def read_apart(name: str, data: bytes, source: str, suffix: str, abstract: Abstract, timeout: float) -> Document:
    """As formats.read_format, within `timeout` seconds; nothing outlives the call. Raises DocumentError."""
    shown = FORMATS[name].shown
    inbox: queue.SimpleQueue[tuple[Worker, dict[str, Any] | None]] = queue.SimpleQueue()
    task = {"format": name, "source": source, "suffix": suffix, "abstract": abstract}
    limits = {"seconds": timeout, "memory": MEMORY}
    deadline = time.monotonic() + timeout
    try:
        worker = Worker("sumpool.documents.apart", {**task, **limits}, data, inbox)
    except OSError as problem:
        raise DocumentError("memory", f"no process to read the file in ({problem.strerror})") from None
    try:
        _, answer = inbox.get(timeout=max(0.0, deadline - time.monotonic()))
    except queue.Empty:
        message = f"reading takes longer than {timeout:g} seconds (damaged, or larger than --timeout allows)"
        raise DocumentError("timeout", message) from None
    finally:
        worker.stop()
    if answer is None:
        raise _damaged(shown)
    if "error" in answer:
        raise DocumentError(*answer["error"])
    return Document(
        source=source,
        text=answer["text"],
        paragraphs=tuple(Paragraph(*fields) for fields in answer["paragraphs"]),
        sentences=tuple(Sentence(*fields) for fields in answer["sentences"]),
        title=answer["title"],
        left_out=tuple(answer["left_out"]),
    )


def main() -> None:
    """Serve one document to the parent process."""
    serve(_serve, "reading it takes too much memory (split the file)")


def _serve(task: dict[str, Any], data: bytes, requests: BinaryIO, answer: Answer) -> None:
    try:
        document = read_format(task["format"], data, task["source"], task["suffix"], task["abstract"])
    except (DocumentError, MemoryError):
        raise
    except RecursionError:
        raise DocumentError("damaged", "nested too deeply to be read (simplify the file)") from None
    except Exception:  # the libraries raise anything on malformed files
        raise _damaged(FORMATS[task["format"]].shown) from None
    answer({
        "text": document.text,
        "paragraphs": [(p.start, p.end, p.kind, p.page) for p in document.paragraphs],
        "sentences": [(s.start, s.end, s.page) for s in document.sentences],
        "title": document.title,
        "left_out": document.left_out,
    })  # fmt: skip


def _damaged(shown: str) -> DocumentError:
    return DocumentError("damaged", f"damaged {shown} (open it in the program it is for and save it again)")
