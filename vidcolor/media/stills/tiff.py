"""Reading and writing of TIFF (TIFF 6.0, Adobe, 1992).

`tiff_samples` decodes most kinds, and Pillow palettes, fax images and JPEG of 8 bits. Files are
encoded here, because tifffile cannot write the EXIF directory and the raw entries of the source
into the same file as the pixels. The numbers in `encode_tiff` are tags and field types of the
specification.
"""

from __future__ import annotations

import io
import itertools
import logging
import re
import threading
import zlib
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vidcolor.errors import InputError, OutputError
from vidcolor.media.stills import exif, tiff_samples
from vidcolor.media.stills.types import (
    DEFLATE_LEVEL,
    DecodedImage,
    EncodedStill,
    StillMetadata,
    check_size,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import tifffile
    from numpy.typing import NDArray

    from vidcolor.media.stills.types import ColorizedStill

_DNG_VERSION, _NEW_SUBFILE_TYPE, _SUBFILE_TYPE = 50706, 254, 255
"""Tags that identify camera raw files and thumbnails; the last one is that of old programs."""
_REDUCED_IMAGE, _OLD_REDUCED_IMAGE = 1, 2
"""The bit of NewSubfileType and the value of SubfileType that mark a thumbnail."""
_PHOTOSHOP_LAYERS = 37724
"""Tag of the layers of Photoshop."""
_OLD_JPEG, _JPEG_OFFSET, _JPEG_SIZE = 6, 513, 514
"""The value of Compression, and tags, of JPEG as in the first edition of TIFF 6.0."""
_SENSOR_DATA = (32803, 34892)
"""Values of PhotometricInterpretation of camera raw files: a color filter array, or linear."""
_CMYK_AND_LAB = (5, 8, 9, 10)
"""Values of PhotometricInterpretation for CMYK, CIELAB, ICCLAB, ITULAB."""
_PIXEL_DESCRIPTIONS = {
    "": re.compile(rb'\{"shape": \[[\d, ]*\]\}\s*\0*'),  # of tifffile, without anything else
    "tifffile": re.compile(rb'\{.*"shape":.*|shape=.*', re.DOTALL),
    "ImageJ": re.compile(rb"ImageJ=.*", re.DOTALL),
    "OME": re.compile(rb".*OME>\s*\0*", re.DOTALL),
}
"""Values of ImageDescription by which programs declare the number, the size and the channels of the
stored pixels, by the name of the program. They do not apply to a new file, and such programs would
read it wrongly or not at all."""
_STRIP_BYTES = 1 << 20
"""Maximum size of a strip before compression, in bytes, unless one row is larger."""
_DEFLATE, _UNCOMPRESSED = 8, 1
"""Values of Compression."""
_MAX_PAGES = 1000
"""Maximum number of pages that are examined."""
_LIBTIFF_LOCK = threading.Lock()
"""Held while Pillow is set to use libtiff."""
_MAX_OFFSET = 0xFFFF0000
"""Maximum offset of the directory, in bytes. TIFF has 32-bit offsets, and the directory follows."""


def read_tiff(path: Path, allow_damaged: bool) -> DecodedImage:
    """Decode the first page of a TIFF that is no thumbnail; a damaged one is always refused.

    8-bit and 16-bit gray and RGB are exact; other depths are scaled to 8 or 16 bits. Palettes,
    CMYK and Lab are converted to gray or RGB.
    """
    import tifffile

    with path.open("rb") as file, _muted_logger("tifffile"), tifffile.TiffFile(file) as tiff:
        first = tiff.pages.first  # fails if the file is truncated
        # A small file can have a million pages, whose directories take minutes to read.
        all_pages: list[Any] = [first, *itertools.islice(tiff.pages, 1, _MAX_PAGES)]
        pages = [p for p in all_pages if not _is_thumbnail(p)]
        if not pages or any(map(_is_camera_raw, all_pages)):
            raise InputError(f"{path}: a camera raw file; develop it to a 16-bit TIFF first")
        page = pages[0]
        check_size(path, page.imagewidth, page.imagelength)
        warnings: tuple[str, ...] = ()
        if len(pages) > 1:
            count = f"at least {len(pages)}" if len(all_pages) == _MAX_PAGES else len(pages)
            warnings = (f"the file has {count} pages: only the first is colorized",)
        metadata, losses = _read_metadata(file, page)
        if tiff_samples.can_decode(page):
            if missing := tiff_samples.find_missing_module(page):
                raise InputError(f"{path}: {missing}")
            decoded = tiff_samples.decode_page(file, page)
        elif int(page.compression) == _OLD_JPEG and page.samplesperpixel == 1:
            decoded = _decode_old_gray_jpeg(file, page)
        elif page.bitspersample <= 8:
            decoded = _decode_with_pillow(path, page.index)
        else:
            raise InputError(
                f"{path}: TIFF with {_describe_kind(page)} of {page.bitspersample} bits is not "
                "supported; convert it to 16-bit gray or RGB"
            )
        if _PHOTOSHOP_LAYERS in page.tags:
            warnings += ("not kept: the layers of Photoshop",)
        if int(page.photometric) in _CMYK_AND_LAB:
            warnings += ("CMYK or Lab is converted to RGB without its ICC profile",)
    warnings += decoded.warnings + losses
    return replace(decoded, metadata=metadata, warnings=warnings)


def _describe_kind(page: tifffile.TiffPage) -> str:
    """Return the names of the photometric interpretation and of the compression of a page."""
    names = (getattr(value, "name", str(value)) for value in (page.photometric, page.compression))
    return " samples with ".join(names) + " compression"


def read_tiff_xmp(path: Path) -> bytes | None:
    """Return the XMP packet of a TIFF, or None."""
    with path.open("rb") as file:
        entry = exif.read_directory(_make_reader(file)).entries.get(exif.XMP)
    return entry.value if entry else None


@contextmanager
def _muted_logger(name: str) -> Iterator[None]:
    """Suppress the log messages of a library. Relevant faults raise an error or become warnings."""
    logger, reject = logging.getLogger(name), lambda _: False
    logger.addFilter(reject)
    try:
        yield
    finally:
        logger.removeFilter(reject)


def _is_thumbnail(page: Any) -> bool:
    """Whether the tags mark a page as a reduced copy of another page."""
    tags = getattr(page, "tags", None)
    if tags is None:
        return False
    kind, old_kind = (tags.valueof(tag, 0) for tag in (_NEW_SUBFILE_TYPE, _SUBFILE_TYPE))
    return bool(int(kind) & _REDUCED_IMAGE) or int(old_kind) == _OLD_REDUCED_IMAGE


def _is_camera_raw(page: Any) -> bool:
    return _DNG_VERSION in page.tags or int(page.photometric) in _SENSOR_DATA


def _decode_with_pillow(path: Path, index: int) -> DecodedImage:
    """Decode a page to 8-bit gray or RGB, with alpha if it has one."""
    from PIL import ImageOps
    from PIL.TiffImagePlugin import TiffImageFile

    tiff_samples.silence_libtiff()
    with path.open("rb") as file:
        # Without a file name, Pillow does not map the file, which transposes some images wrongly.
        with _forced_libtiff():
            source = TiffImageFile(file)
            source.seek(index)
        orientation = source.getexif().get(exif.ORIENTATION, 1)
        image = source.copy()
        if source.getexif().get(exif.ORIENTATION, 1) != orientation:
            # Pillow has rotated the image for display: restore the stored orientation.
            image.getexif()[exif.ORIENTATION] = {6: 8, 8: 6}.get(orientation, orientation)
            image = ImageOps.exif_transpose(image)
        return DecodedImage.from_pillow(image)


@contextmanager
def _forced_libtiff() -> Iterator[None]:
    """Make Pillow decode what it opens with libtiff.

    Otherwise it decodes uncompressed Y'CbCr itself, which fails if chroma is subsampled.
    """
    from PIL import TiffImagePlugin

    with _LIBTIFF_LOCK:
        TiffImagePlugin.READ_LIBTIFF = True
        try:
            yield
        finally:
            TiffImagePlugin.READ_LIBTIFF = False


def _decode_old_gray_jpeg(file: Any, page: tifffile.TiffPage) -> DecodedImage:
    """Decode gray of the old JPEG compression, which Pillow takes for Y'CbCr."""
    from PIL.JpegImagePlugin import JpegImageFile

    read = _make_reader(file)
    tags = exif.read_directory(read, page.offset)
    offset, size = (tags.get_integer(tag) or 0 for tag in (_JPEG_OFFSET, _JPEG_SIZE))
    image = JpegImageFile(io.BytesIO(read(offset, size)))
    if image.size != (page.imagewidth, page.imagelength):
        raise ValueError(f"the JPEG data has the size {image.size}")
    return DecodedImage.from_pillow(image)


def _read_metadata(file: Any, page: tifffile.TiffPage) -> tuple[StillMetadata, tuple[str, ...]]:
    """Return the metadata of a page, and warnings about parts that cannot be kept."""
    tags = exif.read_directory(_make_reader(file), page.offset)
    blocks = {
        tag: tags.entries[tag].value if tag in tags.entries else None
        for tag in (exif.XMP, exif.ICC, exif.PHOTOSHOP, exif.IPTC)
    }
    kept = exif.remove_tags(tags, exif.LAYOUT_TAGS | blocks.keys())
    program = _find_pixel_description(kept)
    if program is not None:
        kept = exif.remove_tags(kept, {exif.DESCRIPTION})
    is_converted = int(page.photometric) in _CMYK_AND_LAB  # the profile is not that of R'G'B'
    metadata = StillMetadata(
        exif=exif.encode_exif(kept) if kept.entries or kept.children else None,
        icc=None if is_converted else blocks[exif.ICC],
        xmp=blocks[exif.XMP],
        dpi=tags.dpi,
        photoshop=blocks[exif.PHOTOSHOP],
        iptc=blocks[exif.IPTC],
        premultiplied=1 in (page.extrasamples or ()),
        compressed=int(page.compression) != _UNCOMPRESSED,
    )
    if not program:
        return metadata, ()
    return metadata, (f"not kept: the {program} description of the stored pixels",)


def _find_pixel_description(directory: exif.Directory) -> str | None:
    """Return the key of `_PIXEL_DESCRIPTIONS` that the ImageDescription matches, or None."""
    entry = directory.entries.get(exif.DESCRIPTION)
    if entry is None:
        return None
    found = (n for n, pattern in _PIXEL_DESCRIPTIONS.items() if pattern.fullmatch(entry.value))
    return next(found, None)


def _make_reader(file: Any) -> exif.Reader:
    def read(offset: int, n: int) -> bytes:
        file.seek(offset)
        data: bytes = file.read(n)
        return data

    return read


def encode_tiff(job: ColorizedStill) -> EncodedStill:
    """Encode an 8-bit or 16-bit TIFF, uncompressed if the source is an uncompressed TIFF.

    Raises:
        OutputError: the file exceeds 4 GiB.
    """
    metadata, samples = job.metadata, job.samples()
    directory = _make_directory(metadata)
    height, width, channels = samples.shape
    rows = max(1, _STRIP_BYTES // (width * channels * samples.dtype.itemsize))
    parts = [samples[top : top + rows] for top in range(0, height, rows)]
    strips = [_encode_strip(part, directory.order, metadata.compressed) for part in parts]
    sizes = [len(s) for s in strips]
    offsets = list(itertools.accumulate(sizes, initial=8))[:-1]
    for tag, kind, *numbers in (
        (256, 4, width),  # ImageWidth
        (257, 4, height),  # ImageLength
        (258, 3, *[job.bits] * channels),  # BitsPerSample
        (259, 3, _DEFLATE if metadata.compressed else _UNCOMPRESSED),  # Compression
        (262, 3, 2),  # PhotometricInterpretation: RGB
        (273, 4, *offsets),  # StripOffsets
        (277, 3, channels),  # SamplesPerPixel
        (278, 4, rows),  # RowsPerStrip
        (279, 4, *sizes),  # StripByteCounts
        (284, 3, 1),  # PlanarConfiguration: interleaved
    ):
        directory.set_numbers(tag, kind, *numbers)
    if metadata.compressed:
        directory.set_numbers(317, 3, 2)  # Predictor: horizontal differences
    if channels == 4:
        directory.set_numbers(338, 3, 1 if metadata.premultiplied else 2)  # ExtraSamples
    pixels = exif.pad_to_even(b"".join(strips))
    at = 8 + len(pixels)
    if at > _MAX_OFFSET:
        raise OutputError(f"{job.still.path}: too large for TIFF's 4 GiB; write PNG")
    header = exif.encode_tiff_header(directory.order, at)
    return header + pixels + exif.encode_directory(directory, at), ()


def _make_directory(metadata: StillMetadata) -> exif.Directory:
    """Return the first directory with all metadata, but without the tags of the pixel layout."""
    directory = exif.remove_tags(exif.parse_exif(metadata.exif), exif.LAYOUT_TAGS)
    if metadata.dpi and exif.X_RESOLUTION not in directory.entries:
        directory.set_dpi(metadata.dpi)
    for tag, kind, value in (
        (exif.XMP, 1, metadata.xmp),
        (exif.ICC, 7, metadata.icc),
        (exif.PHOTOSHOP, 7, metadata.photoshop),
        (exif.IPTC, 7, metadata.iptc),
    ):
        if value:
            directory.set_bytes(tag, kind, value)
    return directory


def _encode_strip(strip: NDArray[Any], order: exif.ByteOrder, compressed: bool) -> bytes:
    """Encode (rows, W, channels); if compressed, as differences (predictor 2) with Deflate."""
    if compressed:
        # Differences wrap around, as the specification requires.
        strip = np.diff(strip, axis=1, prepend=strip.dtype.type(0))
    data = strip.astype(strip.dtype.newbyteorder(order), copy=False).tobytes()
    return zlib.compress(data, DEFLATE_LEVEL) if compressed else data
