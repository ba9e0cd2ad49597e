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

FORMAT_VERSION = 2
"""Version of the file formats in a work directory. Files of another version are not reused."""
_DIFFERENCES = {
    "weights": "the weights differ",
    "version": "the version of vidcolor differs",
    "libraries": "the version of torch, FFmpeg or OpenCV differs",
    "video_encoding": "the encoder settings differ",
    "confidence_encoding": "the encoder settings of the confidence film differ",
    "target": "the output differs",
}
"""Description of a difference by key of the fingerprint; other keys are named themselves."""


def compute_source_fingerprint(source: Path) -> dict[str, Any]:
    """Return number, total size and latest modification time of the source's files.

    Reading these values is fast. The frames are compared by their checksums if the values differ.

    Args:
        source: a film, a pattern of an image sequence, or its folder.

    Returns:
        A JSON object with the keys ``num_files``, ``size_bytes`` and ``modified_ns``.

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


def compute_render_fingerprint(
    target: Path,
    options: ColorizeOptions,
    provenance: Provenance,
    video: OutputEncoding | None,
    confidence: OutputEncoding | None,
) -> dict[str, Any]:
    """Return everything that the result depends on besides its source, as a JSON object.

    Args:
        target: path of the result.
        options: all options of the run; those that do not change the result are ignored.
        provenance: identifies the weights and the version of vidcolor.
        video: encoding of the result; None for an image sequence.
        confidence: encoding of the confidence film; None if there is none.
    """
    # "vidcolor" has its own key; "python" and "system" do not change pixels.
    libraries = {
        k: v for k, v in get_library_versions().items() if k not in ("vidcolor", "python", "system")
    }
    return {
        "format": FORMAT_VERSION,
        "target": str(target.absolute()),
        "options": options.fingerprint_values(),
        "weights": provenance.weights_sha256,
        "version": provenance.version,
        "libraries": libraries,
        # "auto" stands for different devices on different machines. A run may move between them.
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
    """Describe the differences between two fingerprints; return [] if they are equal.

    Args:
        saved: value of `compute_render_fingerprint`, as read from JSON.
        current: value for the current request, as JSON values.
    """
    # The other keys of another format are not comparable.
    if saved.get("format") != current["format"]:
        return [_DIFFERENCES["version"]]
    differences = []
    for key, value in current.items():
        if saved.get(key) == value:
            continue
        if key == "options":
            saved_options = saved.get(key) or {}
            changed = [name for name in value if saved_options.get(name) != value[name]]
            names = [name.replace("_", "-") for name in changed]
            differences.append(f"other options: {', '.join(names)}")
        else:
            differences.append(_DIFFERENCES.get(key, f"the {key} differs"))
    return differences
