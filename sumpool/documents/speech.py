"""What was said, in the small pieces in which it was noted down, back into paragraphs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sumpool.documents.building import Block
from sumpool.documents.document import Document
from sumpool.documents.repair import repair

_LONG_PAUSE = 4.0
"""Seconds: who is silent that long at the end of a sentence begins something new."""
_LONG_PARAGRAPH = 120
"""Words: at the next sentence's end, a paragraph of so many is over."""
_TURN = re.compile(r"([^\W\d_][\w.'’ -]{0,40}):\s+\S")
"""The beginning of what somebody says: "Anna:", "Project Manager:", "Person 1:"."""
_ENDS = re.compile(r"[.!?…][\"'”’)\]]*$")


@dataclass(frozen=True, slots=True)
class Cue:
    """Some words, when they were said (in seconds, if that is known) and who said them ("" is: as before)."""

    text: str
    start: float | None = None
    end: float | None = None
    speaker: str = ""


def speech_blocks(cues: Iterable[Cue]) -> Iterator[Block]:
    """Paragraphs: a new one for each speaker, after a pause, and where one gets long."""
    words: list[str] = []
    name = ""
    last: float | None = None
    for cue in cues:
        text = " ".join(repair(cue.text).split())
        if not text:
            continue
        ended = bool(words) and _ENDS.search(words[-1]) is not None
        paused = last is not None and cue.start is not None and cue.start - last > _LONG_PAUSE
        changed = bool(cue.speaker) and cue.speaker != name
        if words and (changed or (ended and (paused or sum(map(_count, words)) > _LONG_PARAGRAPH))):
            yield Block("body", " ".join(words))
            words = []
        if changed:
            name = cue.speaker
            words.append(f"{name}:")
        words.append(text)
        last = cue.end if cue.end is not None else cue.start
    if words:
        yield Block("body", " ".join(words))


def is_conversation(document: Document) -> bool:
    """Whether most of the document's paragraphs are what people say in turn, each with the speaker's name before it."""
    names: list[str] = []
    others = 0
    for paragraph in document.paragraphs:
        turn = _TURN.match(document.text, paragraph.start, paragraph.end)
        if turn:
            names.append(turn[1])
        elif paragraph.kind != "heading":
            others += 1
    # Labels ("Note:", "Example:") come once or twice; who talks, comes back.
    return len(names) > others and 2 <= len(set(names)) < len(names)


def _count(text: str) -> int:
    return text.count(" ") + 1


def seconds(stamp: str) -> float:
    """A time such as 1:02:03.5 or 02:03,500."""
    total = 0.0
    for part in stamp.replace(",", ".").split(":"):
        total = total * 60 + float(part)
    return total
