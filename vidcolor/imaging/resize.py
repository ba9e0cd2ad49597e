"""Resizing of arrays: typed wrappers of `cv2.resize` that take and return NumPy shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Scalar = TypeVar("Scalar", bound=np.generic)


def resize_area(image: NDArray[Scalar], shape: tuple[int, ...]) -> NDArray[Scalar]:
    """Average the pixels in each cell of a smaller grid.

    Args:
        image: (H, W) or (H, W, C).
        shape: height and width of the result; further entries are ignored.

    Returns:
        The resized array with the dtype of `image`.
    """
    import cv2

    return _resize(image, shape, cv2.INTER_AREA)


def resize_linear(image: NDArray[Scalar], shape: tuple[int, ...]) -> NDArray[Scalar]:
    """Interpolate bilinearly; see `resize_area` for arguments and result."""
    import cv2

    return _resize(image, shape, cv2.INTER_LINEAR)


def resize_cubic(image: NDArray[Scalar], shape: tuple[int, ...]) -> NDArray[Scalar]:
    """Interpolate bicubically, which can overshoot; see `resize_area`."""
    import cv2

    return _resize(image, shape, cv2.INTER_CUBIC)


def resize_for_scale(image: NDArray[Scalar], shape: tuple[int, ...]) -> NDArray[Scalar]:
    """Average where a side becomes smaller, interpolate bilinearly otherwise; see `resize_area`."""
    smaller = image.shape[0] > shape[0] or image.shape[1] > shape[1]
    return resize_area(image, shape) if smaller else resize_linear(image, shape)


def limit_short_side(shape: tuple[int, ...], short_side: int) -> tuple[int, int]:
    """Scale height and width so that the shorter is at most `short_side`; both are at least 1."""
    height, width = shape[:2]
    scale = min(1.0, short_side / min(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _resize(image: NDArray[Any], shape: tuple[int, ...], method: int) -> NDArray[Any]:
    import cv2

    resized = cv2.resize(np.ascontiguousarray(image), (shape[1], shape[0]), interpolation=method)
    # OpenCV drops a last dimension of 1.
    return np.asarray(resized).reshape(shape[0], shape[1], *image.shape[2:])
