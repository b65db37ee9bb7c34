"""The parent's side of the worker processes: who reads which pages, and the end of those who take too long."""

from __future__ import annotations

import json
import queue
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sumpool.documents.isolation import MEMORY, Worker
from sumpool.documents.pdf.lines import Line
from sumpool.documents.pdf.worker import DAMAGED
from sumpool.errors import DocumentError


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of worker: the module it runs, and the pages that it is asked for at once."""

    module: str
    chunk: int


READERS = Kind("sumpool.documents.pdf.worker", 4)
"""They give the text that is in the file."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page as a worker saw it; `number` is 1-based."""

    number: int
    height: float
    lines: list[Line]
    images: int = 0
    unreadable: int = 0
    """Characters whose font does not say what they are."""

    @property
    def characters(self) -> int:
        return sum(len(line.text) for line in self.lines)


@dataclass(frozen=True, slots=True)
class RawPdf:
    """A PDF's pages, before anything is known about the document they make."""

    pages: list[Page]
    count: int
    broken: int
    """Pages that could not be read."""
    title: str


class TooLong(Exception):
    """The time is over, and not all pages are read."""


class _Worker(Worker):
    """A worker that knows which pages it was asked for."""

    def __init__(
        self, kind: Kind, data: bytes, password: str | None, seconds: float, inbox: queue.SimpleQueue[Any]
    ) -> None:
        self.asked: list[int] = []  # pages it has not answered yet
        super().__init__(kind.module, {"password": password, "seconds": seconds, "memory": MEMORY}, data, inbox)

    def ask(self, pages: Sequence[int]) -> None:
        self.asked = list(pages)
        self.send(json.dumps(self.asked))


def read_pages(
    data: bytes,
    *,
    password: str | None,
    deadline: float,
    jobs: int,
    progress: Callable[[int, int], None] | None,
    kind: Kind = READERS,
    wanted: Sequence[int] | None = None,
) -> RawPdf:
    """Read pages in up to `jobs` processes, none of which outlives this call.

    `deadline` is in seconds of time.monotonic; `wanted` are 0-based, all pages by default.
    Raises TooLong, and DocumentError.
    """
    inbox: queue.SimpleQueue[tuple[_Worker, dict[str, Any] | None]] = queue.SimpleQueue()
    workers: list[_Worker] = []

    def start() -> _Worker:
        workers.append(_Worker(kind, data, password, deadline - time.monotonic(), inbox))
        return workers[-1]

    try:
        return _collect(start, kind.chunk, wanted, deadline, jobs, progress, inbox, workers)
    except queue.Empty:
        raise TooLong from None
    except OSError as problem:
        raise DocumentError("memory", f"no process to read the PDF in ({problem.strerror})") from None
    finally:
        for worker in workers:
            worker.stop()


def _collect(
    start: Callable[[], _Worker],
    chunk: int,
    wanted: Sequence[int] | None,
    deadline: float,
    jobs: int,
    progress: Callable[[int, int], None] | None,
    inbox: queue.SimpleQueue[tuple[_Worker, dict[str, Any] | None]],
    workers: list[_Worker],
) -> RawPdf:
    count: int | None = None
    title = ""
    answers: dict[int, dict[str, Any]] = {}
    todo: Sequence[int] = ()
    begun = replaced = 0
    start()
    while count is None or len(answers) < len(todo):
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
            start().asked = worker.asked[1:]
            continue
        if "pages" in answer:
            if count is None:
                count, title = answer["pages"], answer["title"]
                todo = range(count) if wanted is None else wanted
                # A second worker has to open the file, too: not for a chunk or two.
                for _ in range(min(jobs, -(-len(todo) // (2 * chunk))) - 1):
                    start()
        else:
            worker.asked.remove(answer["page"])
            answers[answer["page"]] = answer
            if progress:
                progress(len(answers), len(todo))
            if worker.asked:
                continue
        if worker.asked:  # a new worker in a dead one's place: the pages that one owes
            worker.ask(worker.asked)
        elif begun < len(todo):
            worker.ask(todo[begun : begun + chunk])
            begun += chunk
    ordered = [answers[number] for number in sorted(answers)]
    return RawPdf(
        pages=[
            Page(
                answer["page"] + 1,
                answer["height"],
                [Line(*fields) for fields in answer["lines"]],
                answer["images"],
                answer["unreadable"],
            )
            for answer in ordered
            if "lines" in answer
        ],
        count=count,
        broken=sum("broken" in answer for answer in ordered),
        title=title,
    )
