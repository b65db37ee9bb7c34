"""The work behind `summarize` and `highlight`: read sources, load the model once if any can be read, write results."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sumpool.ahead import Ahead, Job, Lookahead
from sumpool.errors import DocumentError, SumpoolError
from sumpool.highlight import Highlight
from sumpool.interrupts import ending_at_once
from sumpool.outputs import OutputError, print_result
from sumpool.progress import Progress
from sumpool.record import Results, Standing, fingerprint
from sumpool.remote import Remote, RemoteError
from sumpool.rendering import Renderer, highlight_page
from sumpool.sources import Source
from sumpool.staying import all_staying
from sumpool.summary import Summary, Wording
from sumpool.tally import Tally
from sumpool.terminal import Terminal

if TYPE_CHECKING:
    from sumpool.documents import Document
    from sumpool.summarizer import Assignment, Summarizer

AHEAD = 2
"""Documents that are read while the model works on one."""

SOON = 0.2
"""Seconds that a first document gets before the model is loaded beside it."""

FOUND = 1000
"""Sources that are looked for ahead of the reading; the shortest of them is next where the order is ours."""


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
    wording: Wording | None = None
    grounded: bool = True
    model: str | None = None
    device: str = "auto"
    pool: int | None = None
    block: int | None = None
    writer: str | None = None
    drafts: int | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A source and the file its result goes to; None is standard output."""

    source: Source
    target: Path | Remote | None = None
    data: bytes | None = None
    """What came from standard input."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A document that has been extracted, perhaps read by the model, too.

    `content` is the fingerprint of its source, `seconds` what extracting it took.
    """

    document: Document | Assignment
    content: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Made:
    """What became of a document; `content` is the fingerprint of its source."""

    result: Summary | Highlight
    content: str


Outcome = Callable[[], "Made | None"]
"""Waits for what became of a task: None if its result was there already. Raises what went wrong."""


def settings_fingerprint(command: str, writing: Writing, reading: Reading, **rendering: Any) -> str:
    """The fingerprint of all that decides what becomes of a source; ModelError if there is no such model or writer.

    Not of where and how fast that is done: the device, the limits, the number of processes.
    """
    settings = {**asdict(writing), **model_fingerprints(writing)}
    del settings["device"]
    return fingerprint(json.dumps([command, settings, reading.abstract, rendering]).encode())


def model_fingerprints(writing: Writing) -> dict[str, str]:
    """Which "model" and, if there is one, which "writer" it is, as this machine has them; ModelError if it hasn't."""
    from sumpool.modeling.checkpoint import MANIFEST, find_model
    from sumpool.writers.finding import find_writer

    found = {"model": fingerprint((find_model(writing.model) / MANIFEST).read_bytes())}
    if writing.writer is not None:
        found["writer"] = find_writer(writing.writer).fingerprint()
    return found


def read_stdin(terminal: Terminal) -> bytes:
    """All of standard input. Only the main thread may: Python can't end while another one waits for it."""
    if sys.stdin.isatty():
        terminal.note("type or paste the text, then end it with Ctrl-D on a line of its own")
    return sys.stdin.buffer.read()


def read_source(source: Source, data: bytes, reading: Reading, progress: Progress) -> Document:
    """The document that `data` from a source is; DocumentError if it is none."""
    from sumpool.documents import read_document

    return read_document(
        source.path if isinstance(source.path, Path) else source.name,
        data,
        password=reading.password,
        abstract=reading.abstract,
        timeout=reading.timeout,
        jobs=reading.jobs,
        progress=progress.extracting,
        ocr_progress=progress.recognizing,
    )


def load_source(source: Source) -> bytes:
    """What is in a file; DocumentError if it can't be had."""
    from sumpool.documents.reading import LARGEST, check_size, load

    if source.error is not None:
        raise source.error
    assert source.path is not None
    if isinstance(source.path, Remote):
        try:
            return check_size(source.path.read_bytes(LARGEST + 1))
        except RemoteError as error:
            raise DocumentError(error.kind, error.message) from None
    return load(source.path)


def load_summarizer(writing: Writing, terminal: Terminal) -> Summarizer:
    """The model that summaries are written with; ModelError or UsageError if there is no such model or device."""
    from sumpool.documents.isolation import end_workers

    def tidy() -> None:
        terminal.stop()
        end_workers()

    terminal.loading()
    with ending_at_once(tidy):
        return new_summarizer(writing)


def new_summarizer(writing: Writing) -> Summarizer:
    """`load_summarizer` where nobody watches, from any thread."""
    with all_staying():
        from sumpool.summarizer import Summarizer

        return Summarizer(
            writing.model,
            device=writing.device,
            pool=writing.pool,
            block=writing.block,
            drafts=writing.drafts,
            writer=writing.writer,
        )


def read_task(task: Task, standing: Standing, reading: Reading, progress: Progress) -> Ready | None:
    """A task's document; None if its result is there already. DocumentError or OutputError if neither can be."""
    began = time.perf_counter()
    data = load_source(task.source) if task.data is None else task.data
    content = fingerprint(data)
    if standing.is_finished(content):
        return None
    document = read_source(task.source, data, reading, progress)
    return Ready(document, content, time.perf_counter() - began)


def make_result(
    summarizer: Summarizer, ready: Ready, writing: Writing, progress: Progress, *, highlight: bool = False
) -> Made:
    """The summary, or the highlight page's content, of a document that was read; DocumentError if it can't be made."""
    if highlight:
        page = summarizer.highlight(ready.document, **_options(writing, progress))
        return Made(replace(page, summary=_timed(page.summary, ready.seconds)), ready.content)
    [made] = make_results(summarizer, [ready], writing, progress)
    if isinstance(made, DocumentError):
        raise made
    return made


def make_results(
    summarizer: Summarizer, ready: Sequence[Ready], writing: Writing, progress: Progress
) -> list[Made | DocumentError]:
    """The summaries of documents that were read; a DocumentError as a value for each that can't be made."""
    documents = [one.document for one in ready]
    results = summarizer.summarize_together(documents, **_options(writing, progress))
    return [
        result if isinstance(result, DocumentError) else Made(_timed(result, one.seconds), one.content)
        for one, result in zip(ready, results, strict=True)
    ]


def given(state: Made | SumpoolError | None) -> Made | None:
    """An `Outcome` of what is known already."""
    if isinstance(state, SumpoolError):
        raise state
    return state


def _asked(writing: Writing) -> dict[str, Any]:
    """Options of the summarizer that count when it reads."""
    return {name: getattr(writing, name) for name in ("length", "focus", "wording")}


def _options(writing: Writing, progress: Progress) -> dict[str, Any]:
    """Options of the summarizer's methods that read and write."""
    return {**_asked(writing), "grounded": writing.grounded, "progress": progress}


class Batch:
    """Makes results of tasks with one model, which is loaded when the first document is read.

    One after the other; on a GPU, the summaries of documents that have been read by then are written at once, and the
    next ones are read meanwhile.

    Args:
        reading: how documents are read.
        writing: how summaries are written.
        new_renderer: gives a renderer; its argument is whether several results go into one output.
        terminal: is told what happens.
        results: where what has a target goes.
        overwrite: do what is finished, too.
        fail_fast: stop at the first source that fails.
        highlight: make highlight pages, not summaries.
    """

    def __init__(
        self,
        reading: Reading,
        writing: Writing,
        new_renderer: Callable[[bool], Renderer],
        terminal: Terminal,
        results: Results,
        *,
        overwrite: bool = False,
        fail_fast: bool = False,
        highlight: bool = False,
    ) -> None:
        self._reading = reading
        self._writing = writing
        self._new_renderer = new_renderer
        self._terminal = terminal
        self._results = results
        self._overwrite = overwrite
        self._fail_fast = fail_fast
        self._highlight = highlight
        self._summarizer: Summarizer | None = None
        self._tally = Tally()
        self._doomed: Task | None = None

    def run(self, tasks: Iterable[Task]) -> bool:
        """Do all tasks; False if some source failed. ModelError if none can be done, UsageError for a wrong device."""
        upcoming = Lookahead(self._found(tasks), FOUND, size_of)
        printing = self._new_renderer(upcoming.total != 1)
        opened = False
        with closing(self._outcomes(upcoming)) as outcomes:
            for number, (task, outcome) in enumerate(outcomes, 1):
                if task.target is None and not opened:
                    print_result(printing.opening())
                    opened = True
                try:
                    self._deliver(task, outcome(), printing)
                except (DocumentError, OutputError) as error:
                    self._fail(task, error, printing)
                    if self._fail_fast:
                        self._tally.left = upcoming.found - number
                        break
        if opened:
            print_result(printing.closing())
        self._terminal.summary(self._tally)
        return not self._tally.failed

    def _outcomes(self, upcoming: Lookahead[Task]) -> Generator[tuple[Task, Outcome], None, None]:
        """Each task with what becomes of it, as soon as that can be waited for: here, in their order."""
        from sumpool.documents.isolation import end_workers

        number = 1
        with Ahead(upcoming, self._read, most=AHEAD, abandon=end_workers) as jobs:
            for job in jobs:
                others = self._read_by_now(jobs)
                if self._summarizer is not None and others:
                    together = [job, *others]
                    states = self._do_together(self._summarizer, together, number, upcoming.total)
                    yield from ((one.item, partial(given, state)) for one, state in zip(together, states, strict=True))
                else:
                    task = self._doomed or job.item
                    yield task, partial(self._do, task, job, number, upcoming.total)
                number += 1 + len(others)

    def _read_by_now(self, jobs: Ahead[Task, Ready | None]) -> list[Job[Task, Ready | None]]:
        """The next documents that are there already, if it is worth while to have them done with the one before."""
        if self._summarizer is None or self._summarizer.side_by_side == 1 or self._highlight or self._doomed:
            return []
        jobs.most = self._summarizer.side_by_side
        return jobs.done(self._summarizer.side_by_side - 1)

    def _found(self, tasks: Iterable[Task]) -> Iterator[Task]:
        """The tasks; what is known to be wrong already is said before anybody waits for anything."""
        for task in tasks:
            if task.source.error is not None:
                self._terminal.failure(task.source.error, task.source.name)
                if self._fail_fast:
                    self._doomed = task
            elif task.source.path is None:
                task = replace(task, data=read_stdin(self._terminal))
            yield task
            if self._doomed:
                return

    def _standing(self, task: Task) -> Standing:
        """What is there already where the task's result goes."""
        if task.target is None or self._overwrite:
            return Standing()
        return self._results.standing(task.target, task.source.path)

    def _read(self, task: Task, progress: Progress) -> Ready | None:
        """`read_task`, in a thread of its own; where the model is at work on a GPU, it reads the document as well."""
        ready = read_task(task, self._standing(task), self._reading, progress)
        if ready is None or self._summarizer is None:
            return ready
        return replace(ready, document=self._summarizer.read_ahead(ready.document, **_asked(self._writing)))

    def _do(self, task: Task, job: Job[Task, Ready | None], number: int, total: int | None) -> Made | None:
        with self._terminal.document(task.source.name, number, total):
            if task.source.error is not None:
                raise task.source.error
            # While a reader is busy the model is loaded; what is there or fails at once may never need it.
            if self._summarizer is None and not job.ends_within(SOON):
                self._summarizer = load_summarizer(self._writing, self._terminal)
            ready = job.wait(self._terminal)
            if ready is None:
                return None
            if self._summarizer is None:
                self._summarizer = load_summarizer(self._writing, self._terminal)
            return make_result(self._summarizer, ready, self._writing, self._terminal, highlight=self._highlight)

    def _do_together(
        self, summarizer: Summarizer, jobs: Sequence[Job[Task, Ready | None]], number: int, total: int | None
    ) -> list[Made | SumpoolError | None]:
        """What becomes of tasks that need not be waited for; what goes wrong with one comes as a value."""
        states: list[Made | SumpoolError | None] = [None] * len(jobs)
        ready: dict[int, Ready] = {}
        with self._terminal.document(jobs[0].item.source.name, number, total):
            for index, job in enumerate(jobs):
                try:
                    read = job.wait(self._terminal)
                except SumpoolError as error:
                    states[index] = error
                else:
                    if read is not None:
                        ready[index] = read
            made = make_results(summarizer, list(ready.values()), self._writing, self._terminal)
            for index, state in zip(ready, made, strict=True):
                states[index] = state
        return states

    def _deliver(self, task: Task, made: Made | None, printing: Renderer) -> None:
        """Print or write what was made of a task."""
        if made is None:
            self._tally.skipped += 1
            return
        result = made.result
        if task.target is None:
            print_result(_render(result, printing))
        else:
            renderer = self._new_renderer(False)
            text = renderer.opening() + _render(result, renderer) + renderer.closing()
            self._results.write(task.target, text, task.source.path, made.content)
        self._tally.done += 1
        self._terminal.finished(result.summary if isinstance(result, Highlight) else result, task.target)

    def _fail(self, task: Task, error: SumpoolError, printing: Renderer) -> None:
        if isinstance(error, OutputError):  # its message names the output, which is what is wrong
            self._tally.fail("can't be written", task.source.name)
            self._terminal.failure(error)
            return
        self._tally.fail(error.message, task.source.name)
        if task.source.error is None:
            self._terminal.failure(error, task.source.name)
        if task.target is None:
            print_result(printing.failure(task.source.name, error))


def size_of(task: Task) -> int:
    """Bytes of a source whose result gets a file of its own; 0 where results are to come in the order of the sources.

    Where documents of like length follow one another, the next one has been read when the model is done with the last:
    to either, a document is as much work as it is long.
    """
    if task.target is None or task.source.path is None:
        return 0
    try:
        return task.source.path.size() if isinstance(task.source.path, Remote) else task.source.path.stat().st_size
    except (OSError, RemoteError):  # reading it will say so
        return 0


def _render(result: Summary | Highlight, renderer: Renderer) -> str:
    return highlight_page(result) if isinstance(result, Highlight) else renderer.summary(result)


def _timed(summary: Summary, seconds: float) -> Summary:
    return replace(summary, seconds=replace(summary.seconds, extract=seconds))
