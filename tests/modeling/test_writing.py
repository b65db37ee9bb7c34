"""Writing sentence by sentence: rows, branches, drafts and the contrast with a blind row, against slow, plain ways."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch

from sumpool.errors import ModelError
from sumpool.modeling import writing
from sumpool.modeling.blocks import Tokens
from sumpool.modeling.branches import Branches, Step
from sumpool.modeling.caches import KVCache
from sumpool.modeling.contrast import contrast
from sumpool.modeling.drafts import Draft
from sumpool.modeling.grounding import Grounding
from sumpool.modeling.prompts import Prompts
from sumpool.modeling.pyramidion_lm import PyramidionLM
from sumpool.modeling.reading import Reading, read
from sumpool.modeling.rules import SummaryRules, Vocabulary
from sumpool.modeling.scores import Scores
from sumpool.modeling.writing import Wanted, write

LONG, SHORT = list(range(100, 140)), list(range(200, 207))
NEXT = [11, 12, 13, 14, 15]
RESTING = Step(0, torch.zeros(0, 0, dtype=torch.bool))


def run_alone(model: PyramidionLM, ids: list[int]) -> torch.Tensor:
    return model.read(torch.tensor([ids]))[0]


@pytest.fixture(params=[False, True], ids=["row by row", "together"])
def cache(model: PyramidionLM, request: pytest.FixtureRequest) -> KVCache:
    """Of the lower layers, with two rows that hold texts of different lengths; they attend as on a CPU or on a GPU."""
    together: bool = request.param
    made = KVCache(model.config, len(model.lower), 2, 80, torch.device("cpu"), torch.float32, together=together)
    for row, ids in enumerate((LONG, SHORT)):
        model.read(torch.tensor([ids]), made.part(row, row + 1))
    return made


def test_rows_of_different_lengths_run_as_each_would_alone(model: PyramidionLM, cache: KVCache) -> None:
    for first, end in ((0, 1), (1, 2), (2, 5)):
        states = model.read(torch.tensor([NEXT[first:end]] * 2), cache)
        for row, ids in enumerate((LONG, SHORT)):
            expected = run_alone(model, ids + NEXT[:end])[len(ids) + first :]
            torch.testing.assert_close(states[row], expected, atol=1e-4, rtol=1e-4)
    assert cache.lengths.tolist() == [len(LONG) + 5, len(SHORT) + 5]


def test_rows_that_are_filled_together_are_padded_at_the_end(model: PyramidionLM) -> None:
    made = KVCache(model.config, len(model.lower), 2, 80, torch.device("cpu"), torch.float32, together=True)
    model.read(torch.tensor([LONG, SHORT + [0] * (len(LONG) - len(SHORT))]), made)
    made.advance([0, len(SHORT) - len(LONG)])
    states = model.read(torch.tensor([NEXT] * 2), made)
    for row, ids in enumerate((LONG, SHORT)):
        expected = run_alone(model, ids + NEXT)[len(ids) :]
        torch.testing.assert_close(states[row], expected, atol=1e-4, rtol=1e-4)


def test_branches_of_one_row_run_as_each_would_alone(model: PyramidionLM, cache: KVCache) -> None:
    """Three branches, of which the second stops early; the third is kept and goes on in two new ones.

    The other row goes on with a branch of its own, rests, and goes on.
    """
    texts = [[11, 12, 13], [21], [31, 32, 33]]
    other = [51, 52]
    branches, others = Branches(3), Branches(1)
    for depth, live in enumerate([[0, 1, 2], [0, 2], [0, 2]]):
        ids = torch.zeros(2, len(live), dtype=torch.long)
        ids[0] = torch.tensor([texts[branch][depth] for branch in live])
        rests = depth == 1
        grown = other[: 1 + (depth > 1)]
        if not rests:
            ids[1, 0] = grown[-1]
        states = model.read(ids, cache, [branches.step(live), RESTING if rests else others.step([0])])
        for column, branch in enumerate(live):
            expected = run_alone(model, LONG + texts[branch][: depth + 1])[-1]
            torch.testing.assert_close(states[0, column], expected, atol=1e-4, rtol=1e-4)
        if not rests:
            expected = run_alone(model, SHORT + grown)[-1]
            torch.testing.assert_close(states[1, 0], expected, atol=1e-4, rtol=1e-4)
    cache.keep(0, *branches.end(2))
    cache.keep(1, *others.end(0))
    assert cache.lengths.tolist() == [len(LONG) + 3, len(SHORT) + 2]
    following = [Branches(2), Branches(2)]
    states = model.read(torch.tensor([[41, 42]] * 2), cache, [one.step([0, 1]) for one in following])
    for row, trunk in enumerate((LONG + texts[2], SHORT + other)):
        for column, token in enumerate((41, 42)):
            expected = run_alone(model, [*trunk, token])[-1]
            torch.testing.assert_close(states[row, column], expected, atol=1e-4, rtol=1e-4)


@pytest.fixture
def wanted(model: PyramidionLM, vocabulary: Vocabulary) -> list[Wanted]:
    """Summaries of documents that are pooled and one that isn't, of different lengths, one with a grounding."""
    return [
        Wanted(read(model, tokens, [1, 2, 3]), words, grounding)
        for tokens, words, grounding in (
            (Tokens(list(range(100, 300)), [*range(0, 200, 8), 200]), 12, None),
            (Tokens(list(range(500, 520)), [0, 20]), 30, None),
            (Tokens(list(range(300, 700)), [*range(0, 400, 8), 400]), 20, Grounding("Ships.", vocabulary.ordinary)),
        )
    ]


class Passes:
    """Counts the rows in each pass through the lower layers; above `most`, there is no memory for them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, most: int = 100) -> None:
        self.rows: list[int] = []
        self.refused = 0
        whole = PyramidionLM.read

        def counted(this: PyramidionLM, ids: torch.Tensor, cache: KVCache, *steps: Any) -> torch.Tensor:
            if len(cache.lengths) > most:
                self.refused += 1
                raise torch.OutOfMemoryError("CUDA out of memory.")
            self.rows.append(len(ids))
            return whole(this, ids, cache, *steps)

        monkeypatch.setattr(PyramidionLM, "read", counted)


def many_at_once(monkeypatch: pytest.MonkeyPatch, *, together: bool, recorded: bool = False) -> None:
    """Write many summaries at once on this CPU; their rows attend as on a CPU or as on a GPU.

    Recorded: their passes are those that CUDA replays, and of the scores there is a shortlist.
    """
    new_cache = PyramidionLM.new_cache

    def made(*arguments: Any) -> KVCache:
        cache = new_cache(*arguments)
        cache.together = together
        return cache

    monkeypatch.setattr(PyramidionLM, "new_cache", made)
    monkeypatch.setattr(writing, "_ON_CPU", 1 << 20)
    if recorded:
        monkeypatch.setattr(writing, "RECORDED", ("cpu",))


@pytest.mark.parametrize(
    ("together", "recorded"), [(False, False), (True, False), (True, True)], ids=["row by row", "together", "recorded"]
)
@pytest.mark.parametrize(("drafts", "contrast"), [(3, 0.3), (1, 0.0)])
def test_summaries_that_are_written_side_by_side_are_those_written_alone(
    model: PyramidionLM,
    prompts: Prompts,
    vocabulary: Vocabulary,
    wanted: list[Wanted],
    drafts: int,
    contrast: float,
    together: bool,
    recorded: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = {"drafts": drafts, "contrast_weight": contrast}
    passes = Passes(monkeypatch)
    alone = write(model, prompts, vocabulary, wanted, **options)
    one_by_one = len(passes.rows)
    assert len(set(alone)) == len(alone)
    passes.rows.clear()
    many_at_once(monkeypatch, together=together, recorded=recorded)
    assert write(model, prompts, vocabulary, wanted, **options) == alone
    assert len(passes.rows) < 0.7 * one_by_one


@pytest.mark.parametrize("most", [2, 4])
def test_where_memory_is_short_fewer_are_written_side_by_side_and_none_is_lost(
    model: PyramidionLM,
    prompts: Prompts,
    vocabulary: Vocabulary,
    wanted: list[Wanted],
    most: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    many_at_once(monkeypatch, together=True)
    expected = write(model, prompts, vocabulary, wanted, drafts=2)
    passes = Passes(monkeypatch, most)
    assert write(model, prompts, vocabulary, wanted, drafts=2) == expected
    assert passes.refused == 1, "a size once found stays"


def test_no_memory_for_a_single_summary_is_said(
    model: PyramidionLM, prompts: Prompts, vocabulary: Vocabulary, wanted: list[Wanted], monkeypatch: pytest.MonkeyPatch
) -> None:
    many_at_once(monkeypatch, together=True)
    Passes(monkeypatch, 0)
    with pytest.raises(ModelError, match="memory"):
        write(model, prompts, vocabulary, wanted)


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_gpu_writes_summaries_side_by_side(
    model: PyramidionLM, prompts: Prompts, vocabulary: Vocabulary, wanted: list[Wanted], device: str
) -> None:
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there[device]:
        pytest.skip(f"this machine has no {device} device")
    expected = write(model, prompts, vocabulary, wanted)
    moved = [
        replace(one, reading=Reading(*(getattr(one.reading, name).to(device) for name in Reading.__slots__)))
        for one in wanted
    ]
    texts = write(copy.deepcopy(model).to(device), prompts, vocabulary, moved)
    # A random model's best tokens are close to each other: what is rounded otherwise leads elsewhere after a while.
    for text, other in zip(texts, expected, strict=True):
        assert text.split()[:2] == other.split()[:2]


def test_one_draft_without_contrast_is_greedy_writing(
    model: PyramidionLM, prompts: Prompts, vocabulary: Vocabulary
) -> None:
    """Against a loop that runs everything again for each token, under the same rules."""
    reading = read(model, Tokens(list(range(100, 300)), [*range(0, 200, 8), 200]), [1, 2, 3])
    rules = SummaryRules(vocabulary, 12, torch.device("cpu"))
    while not rules.done and len(rules.tokens) < 48:
        block = run_alone(model, [1, 2, 3, *prompts.answer, *rules.tokens])[3:]
        hidden = model.run(model.upper, torch.cat((reading.states, block))[None])[0, -1]
        scores = rules.apply(model.logits(hidden).float().log_softmax(-1))
        if not rules.done:
            rules.push(int(scores.argmax()))
    [plain] = write(model, prompts, vocabulary, [Wanted(reading, 12)], drafts=1, contrast_weight=0.0)
    assert plain == " ".join(prompts.decode(rules.result()).split())


def test_drafts_are_drawn_alike_each_time(model: PyramidionLM, prompts: Prompts, vocabulary: Vocabulary) -> None:
    reading = read(model, Tokens(list(range(100, 300)), [*range(0, 200, 8), 200]), [1, 2, 3])
    compared: list[str] = []

    def support(text: str) -> float:
        compared.append(text)
        return float(len(compared) == 2)

    wanted = [Wanted(reading, 40, support=support)]
    [one] = write(model, prompts, vocabulary, wanted, drafts=6)
    first = compared.copy()
    compared.clear()
    assert [one] == write(model, prompts, vocabulary, wanted, drafts=6)
    assert first == compared
    assert len(set(first)) > 1
    assert one.startswith(" ".join(first[1].split())), "the draft that is supported stays"


def test_contrast_adds_what_the_document_adds_to_plausible_tokens() -> None:
    seen = torch.tensor([[2.0, 1.0, 0.0, -6.0], [0.0, 0.0, 0.0, 0.0]])
    blind = torch.tensor([[3.0, 0.0, 0.0, -9.0], [1.0, 0.0, 0.0, 0.0]])
    scores = contrast(seen, blind, 0.5)
    for row in range(2):
        s = [value.item() - seen[row].exp().sum().log().item() for value in seen[row]]
        b = [value.item() - blind[row].exp().sum().log().item() for value in blind[row]]
        expected = [x + 0.5 * (x - y) if x > max(s) - 3 else x for x, y in zip(s, b, strict=True)]
        torch.testing.assert_close(scores[row], torch.tensor(expected))
    torch.testing.assert_close(contrast(seen, blind, 0.0), seen.log_softmax(-1))


def only(token: int, score: float) -> Scores:
    """A token that is by far the likeliest."""
    values = torch.full((49152,), -50.0)
    values[token] = score
    return Scores(values)


def finished(vocabulary: Vocabulary, prompts: Prompts, text: str, score: float) -> Draft:
    """A draft that wrote `text`, each token with the same score, and met the next sentence's beginning."""
    draft = Draft(SummaryRules(vocabulary, 50, torch.device("cpu")), Scores(torch.zeros(0)))
    for token in prompts.plain(text):
        draft.scores = only(token, score)
        assert draft.choose(None)
    draft.scores = only(prompts.plain(" The")[0], score)
    draft.choose(None)
    return draft


def test_of_two_drafts_the_likelier_and_the_better_supported_is_worth_more(
    vocabulary: Vocabulary, prompts: Prompts
) -> None:
    likely = finished(vocabulary, prompts, "Ships came to the harbour.", -0.5)
    unlikely = finished(vocabulary, prompts, "Boats went up the river.", -2.0)
    assert likely.worth(prompts, None) > unlikely.worth(prompts, None)
    assert unlikely.worth(prompts, lambda text: float("river" in text)) > likely.worth(
        prompts, lambda text: float("river" in text)
    )


def test_a_draft_that_comes_to_no_end_is_worth_nothing(vocabulary: Vocabulary, prompts: Prompts) -> None:
    broken = Draft(SummaryRules(vocabulary, 50, torch.device("cpu")), Scores(torch.zeros(0)))
    for token in prompts.plain("Ships came. They went to the"):
        broken.scores = only(token, -0.1)
        if not broken.choose(None):
            break
    assert broken.worth(prompts, None) > -1  # its first sentence had an end
    again = Draft(broken.rules, broken.scores)
    for token in prompts.plain(" They went to the"):
        again.scores = only(token, -0.1)
        again.choose(None)
    assert again.worth(prompts, lambda text: 1.0) == -torch.inf


def test_drawn_tokens_are_probable_and_the_same_for_the_same_seed(vocabulary: Vocabulary, prompts: Prompts) -> None:
    scores = torch.full((49152,), -20.0)
    words = [prompts.plain(f" {word}")[0] for word in ("boats", "ships", "ports", "waves")]
    for rank, token in enumerate(words):
        scores[token] = -1.0 - 0.2 * rank
    rules = SummaryRules(vocabulary, 50, torch.device("cpu"))

    def draws(seed: int) -> list[int]:
        random = torch.Generator().manual_seed(seed)
        chosen = []
        for _ in range(40):
            draft = Draft(rules, Scores(scores))
            draft.choose(random)
            chosen += draft.rules.tokens
        return chosen

    assert draws(1) == draws(1)
    assert set(draws(1)) <= set(words)
    assert len(set(draws(1))) > 1
    assert not rules.tokens
