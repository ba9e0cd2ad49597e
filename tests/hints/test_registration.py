"""A reference must be aligned where it shows the same scene, and only there."""

from __future__ import annotations

import cv2
import numpy as np

from tests.helpers.scenes import draw_scene, to_gray
from vidcolor.hints.registration import register


def test_a_scaled_detail_of_the_image_is_aligned() -> None:
    image = to_gray(draw_scene(3)).astype(np.float32) / 255
    top, left, scale = 40, 60, 1.3
    detail = cv2.resize(
        image[top:260, left:380], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA
    )
    coords, confidence = register(image, np.asarray(detail) * 0.8 + 0.1)
    inside = np.s_[top + 15 : 245, left + 15 : 365]
    assert confidence[inside].mean() > 0.8
    assert confidence[:, : left - 10].max() < 0.1
    rows, columns = np.mgrid[0:300, 0:420]
    expected = (np.stack([columns - left, rows - top], axis=-1) + 0.5) * scale - 0.5
    error = np.hypot(*np.moveaxis(coords - expected, -1, 0))[inside]
    assert np.median(error) < 1.0


def test_another_scene_does_not_match() -> None:
    for seed in (4, 5):
        image, other = (to_gray(draw_scene(s)).astype(np.float32) / 255 for s in (seed, seed + 10))
        assert register(image, other).confidence.mean() < 0.02
