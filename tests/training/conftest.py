"""A small corpus with something to learn, and a copy of the small model to learn it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest


def rows(count: int) -> list[dict[str, object]]:
    """Documents of two kinds, each with one sentence that its summary repeats."""
    made: list[dict[str, object]] = []
    for index in range(count):
        filler = [f"Row {index} holds crate {number} of plain filler wood number {number}." for number in range(40)]
        key = f"The harbour master of port {index} found that dredging doubled the traffic of large ships."
        filler.insert(5 + index % 30, key)
        summary = f"The harbour master of port {index} found dredging doubled large ship traffic."
        made.append(
            {"id": str(index), "kind": ("ports", "docks")[index % 2], "document": " ".join(filler), "summary": summary}
        )
    return made


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    import zstandard

    path = tmp_path / "corpus.jsonl.zst"
    lines = "\n".join(json.dumps(row) for row in rows(8)) + "\n"
    path.write_bytes(zstandard.ZstdCompressor().compress(lines.encode()))
    return path


@pytest.fixture
def corpora(tmp_path: Path) -> Path:
    """Documents for training and development, of the kinds that the shipped model was trained on."""
    import zstandard

    for part in ("train", "dev"):
        directory = tmp_path / "corpora" / part
        directory.mkdir(parents=True)
        for kind in ("paper", "techdoc", "book", "meeting", "report", "dialogue", "news"):
            lines = "".join(json.dumps({**row, "kind": kind}) + "\n" for row in rows(2))
            (directory / f"{kind}.jsonl.zst").write_bytes(zstandard.ZstdCompressor().compress(lines.encode()))
    return tmp_path / "corpora"


@pytest.fixture
def checkpoint(small_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_model, tmp_path / "small"))
