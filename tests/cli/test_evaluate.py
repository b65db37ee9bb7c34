"""sumpool evaluate: what it prints and writes, what it says of bad input, how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from processes import children

from sumpool.evaluation.settings import SYSTEMS

pytest.importorskip("rouge_score", reason="the extra `evaluate` is not installed")
pytest.importorskip("sumy", reason="the extra `evaluate` is not installed")

Command = Callable[..., "subprocess.Popen[bytes]"]


def record(index: int) -> dict[str, str]:
    crates = [f"Crate {number} of ship {index} held {number * 7 + index} bags of grain." for number in range(40)]
    key = f"The harbour master of Port {index} found that dredging doubled the traffic of large ships."
    summary = f"Dredging doubled the traffic of large ships, the harbour master of Port {index} found."
    kind = ("ports", "docks")[index % 2]
    return {"id": f"row-{index}", "kind": kind, "document": " ".join([*crates, key]), "summary": summary}


@pytest.fixture
def data(here: Path) -> Path:
    """dev.jsonl in the current directory: three documents of two kinds."""
    path = here / "dev.jsonl"
    path.write_text("".join(json.dumps(record(index)) + "\n" for index in range(3)), encoding="utf-8")
    return path


def test_all_systems_side_by_side(sumpool: Callable[..., Any], data: Path, small_model: Path) -> None:
    result = sumpool(
        *("evaluate", "dev.jsonl", "--model", small_model, "--base", small_model, "--device", "cpu", "--count", "2"),
        *("--length", "20", "--format", "json", "--outputs", "written.jsonl"),
    )
    assert (result.code, result.err, result.out.count("\n")) == (0, "", 1)
    report = json.loads(result.out)
    assert report["settings"]["systems"] == list(SYSTEMS)
    assert (report["settings"]["length"], report["settings"]["count"], report["settings"]["seed"]) == (20, 2, 0)
    assert sum(number for kind, number in report["documents"].items() if kind != "overall") == 2
    assert set(report["results"]) == set(SYSTEMS)
    for system, kinds in report["results"].items():
        assert set(kinds) == set(report["documents"])
        for metrics in kinds.values():
            for name, found in metrics.items():
                if name == "oracle_recall" and system in ("lead", "textrank", "base", "oracle"):
                    assert found is None
                else:
                    assert found["low"] <= found["value"] <= found["high"]
    overall = {system: kinds["overall"] for system, kinds in report["results"].items()}
    assert overall["oracle"]["rouge2"]["value"] > overall["lead"]["rouge2"]["value"]
    assert overall["lead"]["grounded"]["value"] == overall["lead"]["length"]["value"] == 1
    assert overall["leadpool"]["oracle_recall"]["value"] == 0, "what counts stands at the end"
    ahead = report["ahead"]["lead"]["overall"]["rouge1"]
    assert ahead["value"] == pytest.approx(overall["sumpool"]["rouge1"]["value"] - overall["lead"]["rouge1"]["value"])
    assert "sumpool" not in report["ahead"]

    written = [json.loads(line) for line in Path("written.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["system"] for line in written] == 2 * list(SYSTEMS)
    assert len({line["id"] for line in written}) == 2
    for line in written:
        assert line["asked"] == 20
        assert line["reference"].startswith("Dredging doubled")
        assert bool(line["unsupported"]) == (line["metrics"]["grounded"] == 0)
    lead = [line["metrics"]["rouge1"] for line in written if line["system"] == "lead"]
    assert sum(lead) / 2 == pytest.approx(overall["lead"]["rouge1"]["value"], abs=1e-3)


def test_the_table(sumpool: Callable[..., Any], data: Path) -> None:
    result = sumpool("evaluate", "dev.jsonl", "--systems", "oracle, lead")
    assert (result.code, result.err) == (0, "")
    assert "overall: 3 documents" in result.out
    assert "ports: 2 documents" in result.out
    assert "docks: 1 document\n" in result.out
    [heads, *_] = [line.split() for line in result.out.splitlines() if "lead" in line]
    assert heads == ["lead", "oracle"]
    [grounded, *_] = [line for line in result.out.splitlines() if line.startswith("grounded")]
    assert grounded.split() == ["grounded", "100%", "±0", "100%", "±0"]
    assert "\x1b" not in result.out


def test_without_a_base_it_is_left_out_with_a_word(sumpool: Callable[..., Any], data: Path) -> None:
    result = sumpool("evaluate", "dev.jsonl", "--systems", "lead,base", "--format", "json", "--count", "1")
    assert list(json.loads(result.out)["results"]) == ["lead"]
    assert result.err == "sumpool: the system base is left out (name its checkpoint with --base)\n"
    alone = sumpool("evaluate", "dev.jsonl", "--systems", "base")
    assert (alone.code, alone.out) == (2, "")
    assert alone.err.startswith("sumpool: --systems base: needs a checkpoint")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"document": "A.", "summary": "B."}\n{"document": \n', "line 2 is not JSON"),
        (b'{"document": "A."}\n', "line 1 has no document and summary"),
        (b"[1]\n", "line 1 has no document and summary"),
        (b'{"document": " ", "summary": "B.", "id": "x"}\n', "document x or its summary is empty"),
        (b'{"document": "A.", "summary": ""}\n', "document 0 or its summary is empty"),
        (b'{"document": "\xff"}\n', "not UTF-8"),
        (b"", "no documents"),
    ],
)
def test_bad_data_is_one_line(sumpool: Callable[..., Any], here: Path, content: bytes, said: str) -> None:
    Path("bad.jsonl").write_bytes(content)
    result = sumpool("evaluate", "bad.jsonl", "--systems", "lead")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("sumpool: bad.jsonl: ")
    assert said in result.err
    assert result.err.count("\n") == 1


def test_bad_compression_is_one_line(sumpool: Callable[..., Any], here: Path) -> None:
    pytest.importorskip("zstandard")
    Path("bad.jsonl.zst").write_bytes(b"no zstd at all")
    result = sumpool("evaluate", "bad.jsonl.zst", "--systems", "lead")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert result.err.startswith("sumpool: bad.jsonl.zst: damaged")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "no data was named"),
        (("missing.jsonl",), "missing.jsonl: No such file or directory"),
        (("dev.jsonl", "--systems", "lead,best"), "--systems best: no such system (use sumpool, lead,"),
        (("dev.jsonl", "--systems", ","), "--systems: none named"),
        (("dev.jsonl", "--length", "7"), "--length 7: not a length"),
        (("dev.jsonl", "--count", "0"), "--count"),
        (("dev.jsonl", "--seed", "-1"), "--seed"),
        (("dev.jsonl", "--outputs", "dev.jsonl"), "dev.jsonl: the document itself"),
        (("dev.jsonl", "--outputs", "."), "Is a directory"),
        (("dev.jsonl", "--pool", "9999"), "--pool 9999: out of range"),
        (("dev.jsonl", "--model", "nowhere"), "no model 'nowhere'"),
    ],
)
def test_bad_usage_is_one_line(sumpool: Callable[..., Any], data: Path, arguments: tuple[str, ...], said: str) -> None:
    result = sumpool("evaluate", *arguments)
    assert result.code in (1, 2)
    assert result.out == ""
    assert said in result.err
    assert result.err.startswith("sumpool: ")
    assert len([line for line in result.err.splitlines() if "left out" not in line]) == 1


def test_outputs_are_there_while_it_runs_and_an_interrupt_is_quiet(
    command: Command, data: Path, small_model: Path, here: Path
) -> None:
    long = record(0)
    long["document"] *= 100
    (here / "long.jsonl").write_text(json.dumps(long) + "\n", encoding="utf-8")
    process = command(
        *("evaluate", "dev.jsonl", "long.jsonl", "--count", "1", "--systems", "sumpool", "--model", small_model),
        *("--length", "20", "--block", "32", "--outputs", "written.jsonl", "--quiet"),
    )
    written = here / "written.jsonl"
    for _ in range(600):
        if written.exists() and written.stat().st_size:
            break
        time.sleep(0.1)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=20)
    assert (process.returncode, output, errors) == (130, b"", b"")
    [line] = map(json.loads, written.read_text(encoding="utf-8").splitlines())
    assert line["system"] == "sumpool"


def without_seconds(report: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(report)
    for kinds in found["results"].values():
        for metrics in kinds.values():
            assert metrics.pop("seconds")["value"] > 0
    return found


def test_workers_measure_the_same_in_the_same_order(command: Command, data: Path, small_model: Path) -> None:
    reports, lines = [], []
    for workers in ("1", "2"):
        process = command(
            *("evaluate", "dev.jsonl", "--systems", "sumpool,lead", "--model", small_model, "--length", "20"),
            *("--format", "json", "--workers", workers, "--outputs", "written.jsonl"),
        )
        output, errors = process.communicate(timeout=120)
        assert (process.returncode, errors) == (0, b"")
        reports.append(without_seconds(output.decode()))
        written = map(json.loads, Path("written.jsonl").read_text(encoding="utf-8").splitlines())
        lines.append([(line["id"], line["system"], line["summary"]) for line in written])
    assert reports[0] == reports[1]
    assert lines[0] == lines[1]
    assert len(lines[0]) == 6


def test_what_goes_wrong_in_a_worker_is_one_line(command: Command, data: Path) -> None:
    process = command("evaluate", "dev.jsonl", "--systems", "sumpool", "--model", "nowhere", "--workers", "2")
    output, errors = process.communicate(timeout=120)
    assert (process.returncode, output, errors.count(b"\n")) == (1, b"", 1)
    assert errors.startswith(b"sumpool: no model 'nowhere'")


@pytest.mark.parametrize("end", ["interrupt", "terminate", "kill", "kill a worker"])
def test_no_worker_is_left_behind(command: Command, data: Path, small_model: Path, end: str) -> None:
    Path("long.jsonl").write_text(json.dumps({**record(0), "document": record(0)["document"] * 100}) + "\n")
    process = command(
        *("evaluate", "dev.jsonl", "long.jsonl", "--systems", "own", "--model", small_model, "--block", "32"),
        *("--workers", "2", "--outputs", "written.jsonl"),
        start_new_session=True,
    )
    written = Path("written.jsonl")
    for _ in range(600):
        if written.exists() and written.stat().st_size:
            break
        time.sleep(0.1)
    workers = [number for number in children(process.pid) if b"spawn_main" in command_line(number)]
    assert len(workers) == 2
    if end == "interrupt":
        os.killpg(process.pid, signal.SIGINT)
    elif end == "kill a worker":
        os.kill(min(workers), signal.SIGKILL)
    else:
        process.send_signal(signal.SIGTERM if end == "terminate" else signal.SIGKILL)
    output, errors = process.communicate(timeout=20)
    codes = {"interrupt": 130, "terminate": 143, "kill": -signal.SIGKILL, "kill a worker": 1}
    assert (process.returncode, output) == (codes[end], b"")
    if end == "kill a worker":
        assert errors == b"sumpool: a worker was killed (too little memory? use fewer --workers)\n"
    elif end != "kill":  # of which Python itself says a word
        assert errors == b""
    for _ in range(100):
        if not any(b"spawn_main" in command_line(number) for number in workers):
            return
        time.sleep(0.1)
    pytest.fail("a worker is left")


def command_line(process: int) -> bytes:
    """Empty if it has ended."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def test_it_works_without_a_network(command: Command, data: Path) -> None:
    """No download of word lists or tokenizers, whatever the libraries would like."""
    offline = {
        **os.environ,
        "https_proxy": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
        "HOME": "/nowhere",
    }
    process = command("evaluate", "dev.jsonl", "--systems", "textrank", "--count", "1", env=offline)
    output, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, b"")
    assert b"ROUGE-Lsum" in output
