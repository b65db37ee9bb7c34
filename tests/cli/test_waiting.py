"""Threads wait for each other briefly where the machine is busy, and as the user says if he says anything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sumpool import waiting

BUSY = "512.00 300.10 200.00 513/2000 4711\n"


@pytest.mark.parametrize(
    ("load", "given", "expected"),
    [
        (BUSY, {}, "1000"),
        ("0.10 300.10 200.00 513/2000 4711\n", {}, None),
        ("512.00 300.10 200.00 1/2000 4711\n", {}, None),
        (BUSY, {"GOMP_SPINCOUNT": "7"}, "7"),
        (BUSY, {"OMP_WAIT_POLICY": "active"}, None),
        ("?", {}, None),
        (None, {}, None),
    ],
)
def test_waiting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, load: str | None, given: dict[str, str], expected: str | None
) -> None:
    # Set and deleted, so that what is set here is gone afterwards.
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.setenv(name, given.get(name, ""))
        if name not in given:
            monkeypatch.delenv(name)
    monkeypatch.setattr(os, "cpu_count", lambda: 512)
    monkeypatch.setattr(waiting, "LOAD", tmp_path / "loadavg")
    if load is not None:
        waiting.LOAD.write_text(load)
    waiting.wait_briefly_where_busy()
    assert os.environ.get("GOMP_SPINCOUNT") == expected
