"""Composition of the chroma planes of a frame from predicted color and its luma.

a*, b* on a coarse grid → Cb, Cr for the luma of the grid → a linear model of luma → Cb, Cr for the
luma of each chroma sample → overlay → gamut compression.

The steps at full size process bands of rows, so that their intermediate planes are small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vidcolor.color.gamut import ab_to_cbcr, compress_to_gamut
from vidcolor.imaging.buffers import allocate
from vidcolor.imaging.chroma_upsampling import ChromaUpsampler
from vidcolor.imaging.guided_filter import GuidedUpsampler
from vidcolor.imaging.overlay import extend_color
from vidcolor.imaging.resize import resize_area, resize_for_scale, resize_linear

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vidcolor.color.ycbcr import Coding, Matrix
    from vidcolor.imaging.local_linear import LocalLinearModel
    from vidcolor.imaging.overlay import ColorOverlay
    from vidcolor.imaging.types import FloatArray, Plane

OVERLAY_RADIUS = 3
"""Radius of the guided filter that upsamples the alpha of an overlay, in pixels of the proxy."""
LEFT_SITED = 0.25
"""Offset of a left-sited chroma sample from the center of its two luma columns, to the left, in
chroma columns."""
BAND_PIXELS = 1 << 17
"""Approximate number of chroma samples that are processed together."""


def compose_chroma(
    ab: FloatArray,
    proxy: FloatArray,
    overlay: ColorOverlay | None,
    luma: Plane,
    coding: Coding,
    matrix: Matrix,
    subsampling: tuple[int, int],
    saturation: float,
) -> tuple[FloatArray, FloatArray]:
    """Compute Cb and Cr for the luma of a frame; see `Colorizer.make_chroma`.

    Args:
        ab: predicted a*, b* on a coarse grid: (2, h, w) float32.
        proxy: Y' of the whole frame: (H', W') float32 in [0, 1].
        overlay: color that is blended over the prediction, on any grid.
        luma: (H, W) code values.
        coding: bit depth and range of `luma`.
        matrix: matrix coefficients of the result.
        subsampling: log2 of luma samples per chroma sample, horizontal and vertical.
        saturation: gain of Cb and Cr.

    Returns:
        Cb, Cr: float32 in [-0.5, 0.5], of the size of the chroma planes (rounded up).
    """
    luma = _pad_to_cells(luma, subsampling)
    shape = luma.shape[0] >> subsampling[1], luma.shape[1] >> subsampling[0]
    left_offset = LEFT_SITED if subsampling[0] == 1 else 0.0
    # The conversion needs luma, and on the coarse grid it is cheapest.
    coarse_luma = resize_for_scale(proxy, ab.shape[1:])
    chroma = ab_to_cbcr(ab, coarse_luma, matrix)
    model = ChromaUpsampler().fit(chroma, coarse_luma).scale(saturation)
    model = model.resize(shape, left_offset)
    blender = None
    if overlay is not None:
        blender = _OverlayBlender(overlay, proxy, shape, left_offset, matrix, saturation)
    for rows in _split_into_bands(shape):
        guide = _make_guide(_select_luma(luma, rows, subsampling[1]), coding, subsampling)
        cb, cr = model.select_rows(rows).evaluate(guide)
        if blender is not None:
            blender.blend(rows, cb, cr, guide)
        compress_to_gamut(cb, cr, guide, matrix)
    return model.offsets[0], model.offsets[1]


class _OverlayBlender:
    """Blends the color of an overlay over the chroma planes, band by band."""

    def __init__(
        self,
        overlay: ColorOverlay,
        proxy: FloatArray,
        shape: tuple[int, int],
        left_offset: float,
        matrix: Matrix,
        saturation: float,
    ) -> None:
        # The filter spreads alpha by its window twice, and upsampling by a pixel.
        extended = extend_color(overlay, 2 * OVERLAY_RADIUS + 1)
        self._color = np.stack([resize_linear(plane, shape) for plane in extended])
        alpha = GuidedUpsampler(OVERLAY_RADIUS).fit(overlay.alpha[None], proxy)
        self._alpha: LocalLinearModel = alpha.resize(shape, left_offset)
        self._matrix, self._saturation = matrix, np.float32(saturation)

    def blend(self, rows: slice, cb: FloatArray, cr: FloatArray, guide: FloatArray) -> None:
        """Blend a band of the overlay over Cb, Cr, in place; all are (h, w) float32."""
        alpha = np.clip(self._alpha.select_rows(rows).evaluate(guide)[0], 0, 1)
        visible = np.nonzero(alpha)
        if not len(visible[0]):
            return
        alpha, ab = alpha[visible], np.stack([plane[rows][visible] for plane in self._color])
        color = ab_to_cbcr(ab, guide[visible], self._matrix) * self._saturation
        for plane, target in zip((cb, cr), color, strict=True):
            plane[visible] += alpha * (target - plane[visible])


def _split_into_bands(shape: tuple[int, int]) -> Iterator[slice]:
    height, width = shape
    # `compress_to_gamut` is fastest if the number of samples is a multiple of 8.
    band_rows = max(1, BAND_PIXELS // width // 8) * 8
    for top in range(0, height, band_rows):
        yield slice(top, min(top + band_rows, height))


def _select_luma(luma: Plane, rows: slice, down: int) -> Plane:
    """Return the rows of luma that belong to rows of the chroma planes."""
    return luma[rows.start << down : rows.stop << down]


def _pad_to_cells(luma: Plane, subsampling: tuple[int, int]) -> Plane:
    """Repeat the last row and column so that each chroma sample covers a complete cell."""
    across, down = subsampling
    rows, columns = -luma.shape[0] % (1 << down), -luma.shape[1] % (1 << across)
    return np.pad(luma, ((0, rows), (0, columns)), mode="edge") if rows or columns else luma


def _make_guide(luma: Plane, coding: Coding, subsampling: tuple[int, int]) -> FloatArray:
    """Average luma of complete cells around each chroma sample; return Y', float32 in [0, 1]."""
    # Horizontally, 4:2:0 and 4:2:2 chroma lies on every second luma column: H.273 chroma location
    # 0, "left", the default of H.264, H.265 and MPEG-2. Vertically it lies between two rows.
    import cv2

    across, down = subsampling
    shape = luma.shape[0] >> down, luma.shape[1] >> across
    cells = luma if shape == luma.shape else resize_area(luma, shape)
    if across != 1:
        return coding.luma_to_unit(cells)
    # A sample on a column averages that column and half of each neighbor. This is the mean of two
    # cells: of the column and the next one, and of the column and the one before.
    before = np.empty_like(cells)
    before[:, :1] = resize_area(luma[:, :1], (shape[0], 1))
    if shape[1] > 1:
        before[:, 1:] = resize_area(luma[:, 1:-1], (shape[0], shape[1] - 1))
    gain = 0.5 / coding.luma_span
    offset = -coding.black / coding.luma_span
    guide = allocate(shape)
    cv2.addWeighted(cells, gain, before, gain, offset, dst=guide, dtype=cv2.CV_32F)
    return np.clip(guide, 0, 1, out=guide)
