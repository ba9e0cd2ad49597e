"""Photographs for the tests of training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.helpers.albums import make_album

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten photographs."""
    return make_album(tmp_path_factory.mktemp("train") / "album", 10)


@pytest.fixture
def without_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw no plots, which would take a third of the time of a small run."""
    monkeypatch.setattr("vidcolor.training.loop.draw_curves", lambda *_: None)
    monkeypatch.setattr("vidcolor.training.run.draw_image_rows", lambda *_: None)
