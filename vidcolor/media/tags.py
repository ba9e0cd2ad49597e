"""Tags of a container: which of them describe the film, and which of them a muxer supports."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av

from vidcolor.media.demux import open_input

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_FILE_TAGS = {
    "major_brand",
    "minor_version",
    "compatible_brands",
    "encoder",
    "software",  # The encoder in AVI.
    "duration",
    "timecode",  # Written by the video stream.
    # MXF: identity of the file.
    "uid",
    "generation_uid",
    "operational_pattern_ul",
    "company_name",
    "product_name",
    "product_uid",
    "product_version",
    "product_version_num",
    "application_platform",
    "toolkit_version_num",
    "modification_date",
    "material_package_umid",
    "file_package_umid",
}
"""Tags that describe the source's file and not its content."""
_PROBE_ENCODERS = {"mp4": "mpeg4", "mov": "mpeg4", "mxf": "mpeg2video"}
"""Muxers that support only a fixed set of tags, with the encoder of their test file."""


def read_content_tags(path: Path) -> dict[str, str]:
    """Return the tags of a film's container that describe the film.

    Raises:
        InputError: the file cannot be opened.
    """
    with open_input(path) as source:
        return filter_content_tags(source.metadata)


def filter_content_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that describe the film and not the file."""
    return {k: v for k, v in tags.items() if k.lower() not in _FILE_TAGS}


def find_unsupported_tags(tags: Mapping[str, str], muxer: str) -> list[str]:
    """Return the sorted names of the tags that a container cannot store.

    The tags are written to a file in memory and read back.
    """
    if not tags or muxer not in _PROBE_ENCODERS:
        return []
    memory = io.BytesIO()
    with av.open(memory, "w", format=muxer) as output:
        stream: Any = output.add_stream(_PROBE_ENCODERS[muxer], rate=Fraction(25))
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        output.metadata.update(tags)
        frame = av.VideoFrame(64, 64, "yuv420p")
        frame.pts = 0
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    memory.seek(0)
    with av.open(memory) as written:
        stored = {key.lower() for key in written.metadata}
    return sorted(key for key in tags if key.lower() not in stored)
