"""Y'CbCr code values of video: matrices, ranges and bit depths (ITU-T H.273, BT.601/709/2020).

Luma stays the recorded code value. It is rounded only by functions that convert it to another bit
depth or range.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidcolor.imaging.types import FloatArray, Plane

    Float = TypeVar("Float", bound=np.floating[Any])
    Component = TypeVar("Component", float, FloatArray)

HD_HEIGHT = 720
HD_WIDTH = 1280
"""Minimum height or width, in pixels, from which players assume that untagged video is BT.709."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """Luma weights kr, kg and kb of R', G' and B', which H.273 calls matrix coefficients."""

    name: str
    """FFmpeg's name."""
    code: int
    """`MatrixCoefficients` of H.273."""
    kr: float
    kb: float

    @property
    def kg(self) -> float:
        """Weight of G'."""
        return 1.0 - self.kr - self.kb


MATRICES = {
    "bt709": Matrix("bt709", 1, 0.2126, 0.0722),
    "fcc": Matrix("fcc", 4, 0.30, 0.11),
    "bt470bg": Matrix("bt470bg", 5, 0.299, 0.114),
    "smpte170m": Matrix("smpte170m", 6, 0.299, 0.114),
    "smpte240m": Matrix("smpte240m", 7, 0.212, 0.087),
    "bt2020nc": Matrix("bt2020nc", 9, 0.2627, 0.0593),
}


def get_matrix(code: int) -> Matrix | None:
    """Return the matrix with an H.273 code, or None if it is unspecified or not supported."""
    return next((matrix for matrix in MATRICES.values() if matrix.code == code), None)


def get_default_matrix(width: int, height: int) -> Matrix:
    """Return the matrix that players assume for untagged video: BT.601 for SD, BT.709 for HD."""
    hd = height >= HD_HEIGHT or width >= HD_WIDTH
    return MATRICES["bt709" if hd else "smpte170m"]


@dataclass(frozen=True, slots=True)
class Coding:
    """The relation of code values to Y' in [0, 1] and to Cb, Cr in [-0.5, 0.5]."""

    bits: int
    """Bit depth, 8 to 16."""
    full_range: bool
    """Whether black and white are the lowest and the highest code value."""

    @property
    def dtype(self) -> type[np.unsignedinteger[Any]]:
        """Array type of code values."""
        return np.uint8 if self.bits <= 8 else np.uint16

    @property
    def black(self) -> int:
        """Code value of Y' = 0."""
        return 0 if self.full_range else 16 << (self.bits - 8)

    @property
    def luma_span(self) -> int:
        """Difference of the code values of Y' = 1 and Y' = 0."""
        return (1 << self.bits) - 1 if self.full_range else 219 << (self.bits - 8)

    @property
    def neutral(self) -> int:
        """Code value of Cb = Cr = 0."""
        return 1 << (self.bits - 1)

    @property
    def chroma_span(self) -> int:
        """Difference of the code values of Cb = 0.5 and Cb = -0.5."""
        return (1 << self.bits) - 1 if self.full_range else 224 << (self.bits - 8)

    def luma_to_unit(self, luma: NDArray[Any]) -> FloatArray:
        """Convert code values of any shape to Y', float32 clipped to [0, 1]."""
        unit = luma.astype(np.float32)
        unit -= np.float32(self.black)
        unit /= np.float32(self.luma_span)
        return np.clip(unit, 0.0, 1.0, out=unit)

    def unit_to_luma(self, unit: FloatArray) -> Plane:
        """Convert Y' in [0, 1], any shape, to the nearest code values."""
        codes = np.rint(unit * self.luma_span + self.black)
        top = (1 << self.bits) - 1
        plane: Plane = np.clip(codes, 0, top).astype(self.dtype)
        return plane

    def chroma_to_codes(self, chroma: FloatArray) -> Plane:
        """Convert Cb or Cr in [-0.5, 0.5], any shape, to the nearest valid code values."""
        import cv2

        half = self.chroma_span / 2
        low, high = max(0, int(self.neutral - half)), int(self.neutral + half)
        depth = cv2.CV_8U if self.bits <= 8 else cv2.CV_16U
        # One pass scales, rounds and saturates.
        codes = cv2.addWeighted(chroma, self.chroma_span, chroma, 0, self.neutral, dtype=depth)
        plane: Plane = np.asarray(codes, self.dtype).reshape(chroma.shape)
        np.clip(plane, low, min(high, (1 << self.bits) - 1), out=plane)
        return plane


def change_depth(luma: Plane, source: Coding, bits: int) -> Plane:
    """Convert luma of any shape to a different bit depth, 8 to 16, of the same range.

    A greater depth is reversible. In limited range, BT.709 defines the deeper codes as multiples,
    so the conversion is a shift. In full range, white maps to white. A smaller depth rounds to the
    nearest code.
    """
    if bits == source.bits:
        return luma
    target = Coding(bits, source.full_range)
    if source.full_range:
        scale = target.luma_span / source.luma_span
        plane: Plane = np.rint(luma * scale).astype(target.dtype)
        return plane
    if bits > source.bits:
        raised: Plane = luma.astype(np.uint16) << np.uint16(bits - source.bits)
        return raised
    shift = source.bits - bits
    rounded = (luma.astype(np.uint32) + (1 << (shift - 1))) >> shift
    # Rounding can carry beyond the highest code.
    lowered: Plane = np.minimum(rounded, (1 << bits) - 1).astype(target.dtype)
    return lowered


def recode(luma: Plane, source: Coding, target: Coding) -> Plane:
    """Convert luma to a different coding.

    If the range does not change, this is `change_depth`. Otherwise black maps to black and white to
    white, with one rounding. From full to limited range with more bits, distinct codes stay
    distinct. From limited to full range, codes beyond black and white are clipped.
    """
    if source.full_range == target.full_range:
        return change_depth(luma, source, target.bits)
    return np.take(_make_range_table(source, target), luma, mode="clip")


@lru_cache(maxsize=8)
def _make_range_table(source: Coding, target: Coding) -> Plane:
    """Return the code in `target` for each code in `source`, computed in double precision."""
    unit = (np.arange(1 << source.bits) - source.black) / source.luma_span
    codes = np.rint(np.clip(unit, 0, 1) * target.luma_span + target.black)
    table: Plane = codes.astype(target.dtype)
    table.flags.writeable = False
    return table


def rgb_to_luma_codes(
    rgb: NDArray[Any], matrix: Matrix, bits_in: int, bits_out: int, full_range: bool = True
) -> Plane:
    """Compute the (H, W) Y' codes of full-range (H, W, 3) R'G'B' codes, rounded once.

    Where R' = G' = B' and neither depth nor range changes, the result is that code value.
    """
    weights = np.array([matrix.kr, matrix.kg, matrix.kb], dtype=np.float64)
    coding = Coding(bits_out, full_range)
    scale = coding.luma_span / ((1 << bits_in) - 1)
    y = rgb.astype(np.float32) @ (weights * scale).astype(np.float32)
    y += np.float32(coding.black)
    plane: Plane = np.rint(y, out=y).astype(coding.dtype)
    return plane


def rgb_to_luma(rgb: NDArray[Float], matrix: Matrix) -> NDArray[Float]:
    """Compute Y' of R'G'B', (..., 3) float, without rounding."""
    return rgb @ np.array([matrix.kr, matrix.kg, matrix.kb], rgb.dtype)


def rgb_to_ycbcr(
    rgb: NDArray[Float], matrix: Matrix
) -> tuple[NDArray[Float], NDArray[Float], NDArray[Float]]:
    """Convert R'G'B' in [0, 1], (..., 3) float, to Y' and to Cb, Cr in [-0.5, 0.5], each (...)."""
    y = rgb_to_luma(rgb, matrix)
    cb = (rgb[..., 2] - y) / (2 * (1 - matrix.kb))
    cr = (rgb[..., 0] - y) / (2 * (1 - matrix.kr))
    # A Python float divisor keeps the dtype, which NumPy's type stubs do not express.
    return y, cast("NDArray[Float]", cb), cast("NDArray[Float]", cr)


def planes_to_ycbcr(
    red: Component, green: Component, blue: Component, matrix: Matrix
) -> tuple[Component, Component, Component]:
    """Convert separate R', G', B' planes, or three numbers, like `rgb_to_ycbcr`.

    The matrix product in `rgb_to_ycbcr` may fuse its multiplications and additions. The sum here
    does not, so the last bits can differ; each caller depends on the bits of its version.
    """
    y = matrix.kr * red + matrix.kg * green + matrix.kb * blue
    return y, (blue - y) / (2 * (1 - matrix.kb)), (red - y) / (2 * (1 - matrix.kr))


def ycbcr_to_rgb(luma: FloatArray, cb: FloatArray, cr: FloatArray, matrix: Matrix) -> FloatArray:
    """Convert Y' and Cb, Cr, each (H, W), to R'G'B' (H, W, 3); not clipped."""
    red = luma + 2 * (1 - matrix.kr) * cr
    blue = luma + 2 * (1 - matrix.kb) * cb
    green = (luma - matrix.kr * red - matrix.kb * blue) / matrix.kg
    return np.stack([red, green, blue], axis=-1)
