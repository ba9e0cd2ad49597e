"""Orientation and displayed size of frames and photos.

Films carry a display matrix, which `media.probe` reduces to quarter turns. Photos carry an EXIF
orientation from 1 to 8 (Exif 2.32, section 4.6.4), which can also mirror.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CELL = 4
"""Unit of the sides of a proxy, in pixels. With whole multiples, the coarse grid of a generator
covers the proxy exactly. A grid that reached beyond the right edge would shift all chroma to the
left."""
MAX_ASPECT = 4.0
"""Maximum aspect ratio of a proxy. The proxy of a longer panorama is squeezed."""

_INVERSE_ORIENTATION = {6: 8, 8: 6}
"""EXIF orientations that are not their own inverse."""
_QUARTER_TURNS = {3: 2, 4: 2, 5: 3, 6: 3, 7: 1, 8: 1}
"""Counterclockwise quarter turns by EXIF orientation; the others have none."""
_DISPLAY_MATRICES = {
    2: (-1, 0, 0, 1), 3: (-1, 0, 0, -1), 4: (1, 0, 0, -1), 5: (0, 1, 1, 0), 6: (0, 1, -1, 0),
    7: (0, -1, -1, 0), 8: (0, -1, 1, 0),
}  # fmt: skip
"""a, b, c, d by EXIF orientation: a stored pixel (x, y) is displayed at (ax + cy, bx + dy)."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """The stored size of a frame, its pixel aspect ratio, and its rotation for display."""

    width: int
    height: int
    pixel_aspect: float = 1.0
    """Width of a pixel divided by its height."""
    quarter_turns: int = 0
    """Counterclockwise turns by 90° for display. Mirroring is ignored: a generator predicts
    mirrored frames equally well."""

    @property
    def display_aspect(self) -> float:
        """Width divided by height of the displayed frame."""
        aspect = self.width * self.pixel_aspect / self.height
        return aspect if self.quarter_turns % 2 == 0 else 1 / aspect

    def proxy_size(self, short_side: int) -> tuple[int, int]:
        """Return height and width of the proxy in stored orientation, with square pixels."""
        aspect = self.width * self.pixel_aspect / self.height
        long_side = short_side * min(max(aspect, 1 / aspect), MAX_ASPECT)
        # Rounding to whole cells squeezes the proxy by at most CELL / 2 pixels.
        cells = round(long_side / CELL) * CELL
        return (short_side, cells) if aspect >= 1 else (cells, short_side)

    def to_upright(self, image: NDArray[Any]) -> NDArray[Any]:
        """Rotate a stored (H, W) array for display; returns a view."""
        return np.rot90(image, self.quarter_turns)

    def to_stored(self, image: NDArray[Any]) -> NDArray[Any]:
        """Rotate a displayed (..., H, W) array back to the stored orientation; returns a view."""
        return np.rot90(image, -self.quarter_turns, axes=(-2, -1))


def rotate_size(size: tuple[int, int], quarter_turns: int) -> tuple[int, int]:
    """Return a (width, height) or (height, width) pair after rotation; odd turns swap it."""
    return size if quarter_turns % 2 == 0 else (size[1], size[0])


def swaps_axes(orientation: int) -> bool:
    """Return whether an EXIF orientation exchanges width and height."""
    return orientation >= 5


def get_quarter_turns(orientation: int) -> int:
    """Return the counterclockwise quarter turns of an EXIF orientation, without its mirroring."""
    return _QUARTER_TURNS.get(orientation, 0)


def get_display_matrix(orientation: int) -> tuple[int, ...] | None:
    """Return FFmpeg's display matrix of an EXIF orientation, 9 fixed-point numbers; None for 1."""
    if orientation not in _DISPLAY_MATRICES:
        return None
    a, b, c, d = (number << 16 for number in _DISPLAY_MATRICES[orientation])
    return (a, b, 0, c, d, 0, 0, 0, 1 << 30)


def to_displayed(image: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Rotate and mirror a stored (H, W, ...) array for its EXIF orientation; returns a view."""
    if orientation in (5, 7):  # mirrored along a diagonal
        image = image.swapaxes(0, 1)
    turns = {3: 2, 6: 3, 7: 2, 8: 1}.get(orientation, 0)
    turned: NDArray[Any] = np.rot90(image, turns)
    if orientation == 2:
        return turned[:, ::-1]
    return turned[::-1] if orientation == 4 else turned


def to_stored(image: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Rotate and mirror a displayed (H, W, ...) array back to the stored orientation; a view."""
    return to_displayed(image, _INVERSE_ORIENTATION.get(orientation, orientation))


def to_stored_position(
    x: float, y: float, displayed_shape: tuple[int, int], orientation: int
) -> tuple[float, float]:
    """Convert a position in a displayed image of (height, width) to one in the stored image.

    x and y are distances from the left and top edges; pixel centers are at 0.5, 1.5, ...
    """
    height, width = displayed_shape
    right, bottom = width - x, height - y
    return {
        2: (right, y),
        3: (right, bottom),
        4: (x, bottom),
        5: (y, x),
        6: (y, right),
        7: (bottom, right),
        8: (bottom, x),
    }.get(orientation, (x, y))
