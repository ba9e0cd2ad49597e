"""Execution of tasks: order, skipped tasks, errors, and the film engine."""

from __future__ import annotations

import contextlib
import errno
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from vidcolor.batch.discover import Task, discover
from vidcolor.batch.runner import run_tasks, wrap_error
from vidcolor.errors import VidcolorError
from vidcolor.film.engines.local import LocalEngine
from vidcolor.options import ColorizeOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.helpers.clips import ClipMaker
    from vidcolor import Colorizer

OPTIONS = ColorizeOptions()
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write_photo(name: str) -> Path:
    cv2.imwrite(name, np.full((16, 24), 120, np.uint8))
    return Path(name)


class EngineFactory:
    """Opens local engines and counts them."""

    def __init__(self, colorizer: Colorizer) -> None:
        self._colorizer = colorizer
        self.num_opened = self.num_closed = 0

    @contextlib.contextmanager
    def __call__(self) -> Iterator[LocalEngine]:
        self.num_opened += 1
        yield LocalEngine(self._colorizer)
        self.num_closed += 1


def test_results_come_in_the_order_of_the_tasks(flat: Colorizer) -> None:
    for name in ("a.png", "b.mp4"):
        Path(name).touch()
    tasks = discover([Path(n) for n in ("a.png", "none.png", "b.mp4")], None, None, OPTIONS)
    results = list(run_tasks(tasks, OPTIONS, flat))
    assert [r.task.source.name for r in results] == ["a.png", "none.png", "b.mp4"]
    assert all(isinstance(r.error, VidcolorError) for r in results)


def test_photos_do_not_open_a_film_engine(flat: Colorizer) -> None:
    tasks = discover([write_photo("a.png"), write_photo("b.png")], None, None, OPTIONS)
    factory = EngineFactory(flat)
    results = list(run_tasks(tasks, OPTIONS, flat, engine_factory=factory))
    assert all(r.error is None for r in results)
    assert factory.num_opened == 0


def test_films_share_one_engine_that_is_closed_at_the_end(flat: Colorizer, clip: ClipMaker) -> None:
    film = clip("mkv", "ffv1", "gray", frames=2)
    tasks = [
        Task("photo", write_photo("a.png"), Path("a.color.png"), OPTIONS),
        Task("film", film, Path("b.mkv"), OPTIONS),
        Task("photo", write_photo("c.png"), Path("c.color.png"), OPTIONS),
        Task("film", film, Path("d.mkv"), OPTIONS),
    ]
    factory = EngineFactory(flat)
    results = run_tasks(tasks, OPTIONS, flat, engine_factory=factory)
    assert next(results).error is None
    assert factory.num_opened == 0, "the engine is opened only for the first film"
    assert next(results).error is None
    assert (factory.num_opened, factory.num_closed) == (1, 0)
    assert [r.error for r in results] == [None, None]
    assert (factory.num_opened, factory.num_closed) == (1, 1)


@pytest.mark.slow
def test_colorizing_a_photo_imports_no_film_module() -> None:
    write_photo("a.png")
    code = f"""
import sys
sys.path.insert(0, {str(REPOSITORY)!r})
from tests.helpers.flat import flat_colorizer
from vidcolor import cli
assert cli.run(["colorize", "a.png", "-q"], lambda options: flat_colorizer()) == 0
print([name for name in sys.modules if name.startswith(("vidcolor.film", "multiprocessing.pool",
                                                        "ray"))])
"""
    command = [sys.executable, "-c", code]
    completed = subprocess.run(command, capture_output=True, text=True, check=True)
    assert completed.stdout.strip() == "[]"
    assert Path("a.color.png").exists()


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (MemoryError(), "x: out of memory"),
        (OSError(errno.ENOSPC, "No space left on device"), "x: the disk is full"),
        (OSError(errno.EIO, "Input/output error", "disk"), "x: disk: Input/output error"),
        (ValueError("two\nlines"), "x: internal error (ValueError: two lines)"),
        (ImportError("libGL.so.1", name="cv2"), "x: libGL.so.1; run `vidcolor doctor`"),
    ],
)
def test_unexpected_errors_become_messages_of_one_line(error: Exception, message: str) -> None:
    wrapped = wrap_error(error, Path("x"))
    assert str(wrapped).startswith(message)
    assert wrapped.__cause__ is error
