"""Decoding of the samples of a TIFF page: all depths, planar layouts and byte orders.

tifffile decodes what it can. Without the package imagecodecs, libtiff decompresses further kinds of
strips and tiles, and samples are unpacked here. Pillow gives access to libtiff, but supports only
some combinations of depth and layout. Therefore each strip is presented to it as 8-bit gray, whose
rows are the bytes of the strip's rows.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import struct
import zlib
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vidcolor.media.stills.rgb import convert_depth, row_bands
from vidcolor.media.stills.tiff_colors import cmyk_to_rgb, lab_to_rgb
from vidcolor.media.stills.types import IMAGES_EXTRA, DecodedImage

if TYPE_CHECKING:
    import tifffile
    from numpy.typing import NDArray

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _CMYK, _YCBCR, _CIELAB, _ICCLAB = 0, 1, 2, 5, 6, 8, 9
"""Values of PhotometricInterpretation."""
_NUM_COLORS = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _CMYK: 4, _CIELAB: 3, _ICCLAB: 3}
"""Number of color channels, by photometric interpretation."""
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3
"""Values of SampleFormat."""
_DEPTHS = {
    _UNSIGNED: {*range(1, 17), 32, 64},
    _SIGNED: {8, 16, 32, 64},
    _FLOAT: {16, 32, 64},
}
"""Bits per sample that are decoded, by sample format."""
_UNCOMPRESSED, _LZW, _DEFLATE, _OLD_DEFLATE, _PACKBITS = 1, 5, 8, 32946, 32773
_LZMA, _OLD_ZSTD, _ZSTD = 34925, 34926, 50000
"""Values of Compression."""
_NATIVE = {_UNCOMPRESSED, _DEFLATE, _OLD_DEFLATE, _PACKBITS, _LZMA}
"""Compressions that tifffile decodes without imagecodecs."""
_LIBTIFF = {_LZW: 5, _PACKBITS: 32773, _LZMA: 34925, _OLD_ZSTD: 50000, _ZSTD: 50000}
"""Compressions that libtiff decodes, and the value of Compression that it knows."""
_JPEG = 7
_IMAGECODECS = {_JPEG, 33003, 33005, 34712, 34887, 34892, 34933, 34934, 50001, 50002, 52546}
"""Compressions that tifffile decodes with imagecodecs: JPEG of 12 bits, and JPEG 2000, LERC, PNG,
JPEG XR, WebP and JPEG XL."""
_ALPHA = (1, 2)
"""Values of ExtraSamples for alpha. Others are channels such as the infrared of film scanners."""
_HORIZONTAL, _FLOATING_POINT = 2, 3
"""Values of Predictor."""
_REVERSED_BITS = np.packbits(
    np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1, bitorder="little"), axis=1
)[:, 0]
"""The bytes with their bits in reverse order, for FillOrder 2."""


def can_decode(page: tifffile.TiffPage) -> bool:
    """Return whether `decode_page` supports the kind of samples of a page and its compression."""
    compression, photometric = int(page.compression), int(page.photometric)
    if compression == _JPEG:  # Pillow decodes 8 bits; tifffile converts Y'CbCr to R'G'B'
        return page.bitspersample > 8 and photometric in (*_NUM_COLORS, _YCBCR)
    return (
        _NUM_COLORS.get(photometric, page.samplesperpixel + 1) <= page.samplesperpixel
        and (photometric <= _RGB or page.bitspersample in (8, 16))
        and page.bitspersample in _DEPTHS.get(page.sampleformat, ())
        and (compression in _NATIVE or compression in _LIBTIFF or compression in _IMAGECODECS)
    )


def find_missing_module(page: tifffile.TiffPage) -> str | None:
    """Return what a page that `can_decode` accepts needs and is not installed, and the remedy."""
    if int(page.compression) not in _IMAGECODECS or find_spec("imagecodecs") is not None:
        return None
    kind = f"{page.bitspersample}-bit " if int(page.compression) == _JPEG else ""
    name = getattr(page.compression, "name", str(int(page.compression)))
    return f"TIFF with {kind}{name} compression needs the Python module imagecodecs; {IMAGES_EXTRA}"


def decode_page(file: Any, page: tifffile.TiffPage) -> DecodedImage:
    """Decode a page that `can_decode` accepts and `find_missing_module` has no objection to.

    Up to 8 bits become 8 bits, and all others 16 bits. Warnings name the range of values that
    are scaled, conversions, and channels that are not kept.

    Raises:
        OSError: the page is damaged. Decoders raise other errors too.
    """
    if not any(page.databytecounts):
        raise OSError("the page has no samples")
    is_native = page.bitspersample in (8, 16, 32, 64) and page.predictor in (1, _HORIZONTAL)
    compression = int(page.compression)
    if (is_native and compression in _NATIVE) or compression in _IMAGECODECS:
        planes, depth, height, width, channels = page.shaped
        samples = page.asarray().reshape(planes * depth, height, width, channels)
    else:
        samples = _decode_segments(file, page)
    # Separate planes come first; one of the first and the last axis has a length of 1.
    samples = np.moveaxis(samples, 0, -1)[..., 0, :] if samples.shape[0] > 1 else samples[0]
    photometric = int(page.photometric)
    num_colors = _NUM_COLORS.get(photometric, 3)
    has_alpha = samples.shape[-1] > num_colors and (page.extrasamples or (0,))[0] in _ALPHA
    num_kept = num_colors + has_alpha
    warnings: tuple[str, ...] = ()
    if samples.shape[-1] > num_kept:
        warnings = (f"not kept: {samples.shape[-1] - num_kept} extra channel(s)",)
    codes, bits, scaling = _convert_to_codes(
        samples[..., :num_kept], page.bitspersample, page.sampleformat
    )
    colors, alpha = codes[..., :num_colors], codes[..., num_colors] if has_alpha else None
    if photometric == _CMYK:
        colors = cmyk_to_rgb(colors)
    elif photometric in (_CIELAB, _ICCLAB):
        colors = lab_to_rgb(colors, photometric == _ICCLAB)
    elif photometric == _WHITE_IS_ZERO:
        colors = np.iinfo(colors.dtype).max - colors
    decoded = DecodedImage.from_samples(colors if colors.shape[-1] > 1 else colors[..., 0], bits)
    alpha = None if alpha is None else np.ascontiguousarray(alpha)
    return replace(decoded, alpha=alpha, warnings=scaling + warnings)


def _decode_segments(file: Any, page: tifffile.TiffPage) -> NDArray[Any]:
    """Decode the strips or tiles of a page: (planes, H, W, channels), as tifffile would."""
    height, width, bits = page.imagelength, page.imagewidth, page.bitspersample
    is_separate = int(page.planarconfig) == 2
    planes, channels = (page.samplesperpixel, 1) if is_separate else (1, page.samplesperpixel)
    across, down = width, min(page.rowsperstrip or height, height)
    if page.is_tiled:
        across, down = page.tilewidth, page.tilelength
    columns, bands = -(-width // across), -(-height // down)
    row_bytes = -(-across * channels * bits // 8)
    dtype = np.dtype(f"u{1 if bits <= 8 else 2 if bits <= 16 else bits // 8}")
    out = np.zeros((planes, height, width, channels), dtype)
    places = zip(page.dataoffsets, page.databytecounts, strict=True)
    for index, (offset, size) in enumerate(places):
        plane, position = divmod(index, columns * bands)
        band, column = divmod(position, columns)
        top, left = band * down, column * across
        if size == 0 or plane >= planes:  # a sparse tile
            continue
        rows = down if page.is_tiled else min(down, height - top)
        file.seek(offset)
        data = np.frombuffer(file.read(size), np.uint8)
        if page.fillorder == 2:
            data = _REVERSED_BITS[data]
        raw = _decompress(data.tobytes(), int(page.compression), row_bytes, rows)
        part = _unpack(raw, page, across * channels).reshape(rows, across, channels)
        if page.predictor == _HORIZONTAL:
            part = np.cumsum(part, axis=1, dtype=dtype)
        target = out[plane, top : top + down, left : left + across]
        target[:] = part[: target.shape[0], : target.shape[1]]
    return out.view(f"f{dtype.itemsize}" if page.sampleformat == _FLOAT else dtype)


def _decompress(data: bytes, compression: int, width: int, height: int) -> NDArray[np.uint8]:
    """Decompress a strip or tile to (height, width) bytes.

    Raises:
        OSError: it is damaged.
    """
    if compression in (_DEFLATE, _OLD_DEFLATE):
        data = zlib.decompress(data)
    elif compression != _UNCOMPRESSED:
        return _decompress_with_libtiff(data, _LIBTIFF[compression], width, height)
    if len(data) < width * height:
        raise OSError(f"a strip has {len(data)} bytes, expected {width * height}")
    return np.frombuffer(data, np.uint8, width * height).reshape(height, width)


def _decompress_with_libtiff(
    data: bytes, compression: int, width: int, height: int
) -> NDArray[np.uint8]:
    from PIL.TiffImagePlugin import TiffImageFile

    silence_libtiff()
    tags = (
        (256, 4, width),  # ImageWidth
        (257, 4, height),  # ImageLength
        (258, 3, 8),  # BitsPerSample
        (259, 3, compression),  # Compression
        (262, 3, _BLACK_IS_ZERO),  # PhotometricInterpretation
        (273, 4, 8),  # StripOffsets
        (277, 3, 1),  # SamplesPerPixel
        (278, 4, height),  # RowsPerStrip
        (279, 4, len(data)),  # StripByteCounts
    )
    padded = data + b"\0" * (len(data) % 2)
    header = b"II*\0" + struct.pack("<I", 8 + len(padded))
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    return np.asarray(TiffImageFile(io.BytesIO(header + padded + directory)))


@cache
def silence_libtiff() -> None:
    """Stop Pillow's libtiff from printing errors, for which Pillow raises exceptions as well."""
    import PIL

    # Wheels of Pillow have their own libtiff, on Linux and macOS in these folders.
    package = Path(PIL.__file__).parent
    for folder in (package.with_name("pillow.libs"), package / ".dylibs"):
        for library in folder.glob("libtiff*"):
            with contextlib.suppress(OSError, AttributeError):
                ctypes.CDLL(str(library)).TIFFSetErrorHandler(None)


def _unpack(raw: NDArray[np.uint8], page: tifffile.TiffPage, count: int) -> NDArray[Any]:
    """Unpack (rows, bytes) to (rows, count) unsigned samples in native byte order."""
    bits, order = page.bitspersample, page.parent.byteorder
    if bits in (8, 16, 32, 64):
        size = bits // 8
        if page.predictor == _FLOATING_POINT:
            # Differences of bytes, whose planes are stored from the most significant one.
            channels = count // (page.tilewidth or page.imagewidth)
            sums = np.cumsum(raw.reshape(len(raw), -1, channels), axis=1, dtype=np.uint8)
            raw = sums.reshape(len(raw), size, count).transpose(0, 2, 1).reshape(len(raw), -1)
            order = ">"
        return np.ascontiguousarray(raw).view(f"{order}u{size}").astype(f"u{size}")
    out = np.zeros((len(raw), count), np.uint8 if bits < 8 else np.uint16)
    for rows in row_bands(len(raw)):
        digits = np.unpackbits(raw[rows], axis=1)[:, : count * bits].reshape(-1, count, bits)
        for bit in range(bits):
            out[rows] = out[rows] << 1 | digits[..., bit]
    return out


def _convert_to_codes(
    samples: NDArray[Any], bits: int, sample_format: int
) -> tuple[NDArray[Any], int, tuple[str, ...]]:
    """Convert samples of any type to uint8 or uint16 of the full range, and return the depth.

    Signed integers have black at the lowest value if any is negative, else at 0. Floats have black
    at 0 and white at 1, or at the maximum if that is larger. Integers of more than 16 bits have
    white at the highest value of 8 or 16 bits if none is larger: programs such as Pillow store
    gray of 8 and 16 bits in 32 bits.
    """
    if sample_format == _UNSIGNED and bits <= 16:
        target = 8 if bits <= 8 else 16
        return convert_depth(samples, bits, target), target, ()
    low, high, kind = 0.0, float((1 << bits) - 1), f"{bits}-bit integers"
    if sample_format == _FLOAT:
        finite = np.isfinite(samples)
        high = max(1.0, float(samples.max(initial=0, where=finite)))
        kind = "floating point"
    elif sample_format == _SIGNED:
        samples = samples.view(f"i{bits // 8}")
        kind = f"signed {bits}-bit integers"
        low, high = -float(1 << (bits - 1)), float((1 << (bits - 1)) - 1)
        if samples.min() >= 0:
            low = 0.0
    if sample_format != _FLOAT and bits > 16 and low == 0:
        highest = float(samples.max(initial=0))
        high = next((top for top in (255.0, 65535.0) if highest <= top), high)
    target = 8 if bits <= 8 else 16
    top = (1 << target) - 1
    out = np.empty(samples.shape, np.uint8 if target == 8 else np.uint16)
    for rows in row_bands(len(samples)):
        unit = (samples[rows].astype(np.float64) - low) / (high - low)
        unit = np.nan_to_num(unit, nan=0.0, posinf=1.0, neginf=0.0)
        out[rows] = np.rint(np.clip(unit, 0, 1) * top)
    warning = f"samples are {kind}: {low:g} is taken as black, {high:g} as white"
    return out, target, (warning,)
