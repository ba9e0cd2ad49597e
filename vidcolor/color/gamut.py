"""Conversion of a*, b* to Cb, Cr for a fixed luma, and compression of chroma into the gamut."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vidcolor.color.lab import (
    gray_to_lightness_array,
    lab_to_rgb_with_slope,
)
from vidcolor.color.ycbcr import planes_to_ycbcr

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidcolor.color.ycbcr import Matrix
    from vidcolor.imaging.types import FloatArray

GAMUT_KNEE = 0.8
"""Fraction of the maximum chroma of a pixel up to which chroma is not compressed."""
_SMALL_STEP = 0.5
"""Step of L* after which Newton's method has converged."""
_MAX_LIGHTNESS = 110
"""Highest L* that Newton's method may try: saturated yellow needs more than 100."""
_CHUNK_PIXELS = 4096
"""Number of pixels that are converted together: their intermediate values stay in the CPU cache."""
_BAND_PIXELS = 1 << 17
"""Approximate number of pixels whose chroma is compressed together, which limits memory."""
_BLOCK = 8
"""Number of consecutive pixels that are compressed together: the bytes of a 64-bit word."""
_MAX_STRONG_SHARE = 0.25
"""Share of a band's blocks above the knee up to which it is faster to compress these alone."""
_CODES = 127
"""Number of codes per unit of R', G', B' in the test for pixels above the knee."""
_TINY = np.float32(1e-6)
"""Offset of a divisor that is 0 for black or white."""


def ab_to_cbcr(ab: FloatArray, luma: FloatArray, matrix: Matrix) -> FloatArray:
    """Compute the Cb, Cr that have the given a*, b* together with the given luma.

    The Y' of a gray pixel determines its L*, but a colored pixel of the same L* has a different Y'.
    The recorded Y' must not change, so this function solves for L* by Newton's method. The result
    has the predicted hue and chroma.

    `ab` is (2, h, w) float32 and `luma` is Y', (h, w) float32 in [0, 1]. The result is (2, h, w)
    float32, about [-0.5, 0.5]. It can lie outside the gamut; see `compress_to_gamut`.
    """
    cbcr = np.empty((2, luma.size), np.float32)
    flat_ab, flat_luma = ab.reshape(2, -1), luma.reshape(-1)
    for start in range(0, luma.size, _CHUNK_PIXELS):
        chunk = slice(start, start + _CHUNK_PIXELS)
        red, green, blue = _ab_to_rgb(flat_ab[:, chunk], flat_luma[chunk], matrix)
        _, cbcr[0, chunk], cbcr[1, chunk] = planes_to_ycbcr(red, green, blue, matrix)
    return cbcr.reshape(2, *luma.shape)


def _ab_to_rgb(ab: FloatArray, luma: FloatArray, matrix: Matrix) -> FloatArray:
    """Return the R'G'B' of a*, b*, (2, N), and luma, (N,): (3, N) float32."""
    weights = np.array([matrix.kr, matrix.kg, matrix.kb], np.float32)
    first, _ = _step_lightness(gray_to_lightness_array(luma), ab, luma, weights)
    second, rgb = _step_lightness(first, ab, luma, weights)
    # The error falls with the square of a step, so that only strong colors need the third one.
    far = np.flatnonzero(np.abs(second - first) > _SMALL_STEP)
    if len(far):
        _, rgb[:, far] = _step_lightness(second[far], ab[:, far], luma[far], weights)
    return rgb


def _step_lightness(
    lightness: FloatArray, ab: FloatArray, luma: FloatArray, weights: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return L* after a step of Newton's method, (N,) float32, and its R'G'B', (3, N) float32."""
    rgb, slopes = lab_to_rgb_with_slope(lightness, *ab)
    slope = np.maximum(weights @ slopes, np.float32(1e-3))  # it is positive everywhere
    stepped = np.clip(lightness + (luma - weights @ rgb) / slope, 0, _MAX_LIGHTNESS)
    slopes *= stepped - lightness
    rgb += slopes
    return stepped, rgb


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
    # Most pixels are below the knee. They are found in 8 bits, and in blocks, because that is
    # faster than to compress all pixels.
    band_rows = max(1, _BAND_PIXELS // luma.shape[1] // _BLOCK) * _BLOCK
    for top in range(0, len(luma), band_rows):
        rows = slice(top, top + band_rows)
        band = cb[rows], cr[rows], luma[rows]
        if luma[rows].size % _BLOCK or not all(plane.flags.c_contiguous for plane in band):
            _compress(*band, matrix)
            continue
        blocks = [plane.reshape(-1, _BLOCK) for plane in band]
        strong = _find_strong(*band, matrix).reshape(-1, _BLOCK).view(np.uint64).reshape(-1) != 0
        count = int(np.count_nonzero(strong))
        if count > _MAX_STRONG_SHARE * len(strong):
            _compress(*band, matrix)
        elif count:
            index = np.flatnonzero(strong)
            strong_cb, strong_cr, strong_luma = (plane[index] for plane in blocks)
            _compress(strong_cb, strong_cr, strong_luma, matrix)
            blocks[0][index], blocks[1][index] = strong_cb, strong_cr


def _find_strong(
    cb: FloatArray, cr: FloatArray, luma: FloatArray, matrix: Matrix
) -> NDArray[np.bool_]:
    """Return the pixels above the knee, and some near it: (h, w) bool."""
    import cv2

    # A channel Y' + x is below the knee k if -k * Y' <= x <= k * (1 - Y'), that is, if x + k * Y'
    # is in [0, k]. A sum below 0 wraps to a code above the limit. One code is subtracted at each
    # end of the interval because both terms are rounded.
    knee = _CODES * GAMUT_KNEE
    floor = cv2.addWeighted(luma, -knee, luma, 0, 129, dtype=cv2.CV_8U)
    highest = np.zeros(luma.shape, np.uint8)
    for cb_gain, cr_gain in _get_channel_gains(matrix):
        codes = cv2.addWeighted(cb, _CODES * cb_gain, cr, _CODES * cr_gain, 128, dtype=cv2.CV_8U)
        np.subtract(codes, floor, out=codes)
        np.maximum(highest, codes, out=highest)
    strong: NDArray[np.bool_] = highest > int(knee - 2)
    return strong


def _get_channel_gains(matrix: Matrix) -> tuple[tuple[float, float], ...]:
    """Return the factors of Cb and Cr in R' - Y', G' - Y' and B' - Y'."""
    red, blue = 2 * (1 - matrix.kr), 2 * (1 - matrix.kb)
    return (0, red), (-matrix.kb / matrix.kg * blue, -matrix.kr / matrix.kg * red), (blue, 0)


def _compress(cb: FloatArray, cr: FloatArray, luma: FloatArray, matrix: Matrix) -> None:
    """Compress chroma above the knee, in place."""
    # With x = r - k, the factor (r - k²) / (r + 1 - 2k) / r is
    # (x + k * (1 - k)) / ((x + k) * (x + 1 - k)). Written so, it is exactly 1 at the knee.
    knee, rest = np.float32(GAMUT_KNEE), np.float32(1) - np.float32(GAMUT_KNEE)
    excess = _chroma_ratio(cb, cr, luma, matrix)
    excess -= knee
    np.maximum(excess, 0, out=excess)
    denominator = excess + knee
    denominator *= excess + rest
    excess += knee * rest
    excess /= denominator
    cb *= excess
    cr *= excess


def limit_to_gamut(cb: FloatArray, cr: FloatArray, luma: FloatArray, matrix: Matrix) -> None:
    """Clip Cb, Cr toward gray, in place, so that R', G', B' stay inside [0, 1].

    Chroma inside the gamut does not change. Chroma outside is scaled to the gamut's surface, and
    its hue is preserved. After `compress_to_gamut` this only removes rounding errors. The arguments
    are the same.
    """
    scale = 1 / np.maximum(_chroma_ratio(cb, cr, luma, matrix), np.float32(1))
    cb *= scale
    cr *= scale


def _chroma_ratio(cb: FloatArray, cr: FloatArray, luma: FloatArray, matrix: Matrix) -> FloatArray:
    """Divide each pixel's chroma by the maximum that clips no channel: (h, w) float32."""
    import cv2

    red = cr * np.float32(2 * (1 - matrix.kr))
    blue = cb * np.float32(2 * (1 - matrix.kb))
    green = np.empty_like(red)
    cv2.addWeighted(red, -matrix.kr / matrix.kg, blue, -matrix.kb / matrix.kg, 0, dst=green)
    # The planes are reused: new arrays are slower than the operations.
    above, below = np.maximum(red, green), np.minimum(red, green, out=green)
    np.maximum(above, blue, out=above)
    np.minimum(below, blue, out=below)
    above /= np.subtract(1 + _TINY, luma, out=red)
    below /= np.subtract(-_TINY, luma, out=blue)
    ratio: FloatArray = np.maximum(above, below, out=above)
    return ratio
