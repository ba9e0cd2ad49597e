"""What a still picture is here: its luma, and what has to come out with it again."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

from vidcolor.color.tint import Tint
from vidcolor.color.ycbcr import Coding
from vidcolor.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from vidcolor.color.ycbcr import Matrix, Plane


_UNDEFINED = 0xFFFFFFFF
_FINEST_ASPECT = 1000

OWN_COLOR_SIDE = 256
"""Pixels; generators look at no more."""
MAX_PIXELS = 300_000_000
"""Larger pictures are refused before anything is decoded; a scan of 20000×12000 is within it."""


@dataclass(frozen=True, slots=True)
class StillMetadata:
    """What a picture file says besides pixels, as bytes wherever the bytes can be kept."""

    exif: bytes | None = None
    """A TIFF structure, without the ``Exif\\0\\0`` that JPEG puts in front of it."""
    icc: bytes | None = None
    xmp: bytes | None = None
    """One packet; without the extension that JPEG may have in further segments."""
    dpi: tuple[float, float] | None = None
    photoshop: bytes | None = None
    """Photoshop image resources, which hold the IPTC-IIM captions of press pictures."""
    iptc: bytes | None = None
    """IPTC-IIM on its own, as TIFF has it."""
    jpeg_segments: tuple[tuple[int, bytes], ...] = ()
    """Marker and payload of other JPEG segments (comments, extended XMP, makers' own)."""
    jpeg_luma_table: tuple[int, ...] | None = None
    """The source's quantization steps for luma, 64 in Pillow's order: a second coding with the
    same steps changes next to nothing."""
    png_chunks: tuple[tuple[bytes, bytes], ...] = ()
    """Name and data of other PNG chunks (texts, gamma, time)."""
    dpx_header: bytes | None = None
    exr_attributes: tuple[tuple[bytes, bytes, bytes], ...] = ()
    """Name, type and value of the header's attributes that do not describe the coding."""
    premultiplied: bool = False
    """Alpha is associated: the color values are already weighted with it."""
    compressed: bool = True
    """The source's TIFF strips were compressed."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """What a decoder hands over, before luma is taken from it."""

    pixels: NDArray[Any]
    """Code values: (H, W) gray, or (H, W, 3) in the order that `kind` says."""
    kind: Literal["gray", "rgb", "ycc"]
    bits: int
    format: str
    alpha: Plane | None = None
    metadata: StillMetadata = field(default_factory=StillMetadata)
    warnings: tuple[str, ...] = ()
    lossless: bool = True
    jpeg: bytes | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Still:
    """One picture: luma as recorded, and what must survive. Pixels are never rotated."""

    path: Path
    luma: Plane
    """(H, W) uint8 or uint16 code values, full range, `bits` significant bits."""
    bits: int
    """8 or 16; 10 and 12 from DPX."""
    matrix: Matrix
    """Of `luma`, and of the Cb, Cr that go with it: BT.601 for JPEG, BT.709 for RGB and gray."""
    tint: Tint
    """Whether the source was gray, of one hue (sepia, toning), or in color already."""
    format: str
    """``jpeg``, ``png``, ``tiff``, ``webp``, ``bmp``, ``dpx`` or ``exr``."""
    orientation: int = 1
    """EXIF orientation, 1-8: how a viewer turns the pixels."""
    alpha: Plane | None = None
    """(H, W), of luma's dtype and depth."""
    lossless: bool = True
    """Whether the source's own coding was lossless."""
    metadata: StillMetadata = field(default_factory=StillMetadata)
    warnings: tuple[str, ...] = ()
    """What the user should be told about this source."""
    jpeg: bytes | None = field(default=None, repr=False)
    """The source file, if it is a gray JPEG: its luma can be copied without decoding."""
    own_color: NDArray[np.uint8] | None = field(default=None, repr=False)
    """The source's R'G'B', turned as luma is, averaged down to a short side of at most
    `OWN_COLOR_SIDE`: (h, w, 3). None unless `read_still` is asked for it."""

    def __post_init__(self) -> None:
        if self.luma.ndim != 2:
            raise ValueError(f"luma must be (H, W): {self.luma.shape=}")
        if self.luma.dtype != self.coding.dtype:
            raise ValueError(f"{self.bits=} does not go with {self.luma.dtype=}")
        if self.alpha is not None and self.alpha.shape != self.luma.shape:
            raise ValueError(f"{self.alpha.shape=} differs from {self.luma.shape=}")

    @property
    def full_range(self) -> bool:
        """Pictures use every code value."""
        return True

    @property
    def coding(self) -> Coding:
        """Depth and range, as the color functions want them."""
        return Coding(self.bits, full_range=True)

    @property
    def pixel_aspect(self) -> Fraction | None:
        """Width of a pixel over its height, where a scan's header says that it is not square."""
        said = self.metadata
        aspect = Fraction(0)
        if said.dpx_header is not None:
            across, down = struct.unpack(_order(said.dpx_header) + "II", said.dpx_header[1628:1636])
            if _UNDEFINED not in (across, down) and down:
                aspect = Fraction(across, down)
        for name, _, value in said.exr_attributes:
            if name == b"pixelAspectRatio":
                aspect = Fraction(struct.unpack("<f", value)[0]).limit_denominator(_FINEST_ASPECT)
        return aspect if 0 < aspect != 1 else None

    @property
    def timecode(self) -> str | None:
        """SMPTE time code of a DPX frame, ``01:00:00:00``; drop frame is not told apart."""
        header = self.metadata.dpx_header
        if header is None:
            return None
        (code,) = struct.unpack(_order(header) + "I", header[1920:1924])
        digits = f"{code:08x}"
        if code == _UNDEFINED or not digits.isdecimal():
            return None
        return ":".join(digits[n : n + 2] for n in range(0, 8, 2))

    @property
    def luma_unit(self) -> NDArray[np.float32]:
        """Luma as (H, W) float32 in [0, 1]."""
        return self.coding.luma_to_unit(self.luma)


def _order(dpx_header: bytes) -> str:
    return ">" if dpx_header[:4] == b"SDPX" else "<"


def check_size(path: Path, width: int, height: int) -> None:
    """Refuse a picture by its declared size, before memory is spent on it.

    Raises:
        InputError: it has no pixels, or more than `MAX_PIXELS`.
    """
    if width < 1 or height < 1:
        raise InputError(f"{path}: declares a size of {width}×{height}; it is damaged")
    if width * height > MAX_PIXELS:
        raise InputError(
            f"{path}: declares {width}×{height} pixels, more than {MAX_PIXELS // 10**6} million; "
            "cut it into parts, or scale it down"
        )
