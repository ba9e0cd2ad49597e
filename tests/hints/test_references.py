"""Each reference of a film must color the shots that it belongs to, and no other."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.helpers.films import read_lab, write_gray, write_shot_list
from tests.helpers.scenes import draw_scene, to_gray
from vidcolor.colorizer import Colorizer
from vidcolor.film.api import FilmResult, colorize_film
from vidcolor.options import ColorizeOptions

SHOT_LENGTH = 13
PINK, BLUE = (35, 0), (0, -35)
"""a*, b* of the references."""
FLAT = (12, 18)
"""a*, b* that the generator predicts."""


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three shots of still scenes, and their shot list."""
    folder = tmp_path_factory.mktemp("references")
    frames = [draw(number) for number in range(3) for _ in range(SHOT_LENGTH)]
    write_shot_list(folder / "shots.csv", [SHOT_LENGTH * n for n in range(3)], len(frames))
    return write_gray(folder / "film.mkv", frames)


def draw(number: int) -> np.ndarray:
    """Return the scene of a number: (150, 210) uint8."""
    codes = to_gray(draw_scene(number, 150, 210))
    return np.rint(60 + 0.5 * codes).astype(np.uint8)  # in the gamut of both references


def write_reference(film: Path, name: str, number: int, ab: tuple[int, int]) -> Path:
    """Write a scene in one color beside the film."""
    gray = np.repeat(draw(number)[..., None].astype(np.float32) / 255, 3, axis=2)
    lab = cv2.cvtColor(gray, cv2.COLOR_BGR2LAB)
    lab[..., 1:] = ab
    bgr = np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2BGR), 0, 1)
    cv2.imwrite(str(film.with_name(name)), np.rint(255 * bgr).astype(np.uint8))
    return film.with_name(name)


def colorize(film: Path, colorizer: Colorizer, *references: str) -> tuple[FilmResult, np.ndarray]:
    """Colorize the film; return the result, and the median a*, b* of each frame, (N, 2)."""
    options = ColorizeOptions(
        purpose="archive", force=True, references=references, shots=film.with_name("shots.csv")
    )
    result = colorize_film(film, film.with_name("out.mkv"), options, colorizer=colorizer)
    lab = read_lab(film.with_name("out.mkv"))
    return result, np.array([np.median(frame[..., 1:], axis=(0, 1)) for frame in lab])


@pytest.mark.slow
def test_two_references_in_one_shot_blend_and_a_third_finds_its_own(
    film: Path, flat: Colorizer
) -> None:
    pink = write_reference(film, "pink.png", 0, PINK)
    blue = write_reference(film, "blue.png", 0, BLUE)
    other = write_reference(film, "other.png", 2, BLUE)
    last = SHOT_LENGTH - 1
    result, ab = colorize(film, flat, f"{pink}@0", f"{blue}@{last / 25}", str(other))
    assert result.warnings == ()
    first, second, third = ab.reshape(3, SHOT_LENGTH, 2)
    np.testing.assert_allclose(first[0], PINK, atol=5)
    np.testing.assert_allclose(first[last], BLUE, atol=5)
    np.testing.assert_allclose(first[last // 2], np.add(PINK, BLUE) / 2, atol=5)
    assert np.diff(first[:, 1]).max() < 1, "the color changes in one direction"
    np.testing.assert_allclose(second, np.broadcast_to(FLAT, second.shape), atol=3)
    np.testing.assert_allclose(third, np.broadcast_to(BLUE, third.shape), atol=5)


@pytest.mark.slow
def test_only_one_palette_is_used_and_warnings_name_the_references(
    film: Path, flat: Colorizer
) -> None:
    match = write_reference(film, "match.png", 1, BLUE)
    palette = write_reference(film, "palette.png", 7, PINK)
    unused = write_reference(film, "unused.png", 8, BLUE)
    result, ab = colorize(film, flat, str(match), str(palette), str(unused))
    assert sorted(warning.partition(": ")[::2] for warning in result.warnings) == [
        (str(palette), "does not show the same scene; only its palette is used"),
        (
            str(unused),
            "is not used: it matches no shot, and no shot is left for its palette; write "
            f"{unused}@TIME to use it",
        ),
    ]
    first, second, third = ab.reshape(3, SHOT_LENGTH, 2)
    np.testing.assert_allclose(second, np.broadcast_to(BLUE, second.shape), atol=5)
    for shot in (first, third):
        assert (shot[:, 0] > FLAT[0] + 2).all(), "pink"
        assert (shot[:, 1] > 0).all(), "not blue"
