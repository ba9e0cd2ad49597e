"""Resizing of arrays with OpenCV and libswscale; arguments and results are NumPy shapes."""

from __future__ import annotations

import sys
import threading
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

if TYPE_CHECKING:
    from av.video.reformatter import VideoReformatter
    from numpy.typing import NDArray

    Scalar = TypeVar("Scalar", bound=np.generic)

MIN_SWSCALE_PIXELS = 1 << 16
"""Minimum number of pixels of a plane that libswscale reduces. It saves little time on smaller
planes, and its filters are wrong at sides of a few pixels."""
MIN_SWSCALE_SIDE = 16
"""Minimum side of a plane that libswscale returns, in pixels."""
_SWSCALE_FORMATS = {np.dtype(np.uint8): "gray", np.dtype(np.uint16): f"gray16{sys.byteorder[0]}e"}
"""Pixel format of each type of code values."""


def resize_area(image: NDArray[Scalar], shape: tuple[int, ...]) -> NDArray[Scalar]:
    """Average the pixels of (H, W) or (H, W, C) in each cell of a smaller grid.

    The first two entries of `shape` are height and width of the result.
    """
    if _suits_swscale(image, shape):
        return cast("NDArray[Scalar]", _reduce_with_swscale(image, shape[0], shape[1]))
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


def _suits_swscale(image: NDArray[Any], shape: tuple[int, ...]) -> bool:
    """Return whether libswscale reduces an image faster than OpenCV, by factors of 4 to 8."""
    if image.ndim != 2 or image.size < MIN_SWSCALE_PIXELS or image.dtype not in _SWSCALE_FORMATS:
        return False
    reduces = image.shape[0] > shape[0] and image.shape[1] > shape[1]
    is_half = image.shape == (2 * shape[0], 2 * shape[1])  # OpenCV is fast at this factor
    return reduces and not is_half and min(shape[:2]) >= MIN_SWSCALE_SIDE


class _SwscaleContexts(threading.local):
    """Contexts of libswscale, which are expensive to create and serve one thread only."""

    def __init__(self) -> None:
        self.get = lru_cache(maxsize=8)(self._create)

    @staticmethod
    def _create(source: tuple[int, ...], target: tuple[int, ...], fmt: str) -> VideoReformatter:
        """Return a context for a source size, a target size and a pixel format."""
        from av.video.reformatter import VideoReformatter

        return VideoReformatter()


_contexts = _SwscaleContexts()


def _reduce_with_swscale(image: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """Reduce a plane of code values, (H, W) uint8 or uint16, by averaging.

    At 8 bits, the result differs from that of OpenCV by at most one code in real images.
    """
    from av import VideoFrame
    from av.video.reformatter import Interpolation

    fmt = _SWSCALE_FORMATS[image.dtype]
    flags = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.BITEXACT
    frame = VideoFrame.from_numpy_buffer(_as_rows(image), fmt)
    context = _contexts.get(image.shape, (height, width), fmt)
    reduced = context.reformat(frame, width, height, fmt, interpolation=flags, threads=1)
    return reduced.to_ndarray()


def _as_rows(image: NDArray[Any]) -> NDArray[Any]:
    """Return an image with contiguous rows, which may have padding between them."""
    if not image[:1].flags.c_contiguous or image.strides[0] < 0:
        return np.ascontiguousarray(image)
    return image


def _resize(image: NDArray[Any], shape: tuple[int, ...], method: str) -> NDArray[Any]:
    import cv2

    interpolation = getattr(cv2, method)
    resized = cv2.resize(_as_rows(image), shape[1::-1], interpolation=interpolation)
    # OpenCV drops a last dimension of 1.
    return np.asarray(resized).reshape(shape[0], shape[1], *image.shape[2:])
