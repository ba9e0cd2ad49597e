"""What a film's work depends on, to tell whether kept work is of what is wanted now."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from vidcolor.digests import versions
from vidcolor.media.sequence import find_sequence, is_pattern

if TYPE_CHECKING:
    from pathlib import Path

    from vidcolor.film.segment import Encoding
    from vidcolor.options import ColorizeOptions
    from vidcolor.provenance import Provenance

FORMAT = 1
"""Of plan files; another is begun anew."""
_NAMES = {
    "weights": "the weights are others",
    "version": "it was begun by another version of vidcolor",
    "libraries": "torch, FFmpeg or OpenCV are of other versions",
    "encoding": "the encoder's settings are others",
    "confidence": "the confidence film's settings are others",
    "target": "the output is another",
}


def source_fingerprint(source: Path) -> dict[str, Any]:
    """What tells at a glance that a source has not changed: size and time of change of its files.

    Raises:
        VidcolorError, OSError: it cannot be read.
    """
    if source.is_dir() or (is_pattern(source) and not source.exists()):
        files = list(find_sequence(source).files.values())
        stats = [path.stat() for path in files]
        newest = max(stat.st_mtime_ns for stat in stats)
        return {"files": len(files), "size": sum(s.st_size for s in stats), "changed": newest}
    stat = source.stat()
    return {"files": 1, "size": stat.st_size, "changed": stat.st_mtime_ns}


def render_fingerprint(
    target: Path,
    options: ColorizeOptions,
    provenance: Provenance,
    picture: Encoding | None,
    confidence: Encoding | None,
) -> dict[str, Any]:
    """What a result depends on besides its source, in plain values, by kind."""
    used = {k: v for k, v in versions().items() if k not in ("vidcolor", "python", "system")}
    return {
        "format": FORMAT,
        "target": str(target.absolute()),
        "recipe": options.recipe(),
        "weights": provenance.weights_sha256,
        "version": provenance.version,
        "libraries": used,
        "device": options.device if options.device != "auto" else None,
        "precision": options.precision,
        "encoding": _encoding(picture),
        "confidence": _encoding(confidence),
    }


def _encoding(encoding: Encoding | None) -> dict[str, Any] | None:
    if encoding is None:
        return None
    plan = encoding.encoder
    return {
        "muxer": plan.muxer,
        "part": encoding.part.muxer,
        "encoder": plan.encoder,
        "pix_fmt": plan.layout.name,
        "options": plan.options,
        "time_base": str(plan.time_base),
        "tags": {k: str(v) for k, v in asdict(encoding.video.tags).items()},
    }


def differences(kept: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What has changed, in words; nothing if nothing has.

    Args:
        kept: from `render_fingerprint`, as read back from JSON.
        now: the same, of what is wanted now.
    """
    if kept.get("format") != now["format"]:
        return [_NAMES["version"]]
    said = []
    for kind, value in now.items():
        if kept.get(kind) == value:
            continue
        if kind == "recipe":
            before = kept.get(kind) or {}
            names = [k.replace("_", "-") for k in value if before.get(k) != value[k]]
            said.append(f"other options: {', '.join(names)}")
        else:
            said.append(_NAMES.get(kind, f"another {kind}"))
    return said
