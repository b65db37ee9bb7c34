"""Few rows through int8 layers in one call give what the ordinary layers give, each by itself."""

from __future__ import annotations

import multiprocessing
import platform
import shutil
import sys
import sysconfig
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sumpool.modeling import compiled, int8
from sumpool.modeling.branches import Branches, Step
from sumpool.modeling.caches import KVCache
from sumpool.modeling.checkpoint import load_model, quantize
from sumpool.modeling.config import PyramidionConfig
from sumpool.modeling.int8 import Int8Embedding, Int8Linear
from sumpool.modeling.pyramidion_lm import PyramidionLM

pytestmark = pytest.mark.usefixtures("two_threads")

CPU = torch.device("cpu")
SIZES = {
    "heads of two vectors": {},
    "heads of eight": {"hidden_size": 192, "num_attention_heads": 3, "num_key_value_heads": 1},
    "heads of ten": {"hidden_size": 160, "num_attention_heads": 2, "num_key_value_heads": 2},
    "one head": {"hidden_size": 16, "num_attention_heads": 1, "num_key_value_heads": 1, "intermediate_size": 16},
}


@pytest.fixture
def config(model: PyramidionLM) -> PyramidionConfig:
    return replace(model.config, vocab_size=100, hidden_size=64)


def models(config: PyramidionConfig) -> tuple[PyramidionLM, PyramidionLM]:
    """Random weights computed with as int8, and the same widened to float32."""
    torch.manual_seed(0)
    stored, widened = PyramidionLM(config), PyramidionLM(config)
    stored.use_int8()
    maps = dict(stored.named_modules())
    for name, module in widened.named_modules():
        if isinstance(module, (torch.nn.Linear, torch.nn.Embedding)) and isinstance(maps[name], Int8Linear):
            maps[name].weight, maps[name].scale = quantize(torch.randn(module.weight.shape) * 0.2)
            module.weight.data = maps[name].weight * maps[name].scale[:, None]
    for one, other in zip(stored.modules(), widened.modules(), strict=True):
        if isinstance(one, type(widened.norm)):
            one.weight.data = other.weight.data = torch.rand(one.weight.shape) + 0.5
    return stored.requires_grad_(False), widened.requires_grad_(False)


def filled(model: PyramidionLM, lengths: list[int]) -> KVCache:
    """A cache of the upper layers that holds something else in each row."""
    made = model.new_cache(model.upper, 96, len(lengths))
    torch.manual_seed(1)
    for tensor in (made.keys, made.values):
        for row, length in enumerate(lengths):
            tensor[:, row, :, :length] = torch.randn(tensor[:, row, :, :length].shape).bfloat16()
    made.lengths[:] = torch.tensor(lengths)
    return made


def ahead(model: PyramidionLM, cache: KVCache, x: torch.Tensor, steps: list[Step] | None = None) -> torch.Tensor:
    return model.run(model.upper, x, cache, steps)


def off(out: torch.Tensor, other: torch.Tensor) -> float:
    return float((out - other).norm() / other.norm())


def test_it_is_compiled_where_it_can_be() -> None:
    if shutil.which((sysconfig.get_config_var("CC") or "cc").split()[0]) is None or sys.platform == "win32":
        pytest.skip("no C compiler here")
    assert compiled.LIBRARY.exists()


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize(("lengths", "tokens"), [([20], 1), ([17], 6), ([30, 9], 4), ([0, 5, 40], 3)])
@torch.inference_mode()
def test_they_are_the_ordinary_layers_own(
    config: PyramidionConfig,
    few_rows: bool,
    monkeypatch: pytest.MonkeyPatch,
    sizes: dict[str, int],
    lengths: list[int],
    tokens: int,
) -> None:
    monkeypatch.setattr(int8, "matrix_type", lambda: torch.float32)
    stored, widened = models(replace(config, **sizes))
    x = torch.randn(len(lengths), tokens, stored.config.hidden_size)
    caches = [filled(model, lengths) for model in (stored, widened)]
    outs = [ahead(model, cache, x) for model, cache in zip((stored, widened), caches, strict=True)]
    close = 0.02 if few_rows else 0.03  # its cache rounds what is new to bfloat16
    assert off(outs[0], outs[1]) < close
    assert caches[0].lengths.tolist() == [length + tokens for length in lengths]
    for one, other in ((caches[0].keys, caches[1].keys), (caches[0].values, caches[1].values)):
        assert off(one.float(), other.float()) < close


@torch.inference_mode()
def test_each_row_comes_out_the_same_to_the_bit_whatever_stands_beside_it(
    config: PyramidionConfig, few_rows: bool
) -> None:
    stored, _ = models(config)
    x = torch.randn(2, 7, config.hidden_size)
    together = ahead(stored, filled(stored, [60, 13]), x)
    logits = stored.logits(together)
    for row in range(2):
        cache = filled(stored, [60, 13]).part(row, row + 1)
        alone = torch.cat([ahead(stored, cache, token[None, None]) for token in x[row]], dim=1)
        assert torch.equal(together[row], alone[0])
        assert torch.equal(logits[row], torch.cat([stored.logits(state[None]) for state in alone[0]]))


@torch.inference_mode()
def test_branches_are_the_ordinary_layers_own(config: PyramidionConfig, few_rows: bool) -> None:
    """Rows whose branches are of different number, one of which has none that grows."""
    stored, widened = models(config)
    outs = []
    for model in (stored, widened):
        cache, branches = filled(model, [30, 20, 10]), [Branches(4), Branches(4)]
        for lives in ([[0, 1, 2, 3], [0, 1]], [[1, 3], [0, 1]], [[3], [1]]):
            steps = [*map(Branches.step, branches, lives), Step(0, torch.zeros(0, 0, dtype=torch.bool))]
            torch.manual_seed(len(lives[0]))
            x = torch.randn(3, len(lives[0]), config.hidden_size)
            out = ahead(model, cache, x, steps)
        outs.append(out[:2, :1])
        assert cache.lengths.tolist() == [37, 25, 10]
    assert off(outs[0], outs[1]) < (0.02 if few_rows else 0.03)
    assert not outs[0].isnan().any()


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 7, int8.FEW])
@pytest.mark.parametrize("outputs", [1, 6, 40])
def test_a_product_is_that_of_the_widened_weights(few_rows: bool, rows: int, outputs: int) -> None:
    torch.manual_seed(rows)
    layer = Int8Embedding(outputs, 96)
    layer.weight, layer.scale = quantize(torch.randn(outputs, 96) * torch.logspace(-3, 3, outputs)[:, None])
    x = torch.randn(rows, 96)
    x[:, 5] *= 50
    wide = layer.weight.double() * layer.scale.double()[:, None]
    size = x.double().norm(dim=-1, keepdim=True) * wide.norm(dim=-1)
    found = layer.project(x)
    assert ((found.double() - x.double() @ wide.T).abs() / size).max() < (2**-13 if few_rows else 2**-8)
    assert torch.equal(found, torch.cat([layer.project(row[None]) for row in x]))


@pytest.mark.parametrize("inputs", [1536, 8192])
def test_a_product_does_not_overflow(few_rows: bool, inputs: int) -> None:
    layer = Int8Embedding(4, inputs)
    layer.weight, layer.scale = torch.full((4, inputs), 127, dtype=torch.int8), torch.ones(4)
    found = layer.project(torch.stack((torch.ones(inputs), torch.zeros(inputs))))
    assert found[0].tolist() == pytest.approx([127 * inputs] * 4, rel=2**-8)
    assert not found[1].any()


@pytest.mark.parametrize("size", [20, 36])
def test_sizes_that_are_no_whole_vectors_go_the_ordinary_way(config: PyramidionConfig, size: int) -> None:
    stored, widened = models(replace(config, hidden_size=size, num_attention_heads=2, num_key_value_heads=1))
    x = torch.randn(1, 3, size)
    with torch.inference_mode():
        assert off(ahead(stored, filled(stored, [9]), x), ahead(widened, filled(widened, [9]), x)) < 0.03


@pytest.mark.parametrize(
    ("machine", "capability", "works"),
    [("x86_64", "AVX2", True), ("AMD64", "NO AVX", False), ("x86_64", "DEFAULT", False), ("arm64", "NO AVX", True)],
)
def test_it_wants_avx2_of_x86_alone(
    machine: str, capability: str, works: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if compiled.library() is None:
        pytest.skip("nothing was compiled here, for want of a C compiler or of AVX2")
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert (compiled.library.__wrapped__() is not None) == works


def test_threads_take_turns(config: PyramidionConfig) -> None:
    """Several that write at once, each into a cache of its own."""
    stored, _ = models(config)
    x = torch.randn(1, 4, config.hidden_size)

    caches = [filled(stored, [50]) for _ in range(80)]
    results: list[torch.Tensor] = []

    def write(caches: list[KVCache]) -> None:
        with torch.inference_mode():
            results.extend(ahead(stored, cache, x) for cache in caches)

    threads = [threading.Thread(target=write, args=(caches[first::4],)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 80
    assert all(torch.equal(result, results[0]) for result in results)


def _forked(layer: Int8Embedding, x: torch.Tensor, sending: object) -> None:
    sending.send(layer.project(x).tolist())  # type: ignore[attr-defined]


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
def test_a_forked_process_has_threads_of_its_own() -> None:
    layer = Int8Embedding(4000, 64)
    layer.weight, layer.scale = quantize(torch.randn(4000, 64))
    x = torch.randn(1, 64)
    here = layer.project(x).tolist()
    receiving, sending = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=_forked, args=(layer, x, sending))
    process.start()
    assert receiving.poll(60)
    assert receiving.recv() == here
    process.join()


def test_a_checkpoint_is_computed_with_as_it_is_stored(checkpoint: Path, few_rows: bool) -> None:
    stored, widened = (
        load_model(checkpoint, device=CPU, dtype=torch.float32, keep_int8=keep) for keep in (True, False)
    )
    outs = []
    with torch.inference_mode():
        for model in (stored, widened):
            cache = model.new_cache(model.lower, 64)
            model.read(torch.arange(100, 150)[None], cache)
            outs.append(model.read(torch.tensor([[7, 8, 9]]), cache))
    assert off(outs[0], outs[1]) < 0.03
