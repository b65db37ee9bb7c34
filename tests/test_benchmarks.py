"""The comparison tables, at sizes that take seconds: they run, and what they say of sizes and ratios is right."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent


def run(name: str, out: Path, *options: object) -> dict[str, Any]:
    command = [sys.executable, str(ROOT / "benchmarks" / f"{name}.py"), "--out", str(out), *map(str, options)]
    result = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    table = (out / f"{name}.md").read_text("utf-8")
    assert result.stdout.strip() == table.strip()
    assert (out / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    record: dict[str, Any] = json.loads((out / f"{name}.json").read_text("utf-8"))
    assert {"seed", "torch", "processor", "threads", "command"} <= set(record["facts"])
    for row in record["rows"]:
        assert f"{row['n']:,}" in table
    return record


def test_operators(tmp_path: Path) -> None:
    rows = run("operators", tmp_path, "--length", 64, "--keep", 8, "--size", 16)["rows"]
    similarity = {row["operator"]: row["similarity"] for row in rows}
    assert similarity["hard"] == pytest.approx(1, abs=1e-5)
    assert similarity["successive-halving"] > max(similarity["random"], similarity["iterative"])
    assert all(row["forward_backward_seconds"] > 0 for row in rows)


def test_complexity(tmp_path: Path) -> None:
    options = ("--length", 128, "--keep", 32, "--block", 32, "--target", 4)
    rows = {row["variant"]: row for row in run("complexity", tmp_path, *options)["rows"]}
    assert {name: row["source"] for name, row in rows.items()} == {
        "vanilla": 128,
        "blockwise": 128,
        "transpooler": 32,
        "pyramidion": 32,
    }
    for name in ("transpooler", "pyramidion"):
        assert rows[name]["to_vanilla"]["cross"] == pytest.approx(4)
        assert rows[name]["to_blockwise"]["cross"] == pytest.approx(4)
    assert rows["vanilla"]["to_vanilla"]["step"] == 1
