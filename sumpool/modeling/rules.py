"""What a summary may look like: its length, its end, and no repetition. Rules over logits, applied while writing."""

from __future__ import annotations

from collections import defaultdict

import torch
from torch import Tensor

from sumpool.modeling.grounding import Grounding
from sumpool.modeling.prompts import Prompts

SLACK = 0.25
"""How far from the asked length a summary may end, as a share of it."""
_PRESSURE = 6.0
_MEMORY = 2
_PENALTY = 1.1
"""What the logits of tokens already written are divided by (Keskar et al. 2019, CTRL, section 4.1)."""
_PATIENCE = 200
"""Tokens to try before an unsupported one is let through: a summary that goes wrong beats one that never ends."""


class Vocabulary:
    """Facts about a tokenizer's tokens, computed once: which begin a word, which may end a sentence."""

    def __init__(self, prompts: Prompts) -> None:
        tokenizer = prompts.tokenizer
        size = tokenizer.get_vocab_size()
        texts = self.texts = [tokenizer.decode([token]) for token in range(size)]
        # A number's space is a token of its own, so a token of nothing but space begins a word, too.
        self.begins_word = [text[:1].isspace() for text in texts]
        self.ends_sentence = [text.rstrip("\"'”’)]")[-1:] in (".", "!", "?") for text in texts]
        self.opens_sentence = [
            self.begins_word[token] and text.strip()[:1].isupper() for token, text in enumerate(texts)
        ]
        self.full_stops = torch.tensor([token for token, text in enumerate(texts) if text in (".", ").", '."')])
        self.line_breaks = torch.tensor([token for token, text in enumerate(texts) if "\n" in text])
        self.specials = torch.tensor(sorted(tokenizer.get_added_tokens_decoder()))
        self.end = prompts.end


class SummaryRules:
    """The state of one summary: call `apply` on the logits before a token is chosen, `push` with the chosen token.

    * No three words in a row that stand in the summary already; every token that does is a little less welcome.
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
        self.tokens: list[int] = []
        self.words = 0
        self.sentences = 0
        self.complete = 0
        """Tokens up to the end of the last whole sentence, and the words in them."""
        self.complete_words = 0
        self._opened_sentence = True
        self._current = ""
        self._recent: list[str] = []
        self._followers: defaultdict[tuple[str, ...], set[int]] = defaultdict(set)
        self.done = False

    def apply(self, logits: Tensor) -> Tensor:
        """logits [vocabulary] -> the same tensor with what may not come set to minus infinity."""
        vocabulary = self.vocabulary
        if self.tokens:
            written = torch.tensor(sorted(set(self.tokens)), device=logits.device)
            old = logits[written]
            logits[written] = torch.where(old > 0, old / _PENALTY, old * _PENALTY)
        wants_end = bool(logits[vocabulary.end] == logits.max())
        end_logit = logits[vocabulary.end].clone()
        logits[self.forbidden] = -torch.inf
        if self._at_sentence_end():
            following = int(logits.argmax())
            if wants_end or vocabulary.opens_sentence[following]:
                self._count_sentence()
                if self._enough():
                    self.done = True
                elif self.words >= (1 - SLACK) * self.target:
                    logits[vocabulary.end] = end_logit
        elif self.words > self.target:
            # Past the target every full stop is more welcome than before.
            over = (self.words - self.target) / (SLACK * self.target)
            logits[self.full_stops] += _PRESSURE * min(over, 1.0)
        repeated = self._followers.get((*self._recent, self._word())[-_MEMORY:])
        if repeated:
            logits[torch.tensor(sorted(repeated), device=logits.device)] = -torch.inf
        if self.grounding is not None:
            self._ground(logits, self.grounding)
        return logits

    def push(self, token: int) -> None:
        """Count a chosen token; the end token ends the summary."""
        if token == self.vocabulary.end:
            self.done = True
            return
        if self.vocabulary.begins_word[token] or not self.tokens:
            if self._current:
                self._recent.append(self._word())
                if len(self._recent) >= _MEMORY:
                    self._followers[tuple(self._recent[-_MEMORY:])].add(token)
                self._recent = self._recent[-_MEMORY:]
            self._opened_sentence = self._at_sentence_end() or not self.tokens
            self._current = ""
            self.words += 1
        self._current += self.vocabulary.texts[token]
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

    def _word(self) -> str:
        """The word being written, as one that began a sentence would be told to be the same."""
        return self._current.strip().lower()

    def _ground(self, logits: Tensor, grounding: Grounding) -> None:
        """Rule out the best token until it is one that the document supports."""
        opens = self._opened_sentence
        for _ in range(_PATIENCE):
            token = int(logits.argmax())
            text = "" if token == self.vocabulary.end else self.vocabulary.texts[token]
            after_sentence = self._at_sentence_end() and text[:1].isspace()
            if after_sentence and not any(character.isdigit() for character in text):
                text = text[:1]
            if grounding.allows(self._current, text, opens_sentence=opens):
                return
            logits[token] = -torch.inf

    def _at_sentence_end(self) -> bool:
        return bool(self.tokens) and self.vocabulary.ends_sentence[self.tokens[-1]]

    def _count_sentence(self) -> None:
        self.sentences += 1
        self.complete, self.complete_words = len(self.tokens), self.words

    def _enough(self) -> bool:
        average = self.words / self.sentences
        return self.words >= (1 - SLACK) * self.target and abs(self.words - self.target) <= abs(
            self.words + average - self.target
        )
