"""The systems on small models: what is kept, how much is read, how long excerpts are."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sumpool.documents import from_text
from sumpool.evaluation.cases import Case, draw_cases, name_kinds
from sumpool.evaluation.excerpts import excerpt, lead, oracle, textrank
from sumpool.evaluation.metrics import rouge
from sumpool.evaluation.rankings import at_random, from_the_start
from sumpool.evaluation.settings import Settings
from sumpool.evaluation.systems import beginning, make_systems
from sumpool.modeling.blocks import Tokens
from sumpool.progress import Progress
from sumpool.summarizer import Assignment, Summarizer


@pytest.fixture
def case(data: Path) -> Case:
    return draw_cases(data, count=1, length=30, seed=0)[0]


@pytest.fixture(scope="module")
def summarizer(small_model: Path) -> Summarizer:
    return Summarizer(small_model, device="cpu", pool=48)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=8), st.integers(1, 30), st.randoms())
def test_an_excerpt_has_the_words_asked_for_in_the_documents_order(
    sizes: list[int], length: int, chance: object
) -> None:
    sentences = [" ".join(f"w{index}x{word}" for word in range(size)) + "." for index, size in enumerate(sizes)]
    ranked = list(range(len(sizes)))
    chance.shuffle(ranked)  # type: ignore[attr-defined]
    written = excerpt(sentences, ranked, length).split()
    assert len(written) == min(length, sum(sizes))
    places = [int(word[1 : word.index("x")]) for word in written]
    assert places == sorted(places)


def test_only_the_worst_sentence_is_cut_and_a_heading_gets_an_end() -> None:
    assert excerpt(["Harbours", "Ships came to it.", "It was so."], [1, 0, 2], 6) == "Harbours. Ships came to it. It…"


def test_the_excerpts(case: Case) -> None:
    assert lead(case).split()[:5] == case.document.text.split()[:5]
    assert {len(system(case).split()) for system in (lead, textrank)} == {30}
    assert "harbour master" in oracle(case)
    scores = [rouge(system(case), case.reference)["rouge2"] for system in (oracle, lead, textrank)]
    assert scores[0] == max(scores)


def test_textrank_prefers_what_all_others_resemble() -> None:
    text = (
        "Grain prices rose. Birds sang loudly. The harbour got grain ships and coal ships. "
        "Coal ships left the harbour. Grain ships came to the harbour. Nobody slept."
    )
    assert textrank(Case("a", "b", from_text(text), "", 8)) == "The harbour got grain ships and coal ships."


def test_rankings_keep_whole_sentences() -> None:
    tokens = Tokens(list(range(9)), [0, 2, 2, 6, 9])
    assert from_the_start(tokens).diff().lt(0).all()
    ranking = at_random("a")(tokens)
    assert torch.equal(ranking, at_random("a")(tokens))
    assert not torch.equal(ranking, at_random("b")(tokens))
    assert len(set(ranking[:2].tolist())) == len(set(ranking[2:6].tolist())) == len(set(ranking[6:].tolist())) == 1


def test_the_pool_starts_where_the_document_does(summarizer: Summarizer, case: Case) -> None:
    tokens = summarizer.tokenize(case.document)
    assert len(tokens) > 48
    reading = summarizer.read(tokens, 30, wording="own", ranking=from_the_start)
    assert reading.kept.tolist() == list(range(48))


def test_random_pools_differ_and_the_scorers_is_neither(summarizer: Summarizer, case: Case) -> None:
    tokens = summarizer.tokenize(case.document)
    rankings = (None, from_the_start, at_random("1"), at_random("2"))
    kept = {tuple(summarizer.read(tokens, 30, wording="own", ranking=ranking).kept.tolist()) for ranking in rankings}
    assert len(kept) == 4
    assert {len(places) for places in kept} == {48}


def test_where_nothing_that_was_kept_can_be_quoted_what_was_not_is(summarizer: Summarizer) -> None:
    rows = " ".join(f"{number} crates, {number + 1} bags." for number in range(60))
    prose = "The harbour of the town was dredged at last."
    document = from_text(f"{rows}\n\n{prose}")
    tokens = summarizer.tokenize(document)
    reading = summarizer.read(tokens, 20, wording="own", ranking=from_the_start)
    [[quoted]] = summarizer.compose([Assignment(document, tokens, reading, 20, "quoted")])
    assert (quoted.text, quoted.quoted) == (prose, True)


def test_base_reads_its_window_and_pools_nothing(small_model: Path, summarizer: Summarizer, data: Path) -> None:
    """The small model's window is 2,048 tokens, of which 1,024 are left for instruction and summary."""
    settings = Settings((data,), ("base",), base=str(small_model), device="cpu")
    system = make_systems(settings)["base"]
    sentences = [f"Crate {number} held {number * 7} bags." for number in range(300)]
    documents = [from_text(" ".join(sentences)), from_text(" ".join([*sentences[:-1], "Nothing was in the last one."]))]
    cases = [Case("a", "b", document, "", 20) for document in documents]
    one, two = (system(case, Progress()) for case in cases)
    assert one == two, "what lies behind the window makes no difference"
    assert one.pool is None
    tokens = summarizer.tokenize(documents[0])
    shortened = beginning(documents[0], tokens, 1024)
    size = len(summarizer.tokenize(shortened))
    assert 1000 < size <= 1024
    assert documents[0].text.startswith(shortened.text)
    assert shortened.text.endswith(".")
    whole = Summarizer(small_model, device="cpu", pool=1024).read(summarizer.tokenize(shortened), 20, wording="own")
    assert whole.kept.tolist() == list(range(size))


def test_ours_is_what_the_summarizer_writes(small_model: Path, summarizer: Summarizer, case: Case, data: Path) -> None:
    system = make_systems(Settings((data,), ("sumpool",), model=str(small_model), pool=48, device="cpu"))["sumpool"]
    written = system(case, Progress())
    assert written.text == summarizer.summarize(case.document, length=case.words).text
    assert written.pool is not None
    assert len(written.pool.kept) == 48
    short = Case("a", "b", from_text("Ships came. They left again."), "", 20)
    assert system(short, Progress()).pool is None


def test_the_pool_grows_with_the_quotes_that_are_wanted(small_model: Path, case: Case) -> None:
    ours = Summarizer(small_model, device="cpu")
    tokens = ours.tokenize(case.document)
    sizes = [len(ours.read(tokens, words, wording="quoted").kept) for words in (5, 20, 30)]
    assert sizes == [48, 160, 240], "the model's own number, or eight for each word"
    assert len(ours.read(tokens, 30, wording="own").kept) == 48


def test_a_document_within_the_window_is_read_whole(summarizer: Summarizer) -> None:
    document = from_text("Ships came. They left again.")
    assert beginning(document, summarizer.tokenize(document), 1024) == document


def test_draws_depend_on_the_seed_and_begin_alike(data: Path) -> None:
    def ids(count: int, seed: int) -> list[str]:
        return [case.id for case in draw_cases(data, count=count, length=None, seed=seed)]

    assert ids(2, 0) == ids(4, 0)[:2]
    assert sorted(ids(9, 0)) == sorted(ids(9, 1)) == [f"row-{index}" for index in range(4)]
    assert len({tuple(ids(4, seed)) for seed in range(9)}) > 1


def test_the_length_asked_is_the_references_within_bounds(data: Path) -> None:
    assert {case.words for case in draw_cases(data, count=4, length=None, seed=0)} == {20}  # of 14
    assert {case.words for case in draw_cases(data, count=4, length=60, seed=0)} == {60}
    for case in draw_cases(data, count=4, length=600, seed=0):
        assert case.words == case.document.words // 2


def test_a_kind_in_two_files_is_told_apart(data: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    other.write_text('{"document": "A b c.", "summary": "A.", "kind": "docks"}\n', encoding="utf-8")
    drawn = [(path, draw_cases(path, count=9, length=None, seed=0)) for path in (data, other)]
    assert {case.kind for case in name_kinds(drawn)} == {"ports", "docks, dev.jsonl", "docks, other.jsonl"}
