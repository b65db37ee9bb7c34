"""Threads wait for each other briefly where the machine is busy, and as the user says if he says anything."""

from __future__ import annotations

import os

import pytest

from sumpool.waiting import wait_briefly_where_busy


@pytest.mark.parametrize(
    ("load", "given", "expected"),
    [
        (0.1, {}, None),
        (9999.0, {}, "1000"),
        (9999.0, {"GOMP_SPINCOUNT": "7"}, "7"),
        (9999.0, {"OMP_WAIT_POLICY": "active"}, None),
    ],
)
def test_waiting(monkeypatch: pytest.MonkeyPatch, load: float, given: dict[str, str], expected: str | None) -> None:
    # Set and deleted, so that what is set here is gone afterwards.
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.setenv(name, given.get(name, ""))
        if name not in given:
            monkeypatch.delenv(name)
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0), raising=False)
    wait_briefly_where_busy()
    assert os.environ.get("GOMP_SPINCOUNT") == expected
