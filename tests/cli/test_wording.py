"""`--wording`: the document's own sentences, or the model's own words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sumpool.documents import read_document

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
