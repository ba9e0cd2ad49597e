"""Fingerprints: the values that decide whether finished segments can be reused."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from vidcolor.environment import get_library_versions
from vidcolor.media.sequence import find_sequence, is_sequence_pattern

if TYPE_CHECKING:
    from pathlib import Path

    from vidcolor.film.segment import OutputEncoding
    from vidcolor.options import ColorizeOptions
    from vidcolor.provenance import Provenance

FORMAT = 2
"""Version of the files in a work directory. Work in another format is not reused."""
_DIFFERENCES = {
    "weights": "the weights differ",
    "version": "the version of vidcolor differs",
    "libraries": "the version of torch, FFmpeg or OpenCV differs",
    "video_encoding": "the encoder settings differ",
    "confidence_encoding": "the encoder settings of the confidence film differ",
    "target": "the output differs",
}


def source_fingerprint(source: Path) -> dict[str, Any]:
    """Return number, size and modification time of the source's files, for a quick comparison.

    Raises:
        VidcolorError, OSError: the source cannot be read.
    """
    if source.is_dir() or (is_sequence_pattern(source) and not source.exists()):
        stats = [path.stat() for path in find_sequence(source).files.values()]
    else:
        stats = [source.stat()]
    return {
        "num_files": len(stats),
        "size_bytes": sum(stat.st_size for stat in stats),
        "modified_ns": max(stat.st_mtime_ns for stat in stats),
    }


def render_fingerprint(
    target: Path,
    options: ColorizeOptions,
    provenance: Provenance,
    video: OutputEncoding | None,
    confidence: OutputEncoding | None,
) -> dict[str, Any]:
    """Return everything that the result depends on besides its source, as a JSON object."""
    libraries = {
        k: v for k, v in get_library_versions().items() if k not in ("vidcolor", "python", "system")
    }
    return {
        "format": FORMAT,
        "target": str(target.absolute()),
        "options": options.fingerprint_values(),
        "weights": provenance.weights_sha256,
        "version": provenance.version,
        "libraries": libraries,
        "device": options.device if options.device != "auto" else None,
        "precision": options.precision,
        "video_encoding": _describe_encoding(video),
        "confidence_encoding": _describe_encoding(confidence),
    }


def _describe_encoding(encoding: OutputEncoding | None) -> dict[str, Any] | None:
    if encoding is None:
        return None
    encoder = encoding.encoder
    return {
        "muxer": encoder.muxer,
        "segment_muxer": encoding.segment_encoder.muxer,
        "encoder": encoder.encoder,
        "pix_fmt": encoder.layout.name,
        "options": encoder.options,
        "time_base": str(encoder.time_base),
        "tags": {k: str(v) for k, v in asdict(encoding.video.tags).items()},
    }


def describe_differences(saved: dict[str, Any], current: dict[str, Any]) -> list[str]:
    """Return what differs between two fingerprints, in words; empty if they are equal.

    Args:
        saved: the value of `render_fingerprint` that was read from JSON.
        current: the value for the current request.
    """
    if saved.get("format") != current["format"]:
        return [_DIFFERENCES["version"]]
    differences = []
    for key, value in current.items():
        if saved.get(key) == value:
            continue
        if key == "options":
            before = saved.get(key) or {}
            names = [name.replace("_", "-") for name in value if before.get(name) != value[name]]
            differences.append(f"other options: {', '.join(names)}")
        else:
            differences.append(_DIFFERENCES.get(key, f"the {key} differs"))
    return differences
