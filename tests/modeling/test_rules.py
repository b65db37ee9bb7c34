"""Rules of writing, driven by made-up logits: what may be chosen, and when a summary ends."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sumpool.modeling.grounding import Grounding
from sumpool.modeling.prompts import Prompts
from sumpool.modeling.rules import SummaryRules, Vocabulary, plain_word


def wanting(*ids: int) -> torch.Tensor:
    """Logits that prefer the ids in order."""
    logits = torch.zeros(49152)
    for rank, token in enumerate(ids):
        logits[token] = 20.0 - rank
    return logits


def write(rules: SummaryRules, prompts: Prompts, text: str) -> None:
    for token in prompts.plain(text):
        rules.apply(wanting(token))
        rules.push(token)


def rules_for(vocabulary: Vocabulary, words: int) -> SummaryRules:
    return SummaryRules(vocabulary, words, torch.device("cpu"))


def test_no_three_words_come_twice(vocabulary: Vocabulary, prompts: Prompts) -> None:
    rules = rules_for(vocabulary, 100)
    write(rules, prompts, "The old harbour was dredged. Then the old")
    harbour, bridge = prompts.plain(" harbour")[0], prompts.plain(" bridge")[0]
    assert int(rules.apply(wanting(harbour, bridge)).argmax()) == bridge


@pytest.mark.parametrize(
    ("first", "again", "third"),
    [
        ("The Old Harbour", "the old", "harbour"),
        ("the old harbour", "The Old", "HARBOUR"),
        ("the semantic orientation", "The Semantic", "Orientation"),
        ("an old, (long) harbour", "its old long", "harbour"),
        ("the year 2014", "the year", "2014"),
    ],
)
def test_nor_with_other_capitals_punctuation_or_tokens(
    vocabulary: Vocabulary, prompts: Prompts, first: str, again: str, third: str
) -> None:
    """However the third word is cut into tokens, it can't be finished: what comes out is another word."""
    for pieces in range(1, len(third) + 1):
        spelling = [" " + third[:pieces], *third[pieces:]]
        rules = rules_for(vocabulary, 100)
        write(rules, prompts, f"They built {first} for ships. Then {again}")
        for piece in spelling:
            for token in prompts.plain(piece):
                rules.push(int(rules.apply(wanting(token)).argmax()))
        write(rules, prompts, " was")
        written = [plain_word(word) for word in prompts.decode(rules.tokens).split()]
        threes = [tuple(written[index : index + 3]) for index in range(len(written) - 2)]
        assert len(threes) == len(set(threes)), written


def test_the_same_word_not_four_times(vocabulary: Vocabulary, prompts: Prompts) -> None:
    rules = rules_for(vocabulary, 100)
    write(rules, prompts, "Ships and ships, ships, Ships")
    ships, boats = prompts.plain(" ships")[0], prompts.plain(" boats")[0]
    assert int(rules.apply(wanting(ships, boats)).argmax()) == boats


def test_a_word_goes_not_on_for_ever(vocabulary: Vocabulary, prompts: Prompts) -> None:
    rules = rules_for(vocabulary, 100)
    (hyphen,) = prompts.plain("-")
    write(rules, prompts, "It is a half-a-year-old")
    assert torch.isfinite(rules.apply(wanting(hyphen))[hyphen])
    write(rules, prompts, "-at-last")
    assert not torch.isfinite(rules.apply(wanting(hyphen))[hyphen])


def test_the_same_sign_not_twice_on_end(vocabulary: Vocabulary, prompts: Prompts) -> None:
    """Whichever token spells it, and whether or not a space of its own stands between."""
    dollars = [prompts.plain(text)[0] for text in (" $", "$")]
    [space], ships = prompts.plain(" "), prompts.plain(" ships")[0]
    assert len({*dollars, space}) == 3
    for dollar in dollars:
        rules = rules_for(vocabulary, 100)
        write(rules, prompts, "It was sold at $")
        assert int(rules.apply(wanting(dollar, ships)).argmax()) == ships
        rules.push(space)
        assert int(rules.apply(wanting(dollar, ships)).argmax()) == ships
        rules.push(ships)
        assert int(rules.apply(wanting(dollar, ships)).argmax()) == dollar


def test_a_long_name_may_come_twice(vocabulary: Vocabulary, prompts: Prompts) -> None:
    rules = rules_for(vocabulary, 100)
    name = " Wrocławsko-Szczecińskiego"
    write(rules, prompts, f"The port of{name} grew. Ships like")
    for token in prompts.plain(name):
        assert int(rules.apply(wanting(token)).argmax()) == token
        rules.push(token)


def test_the_end_is_for_later_than_a_few_words(vocabulary: Vocabulary, prompts: Prompts) -> None:
    rules = rules_for(vocabulary, 40)
    write(rules, prompts, "The harbour was dredged.")
    logits = rules.apply(wanting(prompts.end))
    assert logits[prompts.end] == -torch.inf
    assert not rules.done


def test_a_summary_ends_where_another_sentence_would_lead_too_far(vocabulary: Vocabulary, prompts: Prompts) -> None:
    rules = rules_for(vocabulary, 20)
    write(rules, prompts, "Ships of every size came to the new harbour. Boats and barges stayed on the old river bank.")
    (following,) = prompts.plain(" They")
    rules.apply(wanting(following))
    assert rules.done
    assert prompts.decode(rules.result()).endswith("river bank.")


def test_a_point_within_a_number_ends_nothing(vocabulary: Vocabulary, prompts: Prompts) -> None:
    rules = rules_for(vocabulary, 20)
    write(rules, prompts, "One two three four five six seven eight nine ten eleven twelve thirteen grew by 3.")
    (digit,) = prompts.plain("5")
    rules.apply(wanting(digit))
    assert not rules.done


def test_what_stands_behind_the_last_whole_sentence_is_dropped(vocabulary: Vocabulary, prompts: Prompts) -> None:
    rules = rules_for(vocabulary, 20)
    write(rules, prompts, "Ships came to the harbour in great numbers every summer after the war. Nobody")
    assert prompts.decode(rules.result()).endswith("after the war.")


@given(seed=st.integers(0, 10**6), words=st.integers(20, 60))
@settings(max_examples=15, deadline=None)
def test_any_model_stops(vocabulary: Vocabulary, seed: int, words: int) -> None:
    """Random logits write nonsense, but one paragraph of bounded length without special tokens."""
    generator = torch.Generator().manual_seed(seed)
    rules = rules_for(vocabulary, words)
    for _ in range(12 * words):
        logits = rules.apply(torch.randn(49152, generator=generator))
        if rules.done:
            break
        rules.push(int(logits.argmax()))
        if rules.done:
            break
    assert rules.done
    assert rules.words <= 2 * words + 1
    assert not set(rules.result()) & set(vocabulary.specials.tolist())
    assert not set(rules.result()) & set(vocabulary.line_breaks.tolist())


DOCUMENT = (
    "In 2014 the Brno office of SmolLM2-135M grew by 12.5% to 1,024 people. CNN said so (p = .05), and Ana-Maria too. "
    "One room costs $40 a day, a meal $7–9."
)


@pytest.mark.parametrize(
    ("before", "wanted", "allowed"),
    [
        ("It grew by", " 12.5%", True),
        ("It grew by", " 12.6%", False),
        ("It grew by", " 12 people", False),
        ("It grew to", " 1,024 people", True),
        ("It has", " 1,024 people", False),
        ("It grew to", " 1,02 people", False),
        ("It grew by", " 1.5", False),
        ("It grew to", " 1.5", False),
        ("It grew by", " .5 people", False),
        ("People pay", " $40 for it", True),
        ("People pay", " $30 for it", False),
        ("People pay", " 40 for it", False),
        ("People pay", " $7–9 for it", True),
        ("People pay", " $7–40 for it", False),
        ("People pay", " $40–7 for it", False),
        ("It has p =", " .05 at", True),
        ("It has p =", " .06 at", False),
        ("It began in", " 2014.", True),
        ("It began in", " 2015.", False),
        ("The office in", " Brno is", True),
        ("The office in", " Brnov is", False),
        ("The office in", " Prague is", False),
        ("All", " CNNs are", True),
        ("The", " 135M model", True),
        ("Said", " Maria, who", True),
        ("It grew. Nobody", " knows", True),
        ("It grew.", " Offices grew", True),
        ("It grew.", " 77 grew", False),
        ("It began in", " 2014 in Brno", True),
        ("It is", " Brno SmolLM2-135M", False),
        ("It is", " SmolLM2-CNN office", False),
        ("It is", " non-CNN coverage", True),
        ("It is", " non-Brnovian", False),
        ("It is", " pre-non-CNN coverage", True),
        ("It is", " post-pre-non-CNN coverage", False),
        ("It grew.", " GREW", False),
        ("It is at", " https://brno.example.org", False),
        ("It is at", " brno.example.org", False),
    ],
)
def test_numbers_and_names_come_from_the_document(
    vocabulary: Vocabulary, prompts: Prompts, before: str, wanted: str, allowed: bool
) -> None:
    rules = SummaryRules(vocabulary, 100, torch.device("cpu"), Grounding(DOCUMENT, vocabulary.ordinary))
    write(rules, prompts, before)
    written = []
    for token in prompts.plain(wanted):
        chosen = int(rules.apply(wanting(token)).argmax())
        rules.push(chosen)
        written.append(chosen)
        if chosen != token:
            break
    assert (prompts.decode(written) == wanted) == allowed


@pytest.mark.parametrize(
    "name", ["Antonín Dvořák", "Łukasz Żmuda", "Nguyễn Văn Trỗi", "Čech", "Wáng 王", "Đorđe’s", "\U0001d504lbert"]
)
def test_names_of_rare_letters_can_be_written(vocabulary: Vocabulary, prompts: Prompts, name: str) -> None:
    """Of their letters, some are several tokens, none of which is a letter."""
    document = f"In May the harbour was sold to {name}. It is shallow."
    rules = SummaryRules(vocabulary, 100, torch.device("cpu"), Grounding(document, vocabulary.ordinary))
    for token in prompts.plain(f" It was sold to {name}. It"):
        assert int(rules.apply(wanting(token)).argmax()) == token, rules.tokens
        rules.push(token)


@pytest.mark.parametrize("wanted", [" Dvorak", " Dvoř", " Dvoŕák", " Dvořáková", " Čech", " café in Dvo"])
def test_other_letters_are_not_the_documents(vocabulary: Vocabulary, prompts: Prompts, wanted: str) -> None:
    rules = SummaryRules(vocabulary, 100, torch.device("cpu"), Grounding("It was sold to Dvořák.", vocabulary.ordinary))
    write(rules, prompts, " It was sold to")
    tokens = prompts.plain(wanted + " in May")
    refused = []
    for token in tokens:
        refused.append(int(rules.apply(wanting(token)).argmax()) != token)
        rules.push(token)
    assert any(refused)


@given(st.lists(st.text(st.characters(categories=["Lu", "Ll", "Lo", "Mn", "Nd"]), min_size=1, max_size=6), max_size=5))
@settings(max_examples=60, deadline=None)
def test_any_word_of_the_document_can_be_written(vocabulary: Vocabulary, prompts: Prompts, words: list[str]) -> None:
    document = " ".join(["It was sold to", *words, "in spring."])
    grounding = Grounding(document, vocabulary.ordinary)
    rules = SummaryRules(vocabulary, 100, torch.device("cpu"))
    rules.grounding = grounding
    for token in prompts.plain(" " + document):
        assert rules._supports(token, grounding), (document, rules._current, vocabulary.texts[token])
        rules.push(token)
