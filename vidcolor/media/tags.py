"""Tags of a container: which of them describe the film, and which of them a container supports."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av

from vidcolor.media.demux import open_input

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vidcolor.media.containers import Container

_FILE_TAGS = {
    # "software" is the encoder in AVI. The video stream writes the timecode.
    *("major_brand", "minor_version", "compatible_brands", "encoder", "software", "duration"),
    *("timecode", "uid", "generation_uid", "operational_pattern_ul", "company_name"),
    *("product_name", "product_uid", "product_version", "product_version_num"),
    *("application_platform", "toolkit_version_num", "modification_date"),
    *("material_package_umid", "file_package_umid"),
}
"""Tags that describe the source's file and not its content."""


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


def find_unsupported_tags(tags: Mapping[str, str], container: Container) -> list[str]:
    """Return the sorted names of the tags that a container cannot store.

    The tags are written to a file in memory and read back.
    """
    if not tags or not container.trial_encoder:
        return []
    memory = io.BytesIO()
    with av.open(memory, "w", format=container.muxer) as output:
        stream = add_trial_stream(output, container)
        output.metadata.update(tags)
        frame = av.VideoFrame(64, 64, "yuv420p")
        frame.pts = 0
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    memory.seek(0)
    with av.open(memory) as written:
        stored = {key.lower() for key in written.metadata}
    return sorted(key for key in tags if key.lower() not in stored)


def add_trial_stream(output: av.container.OutputContainer, container: Container) -> Any:
    """Add a video stream of 64x64 pixels to a test file."""
    stream: Any = output.add_stream(container.trial_encoder, rate=Fraction(25))
    stream.width = stream.height = 64
    stream.pix_fmt = "yuv420p"
    return stream
