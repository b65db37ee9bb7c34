"""Build hook: the wheel carries the models, so that an installed sumpool works offline from any directory."""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ModelsInWheel(BuildHookInterface):
    """Maps models/ of the repository to sumpool/models in the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        # An editable install reads the checkout's models/; a copy beside it would go stale (and cost 140 MB).
        if version != "editable":
            build_data["force_include"]["models"] = "sumpool/models"
