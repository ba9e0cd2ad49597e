"""A person's colors in one frame color their things through the shot, and only there."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.films import lab_of, planes_of, reel, write_gray
from vidcolor.color.metrics import delta_e_2000
from vidcolor.colorizer import Colorizer
from vidcolor.disk_array import DiskArray
from vidcolor.errors import UsageError
from vidcolor.film.pipeline import colorize_film
from vidcolor.hints.timeline import (
    FrameRange,
    HintedFrame,
    merge_hinted_frames,
    sample_range,
    shot_ranges,
)
from vidcolor.options import ColorizeOptions, Hint
from vidcolor.shots.detector import Shot

SIZE = (240, 180)
FRAMES = 100
"""Four seconds."""


@pytest.fixture(scope="module")
def embedded() -> Colorizer:
    return Colorizer(device="cpu")


def ball_at(n: int) -> tuple[int, int]:
    return 40 + round(1.5 * n), 90 + round(20 * np.sin(n / 12))


@pytest.fixture(scope="module")
def rolling(tmp_path_factory) -> Path:
    """A ball that rolls through a picture for four seconds, then another shot."""
    ground = reel(70, 1, SIZE)[0].astype(np.float32)
    ground = 20 + 0.5 * ground
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    frames = []
    for n in range(FRAMES):
        left, top = ball_at(n)
        away = np.hypot(x - left, y - top) / 24
        shade = 215 - 40 * away + 12 * np.sin((x - left) / 3) * np.cos((y - top) / 4)
        inside = np.clip((1 - away) * 12, 0, 1)
        frames.append(np.uint8(ground + inside * (shade - ground)))
    path = tmp_path_factory.mktemp("hints") / "ball.mkv"
    return write_gray(path, [*frames, *reel(120, 20, SIZE)])


def inside(n: int, radius: float) -> np.ndarray:
    left, top = ball_at(n)
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    return np.hypot(x - left, y - top) < radius


def hint(n: int, color: str, **moment: object) -> Hint:
    left, top = ball_at(n)
    return Hint(x=left, y=top, radius=14, color=color, **moment)


def colored(source: Path, colorizer: Colorizer, name: str, *hints: Hint, **more: object) -> Path:
    target = source.with_name(name)
    options = ColorizeOptions(purpose="archive", force=True, hints=hints, **more)
    colorize_film(source, target, options, colorizer=colorizer)
    return target


def hue_at(lab: list[np.ndarray], n: int) -> np.ndarray:
    return np.median(lab[n][inside(n, 16)][:, 1:], axis=0)


def delta_e(lab: np.ndarray, other: np.ndarray) -> np.ndarray:
    """ΔE2000 of pixels, (N, 3) each."""
    pair = (torch.from_numpy(p.T[None, :, :, None].copy()) for p in (lab, other))
    return delta_e_2000(*pair).numpy()


@pytest.fixture(scope="module")
def plain(rolling, embedded) -> list[np.ndarray]:
    return lab_of(colored(rolling, embedded, "plain.mkv"))


@pytest.mark.parametrize("told", [0, FRAMES - 1])
def test_a_hint_colors_its_thing_through_the_shot_and_nothing_else(
    told, rolling, embedded, plain
) -> None:
    """The bar: ΔE2000 ≤ 8 at the shot's other end, the background moved by ≤ 2."""
    path = colored(rolling, embedded, f"hint{told}.mkv", hint(told, "#c04040", frame=told))
    lab = lab_of(path)
    wanted = hue_at(lab, told)
    assert wanted[0] > 25
    for n in (0, FRAMES // 2, FRAMES - 1):
        there = lab[n][inside(n, 16)]
        like = there.copy()
        like[:, 1:] = wanted
        assert float(np.median(delta_e(there, like))) <= 8
        ground = ~inside(n, 34)
        moved = float(delta_e(lab[n][ground], plain[n][ground]).mean())
        assert moved <= 2, (n, moved)
    for n in range(FRAMES, FRAMES + 20):
        np.testing.assert_array_equal(lab[n], plain[n])


def test_two_hints_in_one_shot_blend_over_time(rolling, embedded) -> None:
    red, blue = hint(0, "#c05050", frame=0), hint(99, "#5060c0", time=Fraction(99, 25))
    lab = lab_of(colored(rolling, embedded, "two.mkv", red, blue))
    b = np.array([hue_at(lab, n)[1] for n in range(0, FRAMES, 9)])
    assert b[0] > 5
    assert b[-1] < -20
    assert np.diff(b).max() < 2, "it turns one way"
    assert abs(b[len(b) // 2] - (b[0] + b[-1]) / 2) < 12


def test_luma_stays_under_hints(rolling, embedded) -> None:
    path = colored(rolling, embedded, "luma.mkv", hint(0, "teal"))
    for (luma,), (same, *_) in zip(planes_of(rolling), planes_of(path), strict=True):
        np.testing.assert_array_equal(luma, same)
    assert not list(rolling.parent.glob(".*")), "nothing is left beside the result"


def test_a_reference_of_one_frame_colors_its_shot(rolling, embedded, plain) -> None:
    """A person has painted frame 50, all of it; the shot follows, the next one does not."""
    sepia = plain[50].copy()
    sepia[..., 1:] = (25, -35)
    picture = np.rint(255 * np.clip(cv2.cvtColor(sepia, cv2.COLOR_LAB2BGR), 0, 1))
    path = rolling.with_name("painted.png")
    cv2.imwrite(str(path), picture.astype(np.uint8))
    lab = lab_of(colored(rolling, embedded, "r.mkv", reference=path, reference_time=Fraction(2)))
    for n in (0, 50, 99):
        assert float(np.median(lab[n][..., 2])) < -15, n
    np.testing.assert_array_equal(lab[FRAMES + 5], plain[FRAMES + 5])


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        ({"time": Fraction(9)}, r"9 s lies outside of what is colored of .* \(0 to 4.800 s\)"),
        ({"frame": 120}, "there is no frame 120; .* has 120"),
    ],
)
def test_moments_that_do_not_exist(moment, said, rolling, embedded) -> None:
    with pytest.raises(UsageError, match=said):
        colored(rolling, embedded, "no.mkv", hint(0, "teal", **moment))
    assert not rolling.with_name("no.mkv").exists()


def test_hints_in_the_middle_of_a_dissolve_are_refused(rolling, embedded, tmp_path) -> None:
    listed = tmp_path / "s.csv"
    listed.write_text("first_frame,begins,mixed\n0,start,0\n95,dissolve,10\n")
    with pytest.raises(UsageError, match=r"two shots are seen in frame 99.* use frame 94 or 105"):
        colored(rolling, embedded, "no.mkv", hint(99, "teal", frame=99), shots=listed)


@given(st.lists(st.tuples(st.integers(2, 60), st.integers(0, 30)), min_size=1, max_size=8))
def test_spans_tile_the_film_and_are_looked_at_within(lengths) -> None:
    shots, first = [], 0
    for length, mixed in lengths:
        mixed = min(mixed, length) if first else 0
        shots.append(Shot(first, first + length, "dissolve" if mixed else "cut", mixed))
        first += length
    spans = shot_ranges(shots, first)
    assert spans[0].begin == 0
    assert spans[-1].end == first
    assert all(a.end == b.begin for a, b in itertools.pairwise(spans))
    for span in spans:
        frames = list(sample_range(FrameRange(span.begin, span.end), every=20))
        assert frames == sorted(set(frames))
        assert all(span.begin <= n < span.end for n in frames) or span.begin == span.end


def test_what_is_said_of_one_frame_is_put_together() -> None:
    one, other = Hint(x=1, y=1, color="red"), Hint(x=2, y=2, color="blue")
    said = [
        HintedFrame(7, (one,)),
        HintedFrame(3, reference=True),
        HintedFrame(7, (other,)),
        HintedFrame(7, (), True),
    ]
    assert merge_hinted_frames(said) == (
        HintedFrame(3, (), True),
        HintedFrame(7, (one, other), True),
    )


def test_spools_give_back_what_they_take_and_leave_nothing(tmp_path) -> None:
    spool = DiskArray(tmp_path)
    arrays = [
        np.random.default_rng(n).normal(0, 20, (3, 5, 7)).astype(np.float32) for n in range(4)
    ]
    for array in arrays:
        spool.append(array)
    spool[1] = arrays[3]
    assert len(spool) == 4
    for number, put in ((0, 0), (1, 3), (3, 3)):
        assert np.allclose(spool[number], arrays[put], atol=0.05)
    with pytest.raises(IndexError):
        spool[4]
    assert not list(tmp_path.iterdir())
    spool.close()
