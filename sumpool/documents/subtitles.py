"""Subtitles (SubRip and WebVTT): the words, joined to sentences, each once however often they were on the screen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

from sumpool.documents.building import build
from sumpool.documents.document import Document
from sumpool.documents.repair import repair, squeeze
from sumpool.documents.sections import Abstract
from sumpool.documents.speech import Cue, seconds, speech_blocks
from sumpool.errors import DocumentError

_STAMP = r"(?:\d+:)?\d{1,2}:\d\d[.,]\d{1,3}"
_TIMES = re.compile(rf"\s*({_STAMP})\s*-->\s*({_STAMP})")
_VOICE = re.compile(r"<v(?:\.[^ >]*)? ([^>]*)>")
_TAG = re.compile(r"</?[^<>]*>|\{\\?[^{}]*\}")
_SPEAKER = re.compile(r"(?:>>\s*|-\s*)?([A-Z][\w.' -]{0,30}):\s+(?=\S)")
_TURN = re.compile(r"^(?:>>|[-–—])\s*")
_SOUND = re.compile(r"\[[^\[\]]{1,60}\]|\([A-Z ]{2,60}\)|[♪♫#][^♪♫#]*[♪♫#]|[♪♫]")


def read_subtitles(text: str, source: str, *, abstract: Abstract = "keep") -> Document:
    """The Document of a SubRip or WebVTT file. Raises DocumentError."""
    document = build(source, speech_blocks(_without_repeats(_cues(text))), title=_title(text))
    if not document.text:
        raise DocumentError("no-text", "subtitle file without words")
    return document


def _title(text: str) -> str | None:
    """What a WebVTT file says behind its signature, where tools that name the file put that."""
    first = text.lstrip("\ufeff").partition("\n")[0]
    if not first.startswith("WEBVTT"):
        return None
    return squeeze(repair(first[6:])).strip(" -:") or None


def _cues(text: str) -> Iterator[tuple[Cue, list[str]]]:
    """Each cue (still without words) with its lines; notes, styles and cue numbers belong to none."""
    cue: Cue | None = None
    lines: list[str] = []
    before = ""
    for line in text.split("\n"):
        times = _TIMES.match(line)
        if times:
            if cue is not None:
                # The line before the times is the next cue's number, if no blank line has ended this cue.
                yield cue, lines[:-1] if lines and before.strip().isdecimal() else lines
            cue, lines = Cue("", seconds(times[1]), seconds(times[2])), []
        elif not line.strip():
            if cue is not None and lines:
                yield cue, lines
                cue, lines = None, []
        elif cue is not None:
            lines.append(line)
        before = line
    if cue is not None:
        yield cue, lines


def _without_repeats(cues: Iterator[tuple[Cue, list[str]]]) -> Iterator[Cue]:
    """Without lines that stood in the cue before: rolling captions show each two or three times."""
    shown: list[str] = []
    for times, lines in cues:
        now: list[str] = []
        fresh: list[tuple[str, str]] = []  # (speaker, words)
        for raw in lines:
            voice = _VOICE.search(raw)
            line = " ".join(unescape(_TAG.sub("", raw)).split())
            line = _SOUND.sub("", line).strip()
            named = _SPEAKER.match(line)
            speaker = voice[1].strip() if voice else named[1] if named else ""
            line = _TURN.sub("", line[named.end() :] if named and not voice else line)
            if not line:
                continue
            now.append(line)
            if line not in shown:
                fresh.append((speaker, line))
        for speaker, line in fresh:
            # Captions that grow word by word: only what came to the line is new.
            grown = next((old for old in shown if line.startswith(old + " ")), "")
            yield Cue(line[len(grown) :], times.start, times.end, speaker)
        if now:
            shown = now
