"""`sumpool summarize` and `extract`, on real files with a small real model."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sumpool.documents import read_document

Sumpool = Callable[..., Any]


def files(directory: Path) -> list[str]:
    """All files below, but for the record that every output directory has."""
    found = (path for path in directory.rglob("*") if path.is_file() and path.name != ".sumpool.jsonl")
    return sorted(str(path.relative_to(directory)) for path in found)


def test_result_on_stdout_and_nothing_else_anywhere(summarize: Sumpool, story: Path) -> None:
    result = summarize("story.txt")
    assert (result.code, result.err) == (0, "")
    assert result.out.strip()
    assert "\x1b" not in result.out
    assert files(story.parent) == ["story.txt"]


@pytest.mark.parametrize("arguments", [(), ("-",)])
def test_standard_input(summarize: Sumpool, story: Path, arguments: tuple[str, ...]) -> None:
    result = summarize(*arguments, "--format", "json", stdin=story.read_bytes())
    assert (result.code, result.err) == (0, "")
    assert json.loads(result.out)["source"] == "stdin"


def test_empty_standard_input(summarize: Sumpool, here: Path) -> None:
    result = summarize()
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("sumpool: stdin: empty")


def test_json_offsets_count_what_extract_prints(summarize: Sumpool, sumpool: Sumpool, story: Path) -> None:
    summary = json.loads(summarize("story.txt", "--format", "json").out)
    text = sumpool("extract", "story.txt").out
    assert summary["passages"]
    for passage in summary["passages"]:
        assert text[passage["start"] : passage["end"]] == passage["text"]
        assert passage["page"] is None
    assert summary["document"]["words"] == len(text.split())
    assert set(summary["seconds"]) == {"extract", "read", "write", "total"}
    assert summary["seconds"]["extract"] > 0


def test_sources_are_shown_on_request(summarize: Sumpool, story: Path) -> None:
    assert "[1] " not in summarize("story.txt").out
    assert "[1] " in summarize("story.txt", "--sources").out


def test_failed_source_leaves_the_others_done(summarize: Sumpool, story: Path) -> None:
    (story.parent / "empty.txt").touch()
    result = summarize("nope.txt", "story.txt", "empty.txt", "--format", "json")
    assert result.code == 1
    lines = [json.loads(line) for line in result.out.splitlines()]
    assert [line["source"] for line in lines] == ["nope.txt", "story.txt", "empty.txt"]
    assert [line.get("error", {}).get("kind") for line in lines] == ["missing", None, "empty"]
    assert [line.split(": ")[:2] for line in result.err.splitlines()[:2]] == [
        ["sumpool", "nope.txt"],
        ["sumpool", "empty.txt"],
    ]
    assert "(" in result.err


def test_model_is_not_loaded_for_nothing(root: Path, here: Path) -> None:
    (here / "empty.txt").touch()
    script = (
        "import sys\nfrom sumpool.cli import main\ntry: main(['summarize', 'nope.txt', 'empty.txt'])\n"
        "finally: print('torch' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "False\n")
    assert done.stderr.count("sumpool: ") == 2


def test_directory_is_mirrored(summarize: Sumpool, tree: Path) -> None:
    result = summarize("docs", "-o", "out", "--format", "markdown")
    assert (result.code, result.out, result.err) == (0, "", "done  3\n")
    assert files(tree / "out") == ["a.md.md", "a.txt.md", "sub/b.txt.md"]
    assert (tree / "out/a.txt.md").read_text(encoding="utf-8").startswith("# ")


def test_output_inside_the_source_is_not_summarized_again(summarize: Sumpool, tree: Path) -> None:
    for _ in range(2):
        assert summarize("docs", "-o", "docs/out", "--overwrite").code == 0
    assert files(tree / "docs/out") == ["a.md.txt", "a.txt.txt", "sub/b.txt.txt"]


def test_output_file(summarize: Sumpool, story: Path) -> None:
    result = summarize("story.txt", "-o", "summary.html", "--format", "html")
    assert (result.code, result.out, result.err) == (0, "", "")
    assert (story.parent / "summary.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert "left as before" in summarize("story.txt", "-o", "summary.html").err
    assert summarize("story.txt", "-o", "-").out.strip()


def test_failed_source_leaves_no_output(summarize: Sumpool, here: Path) -> None:
    (here / "empty.txt").touch()
    assert summarize("empty.txt", "-o", "summary.txt").code == 1
    assert files(here) == ["empty.txt"]


def test_odd_file_names(summarize: Sumpool, story: Path) -> None:
    here = story.parent
    names = ["with space.txt", "line\nbreak.txt", "\x1b[31mred.txt", os.fsdecode(b"latin-\xe9.txt"), "-dash.txt"]
    for name in names:
        (here / name).write_bytes(story.read_bytes())
    result = summarize("--", *names, "nope\x1b.txt")
    assert result.code == 1
    assert "\x1b" not in result.out + result.err
    assert result.out.count("==> ") == len(names)
    assert result.err.count("sumpool: ") == 1
    assert summarize("-o", "out", ".", "--no-recursive").code == 0
    assert "skipped" in summarize("-o", "out", ".", "--no-recursive").err
    assert len(files(here / "out")) == len([*names, story])


WRONG = [
    (["--length", "0", "story.txt"], "--length 0: not a length"),
    (["--length", "long-ish", "story.txt"], "not a length"),
    (["--format", "yaml", "story.txt"], "'yaml' is not one of 'text', 'markdown', 'json', 'html'"),
    (["--jobs", "0", "story.txt"], "--jobs"),
    (["--frobnicate", "story.txt"], "--frobnicate"),
    (["story.txt", "-o", "story.txt"], "the document itself"),
    (["story.txt", "-o", "nowhere/a.txt"], "No such file or directory"),
    (["story.txt", "-o", "story.txt/a.txt"], "a file is in the way"),
    (["story.txt", "other.txt", "-o", "story.txt"], "a file, but several results"),
    ([".", "-o", "."], "summarize the summaries"),
    (["--device", "cuda", "story.txt"], "not available on this machine"),
    (["--pool", "1", "story.txt"], "--pool"),
]


@pytest.mark.parametrize(
    ("arguments", "says"), WRONG, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_wrong_usage_is_one_line_and_code_2(summarize: Sumpool, story: Path, arguments: list[str], says: str) -> None:
    if "cuda" in arguments:
        import torch

        if torch.cuda.is_available():
            pytest.skip("this machine has what the test wants missing")
    before = files(story.parent)
    result = summarize(*arguments)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("sumpool: ")
    assert result.err.count("\n") == 1
    assert says in result.err
    assert result.err.endswith(")\n")
    assert files(story.parent) == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["summarise", "story.txt"], "No such command"),
        (["story.txt"], "say: sumpool summarize story.txt"),
    ],
)
def test_wrong_command(sumpool: Sumpool, story: Path, arguments: list[str], says: str) -> None:
    result = sumpool(*arguments)
    assert result.code == 2
    assert result.err.count("\n") == 1
    assert says in result.err


def test_unknown_model(sumpool: Sumpool, story: Path) -> None:
    result = sumpool("summarize", "story.txt", "--model", "gpt-17")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("sumpool: ")
    assert result.err.count("\n") == 1
    assert "gpt-17" in result.err


def test_damaged_model(sumpool: Sumpool, story: Path, small_model: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(small_model, damaged)
    with open(damaged / "upper.safetensors", "r+b") as part:
        part.seek(20_000)
        part.write(b"\xff\x00\xff")
    result = sumpool("summarize", "story.txt", "--model", damaged)
    assert (result.code, result.out) == (1, "")
    assert result.err.count("\n") == 1
    assert "damaged" in result.err


def test_models(sumpool: Sumpool, here: Path) -> None:
    out = sumpool("models").out
    assert "(default)" in out
    assert "Apache-2.0" in out
    [path] = [line.split(maxsplit=1)[1] for line in out.splitlines() if line.split()[0] == "path"]
    assert (Path(path) / "config.json").is_file()


def test_extract(sumpool: Sumpool, story: Path) -> None:
    document = read_document(story)
    assert sumpool("extract", "story.txt").out == document.text + "\n"
    assert sumpool("extract", stdin=story.read_bytes()).out == document.text + "\n"
    assert json.loads(sumpool("extract", "story.txt", "--format", "json").out)["text"] == document.text


@pytest.mark.parametrize("source", ["nope.txt", "."])
def test_extract_failure(sumpool: Sumpool, here: Path, source: str) -> None:
    result = sumpool("extract", source, "--format", "json")
    assert result.code == 1
    assert set(json.loads(result.out)) == {"source", "error"}
    assert result.err.startswith(f"sumpool: {source}: ")
    assert result.err.count("\n") == 1
