"""The public Python interface, and the Python examples of the documentation."""

from __future__ import annotations

import re
import shutil
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

import vidcolor
from tests.helpers.clips import ClipMaker

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def colorizer() -> vidcolor.Colorizer:
    return vidcolor.Colorizer.load(device="cpu")


@pytest.mark.slow
def test_film_photo_sequence_and_array_are_colorized(
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
        options.replace(per_frame=True),
        colorizer=colorizer,
    )
    assert frames.num_frames == 2
    difference = cv2.imread(str(tmp_path / "c_2.png")).astype(int) - colored
    assert np.abs(difference).max() <= 3, "a sequence and a photo get the same color"

    in_memory = vidcolor.Colorizer.load(device="cpu", vividness=0.2).colorize(gray)
    assert in_memory.shape == (48, 64, 3)


def test_failures_derive_from_vidcolor_error(tmp_path: Path) -> None:
    with pytest.raises(vidcolor.VidcolorError):
        vidcolor.colorize_film(tmp_path / "missing.mp4")
    with pytest.raises(vidcolor.VidcolorError):
        vidcolor.ColorizeOptions(vividness=2)


def test_every_public_name_can_be_imported() -> None:
    assert all(getattr(vidcolor, name) is not None for name in vidcolor.__all__)
    with pytest.raises(AttributeError, match="no attribute 'unknown'"):
        _ = vidcolor.unknown


def find_python_examples() -> list[object]:
    """Return the Python code blocks of README.md and of docs/."""
    return [
        pytest.param(code, id=f"{path.name}-{number}")
        for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
        for number, code in enumerate(re.findall(r"```python\n(.*?)```", path.read_text(), re.S))
    ]


@pytest.mark.parametrize("code", find_python_examples())
def test_documented_examples_run(
    code: str,
    flat: vidcolor.Colorizer,
    clip: ClipMaker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gray = np.random.default_rng(0).integers(0, 255, (48, 64), np.uint8)
    shutil.copy(clip("mov", "libx264", "yuv420p", frames=5), tmp_path / "reel.mov")
    (tmp_path / "album").mkdir()
    cv2.imwrite(str(tmp_path / "album" / "1931.tif"), gray)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(vidcolor.Colorizer, "load", lambda *_, **__: flat)
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    names = {"gray": gray}
    exec(compile(code, "<example>", "exec"), names)
    created = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    created = {path for path in created if path.suffix != ".lock"}  # lock files are empty
    assert created, "every example writes a result"
    assert all(path.stat().st_size for path in created)


def test_documentation_has_a_python_example() -> None:
    assert find_python_examples()
