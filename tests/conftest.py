"""Fixtures that all tests share: films made on the spot and a generator that needs no network."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
import pytest
from checks import Outcome, read_film
from clips import ClipMaker

from vidcolor.colorizer import Colorizer, Colour, Geometry
from vidcolor.film.job import colorize_film
from vidcolor.options import ColorizeOptions
from vidcolor.temporal.upsample import GuidedUpsampler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Array = NDArray[np.float32]


class FlatColorizer(Colorizer):
    """A real Colorizer whose generator says the same colour of everything."""

    A, B = 12.0, 18.0

    def __init__(self) -> None:
        says = {"name": "flat", "digest": "0" * 64, "native_size": 32, "accepts_hints": False}
        says |= {"has_confidence": True, "has_vividness": True}
        self._generator = type("Flat", (), says)
        self._upsample = GuidedUpsampler()

    def predict(
        self,
        proxies: Sequence[Array],
        geometry: Geometry,
        vividness: float | None = None,
        hints: object = None,
    ) -> list[Colour]:
        colours = []
        for proxy in proxies:
            stored = np.ascontiguousarray(geometry.to_stored(proxy))
            rows, columns = max(1, stored.shape[0] // 4), max(1, stored.shape[1] // 4)
            ab = np.empty((2, rows, columns), np.float32)
            ab[0], ab[1] = self.A, self.B
            colours.append(Colour(ab, np.full((rows, columns), 0.5, np.float32), stored))
        return colours


@pytest.fixture(scope="session")
def flat() -> FlatColorizer:
    """Colours everything the same sepia, at once."""
    return FlatColorizer()


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> ClipMaker:
    """Makes small films; see `ClipMaker`."""
    return ClipMaker(tmp_path_factory.mktemp("clips"))


@pytest.fixture
def coloured(flat: FlatColorizer, tmp_path: Path) -> Callable[..., Outcome]:
    """Colours a film with `flat`: ``coloured(source, suffix, **options)``."""

    def colour(source: Path, suffix: str = "mkv", **options: object) -> Outcome:
        path = tmp_path / f"{source.stem}-{len(list(tmp_path.iterdir()))}.{suffix}"
        result = colorize_film(source, path, ColorizeOptions(**options), colorizer=flat)
        return Outcome(result, path, read_film(source), read_film(path))

    return colour


@pytest.fixture(autouse=True)
def no_logged_errors(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """A test in which anything logs an error has failed, whatever it asserts."""
    with caplog.at_level(logging.INFO):
        yield
    errors = [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]
    assert not errors, errors
