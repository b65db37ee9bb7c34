"""The shipped model reads all of a document: what stands on the last page has its say in what is kept."""

from __future__ import annotations

from pathlib import Path

import torch

from sumpool.documents import Document, from_text, read_document
from sumpool.modeling.blocks import tokenize
from sumpool.modeling.checkpoint import find_model, load_model
from sumpool.modeling.prompts import Prompts
from sumpool.modeling.reading import read

KEY = "For a tool that is meant to run where the documents are"
ASIDE = "The meeting room by the stairs was painted in another colour that spring, and the chairs were put back."


def kept_sentences(document: Document) -> list[str]:
    directory = find_model()
    model = load_model(directory, device=torch.device("cpu"), dtype=torch.float32)
    prompts = Prompts.load(directory)
    tokens = tokenize(prompts, document.text, [(s.start, s.end) for s in document.sentences])
    with torch.inference_mode():
        reading = read(model, tokens, prompts.prefix(120))
    kept = set(reading.kept.tolist())
    return [
        document.text[sentence.start : sentence.end]
        for sentence, (first, end) in zip(document.sentences, tokens.sentence_spans(), strict=True)
        if set(range(first, end)) <= kept
    ]


def test_a_key_sentence_on_the_last_page_changes_what_is_kept(root: Path) -> None:
    report = read_document(root / "examples" / "report.pdf")
    assert report.pages is not None
    (key,) = (s for s in report.sentences if report.text.startswith(KEY, s.start))
    assert key.page == report.pages >= 8
    finding = report.text[key.start : key.end]
    with_finding = kept_sentences(from_text(report.text))
    without = kept_sentences(from_text(report.text.replace(finding, ASIDE)))
    assert finding in with_finding
    assert ASIDE not in without
