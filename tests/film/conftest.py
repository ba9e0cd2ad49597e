"""What tests of segments share."""

from __future__ import annotations

from fractions import Fraction

import pytest

from vidcolor.film import segments


@pytest.fixture
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every shot is a segment."""
    monkeypatch.setattr(segments, "LEAST_S", Fraction(0))
