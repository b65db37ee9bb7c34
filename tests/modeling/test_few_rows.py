"""Layers for few rows give what the ordinary layers give."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sumpool.modeling import int8, pyramidion_lm
from sumpool.modeling.branches import Branches
from sumpool.modeling.caches import KVCache
from sumpool.modeling.checkpoint import load_model
from sumpool.modeling.int8 import FEW
from sumpool.modeling.pyramidion_lm import PyramidionLM

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def wide_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read before is the same for both, and so is what caches hold."""
    for module in (int8, pyramidion_lm):
        monkeypatch.setattr(module, "matrix_type", lambda: torch.float32)


def models(directory: Path) -> tuple[PyramidionLM, PyramidionLM]:
    """The same weights computed with as they are stored, and widened to float32."""
    stored, widened = (load_model(directory, device=CPU, dtype=torch.float32, keep_int8=keep) for keep in (True, False))
    return stored, widened


def filled(model: PyramidionLM, rows: int) -> KVCache:
    """A cache of the upper layers that holds something else in each row."""
    made = model.new_cache(model.upper, 96, rows)
    for row in range(rows):
        ids = torch.arange(20 + 7 * row)[None] + 100 * row
        model.run(model.upper, model.read(ids), made.part(row, row + 1))
    return made


@pytest.mark.parametrize(("rows", "tokens"), [(1, 1), (1, FEW), (2, FEW // 2)])
@torch.inference_mode()
def test_written_tokens_are_the_ordinary_layers_own(checkpoint: Path, rows: int, tokens: int, exact: bool) -> None:
    stored, widened = models(checkpoint)
    ids = torch.arange(200, 200 + tokens)[None]
    outs = []
    for model in (stored, widened):
        x = model.embed_tokens(ids).expand(rows, -1, -1)
        outs.append(model.run(model.upper, x, filled(model, rows)))
    assert (outs[0] - outs[1]).norm() / outs[1].norm() < (0.002 if exact else 0.03)


@torch.inference_mode()
def test_branches_are_the_ordinary_layers_own(checkpoint: Path) -> None:
    outs = []
    for model in models(checkpoint):
        held, branches = filled(model, 1), Branches(2)
        for live in ([0, 1], [1]):
            x = model.embed_tokens(torch.tensor([[300 + one for one in live]]))
            out = model.run(model.upper, x, held, [branches.step(live)])
        outs.append(out)
    assert (outs[0] - outs[1]).norm() / outs[1].norm() < 0.03
