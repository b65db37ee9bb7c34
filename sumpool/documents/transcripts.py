"""Transcripts: text whose lines begin with the time at which they were said, with or without who said it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sumpool.documents.building import Block, build
from sumpool.documents.document import Document
from sumpool.documents.repair import repair, squeeze
from sumpool.documents.sections import Abstract
from sumpool.documents.speech import Cue, seconds, speech_blocks
from sumpool.documents.text import read_text

_TIME = r"((?:\d{1,2}:)?\d{1,2}:\d\d(?:[.,]\d{1,3})?)"
_STAMPED = re.compile(rf"\s*[\[(]?{_TIME}(?:\s*(?:-->|[-–—])\s*{_TIME})?[\])]?(?:\s*[-–—:|]\s+|\s+|$)")
_SPEAKER = re.compile(r"([A-Z][\w.' -]{0,40}?)\s*:(?:\s+|$)")
_SPEAKER_LINE = re.compile(rf"\s*([A-Z][\w.' -]{{0,40}}?)\s*[:,]?\s*[\[(]?{_TIME}[\])]?\s*:?\s*$")


def is_transcript(lines: list[str]) -> bool:
    """Whether a third of the lines that say something, and not just one or two, begin with a time."""
    filled = [line for line in lines if line.strip()]
    timed = sum(bool(_STAMPED.match(line) or _SPEAKER_LINE.match(line)) for line in filled)
    return timed >= 3 and timed * 3 >= len(filled)


def read_transcript(text: str, source: str, *, abstract: Abstract = "keep") -> Document:
    """The Document of a transcript's text."""
    lines = text.split("\n")
    first = next((number for number, line in enumerate(lines) if _STAMPED.match(line) or _SPEAKER_LINE.match(line)), 0)
    heads = [squeeze(repair(line)) for line in lines[:first] if line.strip()]
    document = build(
        source,
        [
            *(Block("heading" if number == 0 else "body", line) for number, line in enumerate(heads)),
            *speech_blocks(_cues(lines[first:])),
        ],
        title=heads[0] if heads else None,
    )
    return document if document.text else read_text(text, source, abstract=abstract)


def _cues(lines: list[str]) -> Iterator[Cue]:
    start: float | None = None
    name = ""
    for line in lines:
        named = _SPEAKER_LINE.match(line)
        if named:  # "Anna Smith 0:15", and what she said on the next lines
            name, start = named[1], seconds(named[2])
            continue
        stamped = _STAMPED.match(line)
        if stamped:
            start = seconds(stamped[1])
            line = line[stamped.end() :]
        speaker = _SPEAKER.match(line.lstrip())
        if speaker and (stamped or len(speaker[1].split()) < 4):
            name = speaker[1]
            line = line.lstrip()[speaker.end() :]
        yield Cue(line, start, None, name)
