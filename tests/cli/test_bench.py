"""sumpool bench: every system that is there really runs, on tiny sizes and a small model; what it prints is right."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from sumpool.bench.settings import SYSTEMS

Command = Callable[..., "subprocess.Popen[bytes]"]
HAS_LLAMA_CPP = find_spec("llama_cpp") is not None and find_spec("gguf") is not None
LLAMA_CPP = ("llamacpp-q8", "llamacpp-q4")


def test_all_systems_side_by_side(sumpool: Callable[..., Any], small_model: Path, here: Path) -> None:
    """One run of each: the parts add up, the ratios are those of the totals, all write as much as ours.

    The small model's window is 2,048 tokens: what is cut to it reads so much and no more.
    """
    result = sumpool(
        *("bench", "--sizes", "3000", "--length", "20", "--repeat", "1", "--device", "cpu", "--model", small_model),
        *("--format", "json", "--plot", "speed.png"),
    )
    assert result.code == 0, result.err
    report = json.loads(result.out)
    assert {"processor", "cores", "python", "torch", "transformers", "date"} <= set(report["facts"])
    rows = {row["system"]: row for row in report["rows"]}
    assert list(rows) == [name for name in SYSTEMS if name not in LLAMA_CPP]
    assert [skipped["system"] for skipped in report["skipped"]] == list(LLAMA_CPP)
    assert report["skipped"][0]["reason"].startswith("longer than" if HAS_LLAMA_CPP else "llama-cpp-python")
    ours = rows["sumpool"]
    for name, row in rows.items():
        seconds = row["seconds"]
        parts = sum(value for key, value in seconds.items() if key != "total")
        assert seconds["total"] == pytest.approx(parts, abs=0.01)
        assert row["ratio_to_ours"]["total"] == pytest.approx(seconds["total"] / ours["seconds"]["total"], rel=0.02)
        assert 2_900 <= row["document_tokens"] <= 3_000
        assert row["peak_bytes"] > 50e6
        assert row["read_tokens_per_second"] == pytest.approx(row["read_tokens"] / seconds["read"], rel=0.05)
        if name not in ("own", "greedy", "chunks"):
            assert row["written_tokens"] == ours["written_tokens"]
        if name not in ("truncated", "chunks"):
            assert row["read_tokens"] == row["document_tokens"]
    assert 1_900 < rows["truncated"]["read_tokens"] < 2_048
    assert rows["full"]["variant"] in ("float32", "bfloat16")
    assert rows["full"]["note"].startswith("longer than the 2,048 tokens")
    assert Path("speed.png").read_bytes().startswith(b"\x89PNG")


def test_what_takes_too_long_is_left_out_with_a_word(
    sumpool: Callable[..., Any], small_model: Path, here: Path
) -> None:
    result = sumpool(
        *("bench", "--sizes", "300,4k", "--systems", "sumpool", "--limit", "0.1", "--repeat", "1"),
        *("--device", "cpu", "--model", small_model, "--format", "markdown"),
    )
    assert result.code == 0
    assert "sumpool at 300 is left out: not done after 0.1 s, the limit" in result.err
    assert "sumpool at 4k: at least 1 s, judging by 300: over the limit of 0.1 s." in result.out


@pytest.mark.skipif(HAS_LLAMA_CPP, reason="llama-cpp-python is installed")
def test_what_is_not_installed_is_left_out_with_a_word(sumpool: Callable[..., Any], small_model: Path) -> None:
    result = sumpool("bench", "--sizes", "300", "--model", small_model, "--systems", "llamacpp-q8", "--device", "cpu")
    assert result.code == 0
    assert result.err.startswith("sumpool: llamacpp-q8 is left out: llama-cpp-python")
    assert "llamacpp-q8 at 300: " in result.out
    assert result.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--sizes", "8 k"), "--sizes 8 k: not a number of tokens"),
        (("--sizes", "10"), "--sizes 10: not a number of tokens from 200"),
        (("--sizes", ","), "--sizes: none named"),
        (("--systems", "fast"), "--systems fast: no such system (use sumpool, own, greedy, full"),
        (("--length", "7"), "--length 7: not a length"),
        (("--repeat", "0"), "--repeat"),
        (("--limit", "0"), "--limit"),
        (("--plot", "speed.jpg"), "--plot speed.jpg: not a PNG file's name"),
        (("--plot", "missing/speed.png"), "missing/speed.png: can't write there"),
        (("--model", "nowhere"), "no model 'nowhere'"),
    ],
)
def test_bad_usage_is_one_line(sumpool: Callable[..., Any], here: Path, arguments: tuple[str, ...], said: str) -> None:
    result = sumpool("bench", *arguments)
    assert result.code in (1, 2)
    assert result.out == ""
    assert said in result.err
    assert result.err.startswith("sumpool: ")
    assert result.err.count("\n") == 1


def test_an_interrupt_is_quiet_and_leaves_no_process(command: Command, small_model: Path, here: Path) -> None:
    process = command("bench", "--sizes", "256k", "--systems", "full", "--model", small_model, "--device", "cpu")
    time.sleep(3)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=20) == (b"", b"")
    assert process.returncode == 130
