"""Types of still images: decoded samples, a still with luma and metadata, and a file format."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from vidcolor.color.tint import Tint
from vidcolor.color.ycbcr import Coding
from vidcolor.errors import InputError
from vidcolor.media.stills.rgb import compose_rgb_with_luma, convert_depth

if TYPE_CHECKING:
    import re
    from collections.abc import Callable
    from fractions import Fraction
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL import Image

    from vidcolor.color.ycbcr import Matrix
    from vidcolor.imaging.types import FloatArray, Plane

ColorModel = Literal["gray", "rgb", "ycbcr"]
"""Meaning of decoded samples: gray, R'G'B', or Y'CbCr as coded in a JPEG."""

DEFAULT_QUALITY = 95
"""Quality of JPEG and lossy WebP, 1-100, if none is given."""
DEFLATE_LEVEL = 3
"""Deflate level of PNG and TIFF, 0-9. Level 6 takes three times as long and saves 10 %."""
SOURCE_RGB_SHORT_SIDE = 256
"""Maximum short side of `Still.source_rgb`, in pixels. Generators do not use larger input."""
MAX_PIXELS = 300_000_000
"""Maximum number of pixels of an image. Larger images are refused before they are decoded. A scan
of 20000×12000 is accepted."""


@dataclass(frozen=True, slots=True)
class StillMetadata:
    """Metadata of an image file, kept as raw bytes where possible."""

    exif: bytes | None = None
    """EXIF as a TIFF structure, without the ``Exif\\0\\0`` prefix of JPEG."""
    icc: bytes | None = None
    """ICC profile, without the chunk or segment headers of the file."""
    xmp: bytes | None = None
    """One XMP packet. JPEG's extended XMP stays in `jpeg_segments`."""
    dpi: tuple[float, float] | None = None
    """Horizontal and vertical resolution, in dots per inch."""
    photoshop: bytes | None = None
    """Photoshop image resources, which hold the IPTC-IIM captions of press photos."""
    iptc: bytes | None = None
    """IPTC-IIM captions that a TIFF stores under a separate tag."""
    jpeg_segments: tuple[tuple[int, bytes], ...] = ()
    """Marker and payload of other JPEG segments: comments, extended XMP, vendor data."""
    jpeg_luma_table: tuple[int, ...] | None = None
    """Luma quantization steps of a JPEG source: 64 values in Pillow's order. If luma is encoded
    with the same steps again, it changes only slightly."""
    png_chunks: tuple[tuple[bytes, bytes], ...] = ()
    """Name and data of other PNG chunks, such as text, gamma and time."""
    dpx_header: bytes | None = None
    """DPX header, followed by the user-defined data of the source."""
    exr_attributes: tuple[tuple[bytes, bytes, bytes], ...] = ()
    """Name, type and value of the OpenEXR attributes that do not describe the coding."""
    pixel_aspect: Fraction | None = None
    """Width of a pixel divided by its height, from a DPX or OpenEXR header; None if square."""
    timecode: str | None = None
    """SMPTE timecode of a DPX frame, such as ``01:00:00:00``. A drop-frame flag is not kept."""
    premultiplied: bool = False
    """Whether the color values are premultiplied with alpha."""
    compressed: bool = True
    """Whether the strips of a TIFF source are compressed."""


@dataclass(frozen=True, slots=True, eq=False)
class DecodedImage:
    """The samples of an image file before luma is extracted."""

    pixels: NDArray[Any]
    """Code values: (H, W) gray, or (H, W, 3) in the order of `color_model`."""
    color_model: ColorModel
    """Meaning of the last axis of `pixels`."""
    bits: int
    """Bit depth of `pixels`: uint8 for 8 bits, else uint16."""
    format: str
    """Name of the file format, as in `StillFormat.name`."""
    alpha: Plane | None = None
    """(H, W), with the dtype and bit depth of `pixels`."""
    metadata: StillMetadata = field(default_factory=StillMetadata)
    """Metadata of the file."""
    warnings: tuple[str, ...] = ()
    """Warnings about the file, for the user."""
    lossless: bool = True
    """Whether the file's coding is lossless."""
    jpeg_data: bytes | None = None
    """Contents of the file, if it is a gray JPEG whose coded luma can be copied."""

    @classmethod
    def from_samples(cls, samples: NDArray[Any], format_name: str, bits: int) -> DecodedImage:
        """Split interleaved samples into color and alpha.

        Args:
            samples: (H, W) gray, or (H, W, n): gray with alpha (2), R'G'B' (3), or R'G'B' with
                alpha (4); uint8 or uint16 in any byte order.
            format_name: name of the file format.
            bits: bit depth of the samples.
        """
        samples = samples.astype(samples.dtype.newbyteorder("="), copy=False)
        if samples.ndim == 2:
            return cls(samples, "gray", bits, format_name)
        colors = 3 if samples.shape[-1] >= 3 else 1
        alpha = np.ascontiguousarray(samples[..., colors]) if samples.shape[-1] > colors else None
        if colors == 1:
            return cls(np.ascontiguousarray(samples[..., 0]), "gray", bits, format_name, alpha)
        return cls(np.ascontiguousarray(samples[..., :3]), "rgb", bits, format_name, alpha)

    @classmethod
    def from_pillow(cls, image: Image.Image, format_name: str) -> DecodedImage:
        """Convert a Pillow image of any 8-bit mode to gray or R'G'B', with alpha if it has one."""
        image.load()
        has_transparency = "transparency" in image.info
        if image.mode == "1" or (image.mode == "L" and not has_transparency):
            mode = "L"
        elif image.mode in ("LA", "L"):
            mode = "LA"
        elif has_transparency or image.mode in ("RGBA", "PA", "RGBa"):
            mode = "RGBA"
        else:
            mode = "RGB"
        return cls.from_samples(np.asarray(image.convert(mode)), format_name, 8)


# eq=False, because the comparison of arrays has no single truth value.
@dataclass(frozen=True, slots=True, eq=False)
class Still:
    """A still image: its luma as stored, and all data that the result must preserve."""

    path: Path
    """Path of the source, which must not be overwritten."""
    luma: Plane
    """(H, W) uint8 or uint16 full-range code values of `bits` bits, in the stored orientation."""
    bits: int
    """Bit depth of the code values: 8 or 16; also 10 or 12 for DPX."""
    matrix: Matrix
    """Matrix of `luma` and of the chroma to encode: BT.601 for JPEG, BT.709 for RGB and gray."""
    tint: Tint
    """Whether the source is gray, tinted in one hue (sepia, toning), or in color."""
    format: str
    """``jpeg``, ``png``, ``tiff``, ``webp``, ``bmp``, ``dpx`` or ``exr``."""
    orientation: int = 1
    """EXIF orientation, 1-8."""
    alpha: Plane | None = None
    """(H, W), with the dtype and bit depth of `luma`."""
    lossless: bool = True
    """Whether the source's coding is lossless."""
    metadata: StillMetadata = field(default_factory=StillMetadata)
    """Metadata of the source."""
    warnings: tuple[str, ...] = ()
    """Warnings about the source, for the user."""
    jpeg_data: bytes | None = field(default=None, repr=False)
    """Contents of the source, if it is a gray JPEG whose coded luma can be copied."""
    source_rgb: NDArray[np.uint8] | None = field(default=None, repr=False)
    """R'G'B' of the source: (h, w, 3), in the stored orientation, with a short side of at most
    `SOURCE_RGB_SHORT_SIDE`. None unless `read_still` is called with `with_source_rgb`."""

    def __post_init__(self) -> None:
        if self.luma.ndim != 2:
            raise ValueError(f"luma must be (H, W): {self.luma.shape=}")
        if self.luma.dtype != self.coding.dtype:
            raise ValueError(f"{self.bits=} does not match {self.luma.dtype=}")
        if self.alpha is not None and self.alpha.shape != self.luma.shape:
            raise ValueError(f"{self.alpha.shape=} differs from {self.luma.shape=}")

    @property
    def full_range(self) -> bool:
        """Whether `luma` is full range; always True for still images."""
        return True

    @property
    def coding(self) -> Coding:
        """Bit depth and range of the luma code values."""
        return Coding(self.bits, full_range=True)

    @property
    def pixel_aspect(self) -> Fraction | None:
        """Width of a pixel divided by its height; None for square pixels."""
        return self.metadata.pixel_aspect

    @property
    def timecode(self) -> str | None:
        """SMPTE timecode of a DPX frame, such as ``01:00:00:00``; None if it has none."""
        return self.metadata.timecode

    @property
    def luma_unit(self) -> FloatArray:
        """Luma as (H, W) float32 in [0, 1]."""
        return self.coding.luma_to_unit(self.luma)


@dataclass(frozen=True, slots=True)
class ColorizedStill:
    """A still with its chroma: the input of the encoders."""

    still: Still
    """The still whose luma is written."""
    cb: FloatArray
    """(H, W) float32 in [-0.5, 0.5], relative to the matrix of `still`."""
    cr: FloatArray
    """(H, W) float32 in [-0.5, 0.5], relative to the matrix of `still`."""
    metadata: StillMetadata
    """Metadata to write."""
    quality: int | None
    """Quality of lossy formats, 1-100; None for the default, see `write_still`."""
    comment: str = ""
    """Sentence about the provenance of the color, for formats without XMP."""

    def rgb(self, bits: int) -> NDArray[Any]:
        """Return R'G'B' whose luma is exactly that of the still.

        Args:
            bits: bit depth of the result.

        Returns:
            (H, W, 3) uint8 for 8 bits, else uint16.
        """
        luma = convert_depth(self.still.luma, self.still.bits, bits)
        return compose_rgb_with_luma(luma, self.cb, self.cr, self.still.matrix, bits)

    def samples(self, bits: int) -> NDArray[Any]:
        """Return R'G'B' of `bits` bits, with alpha if the still has one: (H, W, 3) or (H, W, 4)."""
        rgb, alpha = self.rgb(bits), self.still.alpha
        if alpha is None:
            return rgb
        return np.dstack([rgb, convert_depth(alpha, self.still.bits, bits)])

    @property
    def file_bits(self) -> int:
        """Bit depth of the result in a format that stores 8 or 16 bits."""
        return 8 if self.still.bits == 8 else 16


class EncodedStill(NamedTuple):
    """An image file in memory."""

    data: bytes
    """Contents of the file."""
    warnings: tuple[str, ...] = ()
    """Warnings about data that the encoder could not store."""


@dataclass(frozen=True, slots=True)
class StillFormat:
    """A file format of still images, with the functions that detect, read and write it."""

    name: str
    """Lower-case name, as in `Still.format`."""
    suffixes: tuple[str, ...]
    """Lower-case file name extensions, with the dot."""
    signature: re.Pattern[bytes]
    """Pattern of a file's first bytes."""
    read: Callable[[Path, bool], DecodedImage]
    """Decode a file. The second argument allows damaged files."""
    read_xmp: Callable[[Path], bytes | None]
    """Return a file's XMP packet, or data that contains it, without decoding pixels. It may raise
    the same errors as `read`."""
    encode: Callable[[ColorizedStill], EncodedStill]
    """Encode a complete file."""
    stores: frozenset[str] = frozenset()
    """Names of the fields of `StillMetadata` that it stores; also ``alpha`` and ``orientation``."""
    max_bits: int = 16
    """Maximum bit depth. Deeper stills are rounded to it, with a warning."""
    max_side: int | None = None
    """Maximum width and height, in pixels. Larger stills are refused. None for no limit."""


def check_size(path: Path, width: int, height: int) -> None:
    """Refuse an image by its declared size, before memory is allocated for it.

    Raises:
        InputError: the image has no pixels, or more than `MAX_PIXELS`.
    """
    if width < 1 or height < 1:
        raise InputError(f"{path}: damaged: declared size is {width}×{height}")
    if width * height > MAX_PIXELS:
        raise InputError(
            f"{path}: declared size {width}×{height} exceeds {MAX_PIXELS // 10**6} million pixels; "
            "crop or downscale it"
        )
