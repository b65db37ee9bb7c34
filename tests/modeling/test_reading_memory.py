"""Reading on GPUs, and when memory runs out: here a model is made to refuse batches above a size."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch

from sumpool import Summarizer
from sumpool.errors import ModelError
from sumpool.modeling.blocks import Tokens
from sumpool.modeling.pyramidion_lm import PyramidionLM
from sumpool.modeling.reading import read

PREFIX = [1, 2, 3]
DOCUMENT = Tokens(list(range(100, 1000)), [*range(0, 900, 9), 900])


class Limited:
    """A model's `read` that runs out of memory for more than `most` tokens at once, and counts."""

    def __init__(self, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sizes: list[int] = []
        self.refused = 0
        whole = PyramidionLM.read

        def limited(this: PyramidionLM, ids: torch.Tensor) -> torch.Tensor:
            if ids.numel() > most:
                self.refused += 1
                raise torch.OutOfMemoryError("CUDA out of memory.")
            self.sizes.append(ids.numel())
            return whole(this, ids)

        monkeypatch.setattr(PyramidionLM, "read", limited)


@pytest.mark.parametrize("most", [40, 150, 400])
def test_a_batch_that_is_too_large_is_halved_and_nothing_lost(
    model: PyramidionLM, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = read(model, DOCUMENT, PREFIX)
    seen: list[tuple[int, int]] = []
    limited = Limited(most, monkeypatch)
    reading = read(model, DOCUMENT, PREFIX, progress=lambda done, total: seen.append((done, total)))
    assert limited.refused
    assert limited.refused <= 6, "a size once found stays"
    assert max(limited.sizes) > most / 3, "no smaller than it must be"
    assert seen[-1] == (900, 900)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert reading.kept.tolist() == expected.kept.tolist()
    torch.testing.assert_close(reading.states, expected.states, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(reading.scores, expected.scores, atol=1e-4, rtol=1e-4)


def test_no_memory_for_a_single_block_is_said(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = tmp_path / "story.txt"
    story.write_text("The boat was sold in spring. It is not in the harbour any more.")
    summarizer = Summarizer(small_model, device="cpu")
    Limited(5, monkeypatch)
    with pytest.raises(ModelError, match="too little memory on cpu"):
        summarizer.summarize(story)


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_gpu_reads_and_keeps_what_the_cpu_does(model: PyramidionLM, device: str) -> None:
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there[device]:
        pytest.skip(f"this machine has no {device} device")
    expected = read(model, DOCUMENT, PREFIX)
    reading = read(copy.deepcopy(model).to(device), DOCUMENT, PREFIX)
    assert len(set(reading.kept.tolist()) & set(expected.kept.tolist())) >= 0.9 * len(expected.kept)
    torch.testing.assert_close(reading.scores.cpu(), expected.scores, atol=1e-3, rtol=1e-3)
