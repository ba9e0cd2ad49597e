"""PNG as chunks: metadata in and out, a check for damage, and what can be saved of a cut file."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vidcolor.media.stills.types import StillMetadata

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_XMP_KEYWORD = b"XML:com.adobe.xmp"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_MAX_TEXT = 64 << 20
_INCH = 0.0254
# Critical, tied to the old pixels or to their old color type, animation, or written anew by us.
_NOT_COPIED = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"bKGD", b"sBIT", b"hIST", b"sPLT"} | {
    b"acTL", b"fcTL", b"fdAT", b"iCCP", b"eXIf", b"pHYs", b"caBX"
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PngHeader:
    """What IHDR says."""

    width: int
    height: int
    bits: int
    color_type: int
    interlaced: bool

    @property
    def row_bytes(self) -> int:
        """Bytes of a row, without its filter byte."""
        return (self.width * self.bits * _CHANNELS.get(self.color_type, 1) + 7) // 8


class DamagedPngError(ValueError):
    """A PNG file that ends early or whose check sums do not hold."""


def header_of(data: bytes) -> PngHeader:
    """The header.

    Raises:
        ValueError: there is none.
    """
    if data[:8] != SIGNATURE or data[12:16] != b"IHDR" or len(data) < 33:
        raise ValueError("not a PNG file, or cut off in its header")
    width, height, bits, kind, _, _, interlace = struct.unpack(">IIBBBBB", data[16:29])
    return PngHeader(width, height, bits, kind, interlace != 0)


def chunks(data: bytes, *, strict: bool = True) -> Iterator[tuple[bytes, bytes]]:
    """Name and data of every chunk.

    Args:
        data: the file.
        strict: raise where the file is damaged; else give what there is, broken chunks too.

    Raises:
        DamagedPngError: cut off, or a check sum is wrong.
    """
    at = 8
    while True:
        head = data[at : at + 8]
        length = int.from_bytes(head[:4], "big")
        body = data[at + 8 : at + 8 + length]
        sum_ = data[at + 8 + length : at + 12 + length]
        if strict and (len(head) < 8 or len(sum_) < 4):
            raise DamagedPngError("it ends early")
        if strict and zlib.crc32(head[4:] + body) != int.from_bytes(sum_, "big"):
            raise DamagedPngError(f"the check sum of a {head[4:].decode('latin-1')} chunk is wrong")
        if len(head) < 8:
            return
        yield head[4:], body
        if head[4:] == b"IEND":
            return
        at += 12 + length


def metadata_of(parts: list[tuple[bytes, bytes]]) -> tuple[StillMetadata, tuple[str, ...]]:
    """What the chunks say besides pixels, and what of it will not survive."""
    found = StillMetadata()
    others = []
    for name, body in parts:
        if name == b"eXIf":
            found = replace(found, exif=body.removeprefix(b"Exif\0\0"))
        elif name == b"iCCP":
            found = replace(found, icc=_inflate(body.split(b"\0", 1)[-1][1:]))
        elif name == b"pHYs" and len(body) == 9 and body[8] == 1:
            x, y = struct.unpack(">II", body[:8])
            found = replace(found, dpi=(x * _INCH, y * _INCH) if x and y else None)
        elif name == b"iTXt" and body.startswith(_XMP_KEYWORD + b"\0"):
            found = replace(found, xmp=_international_text(body))
        elif name not in _NOT_COPIED and name[:1].islower():
            others.append((name, body))
    names = {name for name, _ in parts}
    lost = []
    if b"acTL" in names:
        lost.append("it is animated: only the first frame is colored")
    if b"caBX" in names:
        lost.append(
            "its content credentials (C2PA), which the change of pixels makes void, cannot be kept"
        )
    return replace(found, png_chunks=tuple(others)), tuple(lost)


def with_metadata(png: bytes, metadata: StillMetadata) -> bytes:
    """An encoder's PNG with metadata put in after its header."""
    added = []
    described = {name for name, _ in metadata.png_chunks}
    if metadata.icc:
        added.append(_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc)))
        described.add(b"sRGB")
    if metadata.dpi:
        x, y = (round(d / _INCH) for d in metadata.dpi)
        added.append(_chunk(b"pHYs", struct.pack(">IIB", x, y, 1)))
    if metadata.exif:
        added.append(_chunk(b"eXIf", metadata.exif))
    if metadata.xmp:
        added.append(_chunk(b"iTXt", _XMP_KEYWORD + b"\0\0\0\0\0" + metadata.xmp))
    for name, body in metadata.png_chunks:
        if name != b"sRGB" or not metadata.icc:
            added.append(_chunk(name, body))
    head = len(SIGNATURE) + 12 + 13
    return png[:head] + b"".join(added) + png[head:]


def mend(data: bytes) -> tuple[bytes, float]:
    """A whole PNG from a damaged one, black where nothing was left, and the share that was.

    Raises:
        ValueError: nothing can be saved (nothing left, or interlaced).
    """
    header = header_of(data)
    parts = list(chunks(data, strict=False))
    coded = b"".join(body for name, body in parts if name == b"IDAT")
    rows = _inflate_what_is_left(coded, (header.row_bytes + 1) * header.height)
    wanted = (header.row_bytes + 1) * header.height
    if header.interlaced or not rows:
        raise ValueError("nothing of the picture can be saved")
    kept = rows[: len(rows) // (header.row_bytes + 1) * (header.row_bytes + 1)]
    out = [SIGNATURE, _chunk(b"IHDR", data[16:29])]
    out += [_chunk(name, body) for name, body in parts if name in (b"PLTE", b"tRNS")]
    out.append(_chunk(b"IDAT", zlib.compress(kept.ljust(wanted, b"\0"), 1)))
    return b"".join([*out, _chunk(b"IEND", b"")]), len(kept) / wanted


def _inflate_what_is_left(coded: bytes, wanted: int) -> bytes:
    stream, out, step = zlib.decompressobj(), bytearray(), 1 << 12
    try:
        for at in range(0, len(coded), step):
            out += stream.decompress(coded[at : at + step], wanted - len(out))
            if len(out) >= wanted:
                break
    except zlib.error:
        pass
    return bytes(out[:wanted])


def _chunk(name: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")


def _inflate(body: bytes) -> bytes | None:
    """Decompress a small text or profile; None if it is broken or a bomb."""
    stream = zlib.decompressobj()
    try:
        text = stream.decompress(body, _MAX_TEXT)
    except zlib.error:
        return None
    return text if stream.eof else None


def _international_text(body: bytes) -> bytes | None:
    """The text of an iTXt chunk: keyword, compression flag and method, language, translation."""
    _, rest = body.split(b"\0", 1)
    fields = rest[2:].split(b"\0", 2)
    if len(fields) < 3:
        return None
    return _inflate(fields[2]) if rest[0] else fields[2]
