"""JSON, one object a line: for one source an object, for many JSON Lines."""

from __future__ import annotations

import json
from typing import Any

from sumpool.errors import SumpoolError
from sumpool.summary import Summary


class JsonRenderer:
    """The objects that docs and scripts rely on; passages are always in them."""

    def opening(self) -> str:
        return ""

    def summary(self, summary: Summary) -> str:
        return json_line(summary.as_dict())

    def failure(self, source: str, error: SumpoolError) -> str:
        return json_line({"source": source, "error": {"kind": error.kind, "message": error.message}})

    def closing(self) -> str:
        return ""


def json_line(value: dict[str, Any]) -> str:
    """Readable in any language, so no escapes for letters outside ASCII; one line, so that lines can be counted on."""
    return json.dumps(value, ensure_ascii=False) + "\n"
