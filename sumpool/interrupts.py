"""Being interrupted where an exception is the wrong way to find out: in processes that others have started, and while
native code is being imported.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def left_to_us() -> Iterator[None]:
    """Processes that are started while inside ignore Ctrl-C from the start: it reaches all, and this one answers."""
    if threading.current_thread() is not threading.main_thread():  # where handlers can't be set
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def ending_at_once(tidy: Callable[[], None]) -> Iterator[None]:
    """While inside, Ctrl-C and SIGTERM call `tidy` and end the process on the spot, with the code for that signal.

    The KeyboardInterrupt that Python would raise is lost or worse while torch is imported: some of its modules take
    any exception for a missing feature and go on, and its native code aborts over one. To be used where there is
    nothing to clean up but what `tidy` does, and from the main thread.
    """

    def end(signum: int, frame: FrameType | None) -> None:
        tidy()
        os._exit(128 + signum)

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # as under nohup, or in a script's background
            signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
