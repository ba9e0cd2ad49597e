"""`shows_motion` separates motion inside a shot from a dissolve."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pytest

from tests.helpers.synthetic_shots import (
    HEIGHT,
    WIDTH,
    FrameArray,
    make_dissolve,
    make_landscape,
    make_pan,
    make_scene,
    make_static_shot,
    make_tilt,
)
from vidcolor.shots.features import resize_frame
from vidcolor.shots.motion_compensation import select_test_frames, shows_motion


def check_motion(frames: Sequence[FrameArray]) -> bool:
    small = [resize_frame(np.asarray(frame, np.float32)) for frame in frames]
    return shows_motion(select_test_frames(small, 0, len(small) - 1))


def make_zoom(scene: FrameArray, count: int) -> list[FrameArray]:
    scales = np.linspace(1, 0.6, count)
    size = WIDTH, HEIGHT
    center = scene.shape[1] / 2, scene.shape[0] / 2
    patches = [cv2.getRectSubPix(scene, (round(192 * s), round(144 * s)), center) for s in scales]
    return [cv2.resize(patch, size) for patch in patches]


def make_passing_object() -> list[FrameArray]:
    """Return a shot in which a textured object crosses most of the frame."""
    frames = [make_landscape(1)[60 : 60 + HEIGHT].copy() for _ in range(11)]
    for number, frame in enumerate(frames):
        left = 10 * number
        frame[30:130, left : left + 80] = make_landscape(2)[100:200, :80]
    return frames


@pytest.mark.parametrize(
    "frames",
    [
        make_pan(2, 11, 12),
        make_tilt(make_landscape(1), 20, 120, 10)[20:31],
        make_zoom(make_landscape(3)[:200], 11),
        make_passing_object(),
    ],
    ids=["pan", "tilt", "zoom", "object"],
)
def test_motion_is_detected(frames: list[FrameArray]) -> None:
    assert check_motion(frames)


def test_motion_under_flicker_is_detected() -> None:
    gains = np.random.default_rng(0).uniform(0.5, 1, 11)
    frames = make_tilt(make_landscape(1), 20, 120, 10)[20:31]
    assert check_motion([gain * frame for gain, frame in zip(gains, frames, strict=True)])


@pytest.mark.parametrize("speed", [0, 1, 2])
def test_dissolve_between_moving_shots_is_not_motion(speed: int) -> None:
    a = make_tilt(make_landscape(1), 20, 20 + 20 * speed, 20)[20:41]
    b = make_pan(2, 21, speed)
    assert not check_motion([a[0], *make_dissolve(a[1:-1], b[1:-1]), b[-1]])


def test_dissolve_between_soft_shots_is_not_motion() -> None:
    a, b = make_static_shot(5, 21), make_static_shot(6, 21)
    assert not check_motion([a[0], *make_dissolve(a[1:-1], b[1:-1]), b[-1]])


def test_frames_without_overlap_are_not_an_error() -> None:
    scene = make_scene(1)
    left, right = scene[:HEIGHT, :WIDTH], scene[-HEIGHT:, -WIDTH:]
    assert not check_motion([left, 0.5 * left + 0.5 * right, right])
    assert check_motion([left] * 3)


def test_test_frames_are_spread_evenly_around_the_middle() -> None:
    frames = [np.full((1, 1), number, np.float32) for number in range(80)]
    assert [int(frame[0, 0]) for frame in select_test_frames(frames, 4, 10)] == list(range(4, 11))
    selected = [int(frame[0, 0]) for frame in select_test_frames(frames, 10, 74)]
    assert selected == list(range(10, 75, 4))
