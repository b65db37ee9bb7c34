"""The parent's side of the worker processes: who reads which pages, and the end of those who take too long."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sumpool.documents.isolation import MEMORY, Worker
from sumpool.documents.pdf.lines import Line
from sumpool.documents.pdf.worker import DAMAGED
from sumpool.errors import DocumentError

_CHUNK = 4
"""Pages that a worker is asked for at once; a second worker starts where there are more than two such chunks."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page as a worker saw it."""

    number: int
    height: float
    lines: list[Line]


@dataclass(frozen=True, slots=True)
class RawPdf:
    """A PDF's pages, before anything is known about the document they make."""

    pages: list[Page]
    count: int
    broken: int
    """Pages that could not be read."""
    images: int
    unreadable: int
    """Characters whose font does not say what they are."""
    title: str


class _Worker(Worker):
    """A worker that knows which pages it was asked for."""

    def __init__(self, data: bytes, password: str | None, seconds: float, inbox: queue.SimpleQueue[Any]) -> None:
        self.asked: list[int] = []  # pages it has not answered yet
        task = {"password": password, "seconds": seconds, "memory": MEMORY}
        super().__init__("sumpool.documents.pdf.worker", task, data, inbox)

    def ask(self, first: int, last: int) -> None:
        self.asked = list(range(first, last))
        self.send(f"[{first},{last}]")


def read_pages(
    data: bytes,
    *,
    password: str | None,
    timeout: float,
    jobs: int,
    progress: Callable[[int, int], None] | None,
) -> RawPdf:
    """Read all pages in up to `jobs` processes, none of which outlives this call. Raises DocumentError."""
    deadline = time.monotonic() + timeout
    inbox: queue.SimpleQueue[tuple[_Worker, dict[str, Any] | None]] = queue.SimpleQueue()
    workers: list[_Worker] = []
    try:
        workers.append(_Worker(data, password, timeout, inbox))
        return _collect(data, password, deadline, jobs, progress, inbox, workers)
    except queue.Empty:
        message = f"reading takes longer than {timeout:g} seconds (the PDF is damaged, or larger than the limit allows)"
        raise DocumentError("timeout", message) from None
    except OSError as problem:
        raise DocumentError("memory", f"no process to read the PDF in ({problem.strerror})") from None
    finally:
        for worker in workers:
            worker.stop()


def _collect(
    data: bytes,
    password: str | None,
    deadline: float,
    jobs: int,
    progress: Callable[[int, int], None] | None,
    inbox: queue.SimpleQueue[tuple[_Worker, dict[str, Any] | None]],
    workers: list[_Worker],
) -> RawPdf:
    count: int | None = None
    title = ""
    answers: dict[int, dict[str, Any]] = {}
    next_page = 0
    replaced = 0

    def start() -> None:
        workers.append(_Worker(data, password, deadline - time.monotonic(), inbox))

    while count is None or len(answers) < count:
        left = deadline - time.monotonic()
        if left <= 0:
            raise queue.Empty
        worker, answer = inbox.get(timeout=left)
        if answer is not None and "error" in answer:
            if not answers or answer["error"][0] != "memory":
                raise DocumentError(*answer["error"])
            answer = None  # out of memory on one page: as if it had died on it
        if answer is None:
            if worker not in workers:
                continue
            workers.remove(worker)
            worker.stop()
            if count is None or replaced == 3:
                raise DocumentError("damaged", DAMAGED)
            replaced += 1
            for page in worker.asked[:1]:
                answers[page] = {"page": page, "broken": "died"}
            start()
            workers[-1].asked = worker.asked[1:]
            continue
        if "pages" in answer:
            if count is None:
                count, title = answer["pages"], answer["title"]
                for _ in range(min(jobs, -(-count // (2 * _CHUNK))) - 1):
                    start()
        else:
            worker.asked.remove(answer["page"])
            answers[answer["page"]] = answer
            if progress:
                progress(len(answers), count or len(answers))
            if worker.asked:
                continue
        if worker.asked:  # a new worker in a dead one's place: the pages that one owes
            worker.ask(worker.asked[0], worker.asked[-1] + 1)
        elif count is not None and next_page < count:
            worker.ask(next_page, min(next_page + _CHUNK, count))
            next_page += _CHUNK
    ordered = [answers[number] for number in sorted(answers)]
    return RawPdf(
        pages=[
            Page(answer["page"] + 1, answer["height"], [Line(*fields) for fields in answer["lines"]])
            for answer in ordered
            if "lines" in answer
        ],
        count=count,
        broken=sum("broken" in answer for answer in ordered),
        images=sum(answer.get("images", 0) for answer in ordered),
        unreadable=sum(answer.get("unreadable", 0) for answer in ordered),
        title=title,
    )
