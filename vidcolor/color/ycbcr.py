"""Y'CbCr as video stores it: matrices, ranges and bit depths (ITU-T H.273, ITU-R BT.601/709/2020).

Luma here is always the recorded code value; nothing in this module rounds it unless a change of
depth was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.unsignedinteger[Any]]
    """Code values: uint8 up to 8 bits, uint16 above."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """Luma weights of R', G', B'; H.273 calls this the matrix coefficients."""

    name: str
    code: int
    """H.273 `MatrixCoefficients`."""
    kr: float
    kb: float

    @property
    def kg(self) -> float:
        """The weight of G'."""
        return 1.0 - self.kr - self.kb


MATRICES = {
    "bt709": Matrix("bt709", 1, 0.2126, 0.0722),
    "fcc": Matrix("fcc", 4, 0.30, 0.11),
    "bt470bg": Matrix("bt470bg", 5, 0.299, 0.114),
    "smpte170m": Matrix("smpte170m", 6, 0.299, 0.114),
    "smpte240m": Matrix("smpte240m", 7, 0.212, 0.087),
    "bt2020nc": Matrix("bt2020nc", 9, 0.2627, 0.0593),
}
"""The matrices that video carries, by FFmpeg's names."""

_BY_CODE = {m.code: m for m in MATRICES.values()}
HD_HEIGHT = 720
"""Lines from which untagged video is taken for BT.709 by players, and so by us."""


def matrix_from_code(code: int) -> Matrix | None:
    """The matrix of an H.273 code, or None if it names none that we can compute with."""
    return _BY_CODE.get(code)


def guess_matrix(width: int, height: int) -> Matrix:
    """What players assume of an untagged picture of this size: BT.601 for SD, BT.709 above."""
    hd = height >= HD_HEIGHT or width >= 1280
    return MATRICES["bt709" if hd else "smpte170m"]


@dataclass(frozen=True, slots=True)
class Coding:
    """How code values stand for Y' in [0, 1] and Cb, Cr in [-0.5, 0.5]."""

    bits: int
    full_range: bool

    @property
    def dtype(self) -> type[np.unsignedinteger[Any]]:
        """The array type that holds one code value."""
        return np.uint8 if self.bits <= 8 else np.uint16

    @property
    def black(self) -> int:
        """The code value of Y' = 0."""
        return 0 if self.full_range else 16 << (self.bits - 8)

    @property
    def luma_span(self) -> int:
        """Code values from black to white."""
        return (1 << self.bits) - 1 if self.full_range else 219 << (self.bits - 8)

    @property
    def neutral(self) -> int:
        """The code value of Cb = Cr = 0."""
        return 1 << (self.bits - 1)

    @property
    def chroma_span(self) -> int:
        """Code values from Cb = -0.5 to Cb = 0.5."""
        return (1 << self.bits) - 1 if self.full_range else 224 << (self.bits - 8)

    def luma_to_unit(self, luma: NDArray[Any]) -> NDArray[np.float32]:
        """Code values of any shape -> Y', float32 clipped to [0, 1]."""
        unit = luma.astype(np.float32)
        unit -= np.float32(self.black)
        unit /= np.float32(self.luma_span)
        return np.clip(unit, 0.0, 1.0, out=unit)

    def unit_to_luma(self, unit: NDArray[np.float32]) -> Plane:
        """Y' in [0, 1] -> the nearest code values."""
        codes = np.rint(unit * self.luma_span + self.black)
        top = (1 << self.bits) - 1
        plane: Plane = np.clip(codes, 0, top).astype(self.dtype)
        return plane

    def chroma_to_codes(self, chroma: NDArray[np.float32]) -> Plane:
        """Cb or Cr in [-0.5, 0.5] -> the nearest code values, inside the range's limits."""
        half = self.chroma_span / 2
        codes = chroma * np.float32(self.chroma_span)
        codes += np.float32(self.neutral)
        low, high = max(0, int(self.neutral - half)), int(self.neutral + half)
        top = min(high, (1 << self.bits) - 1)
        np.clip(np.rint(codes, out=codes), low, top, out=codes)
        plane: Plane = codes.astype(self.dtype)
        return plane


def change_depth(luma: Plane, source: Coding, bits: int) -> Plane:
    """Luma at another bit depth of the same range.

    Upwards it is exact and can be undone: limited range shifts (BT.709 defines the deeper codes
    so), full range maps white to white. Downwards it rounds to the nearest code.
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
    lowered: Plane = np.minimum(rounded, (1 << bits) - 1).astype(target.dtype)
    return lowered


def recode(luma: Plane, source: Coding, target: Coding) -> Plane:
    """Luma in another coding. Of the same range: see `change_depth`.

    From one range to the other black goes to black and white to white, rounded once; from full to
    limited with more bits every code keeps a code of its own. What limited range holds beyond
    black and white is lost in full range.
    """
    if source.full_range == target.full_range:
        return change_depth(luma, source, target.bits)
    return target.unit_to_luma(source.luma_to_unit(luma))


def luma_of_rgb(rgb: NDArray[Any], matrix: Matrix, bits_in: int, bits_out: int) -> Plane:
    """R'G'B' code values (H, W, 3), full range -> full-range Y' plane (H, W).

    Rounded once. Where R' = G' = B' and the depth is kept, the code value itself comes out.
    """
    weights = np.array([matrix.kr, matrix.kg, matrix.kb], dtype=np.float64)
    scale = ((1 << bits_out) - 1) / ((1 << bits_in) - 1)
    y = rgb.astype(np.float32) @ (weights * scale).astype(np.float32)
    plane: Plane = np.rint(y).astype(np.uint8 if bits_out <= 8 else np.uint16)
    return plane


def rgb_of_ycbcr(
    luma: NDArray[np.float32], cb: NDArray[np.float32], cr: NDArray[np.float32], matrix: Matrix
) -> NDArray[np.float32]:
    """Y' in [0, 1], Cb and Cr in [-0.5, 0.5], all (H, W) -> R'G'B' (H, W, 3), unclipped."""
    red = luma + 2 * (1 - matrix.kr) * cr
    blue = luma + 2 * (1 - matrix.kb) * cb
    green = (luma - matrix.kr * red - matrix.kb * blue) / matrix.kg
    return np.stack([red, green, blue], axis=-1)
