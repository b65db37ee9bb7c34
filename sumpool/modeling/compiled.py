"""What of the model is compiled: `few_rows.c`, as few rows go through int8 weights on a CPU.

The build compiles it where there is a C compiler (`hatch_build.py`). Elsewhere torch does the same work in more time.
"""

from __future__ import annotations

import ctypes
import platform
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import POINTER, byref, c_float, c_int, c_int64, c_void_p
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

SOURCE = Path(__file__).with_name("few_rows.c")
LIBRARY = SOURCE.with_name("libfew_rows.so")
_WIDE = 16
"""Numbers in its longest vectors."""


class Map(ctypes.Structure):
    """A linear map, as in few_rows.c; so are the structures below."""

    _fields_ = (("weight", c_void_p), ("scale", c_void_p))


class Layer(ctypes.Structure):
    """A decoder layer."""

    _fields_ = (
        ("attention_norm", c_void_p),
        ("feed_forward_norm", c_void_p),
        *((name, Map) for name in ("query", "key", "value", "mix", "gate", "up", "down")),
    )


class Shape(ctypes.Structure):
    """The sizes of a stack of layers."""

    _fields_ = (
        *((name, c_int64) for name in ("layers", "size", "inner", "heads", "kv_heads", "head_dim")),
        ("epsilon", c_float),
    )


class Cache(ctypes.Structure):
    """Keys and values of some rows."""

    _fields_ = (
        ("keys", c_void_p),
        ("values", c_void_p),
        *((name, c_int64) for name in ("layer_stride", "row_stride", "head_stride")),
    )


class Front(ctypes.Structure):
    """The next tokens of each row."""

    _fields_ = (
        *((name, c_int64) for name in ("rows", "tokens", "width")),
        *((name, c_void_p) for name in ("lengths", "trunks", "visible", "cosines", "sines")),
    )


@cache
def library() -> ctypes.CDLL | None:
    """What was compiled; None where nothing was, or not for this CPU."""
    # On x86 it is compiled for AVX2. Of processors of other makes, torch says that they have none, too.
    x86 = platform.machine().lower() in ("x86_64", "amd64")
    if x86 and torch.backends.cpu.get_cpu_capability() in ("DEFAULT", "NO AVX"):
        return None
    try:
        found = ctypes.CDLL(str(LIBRARY))
    except OSError:
        return None
    found.sumpool_layers.argtypes = (*map(POINTER, (Shape, Layer, Cache, Front)), c_void_p, c_int)
    found.sumpool_product.argtypes = (POINTER(Map), c_void_p, c_int64, c_int64, c_int64, c_void_p, c_int)
    return found


class _Turns:
    """Who computes with all threads: torch, or, while somebody is in here, what was compiled."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._threads = 1

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Have torch compute with one thread as long as this lasts.

        After each of its operations torch's other threads wait for the next one in a loop, for milliseconds, on the
        very cores that the compiled threads want.
        """
        with self._lock:
            if not self._inside:
                self._threads = torch.get_num_threads()
            self._inside += 1
        torch.set_num_threads(1)
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
            torch.set_num_threads(self._threads)

    @property
    def threads(self) -> int:
        return self._threads if self._inside else torch.get_num_threads()


in_turns = _Turns()


def suits(*sizes: int) -> bool:
    """Whether it is there, and can do with rows of these sizes: of whole vectors."""
    return library() is not None and not any(size % _WIDE for size in sizes)


def layers(shape: Shape, stack: ctypes.Array[Layer], cache: Cache, front: Front, x: Tensor) -> None:
    """A stack of layers over x [rows * tokens, size], in place; MemoryError if there is none."""
    if _found().sumpool_layers(
        byref(shape), stack, byref(cache), byref(front), x.data_ptr(), in_turns.threads
    ):  # fmt: skip
        raise MemoryError


def product(weight: Tensor, scale: Tensor, x: Tensor) -> Tensor:
    """x [r, inputs] times int8 weights [outputs, inputs] and scale [outputs] -> [r, outputs] in float32.

    Each row comes out the same to the bit, whatever stands beside it. MemoryError if there is none.
    """
    x = x.float().contiguous()
    out = torch.empty(len(x), len(weight))
    given = Map(weight.data_ptr(), scale.data_ptr())
    if _found().sumpool_product(
        byref(given), x.data_ptr(), *x.shape, out.shape[1], out.data_ptr(), in_turns.threads
    ):  # fmt: skip
        raise MemoryError
    return out


def _found() -> ctypes.CDLL:
    found = library()
    assert found is not None, "it was called where it isn't there"
    return found
