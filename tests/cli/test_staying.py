"""Start-up without looking for garbage."""

from __future__ import annotations

import gc
import weakref

import pytest

from sumpool.staying import all_staying


class Ring:
    """Refers to itself, so that it is garbage only the collector finds."""

    def __init__(self) -> None:
        self.itself = self


def test_what_is_made_inside_stays_and_what_is_made_afterwards_does_not() -> None:
    with pytest.raises(ValueError, match="broken"), all_staying():  # noqa: PT012
        assert not gc.isenabled()
        inside = weakref.ref(Ring())
        raise ValueError("broken")
    assert gc.isenabled()
    try:
        outside = weakref.ref(Ring())
        gc.collect()
        assert inside() is not None
        assert outside() is None
    finally:
        gc.unfreeze()
