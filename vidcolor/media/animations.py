"""Animated images, which are colorized as films: GIF, PNG, WebP and AVIF.

FFmpeg reads GIF and PNG animations. Pillow decodes the others, and FFmpeg receives their frames as
an animated PNG ("Portable Network Graphics (PNG) Specification", third edition, W3C, 2025), which
keeps pixels of 8 bits and durations exactly.
"""

from __future__ import annotations

import io
import struct
from functools import lru_cache
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING
from weakref import finalize

from vidcolor.errors import InputError
from vidcolor.media.stills.png import SIGNATURE, encode_chunk, iter_chunks
from vidcolor.media.stills.types import check_size

if TYPE_CHECKING:
    from typing import BinaryIO

    from PIL import Image

ANIMATION_CODECS = frozenset({"gif", "apng", "webp", "avif"})
"""Codecs whose files store the duration of each frame. That of the last frame is exact."""
CONVERTED_SUFFIXES = frozenset({".webp", ".avif"})
"""Extensions of formats whose files are animations or photographs, and that Pillow decodes."""
_COMPRESSION_LEVEL = 1
_MAX_DELAY = 65535
"""Maximum numerator of the duration of a frame."""


def is_animation(path: Path, *, if_unreadable: bool) -> bool:
    """Return whether an image has several frames, or `if_unreadable`."""
    from PIL import Image

    try:
        with Image.open(path, formats=("GIF", "PNG", "WEBP", "AVIF")) as image:
            return bool(getattr(image, "is_animated", False))
    except _pillow_errors():
        return if_unreadable


def find_converted_format(path: Path) -> str | None:
    """Return "webp" or "avif" for an animation that Pillow decodes, else None."""
    try:
        with path.open("rb") as file:
            head = file.read(32)
    except OSError:
        return None
    # The flag of animations in the VP8X chunk (RFC 9649), and the brand of image sequences.
    is_webp = head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and len(head) > 20 and head[20] & 2
    name = "webp" if is_webp else "avif" if head[4:12] == b"ftypavis" else None
    return name if name and is_animation(path, if_unreadable=False) else None


def describe_repeats(path: Path) -> str | None:
    """Return a warning about an animation that repeats, which films do not; else None."""
    # Pillow imports all of its formats to open a file. Most films are no animations.
    if not _has_animation_signature(path):
        return None
    from PIL import Image

    try:
        with Image.open(path, formats=("GIF", "PNG", "WEBP")) as image:
            is_repeated = getattr(image, "is_animated", False)
            # PNG and WebP count how often it plays, and GIF how often it repeats.
            count = image.info.get("loop") if is_repeated else None
            is_gif = image.format == "GIF"
    except _pillow_errors():
        return None
    if count is None or (count == 1 and not is_gif):
        return None
    times = "repeats endlessly" if count == 0 else f"plays {count + is_gif} times"
    return f"the animation {times}; the result plays once"


def _has_animation_signature(path: Path) -> bool:
    """Return whether a file starts like GIF, PNG or WebP."""
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except OSError:
        return False
    return head.startswith((b"GIF8", SIGNATURE)) or (head[:4] + head[8:] == b"RIFFWEBP")


def convert_animation(path: Path) -> Path:
    """Return a temporary animated PNG with the frames of a WebP or AVIF animation.

    It exists until the next animation is converted, or until the process ends.

    Raises:
        InputError: the animation is damaged.
    """
    status = path.stat()
    return _convert(path.absolute(), status.st_size, status.st_mtime_ns).path


class _TemporaryFile:
    """A file that exists as long as this object."""

    def __init__(self, name: str) -> None:
        folder = mkdtemp(prefix="vidcolor-")
        self.path = Path(folder) / name
        finalize(self, rmtree, folder, ignore_errors=True)


@lru_cache(maxsize=1)
def _convert(path: Path, _size: int, _mtime_ns: int) -> _TemporaryFile:
    from PIL import Image

    target = _TemporaryFile("animation.apng")
    try:
        with Image.open(path, formats=("WEBP", "AVIF")) as image:
            check_size(path, *image.size)
            with target.path.open("wb") as file:
                _write_animated_png(image, file)
    except _pillow_errors() as error:
        raise InputError(f"{path}: damaged animation ({error}); get a complete copy") from error
    return target


def _write_animated_png(image: Image.Image, file: BinaryIO) -> None:
    """Write one frame after the other, without differences between frames."""
    mode = "RGBA" if image.has_transparency_data else "RGB"
    number = 0
    for index in range(image.n_frames):  # type: ignore[attr-defined] # of animated formats
        image.seek(index)
        encoded = io.BytesIO()
        profile = image.info.get("icc_profile") if index == 0 else None
        image.convert(mode).save(
            encoded, "PNG", compress_level=_COMPRESSION_LEVEL, icc_profile=profile
        )
        chunks = list(iter_chunks(encoded.getvalue()))
        if index == 0:
            count = struct.pack(">II", image.n_frames, 1)  # type: ignore[attr-defined]
            file.write(SIGNATURE + encode_chunk(*chunks[0]) + encode_chunk(b"acTL", count))
            file.write(b"".join(encode_chunk(*chunk) for chunk in chunks if chunk[0] == b"iCCP"))
        delay = _encode_duration(int(image.info.get("duration") or 0))
        control = struct.pack(">5I", number, *image.size, 0, 0) + delay + bytes(2)
        file.write(encode_chunk(b"fcTL", control))
        number += 1
        for name, body in chunks:
            if name == b"IDAT" and index == 0:
                file.write(encode_chunk(name, body))
            elif name == b"IDAT":
                file.write(encode_chunk(b"fdAT", struct.pack(">I", number) + body))
                number += 1
    file.write(encode_chunk(b"IEND", b""))


def _encode_duration(milliseconds: int) -> bytes:
    """Return numerator and denominator of a duration in seconds, of 16 bits each."""
    per_second = 1000
    while milliseconds > _MAX_DELAY:
        milliseconds, per_second = round(milliseconds / 10), per_second // 10
    return struct.pack(">HH", milliseconds, per_second)


def _pillow_errors() -> tuple[type[Exception], ...]:
    """Return what Pillow raises for damaged files, and for formats that it does not support."""
    from PIL.Image import DecompressionBombError

    return (OSError, SyntaxError, ValueError, EOFError, LookupError, DecompressionBombError)
