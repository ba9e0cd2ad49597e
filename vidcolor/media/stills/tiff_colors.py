"""Conversion of CMYK and CIELAB samples of TIFF (TIFF 6.0, Adobe, 1992) to R'G'B'."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vidcolor.color.lab import lab_to_rgb_array
from vidcolor.media.stills.rgb import row_bands

if TYPE_CHECKING:
    from numpy.typing import NDArray


def cmyk_to_rgb(codes: NDArray[Any]) -> NDArray[Any]:
    """Convert (H, W, 4) ink coverages, uint8 or uint16, to (H, W, 3) R'G'B' without a profile."""
    top = np.iinfo(codes.dtype).max
    out = np.empty((*codes.shape[:2], 3), codes.dtype)
    for rows in row_bands(len(codes)):
        light = np.uint64(top) - codes[rows].astype(np.uint64)
        out[rows] = (light[..., :3] * light[..., 3:] + top // 2) // top
    return out


def lab_to_rgb(codes: NDArray[Any], is_icc: bool) -> NDArray[Any]:
    """Convert (H, W, 3) L*, a*, b*, uint8 or uint16, to sRGB of the same depth.

    In CIELab (PhotometricInterpretation 8), a* and b* are signed. In ICCLab (9), they have an
    offset, and 16-bit L* ends at 0xFF00.
    """
    is_deep, top = codes.dtype == np.uint16, np.iinfo(codes.dtype).max
    white = 0xFF00 if is_icc and is_deep else top
    scale = np.float32(256 if is_deep else 1)
    out = np.empty_like(codes)
    for rows in row_bands(len(codes)):
        lightness = codes[rows, :, 0].astype(np.float32) * np.float32(100 / white)
        ab = codes[rows, :, 1:]
        signed = ab.astype(np.float32) - (top + 1) / 2 if is_icc else ab.view(f"i{codes.itemsize}")
        a, b = np.moveaxis(signed.astype(np.float32) / scale, -1, 0)
        rgb = np.clip(lab_to_rgb_array(lightness, a, b), 0, 1)
        out[rows] = np.rint(np.moveaxis(rgb, 0, -1) * top)
    return out
