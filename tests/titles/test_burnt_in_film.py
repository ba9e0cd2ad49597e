"""Burnt-in text in rendered films, stills of projects and reports."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.helpers.burnt_in import draw_code, make_picture
from tests.helpers.films import read_lab, read_plane_bytes, write_gray
from tests.helpers.flat import flat_colorizer
from vidcolor import ColorizeOptions, colorize_film
from vidcolor.batch.report.make import make_record
from vidcolor.batch.report.write import write_report
from vidcolor.batch.runner import TaskResult
from vidcolor.batch.task import Task
from vidcolor.media.preview import DisplayReader
from vidcolor.project.api import Project

SHAPE = (240, 320)
FRAMES_PER_SHOT, NUM_SHOTS = 20, 9
SHOWN = 90
"""Frame whose color is examined."""


def draw_frame(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a frame with time code, and the mask of its digits."""
    shot, step = divmod(number, FRAMES_PER_SHOT)
    picture = make_picture(shot, (SHAPE[0], SHAPE[1] + FRAMES_PER_SHOT))
    moved = np.ascontiguousarray(picture[:, step : step + SHAPE[1]])
    frame, letters = draw_code(moved, number, outline=1, return_letters=True)
    return np.rint(255 * frame).astype(np.uint8), letters


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    return [draw_frame(n)[0] for n in range(FRAMES_PER_SHOT * NUM_SHOTS)]


@pytest.fixture(scope="module")
def source(frames: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gray(tmp_path_factory.mktemp("film") / "film.mkv", frames)


def measure_chroma(target: Path) -> tuple[float, float]:
    """Return the mean chroma of the digits and of everything else in a frame."""
    ab, (_, letters) = read_lab(target)[SHOWN][..., 1:], draw_frame(SHOWN)
    chroma = np.hypot(ab[..., 0], ab[..., 1])
    return float(chroma[letters].mean()), float(chroma[~letters].mean())


def test_text_has_no_color_and_the_picture_has(source, frames, tmp_path):
    options = ColorizeOptions(purpose="archive")
    result = colorize_film(source, tmp_path / "out.mkv", options, colorizer=flat_colorizer())
    (text,) = result.burnt_in_text
    assert 0.7 < text.top < text.bottom < 1 and text.box_luma is None
    digits, picture = measure_chroma(result.target)
    assert digits < 1 and picture > 10
    luma = [planes[0] for planes in read_plane_bytes(result.target)]
    assert luma == [frame.tobytes() for frame in frames]
    task = Task("film", result.source, result.target, options)
    record = make_record(TaskResult(task, result))
    assert record.burnt_in_text == (text,)
    write_report(tmp_path / "report.html", [record])
    height = f"{100 * text.top:.0f} – {100 * text.bottom:.0f} % of the height"
    assert height in (tmp_path / "report.html").read_text("utf-8")


def test_text_is_colorized_on_request(source, tmp_path):
    options = ColorizeOptions(purpose="archive", titles="color")
    result = colorize_film(source, tmp_path / "out.mkv", options, colorizer=flat_colorizer())
    assert result.burnt_in_text == () and measure_chroma(result.target)[0] > 5


def test_a_still_of_a_project_is_the_rendered_frame(source):
    project, flat = Project.new(source), flat_colorizer()
    project.set(encoder="ffv1")
    target = project.folder / "result.mkv"
    project.render(target, ColorizeOptions(encoder="ffv1"), colorizer=flat)
    reader = DisplayReader(target)
    rendered = [frame.rgb(reader.size) for frame in reader.frames()]
    still = project.still(SHOWN, colorizer=flat)
    # The color of a rendered frame between key frames is a mean, which can round differently.
    assert np.abs(still.astype(int) - rendered[SHOWN]).max() <= 1
    project.set(titles="color")
    colored = project.still(SHOWN, colorizer=flat).astype(int)
    _, letters = draw_frame(SHOWN)
    assert np.ptp(colored, axis=-1)[letters].mean() > 5
    assert np.ptp(rendered[SHOWN].astype(int), axis=-1)[letters].mean() < 3
