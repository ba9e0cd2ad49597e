"""Options of evaluations and comparisons, for the command line and for Python."""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from annotated_types import Ge, Le
from pydantic import model_validator

from vidcolor.errors import UsageError
from vidcolor.option import Option, OptionsModel
from vidcolor.options import ColorizeOptions
from vidcolor.timecode import parse_time

if TYPE_CHECKING:
    from collections.abc import Iterator

Selection = Literal["even", "worst", "best"]
"""Images on the score sheet: evenly spaced, or those with the lowest or the highest PSNR gain of
the first method after gray."""
Layout = Literal["side", "stack", "wipe"]
"""Arrangement of A and B: A left of B, A above B, or both in the same place on two sides of a
line."""

DEFAULT_SIZE = 256
"""Default width and height of evaluated images, in pixels: those of Zhang et al., ECCV 2016."""
_COLORIZE = ColorizeOptions.options()


def _parse_vividness(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 <= (value := float(text)) <= 1:
            return value
    raise ValueError(f"{text!r} is not a number from 0 to 1; write 0.5")


class EvaluateOptions(OptionsModel):
    """Options of `evaluate`, named as on the command line."""

    # fmt: off
    models: Annotated[tuple[str, ...], Option(
        group="Input", flags=("--model",),
        help="Model: a name from `vidcolor models list` or a weights file; repeatable. "
        "Default: embedded, or no model with --results.")] = ()
    results: Annotated[tuple[Path, ...], Option(
        group="Input", metavar="DIR", in_config=False,
        help="Directory of photos and films colorized by any program, named like the ground "
        "truth; repeatable.")] = ()
    limit: Annotated[int | None, Option(
        group="Input", ge=1, help="Maximum number of images, evenly spaced.")] = None
    frames: Annotated[int, Option(
        group="Input", ge=1, help="Number of frames of each film.")] = 8
    size: Annotated[int | None, Option(
        group="Input", metavar="PIXELS", ge=64, le=2048,
        help="Crop images to a square and resize them to this size. "
        f"Default: {DEFAULT_SIZE}, as in the literature.")] = DEFAULT_SIZE
    vividness: Annotated[tuple[Annotated[float, Ge(0), Le(1)], ...], Option(
        group="Color", parse=_parse_vividness,
        help="Vividness of the predicted colors: 0 is muted, 1 is vivid; repeatable, each "
        "value is evaluated with every model. Default: set by the model.")] = ()
    saturation: Annotated[float, _COLORIZE["saturation"]] = 1.0
    hint_counts: Annotated[tuple[int, ...], Option(
        group="Color", flags=("--hint-curve",), metavar="COUNTS",
        help="Also colorize with these numbers of hints in true colors: 1,5,10,50,100,500.")] = ()
    object_hint_counts: Annotated[tuple[int, ...], Option(
        group="Color", flags=("--object-hints",), metavar="COUNTS",
        help="Also give an object of each image another color by these numbers of hints, and "
        "measure how much of the object gets the color and how much color spills: 1,3.")] = ()
    count: Annotated[int, Option(
        group="Output", ge=1, le=40, in_config=False,
        help="Number of images on the sheet. Default: 8.")] = 8
    show: Annotated[Selection, Option(
        group="Output", in_config=False,
        help="Images on the sheet: evenly spaced (default), or those with the lowest or "
        "highest PSNR gain of the first method after gray.")] = "even"
    device: Annotated[str, _COLORIZE["device"]] = "auto"
    precision: Annotated[str, _COLORIZE["precision"]] = "auto"
    batch: Annotated[int, _COLORIZE["batch"]] = 8
    # fmt: on

    @model_validator(mode="after")
    def _check(self) -> Self:
        limits = (("hint_counts", 1000), ("object_hint_counts", 100))
        for name, limit in limits:
            for count in getattr(self, name):
                if not 0 < count <= limit:
                    flag = self.flag(name)
                    raise UsageError(f"{flag}: counts must be in [1, {limit}], got {count}")
        for path in self.results:
            if self.results.count(path) > 1:
                raise UsageError(f"{path}: given twice as --results; remove one")
        return self

    def iterate_variants(self) -> Iterator[tuple[str, ColorizeOptions]]:
        """Yield a name for reports and the options for each combination of model and vividness."""
        models = dict.fromkeys(self.models or (() if self.results else ("embedded",)))
        stems = Counter(Path(model).stem for model in models)
        values: list[float | None] = [*dict.fromkeys(self.vividness)] or [None]
        for model, vividness in itertools.product(models, values):
            path = Path(model)
            name = path.stem if stems[path.stem] == 1 else f"{path.parent.name}/{path.stem}"
            options = ColorizeOptions(
                model=model,
                vividness=vividness,
                saturation=self.saturation,
                device=self.device,
                precision=self.precision,
                batch=self.batch,
            )
            yield name + ("" if vividness is None else f", vividness {vividness:g}"), options


class EvaluationFiles(OptionsModel):
    """The output files of `evaluate`."""

    # fmt: off
    out: Annotated[Path | None, Option(
        group="Output", flags=("--out", "-o"), in_config=False,
        help="Metrics of every method, film and image, as .json.")] = None
    sheet: Annotated[Path | None, Option(
        group="Output", in_config=False,
        help="Contact sheet of some images in the version of each method: .png .jpg .webp.")] = None
    plots: Annotated[Path | None, Option(
        group="Output", in_config=False, metavar="DIR",
        help="Directory for plots of calibration and, with --hint-curve, of PSNR over hints, and "
        "with --object-hints, of coverage and spill over hints.")] = None
    force: Annotated[bool, _COLORIZE["force"]] = False
    # fmt: on


class FilmEvaluationFiles(OptionsModel):
    """The output files of `evaluate film`."""

    # fmt: off
    out: Annotated[Path | None, Option(
        group="Output", flags=("--out", "-o"), in_config=False,
        help="Metrics of the film and of each shot, as .json.")] = None
    plot: Annotated[Path | None, Option(
        group="Output", in_config=False,
        help="Plot of metrics over time, with the mean of each shot: .png .jpg .webp.")] = None
    slices: Annotated[Path | None, Option(
        group="Output", in_config=False,
        help="Image of the center row of all frames over time, which makes flicker visible: "
        ".png .jpg .webp.")] = None
    force: Annotated[bool, _COLORIZE["force"]] = False
    # fmt: on


class HintEvaluationFiles(OptionsModel):
    """The output files of `evaluate hints`."""

    # fmt: off
    out: Annotated[Path | None, Option(
        group="Output", flags=("--out", "-o"), in_config=False,
        help="Metrics of each range and each frame, as .json.")] = None
    plot: Annotated[Path | None, Option(
        group="Output", in_config=False,
        help="Plot of the metrics over time: .png .jpg .webp.")] = None
    force: Annotated[bool, _COLORIZE["force"]] = False
    # fmt: on


class CompareOptions(OptionsModel):
    """Options of `compare`, named as on the command line."""

    # fmt: off
    layout: Annotated[Layout | None, Option(
        group="Output",
        help="side: A left of B. stack: A above B. wipe: A and B on both sides of a line, "
        "which moves in a video. Default: stack for contact sheets, else side.")] = None
    count: Annotated[int, Option(
        group="Output", ge=1, le=60, help="Number of frame pairs on a contact sheet.")] = 6
    width: Annotated[int | None, Option(
        group="Output", ge=160, le=16000,
        help="Output width in pixels. Default: the size of A, at most 3840; 1600 for a contact "
        "sheet.")] = None
    start: Annotated[Fraction | None, Option(
        group="Time", in_config=False, metavar="TIME", parse=parse_time, ge=0,
        help="Start time in A: 90.5 (seconds) or 1:30.5.")] = None
    end: Annotated[Fraction | None, Option(
        group="Time", in_config=False, metavar="TIME", parse=parse_time,
        help="End time in A.")] = None
    offset: Annotated[Fraction | None, Option(
        group="Time", in_config=False, metavar="TIME", parse=parse_time,
        help="Time in A of the first frame of B: the --start with which B was colorized.")] = None
    names: Annotated[tuple[str, str] | None, Option(
        group="Output", in_config=False, metavar="A B",
        help="Labels of A and B, for example Before After, or of B and C if there are three. "
        "Default: the file names.")] = None
    suffix: Annotated[str | None, Option(
        group="Output", in_config=False, metavar=".EXT",
        help="Format of the comparisons of folders. Default: .mp4 for films and .png for "
        "photos; .png of films is a contact sheet.")] = None
    force: Annotated[bool, _COLORIZE["force"]] = False
    # fmt: on

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.end is not None and self.end <= (self.start or 0):
            raise UsageError("--end must be after --start")
        if (self.offset or 0) < 0:
            raise UsageError("--offset must not be negative; swap A and B instead")
        return self

    def get_names(self, *paths: Path) -> tuple[str, ...]:
        """Return the labels of files. Equal file names are prefixed with their folders."""
        names = [path.name for path in paths]
        if len(set(names)) < len(names):
            names = [f"{path.absolute().parent.name}/{path.name}" for path in paths]
        if self.names is not None:
            names[-2:] = self.names
        return tuple(names)
