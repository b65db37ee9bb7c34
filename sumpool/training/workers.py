"""Lessons made by processes of their own, ahead of training, so that a GPU doesn't wait for them."""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from sumpool.errors import SumpoolError
from sumpool.interrupts import left_to_us
from sumpool.training.corpus import Example
from sumpool.training.learner import Maker


def make_ahead(make: Maker, examples: Iterable[Example], *, labelled: bool, workers: int, ahead: int) -> Iterator[Any]:
    """The lessons of the examples, in their order; some are `ahead`, if there are workers.

    Raises:
        SumpoolError: a worker has ended.
    """
    if not workers:
        yield from (make(example, labelled=labelled) for example in examples)
        return
    loader = DataLoader(
        _Made(make, labelled),
        sampler=examples,  # whatever a sampler gives is what the data set is asked for
        batch_size=None,
        num_workers=workers,
        prefetch_factor=max(1, ahead // workers),
        collate_fn=_pack,
        worker_init_fn=_settle,
        multiprocessing_context="spawn",  # "fork" is not safe beside CUDA
    )
    with left_to_us():
        packed = iter(loader)
    try:
        for lesson in packed:
            yield pickle.loads(lesson)
    except RuntimeError as error:
        if "DataLoader worker" not in str(error) or "exited unexpectedly" not in str(error):
            raise
        raise SumpoolError("workers", "a process that prepares documents has ended (give fewer --workers)") from None


class _Made(Dataset[Any]):
    """What is made of an example."""

    def __init__(self, make: Maker, labelled: bool) -> None:
        self._make, self._labelled = make, labelled

    def __getitem__(self, example: Example) -> Any:
        return self._make(example, labelled=self._labelled)


class _Pickler(pickle.Pickler):
    """Tensors as arrays: torch would pass on an open file for each, of which a process may have some hundreds only."""

    def reducer_override(self, value: Any) -> Any:
        return (torch.from_numpy, (value.numpy(),)) if isinstance(value, Tensor) else NotImplemented


def _pack(lesson: Any) -> bytes:
    packed = io.BytesIO()
    _Pickler(packed, pickle.HIGHEST_PROTOCOL).dump(lesson)
    return packed.getvalue()


def _settle(worker: int) -> None:
    # There are as many workers as there are cores for them.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
