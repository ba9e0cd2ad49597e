"""`CausalCutDetector` finds cuts in worn film, and ignores flashes and lighting changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pytest

from tests.helpers.films import REEL_CUTS, read_reel
from tests.helpers.synthetic_shots import FrameArray, add_wear, make_pan, make_static_shot
from vidcolor.shots.cuts import CausalCutDetector


def detect_cuts(frames: Iterable[FrameArray]) -> list[int]:
    detector = CausalCutDetector()
    return [n for n, frame in enumerate(frames) if detector.feed(frame.astype(np.float32))]


def test_cuts_between_static_shots_and_pans_are_detected() -> None:
    film = [
        *make_static_shot(1, 5),
        *make_pan(2, 20, 6),
        *make_static_shot(3, 1),
        *make_pan(4, 10, 9),
        *make_static_shot(5, 4),
    ]
    assert detect_cuts(film) == [0, 5, 25, 26, 36]


def test_wear_neither_causes_nor_hides_cuts() -> None:
    film = [*make_static_shot(1, 20), *make_pan(2, 20, 5), *make_static_shot(3, 20)]
    assert detect_cuts(add_wear(film)) == [0, 20, 40]


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_blank_frames_do_not_start_a_shot(level: float) -> None:
    blank = [np.full((144, 192), level)] * 2
    first, second = make_static_shot(1, 6), make_static_shot(2, 6)
    assert detect_cuts([*first, *blank, *first]) == [0]
    assert detect_cuts([*first, *blank, *second]) == [0, 8]
    assert detect_cuts([*blank, *second]) == [0]


def test_return_from_a_damaged_frame_is_not_a_cut() -> None:
    shot, damaged = make_static_shot(1, 6), make_static_shot(2, 1)
    assert detect_cuts([*shot, *damaged, *shot]) == [0, 6]


def test_gain_change_is_not_a_cut() -> None:
    frames = zip((1, 0.5, 0.9, 0.3, 1), make_static_shot(1, 5), strict=True)
    assert detect_cuts(gain * frame for gain, frame in frames) == [0]


def test_cut_between_tall_frames_is_detected() -> None:
    film = [*make_static_shot(1, 4), *make_static_shot(2, 4)]
    assert detect_cuts(np.ascontiguousarray(frame.T) for frame in film) == [0, 4]


@pytest.fixture(scope="module")
def reel_frames() -> list[FrameArray]:
    return [codes / np.float32(255) for codes in read_reel(0, 450, (192, 144))]


@pytest.mark.slow
@pytest.mark.parametrize("wear", [list, add_wear])
def test_all_cuts_of_the_sample_reel_are_detected(
    wear: Callable[[list[FrameArray]], Iterable[FrameArray]], reel_frames: list[FrameArray]
) -> None:
    assert detect_cuts(wear(reel_frames)) == list(REEL_CUTS)
