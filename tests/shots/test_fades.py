"""`FadeDetector` finds fades through black or white."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from tests.helpers.synthetic_shots import FrameArray, fade_in, fade_out, make_static_shot
from vidcolor.shots.fades import MAX_FLASH, Fade, FadeDetector
from vidcolor.shots.features import extract_features, make_thumbnail, resize_frame


def detect_fades(frames: Iterable[FrameArray], first: int = 0) -> list[Fade]:
    detector, found = FadeDetector(first), []
    for frame in frames:
        thumbnail = make_thumbnail(resize_frame(np.asarray(frame, np.float32)))
        found.append(detector.feed(float(thumbnail.std()), extract_features(thumbnail)))
    return [fade for fade in (*found, detector.finish()) if fade is not None]


@pytest.mark.parametrize("first", [0, 500])
def test_fade_lies_between_clear_frames(first: int) -> None:
    a, b = make_static_shot(1, 40), make_static_shot(2, 60)
    (fade,) = detect_fades([*a[:28], *fade_out(a[28:], 0), *fade_in(b[:12], 0), *b[12:]], first)
    assert first + 27 <= fade.before < fade.middle < fade.after <= first + 52
    assert abs(fade.middle - (first + 40)) <= 2


def test_fade_shortly_before_the_end_of_the_film_is_detected() -> None:
    a, b = make_static_shot(1, 40), make_static_shot(2, 15)
    assert len(detect_fades([*a[:28], *fade_out(a[28:], 0), *fade_in(b[:12], 0), *b[12:]])) == 1


def test_flash_is_not_a_fade() -> None:
    a, b = make_static_shot(1, 20), make_static_shot(2, 60)
    assert not detect_fades([*a, *[np.ones((144, 192))] * MAX_FLASH, *b])


def test_cut_to_a_dark_shot_is_not_a_fade() -> None:
    a, b = make_static_shot(1, 20), make_static_shot(2, 100)
    assert not detect_fades([*a, *(0.2 * frame for frame in b)])
