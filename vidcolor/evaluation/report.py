"""The reports of evaluations: pydantic models of their JSON documents."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, PlainSerializer, SkipValidation

from vidcolor.errors import UsageError
from vidcolor.fileio import atomic_output
from vidcolor.schema import Record

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = 1
"""Version of the documents' schema. It is increased with every incompatible change."""

MethodKind = Literal["gray", "model", "results", "ground_truth"]
"""Source of a method's images: the luma without color, a generator, a folder of results, or the
ground truth itself."""


def _round(value: float | None, digits: int | None = None) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return value if digits is None else float(f"{value:.{digits}g}")


Text = SkipValidation[str]
"""Text with names of files. Pydantic rejects names that are not UTF-8."""
Exact = Annotated[float, PlainSerializer(_round, return_type=float | None)]
"""A number; null in JSON if it is undefined or infinite."""
Rounded = Annotated[
    float | None, PlainSerializer(lambda value: _round(value, 5), return_type=float | None)
]
"""A number with five significant digits in JSON; null if it is undefined or infinite."""
Decibels = Annotated[float, PlainSerializer(lambda value: round(value, 4), return_type=float)]
"""A level in dB, with four decimals in JSON."""


class Report(Record):
    """Base of the reports."""

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON values, without the fields that do not apply."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    def write(self, path: Path, force: bool = True) -> None:
        """Write the report.

        Raises:
            UsageError: the extension is not .json.
            OutputError: the file exists and `force` is not set, or it cannot be written.
        """
        check_json_path(path)
        text = json.dumps(self.to_json(), indent=1, ensure_ascii=False) + "\n"
        with atomic_output(path, force) as partial:
            # File names may contain bytes that are not UTF-8.
            partial.write_text(text, encoding="utf-8", errors="backslashreplace")


class CalibrationBin(Record):
    """Cells with a confidence in one range."""

    upper_bound: float
    """Upper bound of the confidence."""
    fraction: float
    """Fraction of all cells."""
    confidence: float | None
    """Mean confidence; None for an empty bin."""
    accuracy: float | None
    """Fraction of correct cells; None for an empty bin."""


class Calibration(Record):
    """Accuracy over confidence, in bins of confidence; see `calibration`."""

    ece: float
    """Expected calibration error: the mean |accuracy - confidence| over cells, in [0, 1]."""
    radius_ab: float
    """Maximum distance of a correct cell from its true color, in a*b* units."""
    num_cells: int
    """Number of cells."""
    accuracy: float
    """Fraction of correct cells."""
    bins: list[CalibrationBin]
    """The bins, in order of confidence."""


class HintPoint(Record):
    """The accuracy of a model with a number of hints in each image."""

    num_hints: int
    """Number of hints."""
    psnr: Decibels
    """Mean PSNR."""
    psnr_gain: Decibels
    """The PSNR minus that of the gray images."""


class HintScores(Record):
    """The metrics of hints in one image or frame."""

    coverage: Rounded
    """Share of the way to the color of the hints, mean over the object: 0 to 1. None if the image
    has no object."""
    spill: Rounded
    """Change of the color outside, as a share of the change that the object needs."""
    iou: Rounded
    """Intersection over union of the object and the cells that changed by half or more."""


class HintMeans(Record):
    """The metrics of hints over several images or frames; None without an object in them."""

    coverage: Rounded
    """Mean coverage."""
    spill: Rounded
    """Mean spill."""
    spill_median: Rounded
    """Median of the spill."""
    iou: Rounded
    """Mean intersection over union."""


class ObjectHintPoint(Record):
    """The effect of a number of hints in an object of each image."""

    num_hints: int
    """Number of hints in each object."""
    num_objects: int
    """Number of images with a suitable object."""
    metrics: HintMeans
    """Values over the objects."""


class ImageObjectHints(Record):
    """The effect of a number of hints in an object of one image."""

    num_hints: int
    """Number of hints in the object."""
    metrics: HintScores
    """Values of the image."""


class Method(Record):
    """A method and its metrics over all images."""

    name: Text
    """Unique name."""
    kind: MethodKind
    """Source of its images."""
    model: Text = ""
    """Name or file of the generator."""
    sha256: str = ""
    """Digest of the generator's weights."""
    vividness: float | None = None
    """Vividness in [0, 1]; None for the generator's default."""
    saturation: float = 1.0
    """Gain of the chroma."""
    folder: Text = ""
    """Folder of the results."""
    metrics: dict[str, Rounded]
    """Values by name; None where a metric does not apply."""
    calibration: Calibration | None = None
    """Calibration of the generator's confidence."""
    hint_curve: tuple[HintPoint, ...] = ()
    """Accuracy by number of hints."""
    object_hints: tuple[ObjectHintPoint, ...] = ()
    """Effect of hints that give objects another color, by number of hints."""


class FilmFrames(Record):
    """The frames of one film among the evaluated images."""

    source: Text
    """The film."""
    num_frames: int
    """Number of frames."""
    metrics: dict[Text, dict[str, Rounded]]
    """Values over the frames, by method and name."""


class Image(Record):
    """An image and the metrics of all methods."""

    name: Text
    """Path below the folder of the ground truth, and the time of a frame."""
    source: Text
    """The file that contains the image."""
    kind: Literal["photo", "frame"]
    """Whether it is a photo or a frame of a film."""
    time_s: float | None
    """Seconds from the first frame of the film; None for a photo."""
    size: tuple[int, int]
    """Width and height at which it was evaluated, in pixels."""
    metrics: dict[Text, dict[str, Rounded]]
    """Values by method and name."""
    object_hints: dict[Text, list[ImageObjectHints]] = Field(default_factory=dict)
    """Effect of hints in an object of the image, by model; empty without a suitable object."""


class EvaluationReport(Report):
    """The result of an evaluation of images."""

    schema_version: int = Field(alias="schema")
    """Version of the schema."""
    vidcolor: str
    """Version of vidcolor."""
    created: str
    """Time of the evaluation, ISO 8601."""
    versions: dict[str, str]
    """Versions of libraries."""
    options: dict[str, Any]
    """The options, named as on the command line."""
    encoder_sha256: str
    """Digest of the encoder that computes the features."""
    definitions: dict[str, str]
    """Definition of each metric, by name."""
    num_images: int
    """Number of images that were evaluated."""
    skipped: list[Text]
    """The images that were not evaluated, each with the reason."""
    warnings: list[Text]
    """Limits of the metrics, and differences between results and ground truth."""
    methods: list[Method]
    """The methods. The first one is gray and the last one is the ground truth."""
    films: list[FilmFrames]
    """The films among the sources."""
    images: list[Image]
    """The images, in order."""


class ShotReport(Record):
    """The metrics of one shot of the ground truth."""

    first_frame: int
    """Number of its first frame."""
    last_frame: int
    """Number of its last frame."""
    start_s: float
    """Time of its first frame, in seconds."""
    metrics: dict[str, dict[str, Exact]]
    """Values by version and name."""


class FilmReport(Report):
    """The result of the evaluation of a film."""

    num_frames: int
    """Number of frames."""
    size: tuple[int, int]
    """Width and height at which the film was evaluated, in pixels."""
    metrics: dict[str, dict[str, Exact]]
    """Values for the whole film, by version and name; the ground truth is a version."""
    shots: list[ShotReport]
    """The shots of the ground truth."""
    warnings: list[Text]
    """Differences in duration or aspect ratio between the films."""


class HintRange(Record):
    """The metrics of hints over a range of frames."""

    first_frame: int
    """Number of its first frame."""
    last_frame: int
    """Number of its last frame."""
    num_measured: int
    """Number of frames with an object."""
    metrics: HintMeans
    """Values over the frames with an object."""


class HintFrame(Record):
    """The metrics of hints in one frame."""

    time_s: float
    """Time of the frame, in seconds."""
    metrics: HintScores
    """Values of the frame; None without an object."""


class HintReport(Report):
    """The effect of hints of one color in a film."""

    num_frames: int
    """Number of frames."""
    color: str
    """Color of the hints, as it was given."""
    color_ab: tuple[float, float]
    """Its a*, b*."""
    definitions: dict[str, str]
    """Definition of each metric, by name."""
    ranges: list[HintRange]
    """The requested ranges. The last one is the whole film."""
    frames: list[HintFrame]
    """The frames, in order."""
    warnings: list[Text]
    """Masks and ranges that do not apply to any frame."""


def check_json_path(path: Path) -> None:
    """Check that a file has the extension of a JSON document.

    Raises:
        UsageError: the extension is not .json.
    """
    if path.suffix.lower() != ".json":
        raise UsageError(f"{path}: metrics are written as JSON; use the extension .json")
