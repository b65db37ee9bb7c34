"""The parent's side of the worker processes: who reads which pages, and the end of those who take too long."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sumpool.documents.pdf.lines import Line
from sumpool.documents.pdf.worker import DAMAGED
from sumpool.errors import DocumentError

MEMORY = 2 << 30
"""Bytes of address space that a worker may have."""
_CHUNK = 4
"""Pages that a worker is asked for at once; a second worker starts where there are more than two such chunks."""
_BOOT = "import sys, json; sys.path[:] = json.loads(sys.argv[1]); from sumpool.documents.pdf.worker import main; main()"


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


class _Worker:
    """A worker process, and the thread that turns its answers into messages (worker, answer) on `inbox`."""

    def __init__(self, data: bytes, password: str | None, seconds: float, inbox: queue.SimpleQueue[Any]) -> None:
        self.asked: list[int] = []  # pages it has not answered yet
        self._inbox = inbox
        # Not multiprocessing: "spawn" would run the caller's main module again, "fork" would copy its memory and locks.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", _BOOT, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        task = json.dumps({"size": len(data), "password": password, "seconds": seconds, "memory": MEMORY})
        self._thread = threading.Thread(target=self._talk, args=(task.encode() + b"\n", data), daemon=True)
        self._thread.start()

    def _talk(self, task: bytes, data: bytes) -> None:
        assert self._process.stdin
        assert self._process.stdout
        try:
            self._process.stdin.write(task)
            self._process.stdin.write(data)
            self._process.stdin.flush()
            for line in self._process.stdout:
                self._inbox.put((self, json.loads(line)))
        except (OSError, ValueError):
            pass  # killed while it talked: the message below says so
        self._inbox.put((self, None))

    def ask(self, first: int, last: int) -> None:
        self.asked = list(range(first, last))
        assert self._process.stdin
        try:
            self._process.stdin.write(f"[{first},{last}]\n".encode())
            self._process.stdin.flush()
        except OSError:
            return  # it is dead: its thread reports that

    def stop(self) -> None:
        self._process.kill()
        self._thread.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe
            try:
                pipe.close()
            except OSError:
                continue  # unsent bytes for a dead process
        self._process.wait()


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
