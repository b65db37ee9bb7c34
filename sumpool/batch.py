"""The work behind `sumpool summarize`: read each source, load the model once if any can be read, write each result."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sumpool.errors import DocumentError, SumpoolError
from sumpool.interrupts import ending_at_once
from sumpool.outputs import OutputError, print_result, write_whole
from sumpool.rendering import Renderer
from sumpool.sources import Source
from sumpool.summary import Summary
from sumpool.terminal import Terminal

if TYPE_CHECKING:
    from sumpool.documents import Document
    from sumpool.highlight import Highlight
    from sumpool.summarizer import Summarizer


@dataclass(frozen=True, slots=True)
class Reading:
    """How documents are read; see sumpool.documents.read_document."""

    password: str | None = None
    abstract: Literal["keep", "drop"] = "keep"
    timeout: float = 120.0
    jobs: int = 2


@dataclass(frozen=True, slots=True)
class Writing:
    """With what and how summaries are written; see sumpool.Summarizer."""

    length: int
    focus: str | None = None
    grounded: bool = True
    model: str | None = None
    device: str = "auto"
    pool: int | None = None
    block: int | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A source and the file its summary goes to; None is standard output."""

    source: Source
    target: Path | None = None


def read_source(source: Source, reading: Reading, terminal: Terminal) -> Document:
    """The document behind a source; DocumentError if there is none."""
    from sumpool.documents import read_document

    if source.error is not None:
        raise source.error
    if source.path is None and sys.stdin.isatty():
        terminal.note("type or paste the text, then end it with Ctrl-D on a line of its own")
    return read_document(
        source.path or source.name,
        sys.stdin.buffer.read() if source.path is None else None,
        password=reading.password,
        abstract=reading.abstract,
        timeout=reading.timeout,
        jobs=reading.jobs,
        progress=terminal.extracting,
        ocr_progress=terminal.recognizing,
    )


def highlight_source(source: Source, reading: Reading, writing: Writing, terminal: Terminal) -> Highlight:
    """What the pooler makes of one source; DocumentError if there is no document behind it."""
    began = time.perf_counter()
    document = read_source(source, reading, terminal)
    extracted = time.perf_counter() - began
    result = load_summarizer(writing, terminal).highlight(
        document, length=writing.length, focus=writing.focus, grounded=writing.grounded, progress=terminal
    )
    summary = replace(result.summary, seconds=replace(result.summary.seconds, extract=extracted))
    return replace(result, summary=summary)


def load_summarizer(writing: Writing, terminal: Terminal) -> Summarizer:
    """The model that summaries are written with; ModelError or UsageError if there is no such model or device."""
    terminal.loading()
    with ending_at_once(terminal.stop):
        from sumpool.summarizer import Summarizer

        return Summarizer(writing.model, device=writing.device, pool=writing.pool, block=writing.block)


class Batch:
    """Summarizes tasks one after the other with one model, which is loaded when the first document has been read."""

    def __init__(
        self, reading: Reading, writing: Writing, new_renderer: Callable[[], Renderer], terminal: Terminal
    ) -> None:
        self._reading = reading
        self._writing = writing
        self._new_renderer = new_renderer
        self._terminal = terminal
        self._summarizer: Summarizer | None = None

    def run(self, tasks: Sequence[Task]) -> bool:
        """Do all tasks; False if some source failed. ModelError if none can be done, UsageError for a wrong device."""
        for task in tasks:  # what is known to be wrong already is said before anybody waits for anything
            if task.source.error is not None:
                self._terminal.failure(task.source.error, task.source.name)
        well = True
        printing = self._new_renderer()
        to_stdout = any(task.target is None for task in tasks)
        if to_stdout:
            print_result(printing.opening())
        for number, task in enumerate(tasks, 1):
            try:
                with self._terminal.document(task.source.name, number, len(tasks)):
                    summary = self._summarize(task.source)
                if task.target is None:
                    print_result(printing.summary(summary))
                else:
                    renderer = self._new_renderer()
                    write_whole(task.target, renderer.opening() + renderer.summary(summary) + renderer.closing())
                self._terminal.finished(summary, task.target)
            except (DocumentError, OutputError) as error:
                well = False
                self._fail(task, error, printing)
        if to_stdout:
            print_result(printing.closing())
        return well

    def _summarize(self, source: Source) -> Summary:
        began = time.perf_counter()
        document = read_source(source, self._reading, self._terminal)
        extracted = time.perf_counter() - began
        if self._summarizer is None:
            self._summarizer = load_summarizer(self._writing, self._terminal)
        summary = self._summarizer.summarize(
            document,
            length=self._writing.length,
            focus=self._writing.focus,
            grounded=self._writing.grounded,
            progress=self._terminal,
        )
        return replace(summary, seconds=replace(summary.seconds, extract=extracted))

    def _fail(self, task: Task, error: SumpoolError, printing: Renderer) -> None:
        if isinstance(error, OutputError):  # its message names the output, which is what is wrong
            self._terminal.failure(error)
            return
        if task.source.error is None:
            self._terminal.failure(error, task.source.name)
        if task.target is None:
            print_result(printing.failure(task.source.name, error))
