"""Resizing of arrays: typed wrappers of `cv2.resize` that take and return NumPy shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Scalar = TypeVar("Scalar", bound=np.generic)


def resize_area(image: NDArray[Scalar], shape: tuple[int, ...]) -> NDArray[Scalar]:
    """Average the pixels of (H, W) or (H, W, C) in each cell of a smaller grid.

    The first two entries of `shape` are height and width of the result.
    """
    return _resize(image, shape, "INTER_AREA")


def resize_linear(image: NDArray[Scalar], shape: tuple[int, ...]) -> NDArray[Scalar]:
    """Resize by bilinear interpolation; arguments and result are those of `resize_area`."""
    return _resize(image, shape, "INTER_LINEAR")


def resize_cubic(image: NDArray[Scalar], shape: tuple[int, ...]) -> NDArray[Scalar]:
    """Resize by bicubic interpolation, which can overshoot; otherwise like `resize_area`."""
    return _resize(image, shape, "INTER_CUBIC")


def resize_for_scale(image: NDArray[Scalar], shape: tuple[int, ...]) -> NDArray[Scalar]:
    """Resize by averaging if one side becomes smaller, otherwise by bilinear interpolation."""
    smaller = image.shape[0] > shape[0] or image.shape[1] > shape[1]
    return resize_area(image, shape) if smaller else resize_linear(image, shape)


def limit_short_side(shape: tuple[int, ...], short_side: int) -> tuple[int, int]:
    """Return height and width, reduced so that the short side is at most `short_side` pixels.

    The aspect ratio is kept, and both sides are at least 1.
    """
    height, width = shape[:2]
    scale = min(1.0, short_side / min(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _resize(image: NDArray[Any], shape: tuple[int, ...], method: str) -> NDArray[Any]:
    import cv2

    interpolation = getattr(cv2, method)
    if not image[:1].flags.c_contiguous or image.strides[0] < 0:  # rows may have padding
        image = np.ascontiguousarray(image)
    resized = cv2.resize(image, shape[1::-1], interpolation=interpolation)
    # OpenCV drops a last dimension of 1.
    return np.asarray(resized).reshape(shape[0], shape[1], *image.shape[2:])
