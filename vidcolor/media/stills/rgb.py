"""Conversion of decoded samples to luma, and of luma and chroma to R'G'B' with the same luma.

All code values are full range. The matrices are those of ITU-R BT.709 and, for JPEG, BT.601 as
prescribed by JFIF (ITU-T T.871).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vidcolor.color.gamut import limit_to_gamut
from vidcolor.color.ycbcr import (
    MATRICES,
    Coding,
    change_depth,
    rgb_to_luma_codes,
    rgb_to_ycbcr,
    ycbcr_to_rgb,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from vidcolor.color.ycbcr import Matrix
    from vidcolor.imaging.types import FloatArray, Plane
    from vidcolor.options import GrayFrom

BT709 = MATRICES["bt709"]
"""Matrix of luma that is computed from R'G'B'."""
JFIF = MATRICES["bt470bg"]
"""Matrix of JPEG. JFIF prescribes BT.601 for every image size."""

_BAND_ROWS = 128
"""Maximum number of rows per band. Bands limit the memory of float copies of large scans."""
_MAX_LUMA_ERROR = 0.48
"""Maximum error of luma from rounding three channels, in codes. Beyond it, blue is changed by one
code. With errors of almost 0.5, programs that compute in float32 could round luma to another
code."""


def row_bands(height: int) -> Iterator[slice]:
    """Yield slices of at most `_BAND_ROWS` rows that cover an image of `height` rows."""
    for top in range(0, height, _BAND_ROWS):
        yield slice(top, min(top + _BAND_ROWS, height))


def rgb_to_gray(
    rgb: NDArray[Any], gray_from: GrayFrom, matrix: Matrix, bits: int, target_bits: int
) -> Plane:
    """Convert (H, W, 3) R'G'B' of `bits` bits to the gray plane that is colorized, rounded once.

    `gray_from` is ``luma``, the name of a channel, or ``lightest`` for the maximum of the three.
    """
    if gray_from == "lightest":
        return convert_depth(rgb.max(axis=-1), bits, target_bits)
    if gray_from != "luma":
        channel = rgb[..., ("red", "green", "blue").index(gray_from)]
        return convert_depth(np.ascontiguousarray(channel), bits, target_bits)
    luma: Plane = np.empty(rgb.shape[:2], np.uint8 if target_bits <= 8 else np.uint16)
    for rows in row_bands(rgb.shape[0]):
        luma[rows] = rgb_to_luma_codes(rgb[rows], matrix, bits, target_bits)
    return luma


def jfif_to_rgb(ycbcr: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Convert Y'CbCr of JFIF to R'G'B', rounded once: (H, W, 3) uint8 to (H, W, 3) uint8."""
    out = np.empty_like(ycbcr)
    for rows in row_bands(ycbcr.shape[0]):
        y, cb, cr = (ycbcr[rows, :, i].astype(np.float32) for i in range(3))
        rgb = ycbcr_to_rgb(y, cb - 128, cr - 128, JFIF)
        out[rows] = np.clip(np.rint(rgb), 0, 255)
    return out


def compose_rgb_with_luma(
    luma: Plane, cb: FloatArray, cr: FloatArray, matrix: Matrix, bits: int
) -> NDArray[Any]:
    """Compose R'G'B' whose rounded codes have exactly the given luma.

    Chroma is first scaled toward gray as far as needed so that no channel clips. Then each channel
    is rounded once. Where the sum of the three rounding errors approaches half a code of luma,
    blue, which has the smallest weight, is rounded in the other direction.

    `luma` is (H, W) code values of `bits` bits, `cb` and `cr` are (H, W) float32 in [-0.5, 0.5].

    Returns:
        (H, W, 3) with the dtype of `luma`; ``round(kr·R + kg·G + kb·B)`` equals `luma`.
    """
    top = (1 << bits) - 1
    weights = np.array([matrix.kr, matrix.kg, matrix.kb])
    out = np.empty((*luma.shape, 3), luma.dtype)
    for rows in row_bands(luma.shape[0]):
        # `limit_to_gamut` works in place, so chroma is copied here.
        unit = luma[rows].astype(np.float32) / np.float32(top)
        blue, red = cb[rows].astype(np.float32), cr[rows].astype(np.float32)
        limit_to_gamut(blue, red, unit, matrix)
        rgb = np.clip(np.rint(ycbcr_to_rgb(unit, blue, red, matrix) * top), 0, top)
        error = rgb.astype(np.float64) @ weights - luma[rows]
        rgb[..., 2] -= np.where(np.abs(error) > _MAX_LUMA_ERROR, np.sign(error), 0)
        out[rows] = rgb.astype(luma.dtype)
    return out


def convert_chroma_to_jfif(
    luma: Plane, cb: FloatArray, cr: FloatArray, matrix: Matrix, bits: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Convert chroma to Cb, Cr of JFIF (BT.601, full range), (H, W) uint8 each.

    With another matrix the same R', G', B' have a different luma, but the luma plane must not
    change. Therefore the differences between the channels, which carry hue and saturation, are
    kept, and R', G', B' themselves are not. The arguments are those of `compose_rgb_with_luma`.
    """
    planes = np.empty(luma.shape, np.uint8), np.empty(luma.shape, np.uint8)
    for rows in row_bands(luma.shape[0]):
        unit = luma[rows].astype(np.float32) / np.float32((1 << bits) - 1)
        blue, red = cb[rows].astype(np.float32), cr[rows].astype(np.float32)
        if matrix.kr != JFIF.kr:
            rgb = ycbcr_to_rgb(np.zeros_like(unit), blue, red, matrix)
            _, blue, red = rgb_to_ycbcr(rgb, JFIF)
        limit_to_gamut(blue, red, unit, JFIF)
        for plane, chroma in zip(planes, (blue, red), strict=True):
            plane[rows] = np.clip(np.rint(chroma * 255 + 128), 0, 255).astype(np.uint8)
    return planes


def convert_depth(plane: NDArray[Any], bits: int, target_bits: int) -> NDArray[Any]:
    """Convert full-range code values of any shape to another bit depth, rounded once.

    White maps to white. The result is uint8 or uint16, or `plane` itself if nothing changes.
    """
    if bits == target_bits:
        return plane
    out = np.empty(plane.shape, np.uint8 if target_bits <= 8 else np.uint16)
    for rows in row_bands(plane.shape[0]):
        out[rows] = change_depth(plane[rows], Coding(bits, full_range=True), target_bits)
    return out


def decode_16_bit_image(data: NDArray[np.uint8]) -> NDArray[np.uint16] | None:
    """Decode the contents of a 16-bit PNG with OpenCV; Pillow has no 16-bit R'G'B'.

    Returns:
        (H, W) gray, (H, W, 3) R'G'B' or (H, W, 4) with alpha, uint16; None if OpenCV cannot decode
        the file to 16 bits.
    """
    import cv2

    decoded = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.dtype != np.uint16:
        return None
    samples = np.asarray(decoded, np.uint16)
    if samples.ndim == 3 and samples.shape[-1] >= 3:
        # OpenCV returns B'G'R'.
        return samples[..., [2, 1, 0, *range(3, samples.shape[-1])]]
    return samples
