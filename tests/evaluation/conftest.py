"""Films and albums that the tests of comparisons and evaluations share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.helpers.albums import colorful, save
from tests.helpers.tiny_films import gray_ramp, make_film, red_ramp

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A gray film and a red film of 12 frames, 64x48, with audio."""
    folder = tmp_path_factory.mktemp("films")
    a = make_film(folder / "a.mp4", gray_ramp(12), audio=True)
    return a, make_film(folder / "b.mp4", red_ramp(12), audio=True, matrix="smpte170m")


@pytest.fixture(scope="session")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two color images, 128x96, and a third in a subfolder. Tests must not write."""
    folder = tmp_path_factory.mktemp("evaluation") / "album"
    for seed in range(2):
        save(folder / f"{seed}.png", colorful(seed, (96, 128)))
    save(folder / "more" / "2.png", colorful(2, (96, 128)))
    return folder
