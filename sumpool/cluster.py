"""Batches on more than one processor or machine: the same work as a Ray Data job.

A row is a document on its way: a task, then what was read, then what was made or went wrong. Workers are Ray Data's
actors, each with a model of its own; where they have GPUs, documents are read beside them on the processors. What is to
be done is decided, and results and their record are written, by the process that was started, as in any other batch.
"""

from __future__ import annotations

import io
import logging
import math
import os
import pickle
import platform
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from types import FrameType
from typing import TYPE_CHECKING, Any, TextIO, cast

from sumpool.ahead import Lookahead
from sumpool.batch import (
    Batch,
    Made,
    Outcome,
    Reading,
    Ready,
    Task,
    Writing,
    given,
    make_result,
    model_fingerprints,
    new_summarizer,
    read_task,
    size_of,
)
from sumpool.errors import DocumentError, ModelError, SumpoolError, UsageError
from sumpool.interrupts import ending_at_once
from sumpool.outputs import OutputError
from sumpool.progress import Progress
from sumpool.record import Standing

if TYPE_CHECKING:
    from sumpool.summarizer import Summarizer

MOST_BLOCKS = 10_000
"""Blocks that Ray Data is given: each costs it memory and a moment, and is what is done again when a worker dies."""

ATTEMPTS = 3
"""Times that a document is given to a worker that dies before it is put aside, to be tried by itself in the end."""

WORKER_DIED = "every worker that had it died (does it need more memory than there is?)"

CHECKS = 32
"""Outputs that are looked at at a time: a store takes its time to answer."""

OBJECT_STORE = 256 << 20
"""Bytes of shared memory on this machine: for documents on their way to a worker, not for models."""

STDERR = 2

REACHED_WITHIN = 5.0
"""Seconds that a cluster has to answer."""

Row = dict[str, Any]
"""`number` of the task, and `state`, pickled: a Task, Ready, Made, None (its result is there) or a SumpoolError."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the work is done."""

    address: str | None = None
    """Of a Ray cluster, or "auto" for the one that this machine belongs to; None starts Ray on this machine."""
    workers: int | None = None
    """As many as there is room for by default."""
    gpus_per_worker: float | None = None
    """By default a whole one where there are any."""


@dataclass(frozen=True, slots=True)
class Order:
    """What all workers need to know."""

    reading: Reading
    writing: Writing
    model: dict[str, str]
    """The fingerprints of the model and the writer: every machine has to have the same."""
    directory: str
    """Where relative paths begin."""


class RayBatch(Batch):
    """A Batch whose documents are read and summarized by the workers of a Ray cluster.

    Args:
        placement: where the workers are.
        *batch, **options: as for Batch, but for `highlight`.
    """

    def __init__(self, placement: Placement, *batch: Any, **options: Any) -> None:
        super().__init__(*batch, **options)
        self._placement = placement

    def _outcomes(self, upcoming: Lookahead[Task]) -> Generator[tuple[Task, Outcome], None, None]:
        """Each task with what became of it, as it comes; where results are printed, in the order of the tasks."""
        # The longest first, so that no worker begins with one when the others have nothing left to do.
        tasks = sorted(upcoming, key=size_of, reverse=True)
        if self._doomed:
            tasks = [self._doomed]
        states: dict[int, Any] = {}
        pool = ThreadPoolExecutor(CHECKS)
        try:
            for number, (task, standing) in enumerate(zip(tasks, pool.map(self._checked, tasks), strict=True)):
                if task.source.error is not None:
                    yield task, partial(given, task.source.error)
                else:
                    states[number] = (task, standing)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        if not states:
            return
        order = Order(self._reading, self._writing, model_fingerprints(self._writing), os.getcwd())
        ordered = any(task.target is None for task in tasks)
        with self._terminal.document("Ray", 1, 1, "starting"):
            ray = _import_ray(self._terminal.stop)
            session = _Session(ray, self._placement, self._writing.device)
        with session:
            found = session.run(order, states, ordered=ordered)
            for done in range(1, len(states) + 1):
                with self._terminal.document("documents", done, len(states), f"{session.workers} at work"):
                    number, state = next(found)
                yield tasks[number], partial(given, state)

    def _checked(self, task: Task) -> Standing:
        """`_standing`, from any thread, with what goes wrong as a value."""
        try:
            return self._standing(task)
        except OutputError as error:
            return Standing(error=error)


class _Session:
    """Ray, started on this machine or reached in a cluster, until the `with` block is left.

    Raises:
        UsageError: there is no such cluster, or no room in it for a worker.
    """

    def __init__(self, ray: Any, placement: Placement, device: str) -> None:
        self._ray = ray
        local = placement.address is None
        if not local:
            _check_address(cast(str, placement.address))
        started = (
            # More workers than cores are the user's wish; without a number Ray counts the cores.
            {"address": "local", "include_dashboard": False, "object_store_memory": OBJECT_STORE}
            | ({"num_cpus": max(placement.workers, os.cpu_count() or 1)} if placement.workers else {})
            if local
            else {"address": placement.address}
        )
        self._after = ExitStack()
        self._after.enter_context(_quiet())
        try:
            with _signals_kept():
                ray.init(log_to_driver=False, logging_level=logging.CRITICAL, **started)
            logging.getLogger("ray").setLevel(logging.CRITICAL + 1)
            logging.getLogger("ray.data").setLevel(logging.CRITICAL + 1)
            there = ray.cluster_resources()
            self._gpus = placement.gpus_per_worker
            if self._gpus is None:
                self._gpus = 1 if there.get("GPU", 0) >= 1 and device in ("auto", "cuda") else 0
            # The least that is meant to be less than another is a ten-thousandth, Ray's unit.
            room = math.floor(there.get("GPU", 0) / self._gpus + 1e-6) if self._gpus else int(there.get("CPU", 0))
            if not room and placement.workers is None:
                asked = f"{self._gpus:g} GPU" if self._gpus else "a processor"
                raise UsageError(
                    "ray", f"no machine has {asked} for a worker (change --gpus-per-worker, or say how many --workers)"
                )
            self.workers = placement.workers or room
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            self.__exit__()
            shown = placement.address or "on this machine"
            raise UsageError("ray", f"Ray, {shown}: {_first_line(error)} (see sumpool's docs/cluster.md)") from None
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        # In the end Ray prints, in this thread, what it has held back of what its others heard.
        with self._after, _signals_kept(), redirect_stdout(io.StringIO()):
            self._ray.shutdown()

    def run(self, order: Order, states: dict[int, Any], *, ordered: bool) -> Iterator[tuple[int, Any]]:
        """The number of each state with what became of it; SumpoolError if the cluster fails as a whole."""
        left = dict(states)
        self.workers = min(self.workers, len(left))
        per_block = -(-len(left) // MOST_BLOCKS)
        # A document that its workers die of takes others with it: its block, and what waits for the same worker. These
        # are tried again, first without neighbours, then all by themselves.
        for size in sorted({per_block, 1}, reverse=True):
            for number, state in self._job(order, dict(left), size, ordered):
                del left[number]
                yield number, state
            if not left:
                return
        for number, state in list(left.items()):
            alone = dict(self._job(order, {number: state}, 1, ordered))
            yield number, alone.get(number, DocumentError("worker", WORKER_DIED))

    def _job(self, order: Order, states: dict[int, Any], per_block: int, ordered: bool) -> Iterator[tuple[int, Any]]:
        """`run`, without those that were lost with their workers."""
        data = self._ray.data
        context = data.DataContext.get_current()
        context.enable_progress_bars = context.print_on_execution_start = False
        context.execution_options.preserve_order = ordered
        # A result is on its way when it is there, not when the block that it belongs to is done.
        context.target_max_block_size = 1
        context.max_errored_blocks = -1
        rows = [{"number": number, "state": pickle.dumps(state)} for number, state in states.items()]
        job = data.from_items(rows, override_num_blocks=-(-len(rows) // per_block))
        if self._gpus:  # a model on a GPU is no match for a processor that reads PDFs
            job = job.map(_reader(order), num_cpus=1, ray_remote_args_fn=lambda: {"max_retries": ATTEMPTS - 1})
        job = job.map(
            _Worker,
            fn_constructor_args=(order,),
            # No document waits in line behind one that its worker may die of.
            compute=data.ActorPoolStrategy(
                min_size=1, max_size=self.workers, initial_size=self.workers, max_tasks_in_flight_per_actor=1
            ),
            num_cpus=0 if self._gpus else 1,
            num_gpus=self._gpus,
            ray_remote_args_fn=lambda: {"max_restarts": -1, "max_task_retries": ATTEMPTS - 1},
        )
        try:
            for batch in job.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
                for row in batch.to_pylist():
                    yield row["number"], pickle.loads(row["state"])
        except self._ray.exceptions.RayActorError:
            return  # a worker's end that Ray Data takes for that of the job: what is left is tried again
        except Exception as error:  # what happens to documents is in their rows
            raise SumpoolError(
                "ray", f"Ray: {_first_line(error)} (say it again to go on: what is finished is kept)"
            ) from None


def _reader(order: Order) -> Callable[[Row], Row]:
    """For processors beside the workers: a row's task becomes what was read."""

    def read(row: Row) -> Row:
        _go_to(order.directory)
        return {**row, "state": pickle.dumps(_read(order, *pickle.loads(row["state"])))}

    return read


class _Worker:
    """Makes what becomes of a row, with a model that is loaded when a document is there for it."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._summarizer: Summarizer | None = None
        _go_to(order.directory)

    def __call__(self, row: Row) -> Row:
        state = pickle.loads(row["state"])
        if isinstance(state, tuple):
            state = _read(self._order, *state)
        if isinstance(state, Ready):
            state = _attempt(partial(self._make, state))
        return {**row, "state": pickle.dumps(state)}

    def _make(self, ready: Ready) -> Made:
        writing = self._order.writing
        if self._summarizer is None:
            if model_fingerprints(writing) != self._order.model:
                raise ModelError(
                    "model", f"{platform.node()} has another model of that name (put the same on all machines)"
                )
            self._summarizer = new_summarizer(writing)
        return make_result(self._summarizer, ready, writing, Progress())


def _read(order: Order, task: Task, standing: Standing) -> Any:
    return _attempt(partial(read_task, task, standing, order.reading, Progress()))


def _attempt(work: Callable[[], Any]) -> Any:
    """What `work` gives, or the error that it raises, as a value: no document ends the others' job."""
    try:
        return work()
    except SumpoolError as error:
        return error
    except Exception as error:
        return DocumentError("unexpected", f"{type(error).__name__}: {_first_line(error)} (please report this)")


def _go_to(directory: str) -> None:
    """Make relative paths mean what they meant where the job was started. A machine without that has none of them."""
    with suppress(OSError):
        os.chdir(directory)


def check_installed() -> None:
    """UsageError if Ray, or what its data jobs need, isn't installed."""
    if any(find_spec(name) is None for name in ("ray", "pyarrow", "pandas")):
        raise UsageError("engine", "--engine ray: Ray isn't installed (pip install 'sumpool[ray]')")


def _import_ray(tidy: Callable[[], None]) -> Any:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # nothing is told to anybody
    # Where Ray is started here: beside other programs no slower than this one would be.
    os.environ.setdefault("RAY_worker_niceness", "0")
    with ending_at_once(tidy):
        import ray
        import ray.data

        return ray


def _check_address(address: str) -> None:
    """UsageError for an address that is none, or where nobody answers: Ray itself would try for a minute."""
    advice = "(start a cluster with: ray start --head)"
    if "://" in address:
        raise UsageError(
            "address", f"--address {address}: not an address such as 10.0.0.1:6379 (run sumpool in the cluster)"
        )
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise UsageError("address", f"--address {address}: not auto or HOST:PORT {advice}")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACHED_WITHIN).close()
    except OSError as error:
        why = error.strerror or str(error)
        raise UsageError("address", f"--address {address}: no Ray cluster there: {why} {advice}") from None


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Keep Ctrl-C and SIGTERM for afterwards: Ray that is half started or half ended leaves processes behind."""
    kept: list[tuple[int, FrameType | None]] = []
    before = {number: signal.getsignal(number) for number in (int(signal.SIGINT), int(signal.SIGTERM))}
    for number in before:
        signal.signal(number, lambda *caught: kept.append(caught))
    try:
        yield
    finally:
        for number, handler in before.items():  # Ray sets one, too
            signal.signal(number, handler)
    for number, frame in kept:
        handler = before[number]
        if callable(handler):
            handler(number, frame)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what Ray has to say about its workings from the terminal, but not what this thread says.

    Ray's native part writes to file descriptor 2, its threads print what they hear of crashes to standard output, where
    results belong, and it warns of its own plans.
    """
    with ExitStack() as after:
        after.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        after.enter_context(redirect_stdout(cast(TextIO, _OneThread(sys.stdout))))
        try:
            ours = sys.stderr.fileno() == STDERR
        except (AttributeError, OSError, ValueError):  # replaced or closed
            ours = False
        if ours:
            sys.stderr.flush()
            stream = after.enter_context(
                os.fdopen(os.dup(STDERR), "w", 1, encoding=sys.stderr.encoding, errors=sys.stderr.errors)
            )
            after.callback(os.dup2, stream.fileno(), STDERR)
            after.enter_context(redirect_stderr(stream))
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), STDERR)
        yield


class _OneThread:
    """A stream for what the thread that made it writes; what others write goes nowhere."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._thread = threading.current_thread()

    def write(self, text: str) -> int:
        return self._stream.write(text) if threading.current_thread() is self._thread else len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _first_line(error: BaseException) -> str:
    return next((line.strip().rstrip(".") for line in str(error).splitlines() if line.strip()), type(error).__name__)
