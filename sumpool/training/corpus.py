"""Training data: JSON Lines of documents with human summaries, made ready for the model."""

from __future__ import annotations

import io
import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from sumpool.documents import split_sentences
from sumpool.errors import UsageError

_LABELS = (
    "background|introduction|context|rationale|objectives?|aims?|purpose|goals?|setting|design|study design|"
    "methods?|materials?(?: and| &) methods?|methods and materials|methods?/design|methodology|participants|patients|"
    "interventions?|measurements?|(?:main |primary (?:and secondary )?|secondary )?outcomes?(?: measures?)?|"
    "(?:main |principal )?(?:results?|findings)|methods(?: and|/) ?(?:principal )?(?:results|findings)|discussion|"
    "interpretation|(?:summary and )?conclusions?(?:s?/significance)?|significance|summary|abstract|limitations|"
    "data sources?|data synthesis|(?:clinical )?trial registration(?: number)?|funding|hypothes[ei]s"
)
_LABEL = re.compile(rf"(?:(?<=^)|(?<=[.!?)]\s)|(?<=\n))(?:{_LABELS})\s*[:.]\s+(?=[A-Z0-9])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Example:
    """One document and one summary of it; `focus` is what the summary was asked to be about."""

    id: str
    kind: str
    document: str
    summary: str
    focus: str | None = None

    @property
    def words(self) -> int:
        return len(self.summary.split())

    def sentences(self) -> list[tuple[int, int]]:
        """(start, end) character offsets of the document's sentences."""
        return split_sentences(self.document)


def read_lines(path: Path) -> Iterator[dict[str, object]]:
    """The objects of a JSON Lines file, `.zst` or plain; UsageError names the line that is none."""
    damaged: tuple[type[Exception], ...] = ()
    try:
        with path.open("rb") as raw:
            stream: IO[bytes] = raw
            if path.suffix == ".zst":
                import zstandard

                damaged = (zstandard.ZstdError,)
                # Some corpora are compressed with a long window.
                stream = cast(IO[bytes], zstandard.ZstdDecompressor(max_window_size=2**27).stream_reader(raw))
            with io.TextIOWrapper(stream, encoding="utf-8") as lines:
                for number, line in enumerate(lines, 1):
                    try:
                        value = json.loads(line)
                    except ValueError as error:
                        raise UsageError("data", f"{path}: line {number} is not JSON ({error})") from None
                    if not (isinstance(value, dict) and "document" in value and "summary" in value):
                        raise UsageError("data", f"{path}: line {number} has no document and summary")
                    yield value
    except OSError as error:
        raise UsageError("data", f"{path}: {error.strerror} (check the path)") from None
    except UnicodeDecodeError:
        raise UsageError("data", f"{path}: not UTF-8 (give JSON Lines in UTF-8)") from None
    except damaged as error:
        raise UsageError("data", f"{path}: damaged, or not compressed with zstd ({error})") from None


def examples(path: Path, *, queries: bool = True) -> Iterator[Example]:
    """Every example of a file: one a document, and one more for each of its queries (a focus with its own summary)."""
    for number, row in enumerate(read_lines(path)):
        name, kind = str(row.get("id", number)), str(row.get("kind", path.name.split(".")[0]))
        document = _name_speakers(str(row["document"]))
        yield Example(name, kind, document, clean_summary(str(row["summary"])), _optional(row.get("focus")))
        asked = row.get("queries") if queries else None
        for index, query in enumerate(asked if isinstance(asked, list) else []):
            yield Example(f"{name}/{index}", kind, document, clean_summary(query["summary"]), _optional(query["focus"]))


def suitable(paths: Sequence[Path], *, longest_summary: int) -> dict[str, list[Example]]:
    """The examples to train on by kind: those whose summary is a summary, of 8 to so many words."""
    kinds: dict[str, list[Example]] = {}
    for path in paths:
        for example in examples(path):
            if 8 <= example.words <= longest_summary and len(example.document) > 2 * len(example.summary):
                kinds.setdefault(example.kind, []).append(example)
    return kinds


def mixture(kinds: dict[str, list[Example]], weights: dict[str, float], *, seed: int) -> Iterator[Example]:
    """Examples without end, kinds drawn by weight (1 where none is given), each reshuffled when it is used up."""
    names = sorted(kinds)
    chance = random.Random(seed)
    queues: dict[str, list[Example]] = {name: [] for name in names}
    while names:
        kind = chance.choices(names, [weights.get(name, 1.0) for name in names])[0]
        if not queues[kind]:
            queues[kind] = chance.sample(kinds[kind], len(kinds[kind]))
        yield queues[kind].pop()


def clean_summary(text: str) -> str:
    """A summary as running prose: no section labels, no line breaks, list items as sentences."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    text = " ".join(line if line[-1] in ".!?:;,\"'”’)" else line + "." for line in lines)
    text = re.sub(r"\s+", " ", _LABEL.sub("", text)).strip()
    text = _name_speakers(text)
    return text[:1].upper() + text[1:]


def _name_speakers(text: str) -> str:
    """DialogSum's "#Person1#" as people write it, in the document as in its summary."""
    return re.sub(r"#Person(\d+)#", r"Person \1", text)


def _optional(value: object) -> str | None:
    return str(value) if value else None
