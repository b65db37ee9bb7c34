"""`--wording`: the document's own sentences, or the model's own words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from sumpool.documents import read_document
from sumpool.modeling.pyramidion_lm import PyramidionLM

Sumpool = Callable[..., Any]


def told(summarize: Sumpool, *arguments: str) -> dict[str, Any]:
    result = summarize(*arguments, "--format", "json")
    assert (result.code, result.err) == (0, "")
    summary: dict[str, Any] = json.loads(result.out)
    return summary


def test_quotes_are_sentences_of_the_document_in_its_order(summarize: Sumpool, story: Path) -> None:
    document = read_document(story)
    summary = told(summarize, "story.txt")
    sentences = [document.text[sentence.start : sentence.end] for sentence in document.sentences]
    places = [sentences.index(statement["text"]) for statement in summary["statements"]]
    assert places == sorted(set(places)) != []
    assert summary["summary"] == " ".join(sentences[place] for place in places)


def test_a_quote_rests_on_the_passage_that_it_is_from(summarize: Sumpool, story: Path) -> None:
    summary = told(summarize, "story.txt")
    for statement in summary["statements"]:
        [place] = statement["passages"]
        assert statement["text"] in summary["passages"][place]["text"]


def test_own_words_are_the_models(summarize: Sumpool, story: Path) -> None:
    quoted, own = (told(summarize, "story.txt", "--wording", wording) for wording in ("quoted", "own"))
    assert quoted == {**told(summarize, "story.txt"), "seconds": quoted["seconds"]}
    assert own["summary"] not in ("", quoted["summary"])
    assert own["document"] == quoted["document"]


def test_own_words_are_the_best_of_so_many_drafts(
    summarize: Sumpool, story: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    side_by_side: set[int] = set()
    logits = PyramidionLM.logits

    def watch(model: PyramidionLM, x: Tensor) -> Tensor:
        side_by_side.add(x.shape[-2] if x.ndim == 3 else 1)
        return logits(model, x)

    monkeypatch.setattr(PyramidionLM, "logits", watch)
    for asked, most in (((), 4), (("--drafts", "6"), 6), (("--drafts", "2"), 2)):
        side_by_side.clear()
        assert told(summarize, "story.txt", "--wording", "own", *asked)["summary"]
        assert max(side_by_side) == most


@pytest.mark.parametrize("drafts", ["0", "17", "many"])
def test_no_number_of_drafts_is_wrong_usage(summarize: Sumpool, story: Path, drafts: str) -> None:
    result = summarize("story.txt", "--drafts", drafts)
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert "--drafts" in result.err


def test_the_model_writes_where_nothing_can_be_quoted(summarize: Sumpool, here: Path) -> None:
    (here / "list.txt").write_text("apples pears plums cherries\n\nbread milk butter cheese\n", encoding="utf-8")
    quoted, own = (told(summarize, "list.txt", "--wording", wording) for wording in ("quoted", "own"))
    assert quoted["summary"] == own["summary"] != ""


def test_a_conversation_that_is_kept_whole_is_told_in_own_words(summarize: Sumpool, story: Path) -> None:
    lines = [line for line in story.read_text("utf-8").split(". ") if line]
    said = "\n\n".join(f"{('Anna', 'Ben', 'Project Manager')[n % 3]}: {line}." for n, line in enumerate(lines))
    story.write_text(said, encoding="utf-8")
    whole = ("story.txt", "--pool", "2000")
    unasked, own, quoted = (
        told(summarize, *whole, *more) for more in ((), ("--wording", "own"), ("--wording", "quoted"))
    )
    assert unasked == {**own, "seconds": unasked["seconds"]}
    assert (own["wording"], quoted["wording"]) == ("own", "quoted")
    assert own["summary"] != quoted["summary"]
    assert told(summarize, "story.txt", "--pool", "48")["wording"] == "quoted"


def test_another_wording_is_wrong_usage(summarize: Sumpool, story: Path) -> None:
    result = summarize("story.txt", "--wording", "rhymed")
    assert (result.code, result.out) == (2, "")
    assert result.err.count("\n") == 1
    assert "'rhymed' is not one of 'quoted', 'own'" in result.err
