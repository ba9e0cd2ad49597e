"""Options of all tasks that colorize, for the command line and for Python.

The flags and the help text of the command line, the columns of job lists, the keys of configuration
files, and the fingerprint are derived from the `Option` of each field. A new option is a new field.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BeforeValidator, WrapValidator, model_validator

from vidcolor.errors import InputError, UsageError
from vidcolor.fileio import check_source
from vidcolor.option import Option, OptionsModel, TaskKind
from vidcolor.option_rows import Hint, Reference, ShotOptions, Unit
from vidcolor.timecode import parse_frame_rate, parse_time

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ColorizeOptions", "Hint", "Reference", "ShotOptions", "Unit"]

Purpose = Literal["delivery", "editing", "archive"]
GrayFrom = Literal["luma", "red", "green", "blue", "lightest"]
Range = Literal["source", "limited", "full"]
Sound = Literal["copy", "pcm", "drop"]
Titles = Literal["neutral", "color", "tint"]
Resume = Literal["auto", "only", "never"]
EngineName = Literal["local", "ray"]


def _parse_references(value: Any) -> Any:
    """Parse references from ``PATH[@TIME]``, or from a list of such texts."""
    items = value if isinstance(value, list | tuple) else [value]
    return tuple(Reference.parse(str(i)) if isinstance(i, str | Path) else i for i in items)


def _parse_pair(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise ValueError(f"{text!r} is not KEY=VALUE; write crf=18")
    return key.strip(), value


def _parse_pairs(value: Any) -> Any:
    """Parse pairs from text with spaces between them, an object, or a list of texts."""
    if isinstance(value, Mapping):
        return tuple((str(key), str(item)) for key, item in value.items())
    items = value.split() if isinstance(value, str) else value
    if not isinstance(items, list | tuple):
        return value
    return tuple(_parse_pair(item) if isinstance(item, str) else item for item in items)


def _keep_int(value: Any, validate: Callable[[Any], float | None]) -> float | None:
    """Return an int unchanged: fingerprints of finished results distinguish 1 from 1.0."""
    validated = validate(value)
    return value if type(value) is int else validated


_VIDEO: tuple[TaskKind, ...] = ("film", "sequence")
_KEEP_INT = WrapValidator(_keep_int)


def _execution(**metadata: Any) -> Option:
    """Make the metadata of an option that changes how the work is executed, not its result."""
    return Option(group="Execution", in_fingerprint=False, in_job_list=False, **metadata)


class ColorizeOptions(OptionsModel):
    """All options of a task, with the names and defaults of the command line.

    Times are in seconds. Texts are converted as on the command line: ``start="1:30"``. The digest
    in each result's tags covers names and values of the fields, so a renamed field would make
    finished results look outdated.
    """

    # fmt: off
    # Source
    start: Annotated[Fraction | None, Option(
        group="Time", tasks=_VIDEO, metavar="TIME", parse=parse_time, ge=0, in_config=False,
        help="Start time: 90.5 (seconds) or 1:30.5.")] = None
    end: Annotated[Fraction | None, Option(
        group="Time", tasks=_VIDEO, metavar="TIME", parse=parse_time, in_config=False,
        help="End time: 120 (seconds) or 2:00.")] = None
    gray_from: Annotated[GrayFrom, Option(
        group="Input", flags=("--gray-from", "--grey-from"),
        help="Source of the luma: the luma plane, one color channel, or the lightest channel of "
        "each pixel.")] = "luma"
    shots: Annotated[tuple[ShotOptions, ...] | Path | None, Option(
        group="Time", tasks=_VIDEO, metavar="FILE", in_config=False,
        help="Shot list written by `vidcolor shots`, or an EDL; for a project, the shots to "
        "render, such as 12-15. Default: shots are detected, and a project is rendered in full."
        )] = None
    fps: Annotated[Fraction | None, Option(
        group="Time", tasks=("sequence",), metavar="RATE", parse=parse_frame_rate, gt=0,
        help="Frame rate of numbered frames: 24, 23.976 or 24000/1001. A folder is then read as "
        "one image sequence. Default: that of DPX and OpenEXR headers, otherwise 24.")] = None
    range: Annotated[Range | None, Option(
        group="Output", tasks=_VIDEO,
        help="Luma range of the output film: that of the source, limited or full. Default: source; "
        "limited for --for editing if the encoder supports 10 bits.")] = None
    skip_color: Annotated[bool, Option(
        group="Input", in_fingerprint=False,
        help="Leave out sources that are in color already. Sepia and toned sources are colorized."
        )] = False
    allow_damaged: Annotated[bool, Option(
        group="Input", in_fingerprint=False, in_config=False,
        help="Exit with code 0 even if the source is truncated or partly unreadable.")] = False

    # Color
    # The fingerprint contains the digest of the weights instead of the name of the model. All tasks
    # of a run share one model.
    model: Annotated[str, Option(
        group="Color", in_fingerprint=False, in_job_list=False,
        help="Model: a name from `vidcolor models list`, a weights file (.safetensors .pth "
        ".caffemodel .onnx), or several joined with + to average their predictions.")] = "embedded"
    size: Annotated[int | None, Option(
        group="Color", metavar="PIXELS", ge=1,
        help="Short side of the model input in pixels. Default: set by the model.")] = None
    # It is not part of the fingerprint, because the digest of the weights covers it.
    bins: Annotated[Path | None, Option(
        group="Color", metavar="FILE", in_fingerprint=False, in_job_list=False,
        help="Color bins of a Caffe model. Default: pts_in_hull.npy beside the model."
        )] = None
    vividness: Annotated[float | None, Option(
        group="Color", ge=0, le=1,
        help="Vividness of the predicted colors: 0 is muted, 1 is vivid. Default: set by the "
        "model."), _KEEP_INT] = None
    saturation: Annotated[float, Option(
        group="Color", ge=0, le=3,
        help="Chroma gain: 0 is gray, 1 leaves the predicted color unchanged."), _KEEP_INT] = 1.0
    titles: Annotated[Titles, Option(
        group="Color",
        help="Color of title cards, credits, blank leader and burnt-in text: neutral keeps them "
        "gray, tint gives each card the mean tint of its source, color treats all like pictures."
        )] = "neutral"
    hints: Annotated[tuple[Hint, ...] | Path | None, Option(
        group="Color", metavar="FILE", in_config=False,
        help="JSON or CSV file of color hints: x, y, color (or keep), radius, and for a film time "
        "or frame.")] = None
    references: Annotated[tuple[Reference, ...], BeforeValidator(
        _parse_references, json_schema_input_type=str | list[str]), Option(
        group="Color", flags=("--reference",), metavar="PATH[@TIME]", in_config=False,
        help="Image whose colors are copied where it matches the source; elsewhere its palette is "
        "used. In a film it applies to the shot at TIME, by default to every shot that it matches; "
        "repeatable for films.")] = ()
    trust: Annotated[float | None, Option(
        group="Color", ge=0, le=1,
        help="Weight of the original color: 0 ignores it, 1 keeps it where it is plausible."
        ), _KEEP_INT] = None
    per_frame: Annotated[bool, Option(
        group="Color", tasks=_VIDEO, in_config=False,
        help="Colorize every frame independently, for comparisons; the result flickers."
        )] = False
    mark: Annotated[bool, Option(
        group="Color",
        help="Draw a small palette icon in the bottom left corner; this changes the luma there."
        )] = False

    # Output
    purpose: Annotated[Purpose, Option(
        group="Output", tasks=_VIDEO, flags=("--for",),
        help="Output format of films: delivery is H.264, editing is ProRes 422 HQ in .mov, "
        "archive is lossless FFV1 in .mkv.")] = "delivery"
    encoder: Annotated[str | None, Option(
        group="Output", tasks=_VIDEO,
        help="Video encoder: libx264, libx265, libsvtav1, ffv1, prores_ks, dnxhd, h264_nvenc ... "
        "Default: chosen by --for.")] = None
    encoder_options: Annotated[tuple[tuple[str, str], ...], Option(
        group="Output", tasks=_VIDEO, flags=("--encoder-option",), metavar="KEY=VALUE",
        parse=_parse_pair,
        help="Option of the encoder, for example crf=18; repeatable."
        ), BeforeValidator(_parse_pairs)] = ()
    pix_fmt: Annotated[str | None, Option(
        group="Output", tasks=_VIDEO,
        help="Pixel format of the encoder, for example yuv420p10le; fewer bits than in the "
        "source round the luma.")] = None
    sound: Annotated[Sound | None, Option(
        group="Output", tasks=("film",),
        help="Sound of the output film: copy it, convert it to PCM, or leave it out. Default: "
        "copy; PCM where the container does not support the codec.")] = None
    quality: Annotated[int | None, Option(
        group="Output", tasks=("photo", "sequence"), ge=1, le=100,
        help="Quality of JPEG, AVIF, HEIC and lossy WebP output, 1 to 100. Default: keep the luma "
        "coding of a JPEG source.")] = None
    confidence: Annotated[Path | None, Option(
        group="Output", metavar="PATH", in_fingerprint=False, in_config=False,
        help="Also write the confidence of the model as a grayscale film or image: a file, or a "
        "directory for several inputs.")] = None
    force: Annotated[bool, Option(
        group="Output", flags=("--force", "-f"), in_fingerprint=False, in_job_list=False,
        in_config=False, help="Overwrite existing output files.")] = False

    # Execution
    device: Annotated[str, _execution(
        help="Compute device: auto, cpu, cuda, cuda:1 or mps. ONNX models also accept tensorrt, "
        "directml and coreml.")] = "auto"
    precision: Annotated[str, Option(
        group="Execution", in_job_list=False,
        help="Floating-point precision: auto, fp32 or bf16.")] = "auto"
    batch: Annotated[int, _execution(
        ge=1, le=64, tasks=_VIDEO,
        help="Images per forward pass; it changes speed and memory use, not the result.")] = 8
    work_dir: Annotated[Path | None, _execution(
        metavar="DIR", tasks=_VIDEO,
        help="Directory for unfinished films; it needs as much space as the results. Default: "
        "NAME.vidcolor beside each result.")] = None
    resume: Annotated[Resume, _execution(
        tasks=_VIDEO,
        help="Use of unfinished work: auto resumes it if source and options match, only fails "
        "without it, never starts over.")] = "auto"
    workers: Annotated[int | None, _execution(
        ge=1, le=256, tasks=_VIDEO,
        help="Processes that render film segments in parallel. Default: one per GPU, or 1 "
        "without a GPU.")] = None
    threads: Annotated[int | None, _execution(
        ge=1, tasks=_VIDEO,
        help="CPU cores per worker. Default: an equal share of all cores.")] = None
    engine: Annotated[EngineName, _execution(
        tasks=_VIDEO,
        help="Where film segments are rendered: local is this machine, ray is a Ray cluster (pip "
        "install vidcolor[ray]).")] = "local"
    ray_address: Annotated[str | None, _execution(
        metavar="ADDRESS", tasks=_VIDEO,
        help="Address of the Ray cluster: auto, HOST:6379 or ray://HOST:10001.")] = None
    # fmt: on

    @model_validator(mode="after")
    def _check_combinations(self) -> Self:
        if self.end is not None and self.end <= (self.start or 0):
            raise UsageError("--end must be later than --start")
        keys = [key for key, _ in self.encoder_options]
        for key in keys:
            if keys.count(key) > 1:
                raise UsageError(f"--encoder-option: {key} is given twice; remove one")
        for reference in self.references:
            if self.references.count(reference) > 1:
                raise UsageError(f"--reference: {reference.name} is given twice; remove one")
        has_hints = bool(self.hints or self.references)
        if self.per_frame and has_hints:
            raise UsageError(
                "--per-frame cannot be combined with hints, which apply to whole shots"
            )
        if self._has_own_shot_options and (self.per_frame or self.trust is not None):
            flag = "--per-frame" if self.per_frame else "--trust"
            raise UsageError(f"{flag} cannot be combined with options of single shots")
        if self.trust is not None and has_hints:
            raise UsageError("--trust cannot be combined with hints or a reference")
        if self.trust is not None and self.skip_color:
            raise UsageError("--trust cannot be combined with --skip-color")
        if self.ray_address is not None and self.engine != "ray":
            raise UsageError("--ray-address requires --engine ray")
        return self

    @property
    def shot_models(self) -> tuple[str, ...]:
        """The models of single shots, each once, in the order of the shots."""
        shots = self.shots if isinstance(self.shots, tuple) else ()
        return tuple(dict.fromkeys(shot.model for shot in shots if shot.model is not None))

    @property
    def _has_own_shot_options(self) -> bool:
        shots = self.shots if isinstance(self.shots, tuple) else ()
        values = ((s.vividness, s.saturation, s.model) for s in shots)
        return any(value is not None for own in values for value in own)

    def fingerprint_values(self) -> dict[str, Any]:
        """Return the options that the result depends on, as plain values.

        Files of hints, references and shots are represented by their SHA-256.

        Raises:
            InputError: such a file cannot be read.
        """
        options = self.options()
        values: dict[str, Any] = {}
        for name, value in self.to_json().items():
            if name == "references":
                values |= _fingerprint_references(self.references)
            elif options[name].in_fingerprint:
                values[name] = value
        values["trust"] = self.trust or None  # 0 gives the same result as None
        if not isinstance(self.hints, Path):  # an empty list gives the same result as None
            values["hints"] = [_without_names(hint) for hint in values["hints"] or ()] or None
        for name in ("hints", "shots"):
            if isinstance(path := getattr(self, name), Path):
                values[name] = _sha256(path)
        return values

    def describe_changes(self) -> dict[str, Any]:
        """Return the values of `fingerprint_values` that differ from the defaults.

        A list of hints, shots or of several references is represented by its SHA-256.
        """
        values, defaults = self.fingerprint_values(), type(self)().fingerprint_values()
        for name in ("hints", "reference", "shots"):
            if isinstance(values[name], list):
                text = json.dumps(values[name], sort_keys=True, default=str)
                values[name] = sha256(text.encode()).hexdigest()
        return {name: value for name, value in values.items() if value != defaults[name]}

    def input_files(self) -> tuple[Path, ...]:
        """Return the files besides the source that are read and must not be overwritten."""
        references = (reference.path for reference in self.references)
        paths = (self.hints, *references, self.shots, self.bins)
        return tuple(path for path in paths if isinstance(path, Path))


def _sha256(path: Path) -> str:
    check_source(path)
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None


def _fingerprint_references(references: tuple[Reference, ...]) -> dict[str, Any]:
    """Return the part of a fingerprint for references: ``reference`` and ``reference_time``.

    Up to one reference has the values of versions that accepted only one. Several are a list of
    pairs: SHA-256 and time.
    """
    pairs = [(_sha256(r.path), _describe_position(r)) for r in references]
    if len(pairs) > 1:
        return {"reference": [list(pair) for pair in pairs], "reference_time": None}
    digest, time = pairs[0] if pairs else (None, None)
    return {"reference": digest, "reference_time": time}


def _describe_position(reference: Reference) -> str | None:
    if reference.frame is not None:
        return f"frame {reference.frame}"
    return None if reference.time is None else str(reference.time)


def _without_names(hint: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in hint.items() if k not in ("name", "file")}
