"""Small real models: random weights, the shipped tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from sumpool.modeling.checkpoint import find_model, save_model
from sumpool.modeling.prompts import Prompts
from sumpool.modeling.pyramidion_lm import PyramidionLM
from sumpool.training.convert import split_llama


@pytest.fixture(scope="session")
def prompts() -> Prompts:
    return Prompts.load(find_model())


@pytest.fixture(scope="session")
def llama() -> Any:
    """A transformers Llama with random weights, four layers and grouped queries."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=49152,
        hidden_size=48,
        intermediate_size=96,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        initializer_range=0.2,
        tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
    )
    return LlamaForCausalLM(config).eval()


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
