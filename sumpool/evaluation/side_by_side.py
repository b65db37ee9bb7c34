"""Several documents at once, each in a process that has all systems and its share of the cores.

A document that one process reads and writes on all cores leaves most of them waiting most of the time.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, get_context, parent_process

from sumpool.errors import SumpoolError
from sumpool.evaluation.cases import Case
from sumpool.evaluation.report import Row
from sumpool.evaluation.settings import Settings
from sumpool.interrupts import left_to_us
from sumpool.progress import Progress


def measured_side_by_side(settings: Settings, cases: Sequence[Case]) -> Iterator[list[tuple[Row, str]]]:
    """What `Measurer.measure` gives for all systems, case by case in their order, from `settings.workers` processes.

    Raises:
        SumpoolError: a process was killed; and what `Measurer.load` raises.
    """
    with ProcessPoolExecutor(settings.workers, get_context("spawn"), _begin, (settings.workers,)) as pool:
        with left_to_us():
            coming = pool.map(_measured, [settings] * len(cases), range(len(cases)), cases)
        try:
            yield from coming
        except BrokenProcessPool:
            raise SumpoolError("memory", "a worker was killed (too little memory? use fewer --workers)") from None
        finally:
            for process in active_children():
                process.kill()


def _begin(workers: int) -> None:
    import torch

    torch.set_num_threads(max(1, torch.get_num_threads() // workers))
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _measured(settings: Settings, number: int, case: Case) -> list[tuple[Row, str]]:
    from sumpool.evaluation.measuring import Measurer

    measurer = Measurer.load(settings)
    return [measurer.measure(number, case, system, Progress()) for system in settings.systems]
