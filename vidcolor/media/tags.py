"""A film's tags: which of them belong to the film, and which a container cannot hold."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av

from vidcolor.media.probe import open_source

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_CONTAINER_OWN_TAGS = {
    "major_brand",
    "minor_version",
    "compatible_brands",
    "encoder",
    "software",  # AVI's word for the encoder
    "duration",
    "timecode",  # goes with the picture
    # MXF's identity of one very file
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
"""Tags that describe the source's file, not its content."""
_SCRATCH_ENCODERS = {"mp4": "mpeg4", "mov": "mpeg4", "mxf": "mpeg2video"}
"""Containers that hold some tags only, and an encoder to try them with."""


def film_tags(path: Path) -> dict[str, str]:
    """The container's tags that belong to the film."""
    with open_source(path) as source:
        return content_tags(source.metadata)


def content_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Those of a container's tags that say something of the film and not of the file."""
    return {k: v for k, v in tags.items() if k.lower() not in _CONTAINER_OWN_TAGS}


def lost_tags(tags: Mapping[str, str], muxer: str) -> list[str]:
    """The names of the tags that a container has no place for; found out by writing them."""
    if not tags or muxer not in _SCRATCH_ENCODERS:
        return []
    memory = io.BytesIO()
    with av.open(memory, "w", format=muxer) as scratch:
        stream: Any = scratch.add_stream(_SCRATCH_ENCODERS[muxer], rate=Fraction(25))
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        scratch.metadata.update(tags)
        picture = av.VideoFrame(64, 64, "yuv420p")
        picture.pts = 0
        scratch.mux(stream.encode(picture))
        scratch.mux(stream.encode(None))
    memory.seek(0)
    with av.open(memory) as written:
        held = {key.lower() for key in written.metadata}
    return sorted(key for key in tags if key.lower() not in held)
