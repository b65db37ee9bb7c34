"""Writing sentence by sentence: rows, branches, drafts and the contrast with a blind row, against slow, plain ways."""

from __future__ import annotations

import pytest
import torch

from sumpool.modeling.blocks import Tokens
from sumpool.modeling.branches import Branches
from sumpool.modeling.contrast import contrast
from sumpool.modeling.drafts import Draft
from sumpool.modeling.prompts import Prompts
from sumpool.modeling.pyramidion_lm import PyramidionLM
from sumpool.modeling.reading import read
from sumpool.modeling.rules import SummaryRules, Vocabulary
from sumpool.modeling.writing import write

LONG, SHORT = list(range(100, 140)), list(range(200, 207))


@pytest.fixture(scope="module")
def vocabulary(prompts: Prompts) -> Vocabulary:
    return Vocabulary(prompts)


def run_alone(model: PyramidionLM, ids: list[int]) -> torch.Tensor:
    return model.read(torch.tensor([ids]))[0]


def test_rows_of_different_lengths_run_as_each_would_alone(model: PyramidionLM) -> None:
    caches = [model.new_cache(model.lower, 60) for _ in range(2)]
    for cache, ids in zip(caches, (LONG, SHORT), strict=True):
        model.read(torch.tensor([ids]), cache)
    for count, token in enumerate((11, 12, 13), start=1):
        states = model.read(torch.tensor([[token], [token]]), *caches)
        for row, ids in enumerate((LONG, SHORT)):
            expected = run_alone(model, ids + [11, 12, 13][:count])[-1]
            torch.testing.assert_close(states[row, 0], expected, atol=1e-4, rtol=1e-4)


def test_branches_of_one_cache_run_as_each_would_alone(model: PyramidionLM) -> None:
    """Three branches, of which the second stops early; the third is kept and goes on in two new ones."""
    caches = [model.new_cache(model.lower, 80) for _ in range(2)]
    trunks = [LONG, SHORT]
    for cache, ids in zip(caches, trunks, strict=True):
        model.read(torch.tensor([ids]), cache)
    texts = [[11, 12, 13], [21], [31, 32, 33]]
    branches = Branches(3)
    for depth, live in enumerate([[0, 1, 2], [0, 2], [0, 2]]):
        ids = torch.tensor([[texts[branch][depth] for branch in live]]).expand(2, -1)
        states = model.read(ids, *caches, step=branches.step(live))
        for row, trunk in enumerate(trunks):
            for column, branch in enumerate(live):
                expected = run_alone(model, trunk + texts[branch][: depth + 1])[-1]
                torch.testing.assert_close(states[row, column], expected, atol=1e-4, rtol=1e-4)
    for cache, trunk in zip(caches, trunks, strict=True):
        branches.keep(2, cache)
        assert cache.length == len(trunk) + 3
    following = Branches(2)
    states = model.read(torch.tensor([[41, 42], [41, 42]]), *caches, step=following.step([0, 1]))
    for row, trunk in enumerate(trunks):
        for column, token in enumerate((41, 42)):
            expected = run_alone(model, [*trunk, *texts[2], token])[-1]
            torch.testing.assert_close(states[row, column], expected, atol=1e-4, rtol=1e-4)


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
    plain = write(model, prompts, vocabulary, reading, words=12, drafts=1, contrast_weight=0.0)
    assert plain == " ".join(prompts.decode(rules.result()).split())


def test_drafts_are_drawn_alike_each_time(model: PyramidionLM, prompts: Prompts, vocabulary: Vocabulary) -> None:
    reading = read(model, Tokens(list(range(100, 300)), [*range(0, 200, 8), 200]), [1, 2, 3])
    compared: list[str] = []

    def support(text: str) -> float:
        compared.append(text)
        return float(len(compared) == 2)

    one = write(model, prompts, vocabulary, reading, words=40, drafts=6, support=support)
    first = compared.copy()
    compared.clear()
    assert one == write(model, prompts, vocabulary, reading, words=40, drafts=6, support=support)
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


def finished(vocabulary: Vocabulary, prompts: Prompts, text: str, score: float) -> Draft:
    """A draft that wrote `text`, each token with the same score, and met the next sentence's beginning."""
    draft = Draft(SummaryRules(vocabulary, 50, torch.device("cpu")), torch.zeros(0))
    for token in prompts.plain(text):
        draft.scores = torch.full((49152,), -50.0)
        draft.scores[token] = score
        assert draft.choose(None)
    draft.scores = torch.full((49152,), -50.0)
    draft.scores[prompts.plain(" The")[0]] = score
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
    broken = Draft(SummaryRules(vocabulary, 50, torch.device("cpu")), torch.zeros(0))
    for token in prompts.plain("Ships came. They went to the"):
        broken.scores = torch.full((49152,), -50.0)
        broken.scores[token] = -0.1
        if not broken.choose(None):
            break
    assert broken.worth(prompts, None) > -1  # its first sentence had an end
    again = Draft(broken.rules, broken.scores)
    for token in prompts.plain(" They went to the"):
        again.scores = torch.full((49152,), -50.0)
        again.scores[token] = -0.1
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
            draft = Draft(rules, scores)
            draft.choose(random)
            chosen += draft.rules.tokens
        return chosen

    assert draws(1) == draws(1)
    assert set(draws(1)) <= set(words)
    assert len(set(draws(1))) > 1
    assert not rules.tokens
