"""Formats that FFmpeg may read: those that hold their data, but not lists of other files.

A playlist in place of a film would make FFmpeg read other files or the network.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import av
from av.format import ContainerFormat

if TYPE_CHECKING:
    from pathlib import Path

_LISTS = ("concat", "dash", "hls", "imf", "sdp", "vobsub", "webm_dash_manifest")
"""FFmpeg's demuxers of files that name other files or addresses."""
_DEVICES = (
    "alsa", "decklink", "fbdev", "iec61883", "jack", "kmsgrab", "lavfi", "openal", "oss", "pulse",
    "rtp", "rtsp", "sap", "sndio", "v4l2", "video4linux2", "x11grab", "xcbgrab",
)  # fmt: skip
"""FFmpeg's demuxers of devices, generated data and network sessions."""
_SIGNATURES = {
    b"#EXTM3U": "an HLS playlist",
    b"<?xml": "an XML file, such as a DASH manifest",
    b"<MPD": "a DASH manifest",
    b"ffconcat version": "a list of files for FFmpeg",
    b"v=0": "a session description (SDP)",
    b"# VobSub index": "an index of subtitles",
}
"""Beginnings of lists of other files."""


@lru_cache(maxsize=1)
def list_whitelists() -> dict[str, str]:
    """Return FFmpeg's options that restrict an input to local files of the permitted formats."""
    names = set()
    for name in av.formats_available:
        try:
            ContainerFormat(name, "r")
        except ValueError:  # a muxer
            continue
        names.update(name.split(","))
    permitted = sorted(names.difference(_LISTS, _DEVICES))
    return {"format_whitelist": ",".join(permitted), "protocol_whitelist": "file"}


def describe_list(path: Path) -> str | None:
    """Return the kind of a list of other files; None if the file is not known to be one."""
    with path.open("rb") as file:
        head = file.read(256).removeprefix(b"\xef\xbb\xbf").lstrip()
    return next((kind for start, kind in _SIGNATURES.items() if head.startswith(start)), None)
