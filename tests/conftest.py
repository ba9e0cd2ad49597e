"""Fixtures for all tests: generated films, and a generator without weights."""

from __future__ import annotations

import logging
import os
from fractions import Fraction
from typing import TYPE_CHECKING

# The suite runs in two processes on two cores. Idle threads of torch spin, so that more threads
# are slower. The variable must be set before torch is imported; subprocesses inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["VIDCOLOR_CONFIG"] = ""  # the configuration of the user must not change the results

import hypothesis
import pytest

from tests.helpers.checks import ColorizedFilm, read_film
from tests.helpers.clips import ClipMaker
from tests.helpers.flat import flat_colorizer
from vidcolor.film import segment
from vidcolor.film.api import colorize_film
from vidcolor.options import ColorizeOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from vidcolor.colorizer import Colorizer


# The time of one example depends on the load of the machine.
hypothesis.settings.register_profile("vidcolor", deadline=None)
hypothesis.settings.load_profile("vidcolor")


@pytest.fixture(scope="session")
def flat() -> Colorizer:
    """A colorizer that predicts the same sepia for every pixel."""
    return flat_colorizer()


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> ClipMaker:
    """A factory of small films; see `ClipMaker`."""
    return ClipMaker(tmp_path_factory.mktemp("clips"))


@pytest.fixture
def colored(flat: Colorizer, tmp_path: Path) -> Callable[..., ColorizedFilm]:
    """Colorize a film with `flat`: ``colored(source, suffix, **options)``."""

    def colorize(source: Path, suffix: str = "mkv", **options: object) -> ColorizedFilm:
        path = tmp_path / f"{source.stem}-{len(list(tmp_path.iterdir()))}.{suffix}"
        result = colorize_film(source, path, ColorizeOptions(**options), colorizer=flat)
        return ColorizedFilm(result, path, read_film(source), read_film(path))

    return colorize


@pytest.fixture(autouse=True)
def no_logged_errors(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail every test that logs an error."""
    with caplog.at_level(logging.INFO):
        yield
    errors = [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]
    assert not errors, errors


@pytest.fixture
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every shot a segment."""
    monkeypatch.setattr(segment, "MIN_SEGMENT_S", Fraction(0))
