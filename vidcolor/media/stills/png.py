"""Reading and writing of PNG: pixels, metadata chunks, and recovery of damaged files.

Pillow and OpenCV code the pixels. Chunks are handled here, because libraries decode and rewrite
them, and chunks that do not depend on the pixels must be copied byte for byte. Damaged files are
rebuilt here, because no library reports which rows it could read. Names follow "Portable Network
Graphics (PNG) Specification", third edition (W3C, 2025).
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vidcolor.errors import InputError, OutputError
from vidcolor.media.stills.rgb import decode_16_bit_image
from vidcolor.media.stills.types import (
    DEFLATE_LEVEL,
    DecodedImage,
    EncodedStill,
    StillMetadata,
    check_size,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from vidcolor.media.stills.types import ColorizedStill

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER_END = len(SIGNATURE) + 12 + 13
_XMP_KEYWORD = b"XML:com.adobe.xmp"
"""Keyword of the iTXt chunk with the XMP packet."""
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples per pixel by color type."""
_PIXEL_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
"""Chunks without which the pixels cannot be decoded."""
_GRAY, _GRAY_ALPHA = 0, 4
"""Color types of gray without and with alpha."""
_MAX_TEXT_BYTES = 64 << 20
"""Maximum size of a decompressed text or profile, in bytes. Larger ones are dropped, because they
may be decompression bombs."""
_INCH_M = 0.0254
"""Length of an inch in meters, the unit of pHYs."""
_INFLATE_BYTES = 1 << 12
"""Number of compressed bytes per call when a damaged file is decompressed. The output of the call
that fails is lost."""
_NOT_COPIED = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"bKGD", b"sBIT", b"hIST", b"sPLT"} | {
    b"acTL", b"fcTL", b"fdAT", b"iCCP", b"eXIf", b"pHYs", b"caBX"
}  # fmt: skip
"""Chunks that are not copied: they are critical, describe the old pixels or the old color type,
belong to animation, or are written from `StillMetadata`."""


class _Header(NamedTuple):
    """The fields of the IHDR chunk."""

    width: int
    height: int
    bits: int
    """Bits per sample, or per palette index."""
    color_type: int
    """0 gray, 2 R'G'B', 3 palette, 4 gray with alpha, 6 R'G'B' with alpha."""
    compression: int
    filter_method: int
    interlace: int


class _DamagedPngError(ValueError):
    """A PNG file that is truncated or has a wrong checksum."""


def read_png(path: Path, allow_damaged: bool) -> DecodedImage:
    """Decode a PNG. 16 bits stay 16 bits, and fewer than 8 become 8.

    A damaged file is refused, or read with a warning: rows that cannot be read are black.
    `StillMetadata.extras` has name and data of the chunks that are copied as they are.
    """
    from PIL.PngImagePlugin import PngImageFile

    data = path.read_bytes()
    header = _parse_header(data)
    check_size(path, header.width, header.height)
    damage: tuple[str, ...] = ()
    try:
        chunks = list(iter_chunks(data))
    except _DamagedPngError as error:
        if not allow_damaged:
            raise InputError(
                f"{path}: damaged PNG: {error}; get a complete copy, or allow damaged images"
            ) from None
        chunks = list(iter_chunks(data, strict=False))
        data, share = _recover_rows(data, header, chunks)
        damage = (f"the file is damaged: {share:.0%} of its rows are readable, the rest is black",)
    metadata, warnings = _read_metadata(chunks)
    transparent = dict(chunks).get(b"tRNS") if header.color_type == _GRAY else None
    if header.bits == 16:
        # OpenCV would print warnings about metadata, such as profiles.
        pixel_chunks = [chunk for chunk in chunks if chunk[0] in _PIXEL_CHUNKS]
        decoded = _decode_16_bit(data if damage else _join_chunks(pixel_chunks), header)
    else:
        image = PngImageFile(io.BytesIO(data), str(path))
        if transparent:  # Pillow compares it with samples that it has scaled to 8 bits
            image.info.pop("transparency", None)
        decoded = DecodedImage.from_pillow(image)
    if transparent:
        decoded = _add_alpha(decoded, transparent, header.bits)
    return replace(decoded, metadata=metadata, warnings=damage + warnings)


def read_png_xmp(path: Path) -> bytes | None:
    """Return the XMP packet of a PNG, which may be damaged, or None."""
    return _read_metadata(list(iter_chunks(path.read_bytes(), strict=False)))[0].xmp


def encode_png(job: ColorizedStill) -> EncodedStill:
    """Encode an 8-bit or 16-bit PNG."""
    import cv2

    samples = job.samples()
    order = [2, 1, 0, 3][: samples.shape[-1]]
    options = [cv2.IMWRITE_PNG_COMPRESSION, DEFLATE_LEVEL]
    done, data = cv2.imencode(".png", samples[..., order], options)
    if not done:
        raise OutputError("the PNG encoder failed")
    return _insert_metadata(data.tobytes(), job.metadata), ()


def _decode_16_bit(data: bytes, header: _Header) -> DecodedImage:
    """Decode a 16-bit PNG."""
    samples = decode_16_bit_image(np.frombuffer(data, np.uint8))
    if samples is None:
        raise ValueError("the pixels cannot be decoded")
    if header.color_type == _GRAY_ALPHA:  # OpenCV returns gray three times, and alpha
        samples = samples[..., [2, 3]]
    return DecodedImage.from_samples(samples, 16)


def _add_alpha(decoded: DecodedImage, transparent: bytes, bits: int) -> DecodedImage:
    """Add the alpha of gray of `bits` bits, whose tRNS chunk names the only transparent code."""
    top = np.iinfo(decoded.pixels.dtype).max
    code = int.from_bytes(transparent[:2], "big") * (top // ((1 << bits) - 1))
    alpha = np.where(decoded.pixels == code, 0, top).astype(decoded.pixels.dtype)
    return replace(decoded, alpha=alpha)


def _parse_header(data: bytes) -> _Header:
    if data[:8] != SIGNATURE or data[12:16] != b"IHDR" or len(data) < _HEADER_END:
        raise ValueError("not a PNG file, or truncated in its header")
    return _Header(*struct.unpack(">IIBBBBB", data[16:29]))


def iter_chunks(data: bytes, *, strict: bool = True) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and data of every chunk; a broken one raises a `ValueError` if `strict`."""
    at = len(SIGNATURE)
    while True:
        head = data[at : at + 8]
        length = int.from_bytes(head[:4], "big")
        body = data[at + 8 : at + 8 + length]
        checksum = data[at + 8 + length : at + 12 + length]
        if strict and (len(head) < 8 or len(checksum) < 4):
            raise _DamagedPngError("truncated")
        if strict and zlib.crc32(head[4:] + body) != int.from_bytes(checksum, "big"):
            raise _DamagedPngError(f"wrong checksum of a {head[4:].decode('latin-1')} chunk")
        if len(head) < 8:
            return
        yield head[4:], body
        if head[4:] == b"IEND":
            return
        at += 12 + length


def _read_metadata(chunks: list[tuple[bytes, bytes]]) -> tuple[StillMetadata, tuple[str, ...]]:
    """Return the metadata of a file, and warnings about parts that cannot be kept."""
    metadata = StillMetadata()
    others = []
    for name, body in chunks:
        if name == b"eXIf":
            metadata = replace(metadata, exif=body.removeprefix(b"Exif\0\0"))
        elif name == b"iCCP":
            # Profile name, null byte, compression method, compressed profile.
            metadata = replace(metadata, icc=_inflate(body.split(b"\0", 1)[-1][1:]))
        elif name == b"pHYs" and len(body) == 9 and body[8] == 1:
            x, y = struct.unpack(">II", body[:8])  # pixels per meter
            metadata = replace(metadata, dpi=(x * _INCH_M, y * _INCH_M) if x and y else None)
        elif name == b"iTXt" and body.startswith(_XMP_KEYWORD + b"\0"):
            metadata = replace(metadata, xmp=_parse_international_text(body))
        elif name not in _NOT_COPIED and name[:1].islower():
            others.append((name, body))
    names = {name for name, _ in chunks}
    warnings = []
    if b"acTL" in names:
        warnings.append(
            "the image is animated: only the first frame is colorized; to colorize all as a film, "
            "name it .apng"
        )
    if b"caBX" in names:
        warnings.append("content credentials (C2PA) are not kept: they describe other pixels")
    return replace(metadata, extras=tuple(others)), tuple(warnings)


def _parse_international_text(body: bytes) -> bytes | None:
    """Return the text of an iTXt chunk, or None if the chunk is damaged."""
    # Keyword, compression flag and method, language, translated keyword, text.
    _, rest = body.split(b"\0", 1)
    fields = rest[2:].split(b"\0", 2)
    if len(fields) < 3:
        return None
    return _inflate(fields[2]) if rest[0] else fields[2]


def _inflate(body: bytes) -> bytes | None:
    """Decompress a text or profile; None if it is damaged or exceeds `_MAX_TEXT_BYTES`."""
    stream = zlib.decompressobj()
    try:
        text = stream.decompress(body, _MAX_TEXT_BYTES)
    except zlib.error:
        return None
    return text if stream.eof else None


def _insert_metadata(png: bytes, metadata: StillMetadata) -> bytes:
    chunks = []
    if metadata.icc:
        chunks.append((b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc)))
    if metadata.dpi:
        x, y = (round(d / _INCH_M) for d in metadata.dpi)
        chunks.append((b"pHYs", struct.pack(">IIB", x, y, 1)))
    if metadata.exif:
        chunks.append((b"eXIf", metadata.exif))
    if metadata.xmp:
        chunks.append((b"iTXt", _XMP_KEYWORD + b"\0\0\0\0\0" + metadata.xmp))
    # A file has either iCCP or sRGB.
    chunks += [c for c in metadata.extras if c[0] != b"sRGB" or not metadata.icc]
    return png[:_HEADER_END] + b"".join(encode_chunk(*c) for c in chunks) + png[_HEADER_END:]


def encode_chunk(name: bytes, body: bytes) -> bytes:
    """Return a chunk with its length and checksum."""
    return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")


def _join_chunks(chunks: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"".join((SIGNATURE, *(encode_chunk(*chunk) for chunk in chunks)))


def _recover_rows(
    data: bytes, header: _Header, chunks: list[tuple[bytes, bytes]]
) -> tuple[bytes, float]:
    """Return a valid PNG with the readable rows of a damaged one, and their fraction, 0-1."""
    compressed = b"".join(body for name, body in chunks if name == b"IDAT")
    row_bytes = (header.width * header.bits * _CHANNELS.get(header.color_type, 1) + 7) // 8 + 1
    num_bytes = row_bytes * header.height  # each row starts with its filter
    rows = _inflate_partially(compressed, num_bytes)
    if header.interlace or not rows:
        raise ValueError("no part of the image can be recovered")
    kept = rows[: len(rows) // row_bytes * row_bytes]
    out = [(b"IHDR", data[16:29])]
    out += [(name, body) for name, body in chunks if name in (b"PLTE", b"tRNS")]
    out += [(b"IDAT", zlib.compress(kept.ljust(num_bytes, b"\0"), 1)), (b"IEND", b"")]
    return _join_chunks(out), len(kept) / num_bytes


def _inflate_partially(compressed: bytes, max_bytes: int) -> bytes:
    """Decompress up to the first error or to `max_bytes`."""
    stream, out = zlib.decompressobj(), bytearray()
    try:
        for at in range(0, len(compressed), _INFLATE_BYTES):
            piece = compressed[at : at + _INFLATE_BYTES]
            out += stream.decompress(piece, max_bytes - len(out))
            if len(out) >= max_bytes:
                break
    except zlib.error:
        pass
    return bytes(out[:max_bytes])
