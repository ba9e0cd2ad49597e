"""From predicted a*, b* to the Cb, Cr that give that colour under the recorded luma."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidcolor.colour.ycbcr import Matrix

    Array = NDArray[np.float32]

# CIELAB D65 (CIE 15) to linear sRGB (IEC 61966-2-1); the white point is folded in.
_XYZ_TO_RGB = np.array(
    [
        [3.2404542, -1.5371385, -0.4985314],
        [-0.9692660, 1.8760108, 0.0415560],
        [0.0556434, -0.2040259, 1.0572252],
    ]
) @ np.diag([0.95047, 1.0, 1.08883])
_XYZ_TO_RGB = _XYZ_TO_RGB.astype(np.float32)
_DELTA = 6 / 29
_STEPS = 3


def _lab_to_rgb(lightness: Array, a: Array, b: Array) -> Array:
    """L*, a*, b* (h, w) -> R'G'B' (3, h, w), signed and unclipped outside the gamut."""
    fy = (lightness + 16) / 116
    f = np.stack([fy + a / 500, fy, fy - b / 200])
    xyz = np.where(f > _DELTA, f**3, 3 * _DELTA**2 * (f - 4 / 29))
    linear = np.tensordot(_XYZ_TO_RGB, xyz, axes=1)
    size = np.abs(linear)
    curved = 1.055 * np.maximum(size, 1e-9) ** (1 / 2.4) - 0.055
    rgb: Array = np.copysign(np.where(size <= 0.0031308, 12.92 * size, curved), linear)
    return rgb


def _grey_to_lightness(grey: Array) -> Array:
    """Y' of a neutral pixel in [0, 1], sRGB-encoded -> L* in [0, 100]."""
    linear = np.where(grey <= 0.04045, grey / 12.92, ((grey + 0.055) / 1.055) ** 2.4)
    f = np.where(linear > _DELTA**3, np.cbrt(linear), linear / (3 * _DELTA**2) + 4 / 29)
    lightness: Array = 116 * f - 16
    return lightness


def ab_to_cbcr(ab: Array, luma: Array, matrix: Matrix) -> Array:
    """The Cb, Cr whose colour, under this luma, has the given a*, b*.

    A grey pixel's Y' fixes its L*, but a coloured pixel of the same L* has another Y'. Since Y'
    is recorded and stays, L* is solved for (by Newton's method), so that hue and chroma
    come out as predicted and luma is not asked to move.

    Args:
        ab: a*, b*: (2, h, w) float32.
        luma: Y': (h, w) float32 in [0, 1].
        matrix: the matrix the film is tagged with.

    Returns:
        Cb, Cr: (2, h, w) float32, about [-0.5, 0.5]; may leave the gamut (see `limit_to_gamut`).
    """
    weights = np.array([matrix.kr, matrix.kg, matrix.kb], np.float32).reshape(3, 1, 1)
    lightness = _grey_to_lightness(luma)
    for _ in range(_STEPS):
        y, above = (
            (weights * _lab_to_rgb(lightness + step, ab[0], ab[1])).sum(0) for step in (0, 1)
        )
        slope = np.maximum(above - y, 1e-3)  # Y' for one L*; it rises everywhere
        lightness = np.clip(lightness + (luma - y) / slope, 0, 110)
    rgb = _lab_to_rgb(lightness, ab[0], ab[1])
    y = (weights * rgb).sum(0)
    cb = (rgb[2] - y) / (2 * (1 - matrix.kb))
    cr = (rgb[0] - y) / (2 * (1 - matrix.kr))
    return np.stack([cb, cr]).astype(np.float32)


def limit_to_gamut(cb: Array, cr: Array, luma: Array, matrix: Matrix) -> None:
    """Draw Cb, Cr towards grey, in place, just as far as R', G', B' fit into [0, 1].

    Hue is kept: both are scaled by one factor a pixel. Black and white come out neutral.

    Args:
        cb: (h, w) float32.
        cr: (h, w) float32.
        luma: Y' of the same pixels: (h, w) float32 in [0, 1].
        matrix: the matrix the film is tagged with.
    """
    import cv2

    red = cr * np.float32(2 * (1 - matrix.kr))
    blue = cb * np.float32(2 * (1 - matrix.kb))
    green = cv2.addWeighted(red, -matrix.kr / matrix.kg, blue, -matrix.kb / matrix.kg, 0)
    above = cv2.max(cv2.max(red, green), blue)
    below = cv2.min(cv2.min(red, green), blue)
    tiny = np.float32(1e-6)
    room = cv2.min((1 - luma) / (above + tiny), luma / (tiny - below))
    scale = np.minimum(room, np.float32(1))
    cb *= scale
    cr *= scale
