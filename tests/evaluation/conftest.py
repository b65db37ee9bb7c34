"""A handful of made-up documents with summaries, and what a tokenizer knows of words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("rouge_score", reason="the extra `evaluate` is not installed")
pytest.importorskip("sumy", reason="the extra `evaluate` is not installed")


def rows(count: int) -> list[dict[str, object]]:
    """Documents of two kinds, of 40 sentences that differ; one of them is what the summary is about."""
    made: list[dict[str, object]] = []
    for index in range(count):
        sentences = [f"Crate {number} of ship {index} held {number * 7 + index} bags of grain." for number in range(40)]
        sentences.insert(
            11, f"The harbour master of Port {index} found that dredging doubled the traffic of large ships."
        )
        summary = f"Dredging doubled the traffic of large ships, the harbour master of Port {index} found."
        kind = ("ports", "docks")[index % 2]
        made.append({"id": f"row-{index}", "kind": kind, "document": " ".join(sentences), "summary": summary})
    return made


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four documents of two kinds."""
    path = tmp_path / "dev.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows(4)), encoding="utf-8")
    return path
