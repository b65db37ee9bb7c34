"""Text to typeset, by a small grammar: English enough to be broken, hyphenated and justified like real prose."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

_KINDS = """
    long early final careful official efficient well-known long-term first local difficult specific modified different
    coastal affluent reflective northern reliable unexpected seasonal scientific insufficient experimental particular
    high-resolution simplified historical conventional environmental statistical
""".split()  # noqa: SIM905
_THINGS = """
    survey office profile reader harbour workflow committee instrument reflection difference definition archive estimate
    classification temperature observation measurement catalogue correspondence laboratory manuscript neighbourhood
    expedition settlement navigation administration consequence inventory verification restoration photograph conflict
    influence representation description inspection calibration uncertainty
""".split()  # noqa: SIM905
_DEEDS = """
    reflects confirms defines simplifies satisfies describes replaces precedes anticipates modifies supports illustrates
    undermines clarifies influences resembles contradicts specifies accompanies identifies
""".split()  # noqa: SIM905
_WAYS = """
    before after without despite beyond near during under alongside throughout
""".split()  # noqa: SIM905
_OPENINGS = """
    however therefore moreover finally meanwhile nevertheless accordingly afterwards consequently similarly
""".split()  # noqa: SIM905

ASIDE = """
    amber basalt cedar copper dahlia falcon garnet heron indigo juniper kestrel lantern maple nickel onyx pebble quartz
    raven saffron thistle umber velvet walnut yarrow zinc
""".split()  # noqa: SIM905
"""Words of captions, tables, footnotes and lists alone: where they turn up, something other than prose does."""


@dataclass
class Section:
    heading: str
    paragraphs: list[list[str]]
    """Each a list of sentences."""


@dataclass
class Text:
    """What is typeset as running text, in reading order."""

    title: str
    abstract: list[str]
    sections: list[Section] = field(default_factory=list)

    def paragraphs(self) -> list[list[str]]:
        return [self.abstract, *(paragraph for section in self.sections for paragraph in section.paragraphs)]

    def sentences(self) -> list[str]:
        """All of the running text's, in order."""
        return [sentence for paragraph in self.paragraphs() for sentence in paragraph]

    def headings(self) -> list[str]:
        return [section.heading for section in self.sections]


class Author:
    """Writes sentences, the same for the same seed, and none of them twice."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self._written: set[str] = set()

    def text(self, sections: int, paragraphs: int, numbered: bool) -> Text:
        title = f"The {self._name()} and the {self._name()} in Practice"
        text = Text(title, [self.sentence() for _ in range(5)])
        for number in range(1, sections + 1):
            heading = f"{number} {self._name()}" if numbered else self._name()
            text.sections.append(Section(heading, [self._paragraph() for _ in range(paragraphs)]))
        return text

    def sentence(self) -> str:
        while True:
            sentence = self._sentence()
            if sentence not in self._written:
                self._written.add(sentence)
                return sentence

    def aside(self, words: int) -> str:
        """A phrase of words that no running text has."""
        return " ".join(self.chance.choices(ASIDE, k=words)).capitalize()

    def _paragraph(self) -> list[str]:
        return [self.sentence() for _ in range(self.chance.randint(3, 7))]

    def _name(self) -> str:
        kind, thing = self.chance.choice(_KINDS), self.chance.choice(_THINGS)
        return f"{kind.title()} {thing.title()}"

    def _phrase(self) -> str:
        article = self.chance.choice(("the", "the", "this", "every", "no"))
        kind = f"{self.chance.choice(_KINDS)} " if self.chance.random() < 0.7 else ""
        return f"{article} {kind}{self.chance.choice(_THINGS)}"

    def _clause(self) -> str:
        clause = f"{self._phrase()} {self.chance.choice(_DEEDS)} {self._phrase()}"
        if self.chance.random() < 0.5:
            clause += f" {self.chance.choice(_WAYS)} {self._phrase()}"
        return clause

    def _sentence(self) -> str:
        start = f"{self.chance.choice(_OPENINGS)}, " if self.chance.random() < 0.3 else ""
        words = start + self._clause()
        form = self.chance.random()
        if form < 0.2:
            words += f", while {self._clause()}"
        elif form < 0.35:
            words += f" (in {self.chance.randint(21, 89)} of {self.chance.randint(90, 99)} cases)"
        elif form < 0.45:
            words += f"; {self._clause()}"
        elif form < 0.55:
            words += f", which {self.chance.choice(_DEEDS)} {self._phrase()}"
        return words[0].upper() + words[1:] + "."
