"""Computing with int8 weights gives what the widened weights give."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sumpool.modeling.blocks import Tokens
from sumpool.modeling.checkpoint import load_model, quantize
from sumpool.modeling.int8 import Int8Linear, matrix_type
from sumpool.modeling.prompts import Prompts
from sumpool.modeling.reading import read

CPU = torch.device("cpu")


def a_map(inputs: int, outputs: int) -> Int8Linear:
    layer = Int8Linear(inputs, outputs)
    rows = torch.randn(outputs, inputs) * torch.logspace(-3, 3, outputs)[:, None]
    layer.weight, layer.scale = quantize(rows)
    return layer


def off(out: torch.Tensor, x: torch.Tensor, layer: Int8Linear) -> float:
    """How far from the widened weights' product, beside the product of the two vectors' norms."""
    wide = layer.weight.double() * layer.scale.double()[:, None]
    size = x.double().norm(dim=-1, keepdim=True) * wide.norm(dim=-1)
    return float(((out.double() - x.double() @ wide.T).abs() / size).max())


@pytest.mark.parametrize("rows", [1, 2, 9, 64])
def test_a_map_is_that_of_its_widened_weights(rows: int) -> None:
    torch.manual_seed(rows)
    layer = a_map(96, 40)
    x = torch.randn(2, rows, 96)[:, :1] if rows == 2 else torch.randn(rows, 96)
    assert off(layer(x), x, layer) < 2**-8  # bfloat16 has 8 bits


def test_int8_and_widened_models_agree(checkpoint: Path) -> None:
    stored = load_model(checkpoint, device=CPU, dtype=torch.float32, keep_int8=True)
    widened = load_model(checkpoint, device=CPU, dtype=torch.float32)
    ids = torch.arange(40)[None] + 100
    with torch.inference_mode():
        logits = [model.logits(model.run(model.upper, model.read(ids))).log_softmax(-1) for model in (stored, widened)]
    assert (logits[0] - logits[1]).abs().mean() < 0.03
    assert stored.dtype == torch.float32


def test_int8_takes_a_quarter_of_the_memory(checkpoint: Path) -> None:
    stored = load_model(checkpoint, device=CPU, dtype=torch.float32, keep_int8=True)
    widened = load_model(checkpoint, device=CPU, dtype=torch.float32)

    def size(model: torch.nn.Module) -> int:
        return sum(tensor.nbytes for tensor in model.state_dict().values())

    assert size(stored) < 0.3 * size(widened)


def test_int8_reads_and_keeps_what_float32_does(checkpoint: Path) -> None:
    tokens = Tokens(list(range(100, 200)), list(range(0, 101, 10)))
    prefix = Prompts.load(checkpoint).prefix(60)
    kept = []
    for keep_int8 in (True, False):
        model = load_model(checkpoint, device=CPU, dtype=torch.float32, keep_int8=keep_int8)
        with torch.inference_mode():
            kept.append(set(read(model, tokens, prefix, pool_size=30).kept.tolist()))
    # bfloat16 may swap sentences of nearly equal score, not more.
    assert len(kept[0] & kept[1]) >= (20 if matrix_type() == torch.bfloat16 else 30)
