"""Conversion of a*, b* to Cb, Cr for a fixed luma, and compression of chroma into the gamut."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vidcolor.color.lab import gray_to_lightness_array, lab_to_rgb_array
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
_BAND_ROWS = 64
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
    weights = np.array([matrix.kr, matrix.kg, matrix.kb], np.float32).reshape(3, 1, 1)
    lightness = gray_to_lightness_array(luma)
    for _ in range(_NEWTON_STEPS):
        y, y_above = (
            (weights * lab_to_rgb_array(lightness + step, ab[0], ab[1])).sum(0) for step in (0, 1)
        )
        slope = np.maximum(y_above - y, 1e-3)  # dY'/dL*, which is positive everywhere
        lightness = np.clip(lightness + (luma - y) / slope, 0, _MAX_LIGHTNESS)
    red, green, blue = lab_to_rgb_array(lightness, ab[0], ab[1])
    _, cb, cr = planes_to_ycbcr(red, green, blue, matrix)
    return np.stack([cb, cr]).astype(np.float32)


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
    for top in range(0, len(luma), _BAND_ROWS):
        rows = slice(top, top + _BAND_ROWS)
        headroom = _chroma_headroom(cb[rows], cr[rows], luma[rows], matrix)
        np.minimum(headroom, np.float32(1 / GAMUT_KNEE), out=headroom)
        denominator = headroom * np.float32(1 - 2 * GAMUT_KNEE)
        denominator += 1
        # Written in terms of 1 / r, because r itself is 0 for gray.
        scale = headroom * np.float32(-(GAMUT_KNEE**2))
        scale += 1
        scale *= headroom
        scale /= denominator
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
    green = cv2.addWeighted(red, -matrix.kr / matrix.kg, blue, -matrix.kb / matrix.kg, 0)
    above = cv2.max(cv2.max(red, green), blue)
    below = cv2.min(cv2.min(red, green), blue)
    top = np.asarray(above, np.float32).reshape(luma.shape) + _TINY
    bottom = np.asarray(below, np.float32).reshape(luma.shape) - _TINY
    headroom = cv2.min((1 - luma) / top, luma / -bottom)
    return np.asarray(headroom, np.float32).reshape(luma.shape)
