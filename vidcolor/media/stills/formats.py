"""The table of still image formats. A new format is a row here, and a module if it needs code."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vidcolor.errors import UsageError
from vidcolor.fileio import check_not_special
from vidcolor.media.stills import avif, basic, dpx, exr, heif, jpeg, jpeg2000, jxl, png, tiff
from vidcolor.media.stills.rgb import JFIF
from vidcolor.media.stills.types import IMAGES_EXTRA, StillFormat

if TYPE_CHECKING:
    from pathlib import Path

FORMATS: dict[str, StillFormat] = {}
"""All supported formats by name. A file belongs to the first one whose signature matches."""
STILL_SUFFIXES: dict[str, StillFormat] = {}
"""Formats by lower-case file name extension, with the dot."""

_SIGNATURE_BYTES = 64
"""Number of bytes that are read to detect the format."""


def register_format(row: StillFormat) -> None:
    """Add a format: its files are recognized, read and written like those of all other formats."""
    FORMATS[row.name] = row
    STILL_SUFFIXES.update(dict.fromkeys(row.suffixes, row))


for _row in (
    StillFormat(
        name="jpeg",
        label="JPEG",
        suffixes=(".jpg", ".jpeg", ".jpe", ".jfif", ".jif"),
        signature=re.compile(rb"\xff\xd8\xff"),
        read=jpeg.read_jpeg,
        read_xmp=jpeg.read_jpeg_xmp,
        encode=jpeg.encode_jpeg,
        bits=(8,),
        stores=frozenset({"dpi", "exif", "xmp", "icc", "photoshop", "orientation"}),
        extras_label="JPEG comments and other JPEG segments",
        max_side=65535,  # 16-bit fields
        matrix=JFIF,  # JFIF prescribes BT.601 for every image size
    ),
    StillFormat(
        name="png",
        label="PNG",
        suffixes=(".png",),
        signature=re.compile(re.escape(png.SIGNATURE)),
        read=png.read_png,
        read_xmp=png.read_png_xmp,
        encode=png.encode_png,
        bits=(8, 16),
        stores=frozenset({"dpi", "exif", "xmp", "icc", "alpha", "orientation"}),
        extras_label="PNG text and other PNG chunks",
    ),
    StillFormat(
        name="tiff",
        label="TIFF",
        suffixes=(".tif", ".tiff"),
        signature=re.compile(rb"II[*+]\0|MM\0[*+]"),
        read=tiff.read_tiff,
        read_xmp=tiff.read_tiff_xmp,
        encode=tiff.encode_tiff,
        bits=(8, 16),
        stores=frozenset(
            {"dpi", "exif", "xmp", "icc", "photoshop", "iptc", "alpha", "premultiplied"}
            | {"orientation"}
        ),
    ),
    StillFormat(
        name="webp",
        label="WebP",
        suffixes=(".webp",),
        signature=re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
        read=basic.read_webp,
        read_xmp=basic.read_webp_xmp,
        encode=basic.encode_webp,
        bits=(8,),
        stores=frozenset({"exif", "xmp", "icc", "alpha", "orientation"}),
        max_side=16383,  # 14-bit fields
    ),
    StillFormat(
        name="jp2",
        label="JPEG 2000",
        suffixes=(".jp2", ".jpx", ".jpf"),
        signature=re.compile(re.escape(jpeg2000.FILE_SIGNATURE)),
        read=jpeg2000.read_jpeg2000,
        read_xmp=jpeg2000.read_jpeg2000_xmp,
        encode=jpeg2000.encode_jp2,
        bits=(8, 16),
        stores=frozenset(
            {"dpi", "exif", "xmp", "icc", "photoshop", "iptc", "alpha", "orientation"}
        ),
        extras_label="XML and other JP2 boxes",
    ),
    StillFormat(
        name="j2k",
        label="JPEG 2000 codestream",
        suffixes=(".j2k", ".j2c", ".jpc"),
        signature=re.compile(re.escape(jpeg2000.CODESTREAM_SIGNATURE)),
        read=jpeg2000.read_jpeg2000,
        encode=jpeg2000.encode_codestream,
        bits=(8, 16),  # without metadata
    ),
    StillFormat(
        name="avif",
        label="AVIF",
        suffixes=(".avif",),
        signature=re.compile(rb".{4}ftyp(?:avi[fs]|m[is]f1.{4}(?:.{4})*?avi[fs])", re.DOTALL),
        read=avif.read_avif,
        read_xmp=avif.read_avif_xmp,
        encode=avif.encode_avif,
        bits=(8,),
        stores=frozenset({"exif", "xmp", "icc", "alpha", "orientation"}),
        module="PIL._avif",
        remedy="install a newer Pillow, or convert the file to TIFF or PNG",
    ),
    StillFormat(
        name="heif",
        label="HEIC",
        suffixes=(".heic", ".heif", ".hif"),
        signature=re.compile(rb".{4}ftyp(?:he[iv][cxms]|m[is]f1)", re.DOTALL),
        read=heif.read_heif,
        read_xmp=heif.read_heif_xmp,
        encode=heif.encode_heif,
        bits=(8, 10),
        stores=frozenset({"exif", "xmp", "icc", "alpha", "orientation"}),
        module="pillow_heif",
        remedy=IMAGES_EXTRA,
    ),
    StillFormat(
        name="jxl",
        label="JPEG XL",
        suffixes=(".jxl",),
        signature=re.compile(
            re.escape(jxl.CODESTREAM_SIGNATURE) + b"|" + re.escape(jxl.FILE_SIGNATURE)
        ),
        read=jxl.read_jxl,
        read_xmp=jxl.read_jxl_xmp,
        encode=jxl.encode_jxl,
        bits=(8, 16),
        stores=frozenset({"exif", "xmp", "alpha", "orientation"}),
        module="imagecodecs",
        remedy=IMAGES_EXTRA,
    ),
    StillFormat(
        name="gif",
        label="GIF",
        suffixes=(),  # an animation is a film, so the extension does not decide
        signature=re.compile(rb"GIF8[79]a"),
        read=basic.read_gif,
        encode=None,  # it stores 256 colors
        bits=(8,),
    ),
    StillFormat(
        name="bmp",
        label="BMP",
        suffixes=(".bmp",),
        signature=re.compile(rb"BM"),
        read=basic.read_bmp,
        encode=basic.encode_bmp,
        bits=(8,),
        stores=frozenset({"dpi"}),  # no other, so that results of BMP sources are PNG by default
    ),
    StillFormat(
        name="ppm",
        label="PPM",
        suffixes=(".ppm", ".pnm"),
        signature=re.compile(rb"P[36][\s#]"),
        read=basic.read_pnm,
        encode=basic.encode_ppm,
        bits=(8, 16),  # without metadata
    ),
    StillFormat(
        name="pgm",
        label="PGM",
        suffixes=(".pgm", ".pbm"),
        signature=re.compile(rb"P[1245][\s#]"),
        read=basic.read_pnm,
        encode=None,
        bits=(8, 16),
    ),
    StillFormat(
        name="dpx",
        label="DPX",
        suffixes=(".dpx",),
        signature=re.compile(rb"SDPX|XPDS"),
        read=dpx.read_dpx,
        read_xmp=dpx.read_dpx_xmp,
        encode=dpx.encode_dpx,
        bits=(8, 10, 12, 16),  # 10 and 12 without alpha, as FFmpeg cannot write it
        stores=frozenset({"alpha", "frame_rate", "pixel_aspect", "reel", "timecode", "xmp"}),
        extras_label="the film fields of the DPX header",
        is_film_scan=True,
    ),
    StillFormat(
        name="exr",
        label="OpenEXR",
        suffixes=(".exr",),
        signature=re.compile(rb"v/1\x01"),
        read=exr.read_exr,
        read_xmp=exr.read_exr_comments,
        encode=exr.encode_exr,
        bits=(16,),  # float linear light, which holds 16-bit sRGB exactly
        stores=frozenset(
            {"alpha", "frame_rate", "pixel_aspect", "premultiplied", "reel", "timecode", "xmp"}
        ),
        extras_label="the OpenEXR attributes",
        is_film_scan=True,
    ),
    StillFormat(
        name="tga",
        label="TGA",
        suffixes=(".tga",),
        # Without a signature, the fields of the header must be plausible: no color map and R'G'B'
        # or gray, or a color map; then origin and size, bits per pixel, and flags.
        signature=re.compile(
            rb".(?:\x00[\x02\x03\x0a\x0b]\x00{5}|\x01[\x01\x09].{4}[\x0f\x10\x18\x20])"
            rb".{8}[\x08\x0f\x10\x18\x20][\x00-\x3f]",
            re.DOTALL,
        ),
        read=basic.read_tga,
        encode=basic.encode_tga,
        bits=(8,),  # without metadata
        stores=frozenset({"alpha"}),
        max_side=65535,  # 16-bit fields
    ),
):
    register_format(_row)


def find_output_format(path: Path) -> StillFormat:
    """Return the format that the suffix of a target selects.

    Raises:
        UsageError: the suffix is unknown, the format cannot store color, or a module is missing.
    """
    fmt = STILL_SUFFIXES.get(path.suffix.lower())
    if fmt is None:
        if path.is_dir():
            raise UsageError(f"{path}: is a directory; name a file in it or use --out-dir")
        suffixes = sorted(s for s, row in STILL_SUFFIXES.items() if row.encode is not None)
        raise UsageError(f"{path}: image format is not supported; use one of {', '.join(suffixes)}")
    if fmt.encode is None:
        raise UsageError(f"{path}: {fmt.label} stores gray only; write PPM or PNG")
    if fmt.missing_module:
        raise UsageError(f"{path}: {fmt.missing_module}")
    return fmt


def detect_format(path: Path) -> StillFormat | None:
    """Return the format of a file by its signature, or None if no format matches."""
    check_not_special(path)
    with path.open("rb") as file:
        head = file.read(_SIGNATURE_BYTES)
    return next((fmt for fmt in FORMATS.values() if fmt.signature.match(head)), None)


def is_film_scan_name(path: Path) -> bool:
    """Whether a file name has the extension of film scans, which Pillow cannot read."""
    row = STILL_SUFFIXES.get(path.suffix.lower())
    return row is not None and row.is_film_scan


def is_still(path: Path) -> bool:
    """Whether the file has the signature of a format that `read_still` reads."""
    try:
        return detect_format(path) is not None
    except OSError:
        return False
