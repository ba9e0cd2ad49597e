"""From predicted a*, b* to the Cb, Cr that give that color under the recorded luma."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidcolor.color.ycbcr import Matrix

    Array = NDArray[np.float32]

# CIELAB D65 (CIE 15) to linear sRGB (IEC 61966-2-1); the white point is folded in.
_XYZ_TO_RGB = np.array(
    [
        [3.2404542, -1.5371385, -0.4985314],
        [-0.9692660, 1.8760108, 0.0415560],
        [0.0556434, -0.2040259, 1.0572252],
    ]
) @ np.diag([0.95047, 1.0, 1.08883])
_RGB_TO_XYZ = np.linalg.inv(_XYZ_TO_RGB).astype(np.float32)
_XYZ_TO_RGB = _XYZ_TO_RGB.astype(np.float32)
_DELTA = 6 / 29
_STEPS = 3

GAMUT_KNEE = 0.8
"""Share of the chroma that a pixel can show up to which it is left as it is."""
_BAND = 64
_TINY = np.float32(1e-6)


def lab_to_rgb(lightness: Array, a: Array, b: Array) -> Array:
    """L*, a*, b* -> R'G'B' (sRGB), signed and unclipped outside the gamut.

    Args:
        lightness: L* in [0, 100], float32 of any shape.
        a: a*, of that shape.
        b: b*, of that shape.

    Returns:
        (3, ...) float32.
    """
    fy = (lightness + 16) / 116
    f = np.stack([fy + a / 500, fy, fy - b / 200])
    xyz = np.where(f > _DELTA, f**3, 3 * _DELTA**2 * (f - 4 / 29))
    linear = np.tensordot(_XYZ_TO_RGB, xyz, axes=1)
    size = np.abs(linear)
    curved = 1.055 * np.maximum(size, 1e-9) ** (1 / 2.4) - 0.055
    rgb: Array = np.copysign(np.where(size <= 0.0031308, 12.92 * size, curved), linear)
    return rgb


def gray_to_lightness(gray: Array) -> Array:
    """Y' of a neutral pixel in [0, 1], sRGB-encoded, any shape -> L* in [0, 100]."""
    lightness: Array = 116 * _lab_curve(_linear(gray)) - 16
    return lightness


def rgb_to_ab(rgb: Array) -> tuple[Array, Array]:
    """R'G'B' (sRGB), (3, ...) float32 in [0, 1] -> L*, (...), and a*, b*, (2, ...) float32."""
    fx, fy, fz = _lab_curve(np.tensordot(_RGB_TO_XYZ, _linear(rgb), axes=1))
    ab = np.stack([500 * (fx - fy), 200 * (fy - fz)]).astype(np.float32)
    return (116 * fy - 16).astype(np.float32), ab


def _linear(encoded: Array) -> Array:
    linear: Array = np.where(
        encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4
    )
    return linear


def _lab_curve(ratio: Array) -> Array:
    """CIE 15's f(t); t is relative to white."""
    curved: Array = np.where(ratio > _DELTA**3, np.cbrt(ratio), ratio / (3 * _DELTA**2) + 4 / 29)
    return curved


def ab_to_cbcr(ab: Array, luma: Array, matrix: Matrix) -> Array:
    """The Cb, Cr whose color, under this luma, has the given a*, b*.

    A gray pixel's Y' fixes its L*, but a colored pixel of the same L* has another Y'. Since Y'
    is recorded and stays, L* is solved for (by Newton's method), so that hue and chroma
    come out as predicted and luma is not asked to move.

    Args:
        ab: a*, b*: (2, h, w) float32.
        luma: Y': (h, w) float32 in [0, 1].
        matrix: the matrix the film is tagged with.

    Returns:
        Cb, Cr: (2, h, w) float32, about [-0.5, 0.5]; may leave the gamut (see `compress_to_gamut`).
    """
    weights = np.array([matrix.kr, matrix.kg, matrix.kb], np.float32).reshape(3, 1, 1)
    lightness = gray_to_lightness(luma)
    for _ in range(_STEPS):
        y, above = (
            (weights * lab_to_rgb(lightness + step, ab[0], ab[1])).sum(0) for step in (0, 1)
        )
        slope = np.maximum(above - y, 1e-3)  # Y' for one L*; it rises everywhere
        lightness = np.clip(lightness + (luma - y) / slope, 0, 110)
    rgb = lab_to_rgb(lightness, ab[0], ab[1])
    y = (weights * rgb).sum(0)
    cb = (rgb[2] - y) / (2 * (1 - matrix.kb))
    cr = (rgb[0] - y) / (2 * (1 - matrix.kr))
    return np.stack([cb, cr]).astype(np.float32)


def compress_to_gamut(cb: Array, cr: Array, luma: Array, matrix: Matrix) -> None:
    """Draw strong Cb, Cr toward gray, in place, so that R', G', B' stay inside [0, 1].

    Of each pixel r is its chroma over the largest that its hue can have under its luma. Up to the
    knee k (`GAMUT_KNEE`) nothing changes; above, r becomes (r - k²) / (r + 1 - 2k): it goes on
    rising, with the same slope at the knee, and reaches 1 nowhere (Reinhard et al., "Photographic
    Tone Reproduction for Digital Images", 2002, with its foot moved to k). So differences between
    strong colors are kept where clipping would make them one. Both planes are scaled by one
    factor a pixel, which keeps hue. Black and white come out neutral.

    Args:
        cb: (h, w) float32, of any size.
        cr: (h, w) float32.
        luma: Y' of the same pixels: (h, w) float32 in [0, 1].
        matrix: the matrix the film is tagged with.
    """
    for top in range(0, len(luma), _BAND):  # a band's dozen planes fit into the cache
        rows = slice(top, top + _BAND)
        room = _room(cb[rows], cr[rows], luma[rows], matrix)
        np.minimum(room, np.float32(1 / GAMUT_KNEE), out=room)
        fall = room * np.float32(1 - 2 * GAMUT_KNEE)
        fall += 1
        scale = room * np.float32(-(GAMUT_KNEE**2))  # in terms of room, gray is no pole
        scale += 1
        scale *= room
        scale /= fall
        cb[rows] *= scale
        cr[rows] *= scale


def limit_to_gamut(cb: Array, cr: Array, luma: Array, matrix: Matrix) -> None:
    """Draw Cb, Cr toward gray, in place, just as far as R', G', B' fit into [0, 1].

    What fits is left as it is; the rest is cut off where the gamut ends, hue kept. For chroma that
    was composed with `compress_to_gamut` this is a guard against rounding and no more.

    Args:
        cb: (h, w) float32.
        cr: (h, w) float32.
        luma: Y' of the same pixels: (h, w) float32 in [0, 1].
        matrix: the matrix the film is tagged with.
    """
    scale = np.minimum(_room(cb, cr, luma, matrix), np.float32(1))
    cb *= scale
    cr *= scale


def _room(cb: Array, cr: Array, luma: Array, matrix: Matrix) -> Array:
    """By which factor each pixel's chroma may grow before a channel clips: 1 / r; (h, w)."""
    import cv2

    red = cr * np.float32(2 * (1 - matrix.kr))
    blue = cb * np.float32(2 * (1 - matrix.kb))
    green = cv2.addWeighted(red, -matrix.kr / matrix.kg, blue, -matrix.kb / matrix.kg, 0)
    above = cv2.max(cv2.max(red, green), blue)
    below = cv2.min(cv2.min(red, green), blue)
    top = np.asarray(above, np.float32).reshape(luma.shape) + _TINY
    bottom = np.asarray(below, np.float32).reshape(luma.shape) - _TINY
    room = cv2.min((1 - luma) / top, luma / -bottom)
    return np.asarray(room, np.float32).reshape(luma.shape)
