"""Hints in one frame must color their objects through the shot, and nothing else."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tests.helpers.films import read_lab, read_planes, read_reel, write_gray
from vidcolor.color.metrics import delta_e_2000
from vidcolor.colorizer import Colorizer
from vidcolor.errors import UsageError
from vidcolor.film.api import colorize_film
from vidcolor.options import ColorizeOptions, Hint

SIZE = (240, 180)
FRAMES = 60
"""Number of frames of the first shot."""
NEXT_SHOT = 20
"""Number of frames of the second shot."""


@pytest.fixture(scope="module")
def embedded() -> Colorizer:
    """The embedded generator on the CPU."""
    return Colorizer.load(device="cpu")


def ball_center(n: int) -> tuple[int, int]:
    """Return x, y of the ball in frame `n`, in pixels."""
    return 40 + round(1.5 * n), 90 + round(20 * np.sin(n / 12))


@pytest.fixture(scope="module")
def ball_film(tmp_path_factory) -> Path:
    """A ball that rolls through the frame, then another shot."""
    background = 20 + 0.5 * read_reel(70, 1, SIZE)[0].astype(np.float32)
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    frames = []
    for n in range(FRAMES):
        left, top = ball_center(n)
        distance = np.hypot(x - left, y - top) / 24
        shade = 215 - 40 * distance + 12 * np.sin((x - left) / 3) * np.cos((y - top) / 4)
        inside = np.clip((1 - distance) * 12, 0, 1)
        frames.append(np.uint8(background + inside * (shade - background)))
    path = tmp_path_factory.mktemp("hints") / "ball.mkv"
    return write_gray(path, [*frames, *read_reel(120, NEXT_SHOT, SIZE)])


def ball_mask(n: int, radius: float) -> np.ndarray:
    """Return the pixels of frame `n` within a radius of the ball's center: (H, W) bool."""
    left, top = ball_center(n)
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    return np.hypot(x - left, y - top) < radius


def ball_hint(n: int, color: str, **position: object) -> Hint:
    """Return a hint on the ball at its place in frame `n`."""
    left, top = ball_center(n)
    return Hint(x=left, y=top, radius=14, color=color, **position)


def colorize(source: Path, colorizer: Colorizer, name: str, *hints: Hint, **more: object) -> Path:
    """Colorize a film with hints to a file beside it, and return the path."""
    target = source.with_name(name)
    options = ColorizeOptions(purpose="archive", force=True, hints=hints, **more)
    colorize_film(source, target, options, colorizer=colorizer)
    return target


def ball_color(lab: list[np.ndarray], n: int) -> np.ndarray:
    """Return the median a*, b* of the ball."""
    return np.median(lab[n][ball_mask(n, 16)][:, 1:], axis=0)


def delta_e(lab: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return ΔE2000 of pixels, (N, 3) each."""
    pair = (torch.from_numpy(p.T[None, :, :, None].copy()) for p in (lab, other))
    return delta_e_2000(*pair).numpy()


@pytest.fixture(scope="module")
def base_lab(ball_film, embedded) -> list[np.ndarray]:
    """The film colorized without hints."""
    return read_lab(colorize(ball_film, embedded, "base.mkv"))


@pytest.mark.slow
@pytest.mark.parametrize("hinted", [pytest.param(0, marks=pytest.mark.exhaustive), FRAMES - 1])
def test_a_hint_colors_its_object_through_the_shot_and_nothing_else(
    hinted, ball_film, embedded, base_lab
) -> None:
    """At the other end of the shot, ΔE2000 is at most 8; the background changes by at most 2."""
    hint = ball_hint(hinted, "#c04040", frame=hinted)
    path = colorize(ball_film, embedded, f"hint{hinted}.mkv", hint)
    lab = read_lab(path)
    expected = ball_color(lab, hinted)
    assert expected[0] > 25
    for n in (0, FRAMES // 2, FRAMES - 1):
        ball = lab[n][ball_mask(n, 16)]
        same_color = ball.copy()
        same_color[:, 1:] = expected
        assert float(np.median(delta_e(ball, same_color))) <= 8
        background = ~ball_mask(n, 34)
        change = float(delta_e(lab[n][background], base_lab[n][background]).mean())
        assert change <= 2, (n, change)
    for n in range(FRAMES, FRAMES + NEXT_SHOT):
        np.testing.assert_array_equal(lab[n], base_lab[n])
    for (luma,), (same, *_) in zip(read_planes(ball_film), read_planes(path), strict=True):
        np.testing.assert_array_equal(luma, same)
    assert not list(ball_film.parent.glob(".*")), "no temporary file is left beside the result"


@pytest.mark.slow
def test_two_hints_in_one_shot_blend_over_time(ball_film, embedded) -> None:
    red = ball_hint(0, "#c05050", frame=0)
    blue = ball_hint(FRAMES - 1, "#5060c0", time=Fraction(FRAMES - 1, 25))
    lab = read_lab(colorize(ball_film, embedded, "two.mkv", red, blue))
    b = np.array([ball_color(lab, n)[1] for n in range(0, FRAMES, 6)])
    assert b[0] > 5
    assert b[-1] < -20
    assert np.diff(b).max() < 2, "the color changes in one direction"
    assert abs(b[len(b) // 2] - (b[0] + b[-1]) / 2) < 12


@pytest.mark.slow
def test_a_reference_of_one_frame_colors_its_shot(ball_film, embedded, base_lab) -> None:
    """Frame 25 is given in violet; its shot becomes violet, and the next shot does not change."""
    violet = base_lab[25].copy()
    violet[..., 1:] = (25, -35)
    image = np.rint(255 * np.clip(cv2.cvtColor(violet, cv2.COLOR_LAB2BGR), 0, 1))
    path = ball_film.with_name("violet.png")
    cv2.imwrite(str(path), image.astype(np.uint8))
    lab = read_lab(colorize(ball_film, embedded, "r.mkv", references=f"{path}@1"))
    for n in (0, 25, FRAMES - 1):
        assert float(np.median(lab[n][..., 2])) < -15, n
    np.testing.assert_array_equal(lab[FRAMES + 5], base_lab[FRAMES + 5])


def test_a_hint_outside_the_film_is_refused_before_rendering(ball_film, flat) -> None:
    with pytest.raises(UsageError, match=r"time 9 s is outside .* \(0 to 3\.200 s\)"):
        colorize(ball_film, flat, "no.mkv", ball_hint(0, "teal", time=Fraction(9)))
    assert not ball_film.with_name("no.mkv").exists()
