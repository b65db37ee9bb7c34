"""Reading ahead: the next documents are read in a thread while the model works on one."""

from __future__ import annotations

import heapq
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from types import TracebackType
from typing import Generic, TypeVar

from sumpool.progress import Progress

Item = TypeVar("Item")
Result = TypeVar("Result")

PATIENCE = 1.0
"""Seconds that the thread gets to notice that nobody wants its results any more."""


class Lookahead(Generic[Item]):
    """An iterator that finds up to `most` items before they are asked for, so that the end is known in time.

    With `size`, the smallest of these comes next, and of equal ones the first.
    """

    def __init__(self, items: Iterable[Item], most: int, size: Callable[[Item], int] | None = None) -> None:
        self._items = iter(items)
        self._most = most
        self._size = size
        self._waiting: list[tuple[int, int, Item]] = []
        self.found = 0
        self._exhausted = False
        self._look()

    @property
    def total(self) -> int | None:
        """How many items there are in all; None while that isn't known."""
        return self.found if self._exhausted else None

    def __iter__(self) -> Iterator[Item]:
        while self._waiting:
            yield heapq.heappop(self._waiting)[2]
            self._look()

    def _look(self) -> None:
        while not self._exhausted and len(self._waiting) < self._most:
            try:
                item = next(self._items)
            except StopIteration:
                self._exhausted = True
            else:
                heapq.heappush(self._waiting, (self._size(item) if self._size else 0, self.found, item))
                self.found += 1


class Job(Generic[Item, Result]):
    """An item on its way through the thread."""

    def __init__(self, item: Item, work: Callable[[Item, Progress], Result]) -> None:
        self.item = item
        self._work = work
        self._watched = _Watched()
        self._future: Future[Result] = Future()

    def run(self) -> None:
        try:
            self._future.set_result(self._work(self.item, self._watched))
        except BaseException as error:  # it is for the thread that waits
            self._future.set_exception(error)

    def ends_within(self, seconds: float) -> bool:
        """Whether the work is done, or has failed, before so many seconds have passed."""
        return bool(wait([self._future], timeout=seconds).done)

    def wait(self, progress: Progress) -> Result:
        """What the work gave or raised; `progress` is told how far it is from now on."""
        self._watched.watcher = progress
        try:
            return self._future.result()
        finally:
            self._watched.watcher = Progress()


class Ahead(Generic[Item, Result]):
    """Does `work(item, progress)` for one item after the other in a thread, `most` items ahead of what is asked for.

    Iterating gives a Job for each item, in order, to wait for; `done` those that need not be waited for. Leaving the
    `with` block ends the thread; `abandon` is called until it has ended, and is to make the work that it is at fail.
    """

    def __init__(
        self,
        items: Iterable[Item],
        work: Callable[[Item, Progress], Result],
        *,
        most: int,
        abandon: Callable[[], None],
    ) -> None:
        self._items = iter(items)
        self._work = work
        self.most = most
        self._abandon = abandon
        self._ordered: deque[Job[Item, Result]] = deque()
        self._orders: queue.SimpleQueue[Job[Item, Result] | None] = queue.SimpleQueue()
        self._left = False
        # A daemon, so that work which can't be abandoned, such as waiting for a disk, does not keep the program.
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Ahead[Item, Result]:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left = True
        self._orders.put(None)
        deadline = time.monotonic() + PATIENCE
        while self._thread.is_alive() and time.monotonic() < deadline:
            self._abandon()
            self._thread.join(0.02)

    def __iter__(self) -> Iterator[Job[Item, Result]]:
        while self._order():
            yield self._ordered.popleft()

    def done(self, most: int) -> list[Job[Item, Result]]:
        """The next jobs, up to `most` of them, as far as they are done already."""
        found: list[Job[Item, Result]] = []
        while len(found) < most and self._order() and self._ordered[0].ends_within(0):
            found.append(self._ordered.popleft())
        return found

    def _order(self) -> bool:
        """Have work done that far ahead; False if there is none left."""
        while len(self._ordered) <= self.most and (item := next(self._items, None)) is not None:
            self._ordered.append(Job(item, self._work))
            self._orders.put(self._ordered[-1])
        return bool(self._ordered)

    def _serve(self) -> None:
        while (job := self._orders.get()) is not None and not self._left:
            job.run()
            del job  # or its document would stay until the next one comes


class _Watched(Progress):
    """Hands on to whoever watches at the moment."""

    watcher = Progress()

    def extracting(self, done: int, total: int) -> None:
        self.watcher.extracting(done, total)

    def recognizing(self, done: int, total: int) -> None:
        self.watcher.recognizing(done, total)
