"""The Python interface, by its public names alone."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

import vidcolor
from tests.helpers.clips import ClipMaker


@pytest.fixture(scope="module")
def colorizer() -> vidcolor.Colorizer:
    return vidcolor.Colorizer.load(device="cpu")


def test_a_film_a_photo_and_a_sequence(
    colorizer: vidcolor.Colorizer, clip: ClipMaker, tmp_path: Path
) -> None:
    gray = np.random.default_rng(0).integers(0, 255, (48, 64), np.uint8)
    for name in ("photo.png", "s_1.png", "s_2.png"):
        cv2.imwrite(str(tmp_path / name), gray)
    steps: list[vidcolor.Progress] = []
    options = vidcolor.ColorizeOptions(vividness=0.2, fps=Fraction(18))

    film = vidcolor.colorize_film(
        str(clip("mp4", "libx264", "yuv420p", frames=5)), str(tmp_path / "film.mp4"), options,
        colorizer=colorizer, progress=steps.append,
    )  # fmt: skip
    assert isinstance(film, vidcolor.FilmResult)
    assert (film.num_frames, film.damaged, film.warnings) == (5, False, ())
    assert film.target.exists()
    assert film.frames_per_second > 0
    assert [(s.stage, s.done) for s in steps] == [
        (stage, n) for stage in ("analyze", "colorize", "join") for n in range(1, 6)
    ]
    assert steps[-1].total == 5

    photo = vidcolor.colorize_photo(tmp_path / "photo.png", options=options, colorizer=colorizer)
    assert isinstance(photo, vidcolor.PhotoResult)
    assert photo.target == tmp_path / "photo.color.png"
    colored = cv2.imread(str(photo.target))
    assert colored.shape == (48, 64, 3)

    frames = vidcolor.colorize_sequence(
        tmp_path / "s_%d.png",
        tmp_path / "c_%d.png",
        replace(options, per_frame=True),
        colorizer=colorizer,
    )
    assert frames.num_frames == 2
    same = cv2.imread(str(tmp_path / "c_2.png")).astype(int) - colored
    assert np.abs(same).max() <= 3, "chroma of frames has the frames' depth"

    in_memory = vidcolor.Colorizer.load(device="cpu", vividness=0.2).colorize(gray)
    assert in_memory.shape == (48, 64, 3)


def test_every_failure_is_a_vidcolor_error(tmp_path: Path) -> None:
    with pytest.raises(vidcolor.VidcolorError):
        vidcolor.colorize_film(tmp_path / "nowhere.mp4")
    with pytest.raises(vidcolor.VidcolorError):
        vidcolor.ColorizeOptions(vividness=2)


def test_every_public_name_is_there() -> None:
    assert all(getattr(vidcolor, name) is not None for name in vidcolor.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = vidcolor.nonsense
