"""How sure a mean over documents is: percentile bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

RESAMPLES = 1000

Statistic = Literal["mean", "median"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A statistic over `documents` documents with its 95% interval, low to high."""

    value: float
    low: float
    high: float
    documents: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def estimate(values: Sequence[float | None], statistic: Statistic = "mean", *, seed: int = 0) -> Estimate | None:
    """The statistic of the values that are there; None if none is.

    Documents are drawn with replacement `RESAMPLES` times; the interval leaves out 2.5% of the results at either end.
    """
    there = np.array([value for value in values if value is not None], dtype=np.float64)
    if not there.size:
        return None
    compute: Callable[..., Any] = np.mean if statistic == "mean" else np.median
    drawn = np.random.default_rng(seed).integers(0, there.size, (RESAMPLES, there.size))
    low, high = np.percentile(compute(there[drawn], axis=1), [2.5, 97.5])
    return Estimate(float(compute(there)), float(low), float(high), int(there.size))
