"""Intervals: known cases, coverage, and what does not change them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sumpool.evaluation.bootstrap import estimate

VALUES = st.lists(st.floats(-100, 100), min_size=1, max_size=30)


def test_none_and_one_and_equal_values() -> None:
    assert estimate([]) is None
    assert estimate([None, None]) is None
    one = estimate([None, 3.0])
    assert one is not None
    assert one.as_dict() == {"value": 3.0, "low": 3.0, "high": 3.0, "documents": 1}


def test_mean_and_median() -> None:
    values = [1.0, 2.0, 9.0]
    mean, median = estimate(values), estimate(values, "median")
    assert mean is not None
    assert median is not None
    assert (mean.value, median.value) == (4.0, 2.0)


@given(VALUES, st.integers(0, 99))
def test_the_interval_lies_within_the_values_and_repeats_itself(values: list[float], seed: int) -> None:
    found = estimate(values, seed=seed)
    assert found is not None
    assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9
    assert found == estimate(values, seed=seed)


def test_nineteen_of_twenty_intervals_hold_the_truth() -> None:
    chance = np.random.default_rng(0)
    held = 0
    for _ in range(300):
        found = estimate(list(chance.normal(5, 2, 40)))
        assert found is not None
        held += found.low <= 5 <= found.high
    assert held / 300 == pytest.approx(0.94, abs=0.03)
