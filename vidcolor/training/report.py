"""What a training run reports: metrics, log, events, result, plots and model card."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator

from vidcolor._version import __version__
from vidcolor.errors import OutputError, VidcolorError
from vidcolor.fileio import atomic_output, describe_os_error
from vidcolor.schema import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from vidcolor.imaging.types import Rgb
    from vidcolor.progress import Progress

LOG_FILE = "log.jsonl"
"""Name of the log in the run folder."""
_PANELS = {
    "Training loss (nats)": ("rebalanced", "cross entropy", "distillation"),
    "Cross-entropy of masks (nats)": (
        "click cross entropy", "corrected cross entropy", "memory cross entropy",
    ),
    "Dice loss": ("click dice", "corrected dice", "memory dice"),
    "Image loss (ln of the mean square error)": ("image",),
    "Matched colorfulness (share)": ("matched colorfulness",),
    "Excess variation (a*b* units)": ("variation",),
    "Validation PSNR (dB)": ("with 10 hints", "colorized", "gray"),
    "Validation colorfulness (share of the ground truth)": ("validation colorfulness",),
    "Validation masks (share of the object)": (
        "coverage, 1 click", "coverage, 3 clicks", "leak, 1 click", "leak, 3 clicks",
        "IoU of memory",
    ),
}  # fmt: skip
"""Titles of the panels of the plot, and the labels of the curves in each."""

Rounded = Annotated[float, AfterValidator(lambda value: round(value, 5))]


class ColorMetrics(Record):
    """Means over the measured photographs at the default vividness."""

    psnr: Rounded
    """PSNR of the colorized image in dB."""
    gray_psnr: Rounded
    """PSNR of the gray image in dB, the baseline."""
    hinted_psnr: Rounded
    """PSNR of the image that is colorized with ten hints of the true color, in dB."""
    colorfulness: Rounded
    """Colorfulness of the colorized images relative to the ground truth."""
    cross_entropy: Rounded
    """Cross-entropy without class weights in nats."""
    num_images: int
    """Number of measured photographs."""

    @property
    def gain(self) -> float:
        """PSNR over that of the gray image, in dB."""
        return self.psnr - self.gray_psnr

    def list_curves(self) -> dict[str, float]:
        """Return the plotted values by the label of their curve."""
        return {
            "with 10 hints": self.hinted_psnr,
            "colorized": self.psnr,
            "gray": self.gray_psnr,
            "validation colorfulness": self.colorfulness,
        }

    def describe(self) -> str:
        """Return one line of text."""
        return (
            f"validation PSNR {self.psnr:.2f} dB ({self.gain:+.2f} over gray), "
            f"{self.hinted_psnr:.2f} dB with 10 hints, "
            f"colorfulness {self.colorfulness:.0%} of the ground truth"
        )


class SegmentationMetrics(Record):
    """Measures of the masks of one region in each of the measured photographs."""

    coverage: Rounded
    """Mean value of the mask in the region after one click in its middle."""
    leak: Rounded
    """Area of the mask outside of the region relative to the area of the region after one click:
    the median over the regions."""
    coverage_3_clicks: Rounded
    """Coverage after three clicks in the region."""
    leak_3_clicks: Rounded
    """Leak after three clicks in the region."""
    memory_iou: Rounded
    """Mean intersection over union in a second view of the photograph, in which the region is found
    from its true mask in the first view."""
    num_objects: int
    """Number of measured regions."""

    def list_curves(self) -> dict[str, float]:
        """Return the plotted values by the label of their curve."""
        return {
            "coverage, 1 click": self.coverage,
            "coverage, 3 clicks": self.coverage_3_clicks,
            "leak, 1 click": self.leak,
            "leak, 3 clicks": self.leak_3_clicks,
            "IoU of memory": self.memory_iou,
        }

    def describe(self) -> str:
        """Return one line of text."""
        return (
            f"validation coverage {self.coverage:.2f} and leak {self.leak:.2f} with 1 click, "
            f"{self.coverage_3_clicks:.2f} and {self.leak_3_clicks:.2f} with 3 clicks, "
            f"IoU {self.memory_iou:.2f} in a second view"
        )


ValidationMetrics = ColorMetrics | SegmentationMetrics
"""Metrics of a validation; each task has its own."""


class LogRow(Record):
    """One line of the log: mean losses since the previous line, or the metrics of a validation."""

    step: int
    """Number of steps so far."""
    losses: dict[str, float] | None = None
    rate: float | None = None
    """Learning rate relative to its maximum."""
    seconds: int | None = None
    """Training time over all attempts."""
    metrics: ValidationMetrics | None = None


class MetricsLog:
    """The log of a run in memory and in a file; a killed run loses at most its last line."""

    def __init__(self, path: Path, steps_done: int) -> None:
        """Open the log and drop the rows after the checkpoint; step 0 starts a new log."""
        self._path = path
        self.rows = [row for row in read_log(path) if row.step <= steps_done] if steps_done else []
        self._write(self.rows, "w")

    def add(self, row: LogRow) -> None:
        """Append a row."""
        self.rows.append(row)
        self._write([row], "a")

    def _write(self, rows: list[LogRow], mode: str) -> None:
        lines = [json.dumps(row.model_dump(exclude_none=True)) + "\n" for row in rows]
        try:
            with self._path.open(mode, encoding="utf-8") as file:
                file.writelines(lines)
        except OSError as error:
            raise OutputError(f"{self._path}: {describe_os_error(error)}") from error


def read_log(path: Path) -> list[LogRow]:
    """Return the complete rows of a log file; [] if there is no file."""
    rows = []
    lines = path.read_bytes().splitlines() if path.exists() else []
    for line in lines:
        try:
            rows.append(LogRow.model_validate_json(line))
        except ValueError:  # the last line of a killed run
            continue
    return rows


@dataclass(frozen=True, slots=True)
class StepEvent:
    """State of the run after an optimizer step."""

    step: int
    steps: int | None
    """Number of steps of the whole run; None until it is computed from ``minutes``."""
    images_per_s: float
    """Speed of all processes together."""
    seconds_left: float | None
    """Estimated time until the last step; None while `steps` is None."""
    losses: dict[str, float] | None
    """Mean losses since the last log line; None between log lines."""


class Callback:
    """Receives the events of a run. A subclass overrides the methods that it needs."""

    def on_progress(self, progress: Progress) -> None:
        """Handle the progress of reading the source images."""

    def on_message(self, text: str) -> None:
        """Handle a message for the user."""

    def on_step(self, event: StepEvent) -> None:
        """Handle the end of an optimizer step."""

    def on_validation(self, step: int, metrics: ValidationMetrics) -> None:
        """Handle the metrics of a validation after a number of steps."""


class TrainingStoppedError(VidcolorError):
    """The run was stopped by a signal; it can resume from its checkpoint."""

    exit_code = 130


class TrainingResult(Record):
    """Result of a training run."""

    out: Path
    """The weights file."""
    folder: Path
    """Directory of the checkpoint, the log and the plots."""
    steps: int
    seconds: Annotated[float, AfterValidator(lambda value: round(value, 1))]
    """Training time over all attempts."""
    before: ValidationMetrics | None
    """Metrics of the initial weights; None without held-out photographs."""
    after: ValidationMetrics | None
    """Metrics of the final weights; None without held-out photographs."""
    already_done: bool = False
    """True if an earlier call had finished the run."""


def draw_curves(path: Path, rows: Sequence[LogRow]) -> None:
    """Plot the losses and metrics of a log, which is not empty, one panel below the other."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    curves: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
    for row in rows:
        values = {name.replace("_", " "): value for name, value in (row.losses or {}).items()}
        if row.metrics is not None:
            values = row.metrics.list_curves()
        for label, value in values.items():
            curves[label].append((row.step, value))
    panels = {title: [n for n in names if n in curves] for title, names in _PANELS.items()}
    panels = {title: names for title, names in panels.items() if names}
    figure = Figure(figsize=(8, 2.2 * len(panels)), layout="constrained")
    axes = figure.subplots(len(panels), sharex=True, squeeze=False)[:, 0]
    for ax, (title, names) in zip(axes, panels.items(), strict=True):
        for name in names:
            marker = "." if len(curves[name]) < 50 else ""
            ax.plot(*zip(*curves[name], strict=True), label=name, marker=marker)
        ax.set_title(title, loc="left", fontsize="medium")
        ax.grid(alpha=0.3)
        if len(ax.lines) > 1:
            ax.legend(fontsize="small")
    axes[-1].set_xlabel("optimizer step")
    axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    _save(figure, path)


def draw_image_rows(path: Path, rows: dict[str, Rgb]) -> None:
    """Draw labeled rows of images, (n, S, S, 3) uint8, with one column for each photograph."""
    from matplotlib.figure import Figure

    count = len(next(iter(rows.values())))
    figure = Figure(figsize=(1.6 * count + 0.4, 1.6 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), count, squeeze=False)
    for row, (label, images) in zip(axes, rows.items(), strict=True):
        for ax, image in zip(row, images, strict=True):
            ax.imshow(image)
            ax.set(xticks=[], yticks=[])
        row[0].set_ylabel(label)
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    with atomic_output(path) as partial:
        figure.savefig(partial, format="png", dpi=120)


def write_card(weights: Path, template: str, **content: Any) -> None:
    """Write the model card beside an existing weights file, from a file of ``templates/``."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("vidcolor.training"), trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True, undefined=StrictUndefined, autoescape=False,
    )  # fmt: skip
    data = weights.read_bytes()
    text = environment.get_template(template).render(
        version=__version__,
        num_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        **content,
    )
    with atomic_output(weights.with_suffix(".md")) as partial:
        partial.write_text(text, encoding="utf-8")
