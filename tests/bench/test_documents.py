"""The documents that are measured with: as long as asked, always the same, and read as they were made."""

from __future__ import annotations

from pathlib import Path

import pytest

from sumpool.bench.documents import make_text
from sumpool.documents import read_document
from sumpool.modeling.blocks import tokenize
from sumpool.modeling.checkpoint import find_model
from sumpool.modeling.prompts import Prompts


@pytest.mark.parametrize("size", [200, 4_000, 30_000])
def test_a_document_has_as_many_tokens_as_asked(size: int, tmp_path: Path) -> None:
    prompts = Prompts.load(find_model())
    text = make_text(prompts, size)
    assert text == make_text(prompts, size)
    file = tmp_path / "made.txt"
    file.write_text(text, encoding="utf-8")
    document = read_document(file)
    tokens = tokenize(prompts, document.text, [(s.start, s.end) for s in document.sentences])
    assert size - 120 <= len(tokens) <= size
