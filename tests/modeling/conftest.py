"""Small real models: random weights, the shipped tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from sumpool.modeling import compiled
from sumpool.modeling.checkpoint import find_model, save_model
from sumpool.modeling.prompts import Prompts
from sumpool.modeling.pyramidion_lm import PyramidionLM
from sumpool.modeling.rules import Vocabulary
from sumpool.training.convert import split_llama


@pytest.fixture(params=["compiled", "torch"])
def few_rows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether few rows are computed by what was compiled, or without; where nothing was, without."""
    if request.param == "torch":
        monkeypatch.setattr(compiled, "library", lambda: None)
    elif compiled.library() is None:
        pytest.skip("nothing was compiled here, for want of a C compiler or of AVX2")
    return request.param == "compiled"


@pytest.fixture(scope="session")
def prompts() -> Prompts:
    return Prompts.load(find_model())


@pytest.fixture(scope="session")
def vocabulary(prompts: Prompts) -> Vocabulary:
    return Vocabulary(prompts)


@pytest.fixture(scope="session")
def model(llama: Any) -> PyramidionLM:
    """The same weights, split after two layers, with small blocks and a small pool."""
    torch.manual_seed(1)
    return split_llama(llama, 2, block_size=32, pool_size=24, scorer_hidden_size=8).requires_grad_(False)


@pytest.fixture
def checkpoint(model: PyramidionLM, prompts: Prompts, tmp_path: Path) -> Path:
    directory = tmp_path / "small"
    save_model(model, directory, tokenizer_json=prompts.tokenizer.to_str(), base="random", licence="none")
    return directory
