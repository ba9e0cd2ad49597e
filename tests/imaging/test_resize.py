"""Resizing: dtypes, dimensions and interpolation."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from vidcolor.imaging.resize import (
    limit_short_side,
    resize_area,
    resize_cubic,
    resize_for_scale,
    resize_linear,
)

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("resize", [resize_area, resize_linear, resize_cubic, resize_for_scale])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [(), (1,), (3,)])
def test_resize_keeps_dtype_and_channels(
    resize: Callable[..., np.ndarray], dtype: type, channels: tuple[int, ...]
) -> None:
    image = np.full((8, 12, *channels), 7, dtype)
    for shape in ((4, 6), (16, 3), (1, 1)):
        resized = resize(image, shape)
        assert resized.shape == (*shape, *channels)
        assert resized.dtype == dtype
        assert (resized == 7).all()


def test_resize_area_averages_cells() -> None:
    image = np.array([[0, 2, 10, 10], [4, 6, 10, 30]], np.float32)
    assert resize_area(image, (1, 2)).tolist() == [[3, 15]]


@pytest.mark.parametrize(("bits", "tolerance"), [(8, 1), (10, 1), (16, 128)])
@pytest.mark.parametrize("shape", [(256, 341), (96, 128), (300, 401), (16, 21)])
def test_libswscale_averages_as_opencv(bits: int, tolerance: int, shape: tuple[int, int]) -> None:
    dtype = np.dtype("uint8" if bits == 8 else "uint16")
    padded = np.random.default_rng(1).integers(0, 1 << bits, (480, 704)).astype(dtype)
    image = padded[:, :640]  # as the planes of decoded frames
    reduced = resize_area(image, shape)
    expected = cv2.resize(image, shape[::-1], interpolation=cv2.INTER_AREA)
    assert reduced.shape == shape
    assert reduced.dtype == dtype
    assert np.abs(reduced.astype(int) - expected).max() <= tolerance
    assert abs(reduced.mean() - expected.mean()) < tolerance / 8


def test_libswscale_serves_several_threads() -> None:
    images = np.random.default_rng(2).integers(0, 256, (8, 300, 400), np.uint8)
    expected = [resize_area(image, (90, 120)) for image in images]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda image: resize_area(image, (90, 120)), [*images] * 8))
    assert all(np.array_equal(a, b) for a, b in zip(found, expected * 8, strict=True))


def test_resize_accepts_views() -> None:
    image = np.arange(24, dtype=np.float32).reshape(4, 6)
    assert np.array_equal(resize_area(image.T, (3, 2)), resize_area(image, (2, 3)).T)


def test_resize_for_scale_averages_if_one_side_shrinks() -> None:
    image = np.array([[0, 4], [8, 12]], np.float32)
    assert resize_for_scale(image, (1, 1)).item() == 6
    assert np.array_equal(resize_for_scale(image, (4, 4)), resize_linear(image, (4, 4)))


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((100, 200), (50, 100)), ((200, 100, 3), (100, 50)), ((40, 60), (40, 60)), ((1, 99), (1, 99))],
)
def test_short_side_is_limited(shape: tuple[int, ...], expected: tuple[int, int]) -> None:
    assert limit_short_side(shape, 50) == expected
