"""The demo: the shipped model summarizes the example report, by the command that the README opens with."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sumpool.documents import Document, read_document


@pytest.fixture(scope="module")
def report(root: Path) -> Document:
    return read_document(root / "examples" / "report.pdf")


@pytest.fixture(scope="module")
def demo(root: Path) -> dict[str, Any]:
    """The demo's result as an object; made once, because the shipped model takes its time."""

    command = [sys.executable, "-m", "sumpool", "summarize", "--format", "json", "examples/report.pdf"]
    done = subprocess.run(command, cwd=root, env=os.environ, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_make_demo_is_this_command(root: Path) -> None:
    assert "sumpool summarize examples/report.pdf\n" in (root / "Makefile").read_text(encoding="utf-8")


def test_whole_report_is_read(demo: dict[str, Any], report: Document) -> None:
    assert demo["title"] == report.title
    assert demo["document"]["pages"] == report.pages
    assert demo["document"]["words"] == report.words
    assert demo["document"]["tokens"] > report.words


def test_summary_is_of_the_length_asked_for_and_ends(demo: dict[str, Any]) -> None:
    assert 90 <= len(demo["summary"].split()) <= 150
    assert re.search(r"[.!?]$", demo["summary"])


def test_summary_has_no_number_that_the_report_lacks(demo: dict[str, Any], report: Document) -> None:
    numbers = re.findall(r"\d+(?:[.,]\d+)*", demo["summary"])
    assert [number for number in numbers if number not in report.text] == []


def test_passages_point_into_the_extracted_text(
    demo: dict[str, Any], report: Document, root: Path, sumpool: Callable[..., Any]
) -> None:
    assert sumpool("extract", root / "examples" / "report.pdf").out == report.text + "\n"
    assert demo["passages"]
    for passage in demo["passages"]:
        assert report.text[passage["start"] : passage["end"]] == passage["text"]
        assert 1 <= passage["page"] <= demo["document"]["pages"]
        assert 0 <= passage["score"] <= 1
