"""`ShotDetector` finds cuts, dissolves and fades, and nothing else."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.synthetic_shots import (
    FrameArray,
    add_wear,
    fade_in,
    fade_out,
    make_dissolve,
    make_pan,
    make_scene,
    make_static_shot,
)
from vidcolor.shots.detector import LOOKAHEAD, Shot, ShotDetector, Transition

Wear = Callable[[list[FrameArray]], Iterable[FrameArray]]


class Start(NamedTuple):
    transition: Transition
    first: int


FILM_START = Start("start", 0)


def detect(frames: Iterable[FrameArray]) -> list[Shot]:
    detector, shots = ShotDetector(), list[Shot]()
    for number, frame in enumerate(frames):
        complete = detector.feed(np.asarray(frame, np.float32))
        assert all(shot.end <= number + 1 for shot in complete)
        shots += complete
    return [*shots, *detector.finish()]


def detect_starts(frames: Iterable[FrameArray]) -> list[Start]:
    return [Start(shot.transition, shot.first) for shot in detect(frames)]


def test_boundary_of_a_shot_is_the_middle_of_its_dissolve() -> None:
    assert Shot(20, 60, "cut").boundary == 20
    assert Shot(20, 60, "dissolve", 10).boundary == 25
    assert list(Shot(20, 60, "dissolve", 3).mixed_range) == [20, 21, 22]


@pytest.mark.parametrize("wear", [list, add_wear])
def test_cuts_start_at_the_first_frame_of_the_next_shot(wear: Wear) -> None:
    film = [
        *make_static_shot(1, 20),
        *make_pan(2, 20, 5),
        *make_static_shot(3, 20),
        *make_pan(4, 14, 6),
    ]
    expected = [FILM_START, Start("cut", 20), Start("cut", 40), Start("cut", 60)]
    assert detect_starts(wear(film)) == expected


def make_faint_frames(kind: str, count: int) -> list[FrameArray]:
    """Return dark frames with grain and a text of low contrast, or with dust."""
    rng, frames = np.random.default_rng(0), list[FrameArray]()
    for _ in range(count):
        frame = rng.normal(0.06, 0.02, (144, 192))
        if kind == "text":
            frame[60:80, 40:150:8] += 0.4
        for x, y in rng.integers(0, 130, (6 if kind == "dust" else 0, 2)):
            frame[y : y + 4, x : x + 4] = 0.7
        frames.append(np.clip(frame, 0, 1))
    return frames


@pytest.mark.parametrize(
    ("kind", "starts"),
    [("text", [Start("cut", 20), Start("cut", 50)]), ("dust", [Start("fade", 35)])],
)
def test_cuts_to_a_faint_title_card_are_found(kind: str, starts: list[Start]) -> None:
    a, b, faint = make_static_shot(1, 20), make_static_shot(2, 20), make_faint_frames(kind, 30)
    assert detect_starts([*a, *faint, *b]) == [FILM_START, *starts]
    assert detect_starts([*fade_out(a, 0.06), *faint, *fade_in(a[::-1], 0.06)]) == [FILM_START]


@pytest.mark.parametrize("length", [1, 2, 3])
@pytest.mark.parametrize("kind", ["black", "white", "brighter", "another scene"])
def test_flash_of_up_to_three_frames_is_not_a_cut(length: int, kind: str) -> None:
    film = make_pan(2, 40, 2)
    for n in range(20, 20 + length):
        film[n] = {
            "black": np.zeros_like(film[n]),
            "white": np.ones_like(film[n]),
            "brighter": np.clip(0.5 + film[n], 0, 1),
            "another scene": make_static_shot(9, 1)[0],
        }[kind]
    assert detect_starts(film) == [FILM_START]


@pytest.mark.parametrize("missing", [2, 5, 8])
def test_splice_inside_a_shot_is_not_a_cut(missing: int) -> None:
    film = make_pan(2, 50, 3)
    assert detect_starts([*film[:20], *film[20 + missing :]]) == [FILM_START]


def test_large_object_in_front_of_the_camera_is_not_a_cut() -> None:
    """The object enters from the right, stays for a while and leaves to the left."""
    film = make_pan(2, 60, 1)
    for n in range(20, 40):
        left, right = max(0, 150 - 60 * (n - 19)), min(170, 170 - 60 * (n - 37))
        film[n] = film[n].copy()
        film[n][20:, left:right] = make_scene(5)[20, 20]
    assert detect_starts(film) == [FILM_START]


@pytest.mark.slow
@pytest.mark.parametrize("wear", [list, add_wear])
@pytest.mark.parametrize("length", [8, 16, 30, 60])
def test_dissolve_covers_the_mixed_frames(length: int, wear: Wear) -> None:
    a, b = make_static_shot(1, 30 + length), make_pan(2, 40 + length, 1)
    film = [*a[:30], *make_dissolve(a[30:], b[:length]), *b[length:]]
    before, after = detect(wear(film))
    assert (before.first, before.end, after.end) == (0, after.first, len(film))
    assert after.transition == "dissolve"
    middle = after.first + (after.mixed_frames - 1) / 2
    assert abs(middle - (30 + (length - 1) / 2)) <= 2 + length / 6
    assert length / 2 <= after.mixed_frames <= 1.6 * length + 2


@pytest.mark.parametrize("level", [0.0, 1.0])
@pytest.mark.parametrize(("length", "num_blank"), [(8, 0), (8, 6), (20, 0), (30, 150)])
def test_fade_starts_in_the_middle_of_the_blank_frames(
    level: float, length: int, num_blank: int
) -> None:
    a, b = make_static_shot(1, 30 + length), make_static_shot(2, 30 + length)
    blank = [np.full((144, 192), level)] * num_blank
    film = [
        *a[:30],
        *fade_out(a[30:], level),
        *blank,
        *fade_in(b[:length], level),
        *b[length:],
    ]
    _, after = detect(film)
    assert (after.transition, after.mixed_frames) == ("fade", 0)
    assert abs(after.first - (30 + length + num_blank / 2)) <= 3


def test_fade_out_and_in_of_the_same_shot_is_not_a_transition() -> None:
    shot = make_static_shot(1, 80)
    film = [*shot[:30], *fade_out(shot[30:40], 0), *fade_in(shot[40:50], 0), *shot[50:]]
    assert detect_starts(film) == [FILM_START]


def test_fades_at_start_and_end_of_the_film_are_not_transitions() -> None:
    shot, black = make_static_shot(1, 60), [np.zeros((144, 192))] * 10
    film = [*black, *fade_in(shot[:10], 0), *shot[10:50], *fade_out(shot[50:], 0), *black]
    assert detect_starts(film) == [FILM_START]


ACTIVE_AREAS = {
    "letterbox": np.s_[18:126, :],
    "pillarbox": np.s_[:, 24:168],
    "windowbox": np.s_[14:130, 20:172],
}


@pytest.mark.slow
@pytest.mark.parametrize("bars", ACTIVE_AREAS)
def test_bars_do_not_hide_transitions(bars: str) -> None:
    a, b, c = make_static_shot(1, 40), make_pan(2, 80, 1), make_static_shot(3, 30)
    film = []
    for frame in [*a[:30], *make_dissolve(a[30:], b[:10]), *b[10:], *c]:
        film.append(np.full_like(frame, 0.03))
        film[-1][ACTIVE_AREAS[bars]] = frame[ACTIVE_AREAS[bars]]
    _, dissolve, cut = detect_starts(film)
    assert dissolve.transition == "dissolve"
    assert abs(dissolve.first - 30) <= 4
    assert cut == Start("cut", 110)


def test_bars_that_disappear_late_do_not_repeat_shots() -> None:
    shots = make_static_shot(1, 60) + make_static_shot(2, 60)
    narrow = [np.pad(frame[:, 40:152], ((0, 0), (40, 40))) for frame in shots]
    film = [*narrow, *make_static_shot(3, 60)]
    assert detect_starts(film) == [FILM_START, Start("cut", 60), Start("cut", 120)]


@pytest.mark.parametrize("size", [(8, 8), (9, 300), (200, 8), (97, 131)])
def test_cut_between_frames_of_any_size_is_detected(size: tuple[int, int]) -> None:
    film = [
        cv2.resize(frame, size) for frame in [*make_static_shot(1, 20), *make_static_shot(2, 20)]
    ]
    assert detect_starts(film) == [FILM_START, Start("cut", 20)]


@pytest.mark.slow
@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 40), st.floats(0, 1)), max_size=6))
def test_shots_cover_all_frames_once(runs: list[tuple[int, int, float]]) -> None:
    film: list[Any] = [
        gain * frame[::4, ::4]
        for seed, count, gain in runs
        for frame in make_static_shot(seed, count)
    ]
    shots = detect(film)
    ends = [0, *(shot.end for shot in shots)]
    assert [shot.first for shot in shots] == ends[:-1]
    assert ends[-1] == len(film)
    assert [shot.transition for shot in shots[:1]] == (["start"] if film else [])
    for shot in shots:
        assert shot.first < shot.end
        assert 0 <= shot.mixed_frames <= shot.end - shot.first
        assert shot.transition == "dissolve" or shot.mixed_frames == 0


@pytest.mark.slow
def test_latency_and_memory_are_bounded() -> None:
    detector, sizes = ShotDetector(), []
    shots = [make_static_shot(n, 1)[0][::4, ::4].astype(np.float32) for n in range(6)]
    for n in range(600):
        complete = detector.feed(shots[n // 100])
        assert all(n + 1 - shot.end <= LOOKAHEAD + 10 for shot in complete)
        if n % 100 == 99:
            sizes.append(len(pickle.dumps(detector)))
    assert max(sizes[2:]) < 1.1 * sizes[1]
