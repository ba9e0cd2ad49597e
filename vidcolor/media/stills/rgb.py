"""From decoded pixels to luma, and from luma and chroma to R'G'B' whose luma is the same again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vidcolor.color.gamut import limit_to_gamut
from vidcolor.color.tint import Tint, classify_tint
from vidcolor.color.ycbcr import luma_of_rgb, rgb_of_ycbcr

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from vidcolor.color.ycbcr import Matrix, Plane
    from vidcolor.options import GrayFrom

    Floats = NDArray[np.float32]

_BAND = 128
"""Rows at a time: keeps the float copies of a large scan small."""
_TINT_SIDE = 64
# Three roundings weigh at most 0.5 of a code; nearer than this to it, one is turned round.
_LEAN = 0.48


def bands(height: int) -> Iterator[slice]:
    """Slices of rows that cover a picture."""
    for top in range(0, height, _BAND):
        yield slice(top, min(top + _BAND, height))


def gray_of_rgb(
    rgb: NDArray[Any], gray_from: GrayFrom, matrix: Matrix, bits: int, wanted: int
) -> Plane:
    """R'G'B' codes of `bits` (H, W, 3) -> the plane to work from, of `wanted`, rounded once."""
    if gray_from == "lightest":
        return to_depth(rgb.max(axis=-1), bits, wanted)
    if gray_from != "luma":
        channel = rgb[..., ("red", "green", "blue").index(gray_from)]
        return to_depth(np.ascontiguousarray(channel), bits, wanted)
    luma: Plane = np.empty(rgb.shape[:2], np.uint8 if wanted <= 8 else np.uint16)
    for rows in bands(rgb.shape[0]):
        luma[rows] = luma_of_rgb(rgb[rows], matrix, bits, wanted)
    return luma


def rgb_of_jpeg(ycc: NDArray[np.uint8], matrix: Matrix) -> NDArray[np.uint8]:
    """8-bit Y'CbCr of JFIF (H, W, 3) -> 8-bit R'G'B', rounded once."""
    out = np.empty_like(ycc)
    for rows in bands(ycc.shape[0]):
        y, cb, cr = (ycc[rows, :, i].astype(np.float32) for i in range(3))
        rgb = rgb_of_ycbcr(y, cb - 128, cr - 128, matrix)
        out[rows] = np.clip(np.rint(rgb), 0, 255)
    return out


def rgb_with_luma(luma: Plane, cb: Floats, cr: Floats, matrix: Matrix, bits: int) -> NDArray[Any]:
    """R'G'B' in whose rounded codes luma is still exactly the source's.

    Chroma is first drawn toward gray as far as no channel clips. Then each channel is rounded
    once; where the three errors together come near half a code of luma, blue, which weighs least,
    is rounded the other way.

    Args:
        luma: (H, W) code values, full range.
        cb: (H, W) float32 in [-0.5, 0.5].
        cr: the same.
        matrix: of all three.
        bits: significant bits of `luma` and of the result.

    Returns:
        (H, W, 3) of luma's dtype: ``round(kr·R + kg·G + kb·B)`` is `luma` everywhere.
    """
    top = (1 << bits) - 1
    weights = np.array([matrix.kr, matrix.kg, matrix.kb])
    out = np.empty((*luma.shape, 3), luma.dtype)
    for rows in bands(luma.shape[0]):
        unit = luma[rows].astype(np.float32) / np.float32(top)
        blue, red = cb[rows].astype(np.float32), cr[rows].astype(np.float32)
        limit_to_gamut(blue, red, unit, matrix)
        rgb = np.clip(np.rint(rgb_of_ycbcr(unit, blue, red, matrix) * top), 0, top)
        error = rgb.astype(np.float64) @ weights - luma[rows]
        rgb[..., 2] -= np.where(np.abs(error) > _LEAN, np.sign(error), 0)
        out[rows] = rgb.astype(luma.dtype)
    return out


def chroma_under_601(
    luma: Plane, cb: Floats, cr: Floats, still_matrix: Matrix, jfif: Matrix, bits: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """8-bit Cb, Cr of JFIF (BT.601, full range) for the same color differences.

    Under another matrix the same R', G', B' have another luma; the plane itself stays, so what is
    kept is the differences between the channels: hue and saturation, not a fraction of lightness.

    Args:
        luma: (H, W) code values.
        cb: (H, W) float32 in [-0.5, 0.5], relative to `still_matrix`.
        cr: the same.
        still_matrix: matrix of the still.
        jfif: the matrix of the file.
        bits: significant bits of `luma`.
    """
    shape = luma.shape
    planes = np.empty(shape, np.uint8), np.empty(shape, np.uint8)
    for rows in bands(shape[0]):
        unit = luma[rows].astype(np.float32) / np.float32((1 << bits) - 1)
        blue, red = cb[rows].astype(np.float32), cr[rows].astype(np.float32)
        if still_matrix.kr != jfif.kr:
            rgb = rgb_of_ycbcr(np.zeros_like(unit), blue, red, still_matrix)
            y = rgb @ np.array([jfif.kr, jfif.kg, jfif.kb], np.float32)
            blue = (rgb[..., 2] - y) / np.float32(2 * (1 - jfif.kb))
            red = (rgb[..., 0] - y) / np.float32(2 * (1 - jfif.kr))
        limit_to_gamut(blue, red, unit, jfif)
        for plane, chroma in zip(planes, (blue, red), strict=True):
            plane[rows] = np.clip(np.rint(chroma * 255 + 128), 0, 255).astype(np.uint8)
    return planes


def tint_of(pixels: NDArray[Any], kind: str, matrix: Matrix, bits: int) -> Tint:
    """Gray, tinted or in color, judged on a coarse copy, where noise averages out.

    See `classify_tint` for the measure.

    Args:
        pixels: (H, W) gray, or (H, W, 3) R'G'B' (`kind` ``rgb``) or Y'CbCr (``ycc``).
        kind: as in `Picture`.
        matrix: of R'G'B'.
        bits: significant bits.
    """
    if kind == "gray":
        return "gray"
    import cv2

    step = max(1, min(pixels.shape[:2]) // (16 * _TINT_SIDE))
    thin = np.ascontiguousarray(pixels[::step, ::step])
    small = cv2.resize(thin, (_TINT_SIDE, _TINT_SIDE), interpolation=cv2.INTER_AREA)
    unit = small.reshape(-1, 3).astype(np.float32) / ((1 << bits) - 1)
    if kind == "ycc":
        return classify_tint(unit[:, 0], unit[:, 1:] - np.float32(128 / 255))
    y = unit @ np.array([matrix.kr, matrix.kg, matrix.kb], np.float32)
    cb, cr = (unit[:, 2] - y) / (2 * (1 - matrix.kb)), (unit[:, 0] - y) / (2 * (1 - matrix.kr))
    return classify_tint(y, np.stack([cb, cr], axis=-1))


def small_rgb(
    pixels: NDArray[Any], kind: str, jfif: Matrix, bits: int, short_side: int
) -> NDArray[np.uint8]:
    """A picture averaged down, as R'G'B' of 8 bits: (h, w, 3).

    Args:
        pixels: (H, W) gray, or (H, W, 3) R'G'B' (`kind` ``rgb``) or Y'CbCr (``ycc``).
        kind: as in `Picture`.
        jfif: matrix of Y'CbCr.
        bits: significant bits.
        short_side: of the result at most, in pixels.
    """
    import cv2

    height, width = pixels.shape[:2]
    scale = min(1.0, short_side / min(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(np.ascontiguousarray(pixels), size, interpolation=cv2.INTER_AREA)
    codes = to_8_bits(np.asarray(small).reshape(size[1], size[0], -1), bits)
    if kind == "gray":
        return np.repeat(codes, 3, axis=-1)
    return rgb_of_jpeg(codes, jfif) if kind == "ycc" else codes


def to_8_bits(plane: NDArray[Any], bits: int) -> NDArray[np.uint8]:
    """Code values of any depth -> the nearest of 256; unchanged where there are 8 bits."""
    return to_depth(plane, bits, 8).astype(np.uint8)


def to_depth(plane: NDArray[Any], bits: int, wanted: int) -> NDArray[Any]:
    """Full-range code values at another depth, white to white, rounded once."""
    if bits == wanted:
        return plane
    out = np.empty(plane.shape, np.uint8 if wanted <= 8 else np.uint16)
    scale = np.float64(((1 << wanted) - 1) / ((1 << bits) - 1))
    for rows in bands(plane.shape[0]):
        out[rows] = np.rint(plane[rows] * scale)
    return out
