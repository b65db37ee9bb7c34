"""The comparison tables, at sizes that take seconds: they run, and what they say of sizes and ratios is right."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sumpool.modeling import compiled
from sumpool.modeling.checkpoint import load_config
from sumpool.modeling.config import PyramidionConfig

ROOT = Path(__file__).resolve().parent.parent


def run(name: str, out: Path, *options: object, plot: bool = True) -> dict[str, Any]:
    """The JSON of a benchmark, with options and arguments, after a look at its table and, if it has one, its plot."""
    command = [sys.executable, str(ROOT / "benchmarks" / f"{name}.py"), "--out", str(out), *map(str, options)]
    result = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    table = (out / f"{name}.md").read_text("utf-8")
    assert result.stdout.strip() == table.strip()
    if plot:
        assert (out / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    record: dict[str, Any] = json.loads((out / f"{name}.json").read_text("utf-8"))
    assert {"seed", "torch", "processor", "threads", "command"} <= set(record["facts"])
    for row in record["rows"]:
        assert f"{row['n']:,}" in table if "n" in row else str(next(iter(row.values()))) in table
    return record


def write_pairs(path: Path, count: int, lines: int) -> Path:
    """Documents of so many sentences, all filler but one, which the summary says in other words."""
    pairs = []
    for number in range(count):
        filler = [f"Row {number} holds crate {place} of plain filler wood number {place}." for place in range(lines)]
        filler.insert(number, f"The harbour master of port {number} found that dredging doubled the traffic of ships.")
        summary = f"The harbour master of port {number} found dredging doubled ship traffic."
        pairs.append({"document": " ".join(filler), "summary": summary})
    path.write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    return path


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


@pytest.mark.long
def test_quality(tmp_path: Path) -> None:
    data = write_pairs(tmp_path / "pairs.jsonl", 24, 40)
    sizes = ("--effort", 0.1, "--count", 2, "--words", 20, "--work", tmp_path / "models")
    record = run("quality", tmp_path, data, data, *sizes)
    rows = {row["system"]: row for row in record["rows"]}
    assert {"untrained", "vanilla", "blockwise", "transpooler", "pyramidion", "transpooler, random"} < set(rows)
    assert all(row["loss"] < rows["untrained"]["loss"] for name, row in rows.items() if name != "untrained")
    assert rows["pyramidion"]["rouge1"] > rows["untrained"]["rouge1"]
    assert all(len([e for e in curve if "dev_loss" in e]) >= 4 for curve in record["curves"].values())
    # Nothing is trained twice.
    assert run("quality", tmp_path, data, data, *sizes)["rows"] == record["rows"]


def test_passages(tmp_path: Path) -> None:
    data = write_pairs(tmp_path / "pairs.jsonl", 2, 80)
    rows = {row["way"]: row for row in run("passages", tmp_path, data, plot=False)["rows"]}
    assert rows["shared words"]["first"] == 1 > rows["chance"]["first"]
    assert set(rows) > {"states below", "states above", "attention", "scorer"}
    assert all(row["first"] <= row["one of two"] <= 1 for row in rows.values())


def test_speculation(tmp_path: Path) -> None:
    data = write_pairs(tmp_path / "pairs.jsonl", 1, 40)
    rows = run("speculation", tmp_path, data, "--count", 1, "--length", 20, plot=False)["rows"]
    assert [row["guesses a pass"] for row in rows] == sorted(row["guesses a pass"] for row in rows)
    assert rows[0]["guesses a pass"] == 0 < rows[1]["guesses a pass"]
    assert all(row["tokens/s"] > 0 for row in rows)


def test_few_rows(tmp_path: Path) -> None:
    if compiled.library() is None:
        pytest.skip("nothing was compiled here, for want of a C compiler or of AVX2")
    rows = run("few_rows", tmp_path, "--past", 64, "--rounds", 1, plot=False)["rows"]
    assert [row["rows"] for row in rows] == [1, 2, 3, 4, 8, 16, 32]
    assert all(row["compiled"] > 0 < row["torch"] for row in rows)


def test_side_by_side(tmp_path: Path) -> None:
    data = write_pairs(tmp_path / "pairs.jsonl", 2, 40)
    sizes = ("--count", 2, "--length", 20, "--drafts", 1, "--size", 1, "--size", 2, "--device", "cpu")
    record = run("side_by_side", tmp_path, data, *sizes, plot=False)
    rows = record["rows"]
    assert [row["at once"] for row in rows] == [1, 2]
    assert [row["ahead"] for row in record["whole"]] == [True, False]
    assert all(row["summaries/min"] > 0 for row in record["whole"])
    assert all(row[name] > 0 for row in rows for name in ("recorded/min", "called/min", "words/s"))


@pytest.mark.long
def test_study(tmp_path: Path, small_model: Path, random_model: Callable[[PyramidionConfig, Path], Path]) -> None:
    """Of random weights nothing is learned in one step; but all variants are trained and measured, and none twice."""
    base = random_model(replace(load_config(small_model), num_hidden_layers=12), tmp_path / "base")
    data = write_pairs(tmp_path / "pairs.jsonl", 4, 80)
    sizes = ("--steps", 1, "--held", 2, "--words", 1000, "--work", tmp_path / "work")
    record = run("study", tmp_path, base, data, "--dev", data, *sizes, plot=False)
    rows = {row["variant"]: row for row in record["rows"]}
    assert {row["question"] for row in rows.values()} > {"split", "pool", "ranked", "stages", "passed on", "scorer"}
    assert len({row["before"] for row in rows.values()}) > len(rows) / 2, "they keep other tokens, in other layers"
    assert all(0 < row["loss"] < 2 * row["before"] for row in rows.values())
    assert rows["k = 64"]["recall"] <= rows["k = 512"]["recall"] <= 100
    assert run("study", tmp_path, base, data, "--dev", data, *sizes, plot=False)["rows"] == record["rows"]


@pytest.mark.long
def test_cold_start(tmp_path: Path) -> None:
    rows = run("cold_start", tmp_path, ROOT / "examples" / "report.pdf", "--repeat", 1, plot=False)["rows"]
    for row in rows[1:4]:
        assert row["total"] == pytest.approx(sum(row[part] for part in ("start", "extract", "read", "write")))
    assert rows[0]["total"] < rows[2]["total"] < rows[3]["total"]
