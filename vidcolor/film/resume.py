"""The saved plan of an interrupted run, and its comparison with the current request."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from pydantic import with_config

from vidcolor.environment import get_library_versions
from vidcolor.film.analysis import FilmAnalysis
from vidcolor.film.workdir import PLAN_FILE, PlanSummary
from vidcolor.hints.overlays import OverlayIndex
from vidcolor.media.sequence import find_sequence, is_sequence_pattern
from vidcolor.schema import STORED

if TYPE_CHECKING:
    from pathlib import Path

    from vidcolor.film.outputs import OutputFilm
    from vidcolor.film.workdir import WorkDir
    from vidcolor.options import ColorizeOptions, Resume
    from vidcolor.provenance import Provenance

FORMAT_VERSION = 6
"""Version of the file formats in a work directory. Files of another version are not reused."""
_DIFFERENCES = {
    "weights": "the weights differ",
    "version": "the version of vidcolor differs",
    "libraries": "the version of torch, FFmpeg or OpenCV differs",
    "video_encoding": "the encoder settings differ",
    "confidence_encoding": "the encoder settings of the confidence film differ",
    "target": "the output differs",
    "excerpt": "other shots are rendered",
    "shot_weights": "the weights of a model of single shots differ",
}
"""Description of a difference by field of the fingerprint; other fields are named themselves."""


@with_config(STORED)
@dataclass(frozen=True, slots=True)
class SourceFingerprint:
    """The files of a source. The frames are compared by their checksums if the values differ."""

    num_files: int
    size_bytes: int
    """Total size of the files."""
    modified_ns: int
    """Latest modification time."""


@with_config(STORED)
@dataclass(frozen=True, slots=True)
class RenderFingerprint:
    """Everything that the result depends on besides its source."""

    format: int
    """`FORMAT_VERSION`."""
    target: str
    """Absolute path of the result."""
    options: dict[str, Any]
    """Options that change the result, as JSON values."""
    weights: str
    """SHA-256 of the weights."""
    version: str
    """Version of vidcolor."""
    libraries: dict[str, str]
    """Versions of the libraries that change pixels."""
    device: str | None
    """Device of the generator. None for "auto", which stands for different devices on different
    machines; a run may move between them."""
    precision: str
    video_encoding: dict[str, Any] | None
    """Encoder settings; None for an image sequence."""
    confidence_encoding: dict[str, Any] | None
    """Encoder settings of the confidence film; None if there is none."""
    excerpt: tuple[int, int] | None = None
    """First frame of an excerpt and the frame after its last one; None for the whole film."""
    shot_weights: dict[str, str] = field(default_factory=dict)
    """SHA-256 of the weights of the models that single shots have, by the name of the model."""


@with_config(STORED)
@dataclass(frozen=True, slots=True)
class SavedPlan:
    """The plan that a work directory stores before rendering. Its segments follow this plan."""

    source: str
    """Absolute path of the source, for `vidcolor status`."""
    num_segments: int
    """Number of segments to render."""
    fingerprint: RenderFingerprint
    source_fingerprint: SourceFingerprint
    analysis: FilmAnalysis
    overlays: OverlayIndex | None
    """Color that hints and references give to frames; None if there are none."""
    hint_warnings: tuple[str, ...]
    """Warnings of hint tracking."""


def compute_source_fingerprint(source: Path) -> SourceFingerprint:
    """Return the fingerprint of a film, a pattern of an image sequence, or its folder.

    Raises:
        VidcolorError, OSError: the source cannot be read.
    """
    if source.is_dir() or (is_sequence_pattern(source) and not source.exists()):
        stats = [path.stat() for path in find_sequence(source).files.values()]
    else:
        stats = [source.stat()]
    return SourceFingerprint(
        num_files=len(stats),
        size_bytes=sum(stat.st_size for stat in stats),
        modified_ns=max(stat.st_mtime_ns for stat in stats),
    )


def compute_render_fingerprint(
    target: Path,
    options: ColorizeOptions,
    provenance: Provenance,
    result: OutputFilm | None,
    confidence: OutputFilm | None,
    excerpt: range | None = None,
) -> RenderFingerprint:
    """Return the fingerprint of a request; options that do not change the result are ignored."""
    # "vidcolor" has its own field; "python" and "system" do not change pixels.
    ignored = ("vidcolor", "python", "system")
    return RenderFingerprint(
        format=FORMAT_VERSION,
        target=str(target.absolute()),
        options=options.fingerprint_values(),
        weights=provenance.weights_sha256,
        version=provenance.version,
        libraries={k: v for k, v in get_library_versions().items() if k not in ignored},
        device=options.device if options.device != "auto" else None,
        precision=options.precision,
        video_encoding=_describe_encoding(result),
        confidence_encoding=_describe_encoding(confidence),
        excerpt=None if excerpt is None else (excerpt.start, excerpt.stop),
        shot_weights=dict(provenance.shot_weights),
    )


def _describe_encoding(film: OutputFilm | None) -> dict[str, Any] | None:
    if film is None:
        return None
    encoder = film.encoder
    return {
        "muxer": encoder.muxer,
        "segment_muxer": film.segment_encoder.muxer,
        "encoder": encoder.encoder,
        "pix_fmt": encoder.layout.name,
        "options": encoder.options,
        "time_base": str(encoder.time_base),
        "tags": {k: str(v) for k, v in asdict(film.video.tags).items()},
    }


def describe_differences(saved: RenderFingerprint, current: RenderFingerprint) -> list[str]:
    """Describe the differences between two fingerprints; return [] if they are equal."""
    differences = []
    for name in (item.name for item in fields(current)):
        before, after = getattr(saved, name), getattr(current, name)
        if before == after:
            continue
        if name == "options":
            changed = [key.replace("_", "-") for key in after if before.get(key) != after[key]]
            differences.append(f"other options: {', '.join(changed)}")
        else:
            differences.append(_DIFFERENCES.get(name, f"the {name} differs"))
    return differences


def find_saved_plan(
    work: WorkDir, fingerprint: RenderFingerprint, resume: Resume
) -> tuple[SavedPlan | None, list[str]]:
    """Read the saved plan of a locked work directory, for a request with this fingerprint.

    Returns:
        (plan, []) if the request can use the saved plan; (None, reasons) if it cannot;
        (None, []) if there is no saved plan.
    """
    if not (work.path / PLAN_FILE).exists():
        return None, []
    if resume == "never":
        return None, ["--resume never"]
    summary = work.read(PLAN_FILE, PlanSummary)
    if summary is not None and summary.fingerprint.get("format", FORMAT_VERSION) != FORMAT_VERSION:
        return None, [_DIFFERENCES["version"]]
    saved = work.read(PLAN_FILE, SavedPlan)
    try:
        if saved is not None and saved.overlays is not None:
            # Opening the overlays checks that their file exists.
            saved.overlays.open(work.path).close()
    except OSError:
        saved = None
    if saved is None:
        return None, [f"{work.path} is damaged"]
    differences = describe_differences(saved.fingerprint, fingerprint)
    return (None, differences) if differences else (saved, [])
