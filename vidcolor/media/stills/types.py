"""Types of still images: decoded samples, a still with luma and metadata, and a file format."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from vidcolor.color.ycbcr import Coding
from vidcolor.errors import InputError
from vidcolor.imaging.geometry import Geometry, get_quarter_turns, rotate_size
from vidcolor.media.stills.rgb import BT709, compose_rgb_with_luma, convert_depth

if TYPE_CHECKING:
    import re
    from collections.abc import Callable
    from fractions import Fraction
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL import Image

    from vidcolor.color.tint import Tint
    from vidcolor.color.ycbcr import Matrix
    from vidcolor.imaging.types import FloatArray, Plane

EncodedStill: TypeAlias = tuple[bytes, tuple[str, ...]]
"""Contents of an image file, and warnings about data that the encoder could not store."""

DEFAULT_QUALITY = 95
"""Quality of JPEG and lossy WebP, 1-100, if none is given."""
DEFLATE_LEVEL = 3
"""Deflate level of PNG and TIFF, 0-9. Level 6 takes three times as long and saves 10 %."""
SOURCE_RGB_SHORT_SIDE = 256
"""Maximum short side of `Still.source_rgb`, in pixels. Generators do not use larger input."""
IMAGES_EXTRA = "pip install 'vidcolor[images]', or use TIFF or PNG"
"""Remedy for a missing library of the extra ``images``."""
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
    """One XMP packet. JPEG's extended XMP stays in `extras`."""
    dpi: tuple[float, float] | None = None
    """Horizontal and vertical resolution, in dots per inch."""
    photoshop: bytes | None = None
    """Photoshop image resources, which hold the IPTC-IIM captions of press photos."""
    iptc: bytes | None = None
    """IPTC-IIM captions that a TIFF stores under a separate tag."""
    extras: Any = ()
    """Data that only files of the source's format can store; see `StillFormat.extras_label`."""
    jpeg_luma_table: tuple[int, ...] | None = None
    """Luma quantization steps of a JPEG source, in Pillow's order. If luma is encoded with the same
    steps again, it changes only slightly."""
    pixel_aspect: Fraction | None = None
    """Width of a pixel divided by its height, from a DPX or OpenEXR header; None if square."""
    timecode: str | None = None
    """SMPTE timecode of a DPX or OpenEXR frame: ``01:00:00:00``, or ``01:00:00;00`` if
    drop-frame."""
    reel: str | None = None
    """Name of the reel or tape of a DPX or OpenEXR frame."""
    frame_rate: Fraction | None = None
    """Frame rate of the film that a DPX or OpenEXR frame belongs to, in frames per second."""
    premultiplied: bool = False
    """Whether the color values of a TIFF source are premultiplied with alpha."""
    compressed: bool = True
    """Whether the strips of a TIFF source are compressed."""


@dataclass(frozen=True, slots=True, eq=False)
class DecodedImage:
    """The samples of an image file before luma is extracted."""

    pixels: NDArray[Any]
    """Code values: (H, W) gray, or (H, W, 3) R'G'B' or Y'CbCr."""
    bits: int
    """Bit depth of `pixels`: uint8 for 8 bits, else uint16."""
    alpha: Plane | None = None
    """(H, W), with the dtype and bit depth of `pixels`."""
    metadata: StillMetadata = field(default_factory=StillMetadata)
    warnings: tuple[str, ...] = ()
    lossless: bool = True
    jpeg_data: bytes | None = None
    """See `Still.jpeg_data`."""
    is_ycbcr: bool = False
    """Whether `pixels` are Y'CbCr as coded in a JPEG."""

    @property
    def color_model(self) -> Literal["gray", "rgb", "ycbcr"]:
        """Meaning of `pixels`."""
        if self.pixels.ndim == 2:
            return "gray"
        return "ycbcr" if self.is_ycbcr else "rgb"

    @classmethod
    def from_samples(cls, samples: NDArray[Any], bits: int) -> DecodedImage:
        """Split interleaved samples into color and alpha.

        They are (H, W) gray, or (H, W, n): gray with alpha (2), R'G'B' (3), or R'G'B' with alpha
        (4); uint8 or uint16 in any byte order.
        """
        samples = samples.astype(samples.dtype.newbyteorder("="), copy=False)
        if samples.ndim == 2:
            return cls(samples, bits)
        colors = 3 if samples.shape[-1] >= 3 else 1
        alpha = np.ascontiguousarray(samples[..., colors]) if samples.shape[-1] > colors else None
        pixels = samples[..., :3] if colors == 3 else samples[..., 0]
        return cls(np.ascontiguousarray(pixels), bits, alpha)

    @classmethod
    def from_pillow(cls, image: Image.Image) -> DecodedImage:
        """Convert a Pillow image of any 8-bit mode to gray or R'G'B', with alpha if it has one."""
        image.load()
        has_alpha = "transparency" in image.info or image.mode in ("LA", "RGBA", "PA", "RGBa")
        mode = "L" if image.mode in ("1", "L", "LA") else "RGB"
        if has_alpha and image.mode != "1":
            mode += "A"
        return cls.from_samples(np.asarray(image.convert(mode)), 8)


# eq=False, because the comparison of arrays has no single truth value.
@dataclass(frozen=True, slots=True, eq=False)
class Still:
    """A still image: its luma as stored, and all data that the result must preserve."""

    path: Path
    """Path of the source, which must not be overwritten."""
    luma: Plane
    """(H, W) uint8 or uint16 full-range code values of `bits` bits, in the stored orientation."""
    bits: int
    """Bit depth of the code values: 8 or 16; also 10 or 12 for DPX, HEIC and AVIF."""
    matrix: Matrix
    """Matrix of `luma` and of the chroma to encode: BT.601 for JPEG, BT.709 for RGB and gray."""
    tint: Tint
    """Whether the source is gray, tinted in one hue (sepia, toning), or in color."""
    format: str
    """`StillFormat.name` of the source, such as ``jpeg``."""
    orientation: int = 1
    """EXIF orientation, 1-8."""
    alpha: Plane | None = None
    """(H, W), with the dtype and bit depth of `luma`."""
    lossless: bool = True
    """Whether the source's coding is lossless."""
    metadata: StillMetadata = field(default_factory=StillMetadata)
    source_bits: int | None = None
    """Bit depth of the source if it is lower, because luma is computed more finely from R'G'B'."""
    warnings: tuple[str, ...] = ()
    """Warnings about the source, for the user."""
    jpeg_data: bytes | None = field(default=None, repr=False)
    """Contents of the source, if it is a gray JPEG whose coded luma can be copied."""
    source_rgb: NDArray[np.uint8] | None = field(default=None, repr=False)
    """R'G'B' of the source: (h, w, 3), in the stored orientation, with a short side of at most
    `SOURCE_RGB_SHORT_SIDE`. None unless `read_still` is called with `with_source_rgb`."""

    @property
    def geometry(self) -> Geometry:
        """Stored size, and rotation for display."""
        height, width = self.luma.shape
        return Geometry(width, height, quarter_turns=get_quarter_turns(self.orientation))

    @property
    def displayed_size(self) -> tuple[int, int]:
        """Width and height as displayed."""
        height, width = self.luma.shape
        return rotate_size((width, height), get_quarter_turns(self.orientation))

    @property
    def coding(self) -> Coding:
        """Bit depth and range of the luma code values."""
        return Coding(self.bits, full_range=True)


@dataclass(frozen=True, slots=True)
class ColorizedStill:
    """A still with its chroma: the input of the encoders."""

    still: Still
    cb: FloatArray
    """(H, W) float32 in [-0.5, 0.5], relative to the matrix of `still`."""
    cr: FloatArray
    metadata: StillMetadata
    """Metadata to write."""
    bits: int
    """Bit depth to write."""
    quality: int | None
    """Quality of lossy formats, 1-100; None for the default, see `write_still`."""
    comment: str
    """Sentence about the provenance of the color, for formats without XMP."""

    def rgb(self) -> NDArray[Any]:
        """Return R'G'B' whose luma is exactly that of the still: (H, W, 3) uint8 or uint16."""
        luma = convert_depth(self.still.luma, self.still.bits, self.bits)
        return compose_rgb_with_luma(luma, self.cb, self.cr, self.still.matrix, self.bits)

    def samples(self) -> NDArray[Any]:
        """Return R'G'B', with alpha if the still has one: (H, W, 3) or (H, W, 4)."""
        if self.still.alpha is None:
            return self.rgb()
        alpha = convert_depth(self.still.alpha, self.still.bits, self.bits)
        return np.dstack([self.rgb(), alpha])


@dataclass(frozen=True, slots=True)
class StillFormat:
    """A file format of still images: how files are recognized, and what they can hold."""

    name: str
    """Lower-case name, as in `Still.format`."""
    label: str
    """Name in messages."""
    suffixes: tuple[str, ...]
    """Lower-case file name extensions, with the dot."""
    signature: re.Pattern[bytes]
    """Pattern of a file's first 64 bytes."""
    read: Callable[[Path, bool], DecodedImage]
    """Decode a file. The second argument allows damaged files."""
    encode: Callable[[ColorizedStill], EncodedStill] | None
    """Encode a complete file; None if the format cannot store color."""
    bits: tuple[int, ...]
    """Bit depths that it stores, ascending. Deeper stills are rounded, with a warning."""
    read_xmp: Callable[[Path], bytes | None] | None = None
    """Return a file's XMP packet, or data that contains it, without decoding pixels."""
    stores: frozenset[str] = frozenset()
    """Names of the fields of `StillMetadata` that it stores; also ``alpha`` and ``orientation``."""
    extras_label: str = ""
    """What `StillMetadata.extras` of its files contains, for warnings."""
    max_side: int | None = None
    """Maximum width and height, in pixels. Larger stills are refused. None for no limit."""
    matrix: Matrix = BT709
    """Matrix of luma that a file stores as gray or Y'CbCr."""
    module: str = ""
    """Python module that it needs and that may be missing."""
    remedy: str = ""
    """What to do if the module is missing."""
    is_film_scan: bool = False
    """Whether its files usually are frames of a film. Pillow and OpenCV cannot read such files."""

    @property
    def missing_module(self) -> str | None:
        """What is missing to read and write its files, and what to do; None if nothing is."""
        if not self.module or find_spec(self.module) is not None:
            return None
        return f"{self.label} needs the Python module {self.module}; {self.remedy}"

    @property
    def stores_provenance(self) -> bool:
        """Whether its files can declare that their color is predicted."""
        return "xmp" in self.stores


_SRGB_PRIMARIES = (1, 2)
"""Codes of the primaries of BT.709 and sRGB, and of unspecified ones."""
_SRGB_TRANSFERS = (1, 2, 6, 13, 14, 15)
"""Codes of the transfer of BT.709, BT.601 and BT.2020, of sRGB, and of an unspecified one."""
_HDR_TRANSFERS = {16: "HDR (PQ) ", 18: "HDR (HLG) "}
"""Names of the transfers of HDR, by code."""

_max_pixels = MAX_PIXELS
"""The limit of this process."""


def limit_pixels(max_pixels: int) -> None:
    """Make this process refuse images with more pixels, if that is a lower limit."""
    global _max_pixels  # readers of all formats check sizes, deep inside other calls
    _max_pixels = min(MAX_PIXELS, max_pixels)


def check_size(path: Path, width: int, height: int) -> None:
    """Refuse an image without pixels or with too many pixels, before memory is allocated.

    The limit is `MAX_PIXELS`, or that of `limit_pixels`.

    Raises:
        InputError: the image is refused.
    """
    if width < 1 or height < 1:
        raise InputError(f"{path}: damaged: declared size is {width}×{height}")
    if width * height > _max_pixels:
        raise InputError(
            f"{path}: declared size {width}×{height} exceeds {_max_pixels / 1e6:.4g} million "
            "pixels; crop or downscale it"
        )


def describe_lossy_luma(quality: int) -> str:
    """Return the warning about an encoder that does not keep the luma exactly."""
    return f"luma is encoded with loss (quality {quality}); to keep it exactly, write .png or .tif"


def describe_lost_color_space(primaries: int, transfer: int) -> tuple[str, ...]:
    """Return the warning about codes of ITU-T H.273 that neither sRGB nor BT.709 has."""
    if primaries in _SRGB_PRIMARIES and transfer in _SRGB_TRANSFERS:
        return ()
    kind = _HDR_TRANSFERS.get(transfer, "")
    return (f"the {kind}color space is not kept: colors are read as sRGB",)
