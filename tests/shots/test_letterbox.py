"""`LetterboxCropper` removes bars and keeps the active picture area."""

from __future__ import annotations

import numpy as np

from vidcolor.imaging.types import FloatArray
from vidcolor.shots.letterbox import MEDIAN_FRAMES, LetterboxCropper

TEXTURE = np.random.default_rng(0).random((48, 64), np.float32)
"""Y' of a frame without bars."""


def add_bars(rows: int, columns: int) -> FloatArray:
    """Return the texture with bars of this many rows and columns on each side."""
    frame = np.full((48, 64), 0.03, np.float32)
    area = np.s_[rows : 48 - rows, columns : 64 - columns]
    frame[area] = TEXTURE[area]
    return frame


def test_frame_without_bars_is_not_cropped() -> None:
    cropper = LetterboxCropper()
    for _ in range(MEDIAN_FRAMES):
        cropper.update(TEXTURE)
    assert cropper.crop(TEXTURE) is TEXTURE


def test_bars_are_removed_after_a_few_frames() -> None:
    cropper, frame = LetterboxCropper(), add_bars(8, 4)
    changes = [cropper.update(frame) for _ in range(MEDIAN_FRAMES + 2)]
    assert [n for n, changed in enumerate(changes, 1) if changed] == [MEDIAN_FRAMES]
    cropped = cropper.crop(frame)
    assert cropped.shape == frame.shape
    assert min(cropped.std(axis=1).min(), cropped.std(axis=0).min()) > 0.1


def test_dust_on_a_bar_is_ignored() -> None:
    cropper, frame = LetterboxCropper(), add_bars(8, 0)
    dusty = frame.copy()
    dusty[2, ::4] = 1
    changes = [cropper.update(dusty if n == 6 else frame) for n in range(12)]
    assert sum(changes) == 1


def test_active_area_only_grows() -> None:
    cropper = LetterboxCropper()
    for _ in range(MEDIAN_FRAMES):
        cropper.update(TEXTURE)
    assert not any(cropper.update(add_bars(8, 4)) for _ in range(MEDIAN_FRAMES))
    assert cropper.crop(TEXTURE) is TEXTURE


def test_small_object_on_black_is_not_an_active_area() -> None:
    cropper, frame = LetterboxCropper(), add_bars(20, 28)
    assert not any(cropper.update(frame) for _ in range(MEDIAN_FRAMES))
    assert cropper.crop(frame) is frame
