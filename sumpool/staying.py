"""Objects that are there to the end, for which Python need not search its garbage."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def all_staying() -> Iterator[None]:
    """What is made while inside stays until the program ends: Python doesn't look for garbage in it, then or later.

    Importing torch makes some hundred thousand objects. Python would look through all of them again and again.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
