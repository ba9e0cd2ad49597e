"""Conversion of a*, b* to Cb, Cr for a fixed luma, and compression of chroma into the gamut."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vidcolor.color.lab import (
    gray_to_lightness_array,
    lab_to_rgb_array,
    lab_to_rgb_with_slope,
)
from vidcolor.color.ycbcr import planes_to_ycbcr

if TYPE_CHECKING:
    from vidcolor.color.ycbcr import Matrix
    from vidcolor.imaging.types import FloatArray

GAMUT_KNEE = 0.8
"""Fraction of the maximum chroma of a pixel up to which chroma is not compressed."""
_NEWTON_STEPS = 3
"""Number of steps of Newton's method in `ab_to_cbcr`."""
_MAX_LIGHTNESS = 110
"""Highest L* that Newton's method may try: saturated yellow needs more than 100."""
_BAND_ROWS = 32
"""Number of rows that are processed together. The intermediate planes of a band fit into the CPU
cache."""
_TINY = np.float32(1e-6)
"""Offset of a divisor that is 0 for gray."""


def ab_to_cbcr(ab: FloatArray, luma: FloatArray, matrix: Matrix) -> FloatArray:
    """Compute the Cb, Cr that have the given a*, b* together with the given luma.

    The Y' of a gray pixel determines its L*, but a colored pixel of the same L* has a different Y'.
    The recorded Y' must not change, so this function solves for L* by Newton's method. The result
    has the predicted hue and chroma.

    `ab` is (2, h, w) float32 and `luma` is Y', (h, w) float32 in [0, 1]. The result is (2, h, w)
    float32, about [-0.5, 0.5]. It can lie outside the gamut; see `compress_to_gamut`.
    """
    weights = np.array([matrix.kr, matrix.kg, matrix.kb], np.float32)
    shape, luma, (a, b) = luma.shape, luma.reshape(-1), ab.reshape(2, -1)
    lightness = gray_to_lightness_array(luma)
    for _ in range(_NEWTON_STEPS):
        rgb, slopes = lab_to_rgb_with_slope(lightness, a, b)
        slope = np.maximum(weights @ slopes, np.float32(1e-3))  # it is positive everywhere
        lightness = np.clip(lightness + (luma - weights @ rgb) / slope, 0, _MAX_LIGHTNESS)
    red, green, blue = lab_to_rgb_array(lightness, a, b)
    _, cb, cr = planes_to_ycbcr(red, green, blue, matrix)
    return np.stack([cb, cr]).astype(np.float32).reshape(2, *shape)


def compress_to_gamut(cb: FloatArray, cr: FloatArray, luma: FloatArray, matrix: Matrix) -> None:
    """Compress strong Cb, Cr toward gray, in place, so that R', G', B' stay inside [0, 1].

    Let r be the chroma of a pixel divided by the maximum for its hue and luma. Up to the knee k
    (`GAMUT_KNEE`) nothing changes. Above it, r becomes (r - k²) / (r + 1 - 2k), which continues
    with the same slope, keeps rising and never reaches 1 (Reinhard et al., "Photographic Tone
    Reproduction for Digital Images", 2002, shifted to k). Differences between strong colors
    are therefore preserved, whereas clipping would remove them. One factor per pixel scales both
    planes, so hue is preserved. Black and white become neutral.

    `cb` and `cr` are (h, w) float32, in [-0.5, 0.5] or beyond; `luma` is Y' in [0, 1].
    """
    knee = np.float32(GAMUT_KNEE)
    denominator = np.empty((min(_BAND_ROWS, len(luma)), luma.shape[1]), np.float32)
    for top in range(0, len(luma), _BAND_ROWS):
        rows = slice(top, top + _BAND_ROWS)
        headroom = _chroma_headroom(cb[rows], cr[rows], luma[rows], matrix)
        np.minimum(headroom, 1 / knee, out=headroom)
        np.multiply(headroom, 1 - 2 * knee, out=denominator[: len(headroom)])
        denominator += 1
        # Written in terms of 1 / r, because r itself is 0 for gray.
        scale = headroom * -(knee**2)
        scale += 1
        scale *= headroom
        scale /= denominator[: len(headroom)]
        cb[rows] *= scale
        cr[rows] *= scale


def limit_to_gamut(cb: FloatArray, cr: FloatArray, luma: FloatArray, matrix: Matrix) -> None:
    """Clip Cb, Cr toward gray, in place, so that R', G', B' stay inside [0, 1].

    Chroma inside the gamut does not change. Chroma outside is scaled to the gamut's surface, and
    its hue is preserved. After `compress_to_gamut` this only removes rounding errors. The arguments
    are the same.
    """
    scale = np.minimum(_chroma_headroom(cb, cr, luma, matrix), np.float32(1))
    cb *= scale
    cr *= scale


def _chroma_headroom(
    cb: FloatArray, cr: FloatArray, luma: FloatArray, matrix: Matrix
) -> FloatArray:
    """Return the maximum factor of each pixel's chroma that clips no channel: (h, w) float32."""
    import cv2

    red = cr * np.float32(2 * (1 - matrix.kr))
    blue = cb * np.float32(2 * (1 - matrix.kb))
    green = np.empty_like(red)
    cv2.addWeighted(red, -matrix.kr / matrix.kg, blue, -matrix.kb / matrix.kg, 0, dst=green)
    # The planes are reused: new arrays are slower than the operations.
    above, below = np.maximum(red, green), np.minimum(red, green, out=green)
    np.maximum(above, blue, out=above)
    np.minimum(below, blue, out=below)
    above += _TINY
    np.subtract(_TINY, below, out=below)
    headroom: FloatArray = np.subtract(1, luma, out=red)
    headroom /= above
    np.divide(luma, below, out=blue)
    np.minimum(headroom, blue, out=headroom)
    return headroom
