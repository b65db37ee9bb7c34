"""A function of tensors, recorded as a CUDA graph.

Where a few tokens go through many layers, a GPU waits for Python to ask for the next of a thousand small operations.
A graph asks for all of them at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Outputs = tuple[Tensor, ...]

RECORDING = threading.Lock()
"""Held while a graph is recorded. CUDA gives a recording up where another thread asks the GPU for memory, say: threads
beside the one that records hold it, too, while they use the GPU."""


@dataclass(frozen=True, slots=True)
class _Recording:
    graph: torch.cuda.CUDAGraph
    inputs: Sequence[Tensor]
    outputs: Outputs


class Recorder:
    """Calls a function; for the second time with inputs of the same shapes it records it, and from then on replays it.

    On other devices than CUDA it is called as it is. What it returns is overwritten by the next call.
    function: of tensors on the device, and of keywords that recordings differ by, too. It must neither look at what
        tensors hold nor take memory that outlives it, but for what it returns.
    """

    def __init__(self, function: Callable[..., Outputs], device: torch.device) -> None:
        self._function, self._device = function, device
        self._met: set[Any] = set()
        self._recordings: dict[Any, _Recording] = {}
        self._pool = torch.cuda.graph_pool_handle() if device.type == "cuda" else None

    def __call__(self, inputs: Sequence[Tensor], **sizes: int) -> Outputs:
        """The function of the inputs, which may be on the CPU."""
        key = (*(tensor.shape for tensor in inputs), *sorted(sizes.items()))
        if self._device.type != "cuda" or key not in self._met:
            # The first call also loads what kernels need, which can't be recorded.
            self._met.add(key)
            return self._function(*(tensor.to(self._device) for tensor in inputs), **sizes)
        if key not in self._recordings:
            self._recordings[key] = self._record(inputs, sizes)
        recording = self._recordings[key]
        for held, given in zip(recording.inputs, inputs, strict=True):
            held.copy_(given)
        recording.graph.replay()
        return recording.outputs

    def _record(self, inputs: Sequence[Tensor], sizes: dict[str, int]) -> _Recording:
        held = [tensor.to(self._device, copy=True) for tensor in inputs]
        graph = torch.cuda.CUDAGraph()
        with RECORDING, torch.cuda.graph(graph, pool=self._pool):
            outputs = self._function(*held, **sizes)
        return _Recording(graph, held, outputs)
