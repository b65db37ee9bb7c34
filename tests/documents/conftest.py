"""What reading may leave behind: nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import children


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where temporary files would go; nothing may be left there, and no process."""
    before = children()
    folder = tmp_path / "temporary"
    folder.mkdir()
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, str(folder))
    yield folder
    assert not list(folder.iterdir())
    assert children() <= before
