"""Averages of two checkpoints: the writer of both, the reader of one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from sumpool.errors import ModelError
from sumpool.modeling.checkpoint import load_model, save_model
from sumpool.modeling.config import PyramidionConfig
from sumpool.modeling.pyramidion_lm import PyramidionLM
from sumpool.training.average import average
from sumpool.training.base import split_at


def load(directory: Path) -> PyramidionLM:
    return load_model(directory, device=torch.device("cpu"), dtype=torch.float32)


def test_the_writer_is_of_both_and_the_reader_of_the_first(checkpoint: Path, tmp_path: Path) -> None:
    other = load(checkpoint)
    for index, parameter in enumerate(other.parameters()):
        torch.manual_seed(index)
        parameter.data += 0.02 * torch.randn_like(parameter)
    save_model(other, tmp_path / "other", tokenizer_json=(checkpoint / "tokenizer.json").read_text("utf-8"))
    command = [sys.executable, "-m", "sumpool.training.average", str(checkpoint), str(tmp_path / "other")]
    command += ["--share", "0.25", "--out", str(tmp_path / "both")]
    subprocess.run(command, check=True)
    first, second, both = (load(path).state_dict() for path in (checkpoint, tmp_path / "other", tmp_path / "both"))
    for name, weight in both.items():
        mixed = name.startswith(("upper", "norm"))
        expected = 0.25 * first[name] + 0.75 * second[name] if mixed else first[name]
        # A row of a matrix is stored in 127 steps to either side.
        torch.testing.assert_close(weight, expected, atol=float(expected.abs().max()) / 127, rtol=0)
        assert mixed == (not torch.equal(weight, first[name]))


def test_models_of_other_sizes_are_refused(checkpoint: Path) -> None:
    model = load(checkpoint)
    config: PyramidionConfig = model.config
    with pytest.raises(ModelError, match="same sizes"):
        average(model, split_at(load(checkpoint), config.split_layer + 1), 0.5)
