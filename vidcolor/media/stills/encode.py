"""Encoding a colored still: one function a format, each giving the whole file as bytes."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

from vidcolor.color.ycbcr import MATRICES
from vidcolor.errors import OutputError, UsageError
from vidcolor.media.stills import exif, jpeg, png
from vidcolor.media.stills.dpx_exr import dpx_bytes, exr_bytes
from vidcolor.media.stills.rgb import chroma_under_601, rgb_with_luma, to_8_bits, to_depth

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidcolor.media.stills.types import Still, StillMetadata

DEFAULT_QUALITY = 95
JFIF = MATRICES["bt470bg"]
"""JFIF is BT.601 whatever the size of the picture."""

_MAX_SIDE = {"jpeg": 65535, "webp": 16383}
_STRIP = 1 << 20
_WEBP_EFFORT = 25
_DEFLATE = 3
"""Level 6 takes three times as long for a tenth less."""
_ICC_DATE = slice(24, 36)
_HOLDS: dict[str, set[str]] = {
    "jpeg": {"exif", "xmp", "icc", "photoshop", "jpeg_segments", "orientation"},
    "png": {"exif", "xmp", "icc", "png_chunks", "alpha", "orientation"},
    "tiff": {"exif", "xmp", "icc", "photoshop", "iptc", "alpha", "orientation"},
    "webp": {"exif", "xmp", "icc", "alpha", "orientation"},
    "bmp": set(),
    "dpx": {"alpha", "dpx_header", "xmp"},
    "exr": {"alpha", "xmp", "exr_attributes"},
}
_SAID = (
    *("exif", "icc", "photoshop", "iptc", "png_chunks", "jpeg_segments"),
    *("dpx_header", "exr_attributes"),
)
_WORDS = {
    "exif": "EXIF",
    "icc": "the color profile",
    "photoshop": "Photoshop's resources (IPTC captions among them)",
    "iptc": "IPTC captions",
    "png_chunks": "PNG's texts and further chunks",
    "jpeg_segments": "JPEG's comments and further segments",
    "dpx_header": "what the DPX header says of the film",
    "exr_attributes": "what the OpenEXR header says",
    "alpha": "transparency",
    "orientation": "the orientation: the picture will lie as it is stored",
}


@dataclass(frozen=True, slots=True)
class Coloring:
    """A still and the chroma that it gets; the unit that the encoders take."""

    still: Still
    cb: NDArray[np.float32]
    cr: NDArray[np.float32]
    metadata: StillMetadata
    """As it shall be written."""
    quality: int | None
    comment: str = ""
    """How the color came about, for formats that have no XMP."""

    def rgb(self, bits: int) -> NDArray[Any]:
        """R'G'B' (H, W, 3) of that depth, whose luma is the still's at that depth, exactly."""
        luma = to_depth(self.still.luma, self.still.bits, bits)
        return rgb_with_luma(luma, self.cb, self.cr, self.still.matrix, bits)

    def samples(self, bits: int) -> NDArray[Any]:
        """R'G'B', and alpha where there is one: (H, W, 3 or 4)."""
        rgb, alpha = self.rgb(bits), self.still.alpha
        if alpha is None:
            return rgb
        return np.dstack([rgb, to_depth(alpha, self.still.bits, bits)])

    @property
    def deep_bits(self) -> int:
        """The depth in files that have 8 or 16 bits."""
        return 8 if self.still.bits == 8 else 16


def encode(job: Coloring, name: str) -> tuple[bytes, tuple[str, ...]]:
    """The file's bytes, and what the user should be told.

    Args:
        job: what to write.
        name: a format, as in `Still.format`.

    Raises:
        UsageError: the format cannot hold a picture of this size.
        OutputError: the encoder failed.
    """
    longest = max(job.still.luma.shape)
    if longest > _MAX_SIDE.get(name, longest):
        raise UsageError(
            f"{job.still.path}: {name.upper()} holds at most {_MAX_SIDE[name]} pixels a side, "
            f"this has {longest}; write PNG or TIFF"
        )
    losses = _losses(job, name)
    if name == "jpeg":
        data, more = _jpeg(job)
        return data, losses + more
    encoders = {"png": _png, "tiff": _tiff, "webp": _webp, "bmp": _bmp, "dpx": _dpx, "exr": _exr}
    return encoders[name](job), losses


def _losses(job: Coloring, name: str) -> tuple[str, ...]:
    """Warnings about what the format has no place for."""
    still, holds, what = job.still, _HOLDS[name], []
    for key in _SAID:
        if getattr(job.metadata, key) and key not in holds:
            what.append(_WORDS[key])
    if still.alpha is not None and ("alpha" not in holds or _dpx_drops_alpha(still, name)):
        what.append(_WORDS["alpha"])
    if still.orientation != 1 and "orientation" not in holds:
        what.append(_WORDS["orientation"])
    kind = name.upper()
    lines = [f"{kind} has no place for {w}" for w in what]
    if "xmp" not in holds:
        lines.append(f"{kind} has no place for the mark that its color is a guess")
    if still.bits > 8 and name in ("jpeg", "webp", "bmp"):
        lines.append(f"{kind} has 8 bits: luma is rounded from {still.bits}")
    return tuple(lines)


def _dpx_drops_alpha(still: Still, name: str) -> bool:
    return name == "dpx" and still.bits not in (8, 16)


def _jpeg(job: Coloring) -> tuple[bytes, tuple[str, ...]]:
    still = job.still
    cb, cr = chroma_under_601(still.luma, job.cb, job.cr, still.matrix, JFIF, still.bits)
    bare = _joined_jpeg(still, cb, cr) if job.quality is None else None
    if bare is None:
        tables = _standard_tables(job.quality or DEFAULT_QUALITY)
        own = job.metadata.jpeg_luma_table
        luma_table = list(own) if own and job.quality is None else tables[0]
        luma = to_8_bits(still.luma, still.bits)
        bare = _pillow_jpeg([luma, cb, cr], [luma_table, tables[1]])
    return jpeg.with_metadata(bare, job.metadata)


def _joined_jpeg(still: Still, cb: NDArray[np.uint8], cr: NDArray[np.uint8]) -> bytes | None:
    """The source's coded luma with two scans of chroma; None if it is not to be had."""
    from PIL.JpegImagePlugin import JpegImageFile

    if still.jpeg is None:
        return None
    progressive = jpeg.is_progressive(still.jpeg)
    table = _standard_tables(DEFAULT_QUALITY)[1]
    chroma = [_pillow_jpeg([plane], [table], progressive) for plane in (cb, cr)]
    joined = jpeg.join_scans(still.jpeg, chroma[0], chroma[1])
    if joined is None:
        return None
    image: Any = JpegImageFile(io.BytesIO(joined))
    image.draft("L", image.size)
    # The luma may have been changed since it was read (levels, a crop): the scan then is not it.
    return joined if np.array_equal(np.asarray(image), still.luma) else None


def _pillow_jpeg(
    planes: list[NDArray[np.uint8]], tables: list[list[int]], progressive: bool = False
) -> bytes:
    """Gray, or Y'CbCr 4:4:4 without a detour over RGB."""
    from PIL import Image

    images = [Image.fromarray(plane) for plane in planes]
    image = Image.merge("YCbCr", images) if len(images) == 3 else images[0]
    out = io.BytesIO()
    # With optimize Pillow wants the whole file in a guessed buffer, which rich chroma overflows.
    tight = len(images) == 1
    image.save(out, "JPEG", qtables=tables, subsampling=0, optimize=tight, progressive=progressive)
    return out.getvalue()


def _standard_tables(quality: int) -> list[list[int]]:
    """Luma's and chroma's quantization steps at a quality of 1 to 100, in Pillow's order."""
    from PIL import Image
    from PIL.JpegImagePlugin import JpegImageFile

    out = io.BytesIO()
    Image.new("YCbCr", (8, 8)).save(out, "JPEG", quality=quality)
    tables = JpegImageFile(io.BytesIO(out.getvalue())).quantization
    return [list(tables[0]), list(tables[1])]


def _png(job: Coloring) -> bytes:
    import cv2

    samples = job.samples(job.deep_bits)
    order = [2, 1, 0, 3][: samples.shape[-1]]
    done, data = cv2.imencode(".png", samples[..., order], [cv2.IMWRITE_PNG_COMPRESSION, _DEFLATE])
    if not done:
        raise OutputError("the PNG encoder failed")
    return png.with_metadata(data.tobytes(), job.metadata)


def _webp(job: Coloring) -> bytes:
    from PIL import Image

    metadata, out = job.metadata, io.BytesIO()
    lossy = job.still.format == "webp" and not job.still.lossless
    options = {"exif": metadata.exif, "icc_profile": metadata.icc, "xmp": metadata.xmp}
    Image.fromarray(job.samples(8)).save(
        out,
        "WEBP",
        lossless=not lossy,
        exact=True,
        quality=(job.quality or DEFAULT_QUALITY) if lossy else _WEBP_EFFORT,
        **{k: v for k, v in options.items() if v},
    )
    return out.getvalue()


def _bmp(job: Coloring) -> bytes:
    from PIL import Image

    out, dpi = io.BytesIO(), job.metadata.dpi
    options: dict[str, Any] = {"dpi": dpi} if dpi else {}
    Image.fromarray(job.rgb(8)).save(out, "BMP", **options)
    return out.getvalue()


def _dpx(job: Coloring) -> bytes:
    still = job.still
    alpha = None if _dpx_drops_alpha(still, "dpx") else still.alpha
    header, xmp = job.metadata.dpx_header, job.metadata.xmp
    return dpx_bytes(job.rgb(still.bits), alpha, still.bits, header, xmp)


def _exr(job: Coloring) -> bytes:
    samples = job.samples(16)
    alpha = samples[..., 3] if samples.shape[-1] > 3 else None
    return exr_bytes(samples[..., :3], alpha, job.metadata.exr_attributes, job.comment)


def _tiff(job: Coloring) -> bytes:
    """Written here because EXIF, which is a directory of its own, must go in with the pixels."""
    metadata, samples = job.metadata, job.samples(job.deep_bits)
    tags = _tiff_tags(metadata)
    height, width, channels = samples.shape
    rows = max(1, _STRIP // (width * channels * samples.dtype.itemsize))
    samples = samples.astype(samples.dtype.newbyteorder(tags.order), copy=False)
    parts = [samples[top : top + rows] for top in range(0, height, rows)]
    strips = [_deflated(p) if metadata.compressed else p.tobytes() for p in parts]
    sizes = [len(s) for s in strips]
    offsets = list(accumulate(sizes, initial=8))[:-1]
    tags.add(256, 4, width)
    tags.add(257, 4, height)
    tags.add(258, 3, *[job.deep_bits] * channels)
    tags.add(259, 3, 8 if metadata.compressed else 1)
    tags.add(262, 3, 2)
    tags.add(273, 4, *offsets)
    tags.add(277, 3, channels)
    tags.add(278, 4, rows)
    tags.add(279, 4, *sizes)
    tags.add(284, 3, 1)
    if metadata.compressed:
        tags.add(317, 3, 2)
    if channels == 4:
        tags.add(338, 3, 1 if metadata.premultiplied else 2)
    pixels = b"".join(strips)
    pixels += b"\0" * (len(pixels) % 2)
    at = 8 + len(pixels)
    if at > 0xFFFF0000:
        raise OutputError(f"{job.still.path}: too large for TIFF's 4 GiB; write PNG")
    return exif.tiff_header(tags.order, at) + pixels + exif.directory_bytes(tags, at)


def _tiff_tags(metadata: StillMetadata) -> exif.Directory:
    """What the first directory says besides the pixels' layout."""
    try:
        tags = exif.parse_exif(metadata.exif) if metadata.exif else exif.Directory("<")
    except (ValueError, struct.error):
        tags = exif.Directory("<")
    tags = exif.without(tags, exif.STRUCTURE)
    if metadata.dpi and exif.X_RESOLUTION not in tags.entries:
        x, y = (round(d * 1000) for d in metadata.dpi)
        tags.add(exif.X_RESOLUTION, 5, x, 1000)
        tags.add(exif.Y_RESOLUTION, 5, y, 1000)
        tags.add(exif.RESOLUTION_UNIT, 3, 2)
    for tag, kind, value in (
        (exif.XMP, 1, metadata.xmp),
        (exif.ICC, 7, metadata.icc),
        (exif.PHOTOSHOP, 7, metadata.photoshop),
        (exif.IPTC, 7, metadata.iptc),
    ):
        if value:
            tags.add_bytes(tag, kind, value)
    return tags


def _deflated(strip: NDArray[Any]) -> bytes:
    """Horizontal differences (predictor 2), then Deflate."""
    native = strip.astype(strip.dtype.newbyteorder("="), copy=True)
    native[:, 1:] = strip[:, 1:].astype(native.dtype) - strip[:, :-1].astype(native.dtype)
    return zlib.compress(native.astype(strip.dtype, copy=False).tobytes(), _DEFLATE)


def with_rgb_profile(metadata: StillMetadata) -> tuple[StillMetadata, tuple[str, ...]]:
    """The same, with sRGB in place of a profile for gray, which cannot describe color."""
    if not metadata.icc or metadata.icc[16:20] != b"GRAY":
        return metadata, ()
    from PIL import ImageCms

    srgb = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    srgb[_ICC_DATE] = bytes(12)  # or the same request would give other bytes a second later
    warning = "its profile is for gray only: the colored picture carries sRGB instead"
    return replace(metadata, icc=bytes(srgb)), (warning,)
