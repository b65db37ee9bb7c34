"""What a summary may look like: its length, its end, and no repetition. Rules over logits, applied while writing."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor

from sumpool.modeling.grounding import Grounding, Place
from sumpool.modeling.prompts import Prompts
from sumpool.modeling.scores import places, token_at
from sumpool.modeling.spelling import joined, token_text

SLACK = 0.25
"""How far from the asked length a summary may end, as a share of it."""
_PRESSURE = 6.0
_MEMORY = 2
_PENALTY = 1.7
"""Nats by which a token already written is less welcome."""
_HYPHENS = 4
"""In a word, at most: repetition counts whole words, so that one could go on within a word for ever."""
_NEXT = 64
"""Tokens that are looked at first where the best one is not supported."""
_EARLY = 0.1
"""How far before the asked length the model may end by itself, as a share of it."""


class Vocabulary:
    """Facts about a tokenizer's tokens, computed once: which begin a word, which may end a sentence."""

    def __init__(self, prompts: Prompts) -> None:
        tokenizer = prompts.tokenizer
        size = tokenizer.get_vocab_size()
        names = [tokenizer.id_to_token(token) or "" for token in range(size)]
        texts = self.texts = list(map(token_text, names, tokenizer.decode_batch([[token] for token in range(size)])))
        # A number's space is a token of its own, so a token of nothing but space begins a word, too.
        self.begins_word = [text[:1].isspace() for text in texts]
        self._spellings: defaultdict[str, list[int]] = defaultdict(list)
        self.signs: defaultdict[str, list[int]] = defaultdict(list)
        """Tokens without a letter or digit, by what is left of them without space."""
        for token, text in enumerate(texts):
            word = plain_word(text)
            self._spellings[word].append(token)
            if not word and text.strip():
                self.signs[text.strip()].append(token)
        self.ends_sentence = [text.rstrip("\"'”’)]")[-1:] in (".", "!", "?") for text in texts]
        self.opens_sentence = [
            self.begins_word[token] and text.strip()[:1].isupper() for token, text in enumerate(texts)
        ]
        self.full_stops = torch.tensor([token for token, text in enumerate(texts) if text in (".", ").", '."')])
        self.hyphens = torch.tensor([token for token, text in enumerate(texts) if text[:1] == "-"])
        self.line_breaks = torch.tensor([token for token, text in enumerate(texts) if "\n" in text])
        self.specials = torch.tensor(sorted(tokenizer.get_added_tokens_decoder()))
        self.end = prompts.end
        self.raised = torch.cat((self.full_stops, torch.tensor([self.end])))
        """Tokens that rules make likelier than they were, or look at in any case."""
        self.ordinary = frozenset(
            text[1:] for text in texts if text[:1] == " " and text[1:].isalpha() and text[1:].islower()
        )
        """Words in lower case that are tokens of their own: frequent ones, so hardly names."""

    def beginnings(self, words: Iterable[str], *, opening: bool) -> list[int]:
        """The tokens with which any of the words (as by `plain_word`) may begin, whatever their case.

        opening: those only that begin a new word, not those that go on with one.
        """
        starts = {word[:end] for word in words for end in range(1, len(word) + 1)}
        tokens = [token for start in starts for token in self._spellings.get(start, ())]
        return [token for token in tokens if self.begins_word[token]] if opening else tokens


def plain_word(text: str) -> str:
    """A word as repetition counts it: in lower case, without the punctuation and space around it."""
    text = text.strip()
    if text.isalnum():  # as most are
        return text.lower()
    first, end = 0, len(text)
    while first < end and not text[first].isalnum():
        first += 1
    while end > first and not text[end - 1].isalnum():
        end -= 1
    return text[first:end].lower()


class SummaryRules:
    """The state of one summary: call `apply` on the logits before a token is chosen, `push` with the chosen token.

    * No three words in a row that stand in the summary already, whatever their case and the punctuation around them;
      every token that does is a little less welcome.
    * No word of more parts than words have.
    * One paragraph; no special tokens but the end, and that only after a sentence and enough words.
    * No number and no name that the document lacks, where a `Grounding` is given.
    * The end comes where going on by a sentence of average length would lead further from the target.
    """

    def __init__(
        self, vocabulary: Vocabulary, words: int, device: torch.device, grounding: Grounding | None = None
    ) -> None:
        self.vocabulary = vocabulary
        self.target = words
        self.grounding = grounding
        self.forbidden = torch.cat((vocabulary.line_breaks, vocabulary.specials)).to(device)
        self.full_stops = vocabulary.full_stops.to(device)
        self.hyphens = vocabulary.hyphens.to(device)
        self.tokens: list[int] = []
        self.words = 0
        self.sentences = 0
        self.complete = 0
        """Tokens up to the end of the last whole sentence, and the words in them."""
        self.complete_words = 0
        self._current = ""
        self._place = Place(opens_sentence=True)
        self._sign = ""
        """The last word where that is none, but a lone sign."""
        self._recent: list[str] = []
        self._followers: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
        self.done = False

    def copy(self) -> SummaryRules:
        """The same state, to go on from in another way."""
        twin = copy.copy(self)
        twin.tokens, twin._recent = self.tokens[:], self._recent[:]
        twin._followers = defaultdict(set, {words: set(after) for words, after in self._followers.items()})
        return twin

    def apply(self, logits: Tensor, tokens: Tensor | None = None) -> Tensor:
        """logits [n] -> the same tensor with what may not come set to minus infinity.

        tokens: [n] whose logits these are, ascending and with the vocabulary's `raised` ones among them; None where
            they are all. Where what may come is left out, all is set to minus infinity.
        """
        vocabulary = self.vocabulary
        if self.tokens:
            written = torch.tensor(sorted(set(self.tokens)), device=logits.device)
            logits[places(written, tokens)] -= _PENALTY
        end = vocabulary.end if tokens is None else int(torch.searchsorted(tokens, vocabulary.end))
        wants_end = bool(logits[end] == logits.max())
        end_logit = logits[end].clone()
        logits[places(self.forbidden, tokens)] = -torch.inf
        if self._at_sentence_end() and self._stands():
            following = token_at(int(logits.argmax()), tokens)
            if wants_end or vocabulary.opens_sentence[following]:
                if self.complete < len(self.tokens):
                    self._count_sentence()
                    self.done = self._enough()
                if self.words >= (1 - _EARLY) * self.target:
                    logits[end] = end_logit
        elif self.words > self.target:
            # Past the target every full stop is more welcome than before.
            over = (self.words - self.target) / (SLACK * self.target)
            logits[places(self.full_stops, tokens)] += _PRESSURE * min(over, 1.0)
        if self._current.count("-") >= _HYPHENS:
            logits[places(self.hyphens, tokens)] = -torch.inf
        repeated = self._repetitions()
        if repeated:
            logits[places(torch.tensor(repeated, device=logits.device), tokens)] = -torch.inf
        if self.grounding is not None:
            self._ground(logits, tokens, self.grounding)
        return logits

    def push(self, token: int) -> None:
        """Count a chosen token; the end token ends the summary."""
        if token == self.vocabulary.end:
            self.done = True
            return
        if self.vocabulary.begins_word[token] or not self.tokens:
            word = plain_word(self._current)
            if word:
                self._followers[tuple(self._recent)].add(word)
                self._recent = [*self._recent, word][-_MEMORY:]
            # A number's space is a token of its own, and no word yet.
            self._sign = "" if word else self._current.strip() or self._sign
            self._place = self._next_place()
            self._current = ""
            self.words += 1
        self._current = joined(self._current, self.vocabulary.texts[token])
        self.tokens.append(token)
        # A summary far past its length goes no further; what stands behind its last whole sentence is dropped.
        ends_well = self.complete_words >= (1 - SLACK) * self.target
        if self.words > (1 + SLACK if ends_well else 2) * self.target:
            self.done = True

    def result(self) -> list[int]:
        """The summary's tokens, up to the end of its last whole sentence if it has one."""
        if self.tokens and self.vocabulary.ends_sentence[self.tokens[-1]]:
            return self.tokens
        return self.tokens[: self.complete] or self.tokens

    def _repetitions(self) -> list[int]:
        """The tokens that would begin a third word which followed the same two before.

        A word is kept from its beginning on: the model would find other tokens to spell it with, and forbidding its
        last letters would leave a word that is none.
        """
        word = plain_word(self._current)
        if not word:
            third = self.vocabulary.beginnings(self._followers.get(tuple(self._recent), ()), opening=False)
            # A lone sign: where no number may follow a "$", the next best is often another.
            return [*third, *self.vocabulary.signs.get(self._current.strip() or self._sign, ())]
        before = tuple([*self._recent, word][-_MEMORY:])
        after = self._followers.get(before, set())
        if before == tuple(self._recent):  # three times the same word, the third not yet among the followers
            after = {*after, word}
        return self.vocabulary.beginnings(after, opening=True)

    def _ground(self, logits: Tensor, tokens: Tensor | None, grounding: Grounding) -> None:
        """Rule out every token that is better than the best one that the document supports."""
        if self._supports(token_at(int(logits.argmax()), tokens), grounding):
            return
        # Mostly one of the next few is supported, and these are found in a tenth of the time of a sort.
        for count in (_NEXT, len(logits)):
            scores, order = logits.topk(min(count, len(logits)))
            for rank, place in enumerate(order.tolist()):
                if scores[rank] == -torch.inf:
                    break
                if self._supports(token_at(place, tokens), grounding):
                    logits[order[:rank]] = -torch.inf
                    return
        if tokens is not None:
            logits.fill_(-torch.inf)

    def _supports(self, token: int, grounding: Grounding) -> bool:
        text = "" if token == self.vocabulary.end else self.vocabulary.texts[token]
        return grounding.allows(self._current, text, self._place, ends_sentence=self._at_sentence_end())

    def _stands(self) -> bool:
        """Whether the last word may be left as it is: a number before its point may not be the document's."""
        return self.grounding is None or self.grounding.is_whole(self._current, self._place)

    def _next_place(self) -> Place:
        """Where the word stands that now begins."""
        if not self.tokens or self._at_sentence_end():
            return Place(opens_sentence=True, last=self._current.strip())
        if self.grounding is None:
            return Place()
        return self.grounding.next_place(self._current, self._place)

    def _at_sentence_end(self) -> bool:
        return bool(self.tokens) and self.vocabulary.ends_sentence[self.tokens[-1]]

    def _count_sentence(self) -> None:
        self.sentences += 1
        self.complete, self.complete_words = len(self.tokens), self.words

    def _enough(self) -> bool:
        average = self.words / self.sentences
        return abs(self.words - self.target) <= abs(self.words + average - self.target)
