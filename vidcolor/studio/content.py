"""Kinds of uploaded files by their first bytes. The file name decides nothing.

Only the start of a file is compared here; nothing is decoded. A file that is not what it starts
like fails later, in the worker that decodes it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from vidcolor.studio.animations import is_animation
from vidcolor.studio.errors import UnsupportedError

if TYPE_CHECKING:
    from pathlib import Path

ItemKind = Literal["photo", "film"]

_HEAD_BYTES = 4096
_FILMS: tuple[tuple[str, re.Pattern[bytes]], ...] = tuple(
    (suffix, re.compile(pattern, re.DOTALL))
    for suffix, pattern in (
        (".mov", rb".{4}ftypqt  |.{4}(?:moov|mdat|wide|pnot)"),
        (".mp4", rb".{4}(?:ftyp|styp)"),
        (".mkv", rb"\x1a\x45\xdf\xa3"),
        (".avi", rb"RIFF.{4}AVI[ X\x19]"),
        (".mpg", rb"\x00\x00\x01[\xba\xb3]"),
        (".ts", rb"\x47.{187}\x47.{187}\x47"),
        (".m2ts", rb".{4}\x47.{191}\x47.{191}\x47"),
        (".wmv", rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),
        (".flv", rb"FLV\x01"),
        (".ogv", rb"OggS"),
        (".mxf", rb"\x06\x0e\x2b\x34\x02\x05\x01\x01"),
        (".nut", rb"nut/multimedia container\0"),
        (".ivf", rb"DKIF"),
        (".y4m", rb"YUV4MPEG2 "),
        (".dv", rb"\x1f\x07\0[\x3f\xbf]"),
        (".gif", rb"GIF8[79]a"),
    )
)
"""Signatures of containers of films, with the extension that the stored file gets."""
_REFUSED: tuple[tuple[bytes, str], ...] = (
    (b"#EXTM3U", "an HLS playlist"),
    (b"ffconcat version", "a list of files for FFmpeg"),
    (b"<MPD", "a DASH manifest"),
    (b"<svg", "an SVG drawing"),
    (b"<!doctype html", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"<?xml", "an XML file"),
    (b"v=0", "a session description (SDP)"),
    (b"[playlist]", "a playlist"),
    (b"PK\x03\x04", "a ZIP archive; extract it first"),
    (b"PK\x05\x06", "a ZIP archive; extract it first"),
    (b"Rar!", "an archive; extract it first"),
    (b"7z\xbc\xaf", "an archive; extract it first"),
    (b"\x1f\x8b", "a compressed file; extract it first"),
    (b"%PDF", "a PDF; export its pictures first"),
    (b"8BPS", "a Photoshop file; save it as TIFF"),
    (b"MZ", "a program"),
    (b"\x7fELF", "a program"),
    (b"#!", "a script"),
)
"""Starts of files, in lower case for text, that people or attackers upload instead of pictures."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds according to its first bytes."""

    kind: ItemKind
    suffix: str
    """Extension of the format, with the dot."""


def detect_content(path: Path) -> Content:
    """Return the kind of a file.

    Raises:
        UnsupportedError: it is neither a photo nor a film, or a format whose library is missing.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    refused = _describe_refused(head)
    if refused is not None:
        raise UnsupportedError(f"the file is {refused}; photos and films are accepted")
    # It imports NumPy, so that it is loaded with the first upload and not at the start.
    from vidcolor.media.stills.formats import detect_format

    still = detect_format(path)
    film = next((suffix for suffix, pattern in _FILMS if pattern.match(head)), None)
    if still is not None and still.name == "tga" and film is not None:
        still = None  # TGA has no signature, so that any other one is more certain
    if still is not None:
        if is_animation(path, head, still.name):
            return Content("film", {"png": ".apng"}.get(still.name, f".{still.name}"))
        if still.missing_module:
            raise UnsupportedError(f"{still.label}: {still.missing_module}")
        suffix = still.suffixes[0] if still.suffixes else f".{still.name}"
        return Content("photo", suffix)
    if film is not None:
        return Content("film", film)
    raise UnsupportedError("the file is no photo and no film that vidcolor reads")


def _describe_refused(head: bytes) -> str | None:
    """Return what a file is if it is of a kind that people confuse with pictures, else None."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    lowered = text[:64].lower()
    for start, description in _REFUSED:
        if head.startswith(start) or text.startswith(start) or lowered.startswith(start.lower()):
            if start == b"<?xml" and b"<svg" in head.lower():
                return "an SVG drawing"
            return description
    if lowered.startswith(b"<!--") and b"<svg" in head.lower():
        return "an SVG drawing"
    return None
