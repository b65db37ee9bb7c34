"""The shipped checkpoint's recipe, whole, on a small base and a handful of documents."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sumpool import Summarizer
from sumpool.modeling.checkpoint import find_model

pytest.importorskip("accelerate", reason="the extra `train` is not installed")


@pytest.fixture
def base(llama: Any, tmp_path: Path) -> Path:
    """A small Llama and the shipped tokenizer, as transformers saves them."""
    from transformers import PreTrainedTokenizerFast

    directory = tmp_path / "base"
    llama.save_pretrained(directory)
    PreTrainedTokenizerFast(tokenizer_file=str(find_model() / "tokenizer.json")).save_pretrained(directory)
    return directory


@pytest.mark.long
def test_one_command_makes_a_model_and_goes_on_where_it_was(
    root: Path, base: Path, corpora: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = ["bash", str(root / "models" / "sumpool-135m" / "recipe.sh"), str(base), str(corpora), str(out)]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    small = {**os.environ, "PATH": path, "GGUF": "", "PROCESSES": "1", "DOCUMENTS": "3", "STEPS": "2"}
    small |= {"LONG_STEPS": "1", "WORKERS": "1"}
    for _ in range(2):
        result = subprocess.run(command, env=small, capture_output=True, text=True, timeout=300)
        assert result.returncode == 0, result.stderr
    for name, expected in (("first", [0, 1, 2]), ("long", [0, 1])):
        lines = (out / name / "training.jsonl").read_text().splitlines()
        assert [json.loads(line)["step"] for line in lines] == expected
    made = out / "sumpool-135m"
    assert Summarizer(made, device="cpu").summarize(root / "examples" / "minutes.md", length=20).text
