"""Checkpoints: what is stored comes back, and what is damaged says so in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from sumpool.errors import ModelError
from sumpool.modeling.checkpoint import (
    ALIGNMENT,
    MANIFEST,
    describe_model,
    find_model,
    list_models,
    load_model,
    save_model,
    seal,
)
from sumpool.modeling.pyramidion_lm import PyramidionLM
from sumpool.summarizer import Summarizer


def load(directory: Path) -> PyramidionLM:
    return load_model(directory, device=torch.device("cpu"), dtype=torch.float32)


def test_weights_come_back_within_half_a_step_of_int8(model: PyramidionLM, checkpoint: Path) -> None:
    again = load(checkpoint).state_dict()
    for name, tensor in model.state_dict().items():
        if tensor.ndim == 2 and not name.startswith("scorer."):
            step = tensor.abs().amax(dim=1, keepdim=True) / 127
            assert ((again[name] - tensor).abs() <= step * 0.501).all(), name
        else:
            torch.testing.assert_close(again[name], tensor)


def test_saving_what_was_loaded_changes_no_file(checkpoint: Path) -> None:
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in checkpoint.iterdir()}
    save_model(load(checkpoint), checkpoint)
    assert {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in checkpoint.iterdir()} == before


@pytest.mark.parametrize("shift", [0, 8, 40])
def test_int8_weights_are_aligned_whatever_wrote_the_file(checkpoint: Path, shift: int) -> None:
    """Where a CPU has AVX-512, torch's int8 kernel crashes the process if they aren't."""
    for path in checkpoint.glob("*.safetensors"):
        content = path.read_bytes()
        size = int.from_bytes(content[:8], "little")
        header, data = content[8 : 8 + size], content[8 + size :]
        assert (8 + size) % ALIGNMENT == 0, "as we write it"
        path.write_bytes((size + shift).to_bytes(8, "little") + header.ljust(size + shift) + data)
    seal(checkpoint, {path.name for path in checkpoint.iterdir()} - {MANIFEST}, parameters=1)
    model = load_model(checkpoint, device=torch.device("cpu"), dtype=torch.float32, keep_int8=True)
    weights = [tensor for tensor in model.state_dict().values() if tensor.dtype == torch.int8]
    assert weights
    assert not any(tensor.data_ptr() % ALIGNMENT for tensor in weights)


def test_the_shipped_weights_are_used_where_they_lie() -> None:
    """Aligned in their files, they are mapped, not copied."""
    for path in find_model(None).glob("*.safetensors"):
        with path.open("rb") as file:
            assert (8 + int.from_bytes(file.read(8), "little")) % ALIGNMENT == 0, path.name


def test_a_new_scorer_replaces_its_own_file_only(checkpoint: Path) -> None:
    before = {path.name: path.read_bytes() for path in checkpoint.iterdir()}
    model = load(checkpoint)
    model.scorer.out.bias.data += 1
    save_model(model, checkpoint)
    changed = {path.name for path in checkpoint.iterdir() if path.read_bytes() != before[path.name]}
    assert changed == {"scorer.safetensors", MANIFEST}
    assert describe_model(checkpoint).base == "random"


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda d: (d / "lower.safetensors").unlink(), "lower.safetensors"),
        (lambda d: (d / "lower.safetensors").write_bytes(b"not tensors"), "damaged"),
        (lambda d: (d / "upper.safetensors").write_bytes((d / "upper.safetensors").read_bytes()[:-9]), "damaged"),
        (lambda d: (d / "config.json").write_text("{}"), "model_type"),
        (lambda d: (d / "config.json").write_text("{"), "config.json"),
        (lambda d: (d / MANIFEST).write_text("[]"), MANIFEST),
        (lambda d: (d / MANIFEST).write_text('{"parts": {"../x.safetensors": {"bytes": 1, "sha256": ""}}}'), "outside"),
        (lambda d: (d / "tokenizer.json").write_text("{}"), "tokenizer.json"),
        (lambda d: (d / "tokenizer.json").unlink(), "tokenizer.json"),
    ],
)
def test_damage_is_named_in_one_line(checkpoint: Path, damage: object, says: str) -> None:
    assert callable(damage)
    damage(checkpoint)
    with pytest.raises(ModelError) as error:
        Summarizer(checkpoint)
    assert says in error.value.message
    assert "\n" not in error.value.message


def test_weights_of_other_dimensions_are_refused(checkpoint: Path) -> None:
    config = json.loads((checkpoint / "config.json").read_text())
    (checkpoint / "config.json").write_text(json.dumps({**config, "hidden_size": 64}))
    with pytest.raises(ModelError, match="don't fit"):
        load(checkpoint)


def test_models_are_found_by_name_path_and_not_at_all(checkpoint: Path) -> None:
    assert find_model(checkpoint) == checkpoint
    assert find_model("sumpool-135m") == find_model()
    with pytest.raises(ModelError, match="installed: sumpool-135m"):
        find_model("gpt-17")
    with pytest.raises(ModelError, match="not a sumpool checkpoint"):
        find_model(checkpoint.parent)


def test_a_hub_name_without_network_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="can't be reached"):
        find_model("nobody/no-such-model")


def test_the_shipped_model_is_small_enough_and_whole() -> None:
    (info,) = [info for info in list_models() if info.name == "sumpool-135m"]
    files = [path for path in info.path.iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 150_000_000
    assert all(path.stat().st_size < 50_000_000 for path in files)
    assert info.licence == "Apache-2.0"
    assert info.parameters > 130_000_000
    for path in files:
        if path.suffix == ".safetensors":
            assert load_file(path)
