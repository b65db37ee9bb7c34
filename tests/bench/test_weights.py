"""What is measured beside ours has the same weights: it computes what our layers compute without pooling."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sumpool.bench.weights import save_gguf, save_llama
from sumpool.modeling.checkpoint import load_model

IDS = list(range(1000, 1040))


@pytest.fixture(scope="module")
def expected(small_model: Path) -> torch.Tensor:
    """The logits [vocabulary] of the token behind `IDS`."""
    model = load_model(small_model, device=torch.device("cpu"), dtype=torch.float32)
    with torch.inference_mode():
        return model.logits(model.run(model.upper, model.read(torch.tensor([IDS]))))[0, -1]


def test_transformers_computes_the_same(small_model: Path, expected: torch.Tensor, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    save_llama(small_model, tmp_path / "llama", torch.float32)
    llama = AutoModelForCausalLM.from_pretrained(tmp_path / "llama", local_files_only=True)
    with torch.inference_mode():
        logits = llama(torch.tensor([IDS])).logits[0, -1]
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)


def test_llama_cpp_computes_nearly_the_same(small_model: Path, expected: torch.Tensor, tmp_path: Path) -> None:
    pytest.importorskip("gguf", reason="the extra `bench` is not installed")
    llama_cpp = pytest.importorskip("llama_cpp", reason="the extra `bench` is not installed")
    file = tmp_path / "small.gguf"
    save_gguf(small_model, file, "Q8_0")
    llama = llama_cpp.Llama(str(file), n_ctx=256, logits_all=True, verbose=False)
    llama.eval(IDS)
    logits = torch.tensor(llama.scores[len(IDS) - 1])
    assert torch.corrcoef(torch.stack((logits, expected)))[0, 1] > 0.999
    text = " Ships came into the harbour, 12 of them."
    assert llama.detokenize(llama.tokenize(text.encode(), add_bos=False)) == text.encode()
