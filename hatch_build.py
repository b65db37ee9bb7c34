"""Build hook: the wheel carries the models and the text that `sumpool bench` measures with.

So an installed sumpool works offline from any directory.
"""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BENCH_TEXT = ("handbook.txt", "minutes.md")


class ModelsInWheel(BuildHookInterface):
    """Maps models/ of the repository to sumpool/models in the wheel, and two of the examples to sumpool/examples."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        # An editable install reads the checkout's models/; a copy beside it would go stale (and cost 140 MB).
        if version != "editable":
            build_data["force_include"]["models"] = "sumpool/models"
            for name in BENCH_TEXT:
                build_data["force_include"][f"examples/{name}"] = f"sumpool/examples/{name}"
