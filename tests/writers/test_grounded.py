"""Grounding of other people's writers: what a token adds, and which tokens may come."""

from __future__ import annotations

from functools import reduce
from pathlib import Path

import pytest
import torch
from tokenizers import ByteLevelBPETokenizer
from transformers import PreTrainedTokenizerFast

from sumpool.modeling.grounding import Grounding
from sumpool.modeling.spelling import joined
from sumpool.writers.grounded import Grounded, token_texts

DOCUMENT = "Anna Smith measured 40 places in 1911. The harbour is shallow. It belongs to Antonín Dvořák."


@pytest.fixture(scope="module")
def tokenizer(root: Path) -> PreTrainedTokenizerFast:
    text = (root / "examples/handbook.txt").read_text(encoding="utf-8") + DOCUMENT[:62] * 9
    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator([text], vocab_size=600, special_tokens=["</s>"], show_progress=False)
    return PreTrainedTokenizerFast(tokenizer_object=trained._tokenizer, eos_token="</s>")


def test_texts_of_tokens_make_the_text(tokenizer: PreTrainedTokenizerFast) -> None:
    texts = token_texts(tokenizer)
    assert len(texts) == len(tokenizer)
    ids = tokenizer(" " + DOCUMENT).input_ids
    assert reduce(joined, (texts[token] for token in ids), "") == " " + DOCUMENT
    assert texts[tokenizer.eos_token_id] == ""


def allowed(tokenizer: PreTrainedTokenizerFast, written: str, more: str, width: int = 1) -> bool:
    """Whether `more` is still possible behind `written` if the writer wants it letter by letter above all."""
    process = Grounded(Grounding(DOCUMENT, ["places"]), token_texts(tokenizer), 0, width)
    ids = tokenizer(written).input_ids
    for token in tokenizer(more).input_ids:
        scores = torch.zeros(1, len(tokenizer))
        scores[0, token] = 9.0
        after = process(torch.tensor([ids], dtype=torch.long), scores)
        assert 1 <= int((after > -torch.inf).sum()) <= width
        if after[0, token] == -torch.inf:
            return False
        ids.append(token)
    return True


@pytest.mark.parametrize(
    ("written", "more", "may"),
    [
        ("The harbour", " is shallow", True),
        ("The Anna", " Smith ", True),
        ("The Anna", " Brown ", False),
        ("Anna measured", " 40 ", True),
        ("Anna measured", " 41 ", False),
        ("It was in", " 1911.", True),
        ("It is that of Antonín", " Dvořák ", True),
        ("It is that of Antonín", " Dvorák ", False),
        ("It is that of Antonín", " Dvoŕák ", False),
        ("It was in", " 191.", False),
        ("It is shallow.", " Places ", True),
    ],
)
@pytest.mark.parametrize("width", [1, 4])
def test_only_the_documents_names_and_numbers(
    tokenizer: PreTrainedTokenizerFast, written: str, more: str, may: bool, width: int
) -> None:
    assert allowed(tokenizer, written, more, width) is may
