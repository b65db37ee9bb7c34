"""What all tests share: the repository's root, and a small real model for tests that need one and not its wits."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from sumpool.modeling.config import PyramidionConfig

if "PYTEST_XDIST_WORKER" in os.environ:
    # There is a worker for each core: threads would wait in vain for each other.
    os.environ["OMP_NUM_THREADS"] = "1"

ROOT = Path(__file__).resolve().parent.parent
SMALL: dict[str, Any] = {
    "vocab_size": 49152,
    "hidden_size": 48,
    "intermediate_size": 96,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
}
"""A small decoder's sizes, with the shipped tokenizer."""


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@contextmanager
def threads(count: int) -> Iterator[None]:
    """torch, and what is compiled, with so many threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """For small models a second thread is more trouble than help."""
    with threads(1):
        yield


@pytest.fixture
def two_threads() -> Iterator[None]:
    with threads(2):
        yield


@pytest.fixture(scope="session")
def random_model() -> Callable[[PyramidionConfig, Path], Path]:
    """Write a checkpoint with random weights and the shipped tokenizer to a directory, and give that back."""

    def make(config: PyramidionConfig, directory: Path) -> Path:
        import torch

        from sumpool.modeling.checkpoint import find_model, save_model
        from sumpool.modeling.pyramidion_lm import PyramidionLM

        generator = torch.Generator().manual_seed(0)
        model = PyramidionLM(config)
        for weight in model.parameters():
            if weight.ndim == 2:
                torch.nn.init.normal_(weight, std=0.2, generator=generator)
        tokenizer = (find_model() / "tokenizer.json").read_text(encoding="utf-8")
        save_model(model, directory, tokenizer_json=tokenizer, base="random weights", licence="none")
        return directory

    return make


@pytest.fixture(scope="session")
def small_model(
    tmp_path_factory: pytest.TempPathFactory, random_model: Callable[[PyramidionConfig, Path], Path]
) -> Path:
    """A model that writes nonsense, fast, by the same code."""
    from sumpool.modeling.config import PyramidionConfig

    # Of sizes that few rows go through in one compiled call.
    config = PyramidionConfig(
        **{**SMALL, "hidden_size": 64},
        rope_theta=10000.0,
        rms_norm_eps=1e-5,
        split_layer=2,
        block_size=64,
        pool_size=48,
        scorer_hidden_size=8,
    )
    return random_model(config, tmp_path_factory.mktemp("models") / "small")


@pytest.fixture(scope="session")
def llama() -> Any:
    """A transformers Llama with random weights, four layers and grouped queries."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        **SMALL,
        initializer_range=0.2,
        tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
    )
    return LlamaForCausalLM(config).eval()
