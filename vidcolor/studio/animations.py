"""Whether an image has several frames, found without a decoder.

`vidcolor.media.animations` opens images with Pillow, which a server must not do with files of
strangers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from pathlib import Path

_PNG_HEAD_BYTES = 8
_MAX_PNG_CHUNKS = 1000
_GIF_HEAD_BYTES = 13
_EXTENSION, _IMAGE = b"\x21", b"\x2c"


def is_animation(path: Path, head: bytes, name: str) -> bool:
    """Return whether a file has several frames.

    Args:
        path: the file.
        head: its first bytes, at least 32.
        name: name of its format; see `vidcolor.media.stills.formats`.
    """
    if name == "webp":  # the flag in the VP8X chunk (RFC 9649)
        return head[12:16] == b"VP8X" and len(head) > 20 and bool(head[20] & 2)
    if name == "avif":
        return head[4:12] == b"ftypavis"
    if name not in ("png", "gif"):
        return False
    with path.open("rb") as file:
        return _is_animated_png(file) if name == "png" else _is_animated_gif(file)


def _is_animated_png(file: BinaryIO) -> bool:
    """Return whether an acTL chunk with several frames precedes the image data."""
    file.seek(_PNG_HEAD_BYTES)
    for _ in range(_MAX_PNG_CHUNKS):
        head = file.read(8)
        if len(head) < 8 or head[4:] in (b"IDAT", b"IEND"):
            return False
        if head[4:] == b"acTL":
            return int.from_bytes(file.read(4), "big") > 1
        file.seek(int.from_bytes(head[:4], "big") + 4, 1)
    return False


def _is_animated_gif(file: BinaryIO) -> bool:
    """Return whether there are two image descriptors (GIF89a)."""
    head = file.read(_GIF_HEAD_BYTES)
    if len(head) < _GIF_HEAD_BYTES:
        return False
    _skip_color_table(file, head[10])
    count = 0
    while True:
        kind = file.read(1)
        if kind == _EXTENSION:
            file.seek(1, 1)
        elif kind == _IMAGE:
            count += 1
            descriptor = file.read(9)
            if count > 1 or len(descriptor) < 9:
                return count > 1
            _skip_color_table(file, descriptor[8])
            file.seek(1, 1)  # the minimum code size
        else:
            return False
        while size := file.read(1):
            if size == b"\0":
                break
            file.seek(size[0], 1)


def _skip_color_table(file: BinaryIO, flags: int) -> None:
    if flags & 0x80:
        file.seek(3 << ((flags & 7) + 1), 1)
