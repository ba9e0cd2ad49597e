"""Plots of evaluations: calibration, hints, metrics over time, and slices of a film."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.color.bins import CONFIDENCE_RADIUS
from vidcolor.evaluation.calibration import NUM_BINS
from vidcolor.evaluation.canvas import get_image_format
from vidcolor.evaluation.film import FILM_METRICS
from vidcolor.evaluation.hint_metrics import HINT_METRICS
from vidcolor.fileio import atomic_output

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from vidcolor.evaluation.film import FilmEvaluation
    from vidcolor.evaluation.hint_film import HintEvaluation
    from vidcolor.evaluation.metrics import Metric
    from vidcolor.evaluation.options import EvaluateOptions
    from vidcolor.evaluation.report import EvaluationReport, Method

RELIABILITY_PLOT, HINT_CURVE_PLOT = "reliability.png", "hint-curve.png"
OBJECT_HINT_PLOT = "object-hints.png"
"""File names of the plots of an evaluation."""
_FILM_CURVES = ("psnr", "flicker", "chroma")
"""Metrics that are plotted over time."""
_HINT_CURVES = ("coverage", "spill")
"""Metrics that are plotted over the number of hints."""
_VERSION_COLORS = ("gray", "tab:blue", "tab:orange")
"""Colors of the ground truth, the colorized film and the second version."""
_DPI = 120


def get_plot_names(options: EvaluateOptions) -> list[str]:
    """Return the file names of the plots of an evaluation; empty if it has no model."""
    has_model = any(True for _ in options.iterate_variants())
    names = [RELIABILITY_PLOT]
    names += [HINT_CURVE_PLOT] if options.hint_counts else []
    names += [OBJECT_HINT_PLOT] if options.object_hint_counts else []
    return names if has_model else []


def write_plots(report: EvaluationReport, folder: Path) -> list[Path]:
    """Write the plots for which an evaluation has data; return their paths.

    The folder exists; files in it are replaced.

    Raises:
        OutputError: a file cannot be written.
    """
    calibrated = [method for method in report.methods if method.calibration is not None]
    hinted = [method for method in report.methods if method.hint_curve]
    written = []
    if calibrated:
        written.append(folder / RELIABILITY_PLOT)
        _save(_plot_reliability(calibrated), written[-1])
    if hinted:
        written.append(folder / HINT_CURVE_PLOT)
        _save(_plot_hint_curves(hinted, report.methods[0].metrics["psnr"]), written[-1])
    recolored = [method for method in report.methods if method.object_hints]
    if recolored:
        written.append(folder / OBJECT_HINT_PLOT)
        _save(_plot_object_hints(recolored), written[-1])
    return written


def _make_figure(
    width: float, height: float, rows: int, columns: int = 1
) -> tuple[Figure, list[Axes]]:
    """Return a figure of a size in inches, and its axes from left to right and top to bottom."""
    from matplotlib.figure import Figure

    figure = Figure((width, height), dpi=_DPI, layout="constrained")
    return figure, list(figure.subplots(rows, columns, squeeze=False).flat)


def _save(figure: Figure, path: Path) -> None:
    from matplotlib.text import Text

    image_format = get_image_format(path)
    for text in figure.findobj(Text):
        # Names of files may contain $ and bytes that are not UTF-8.
        text.set_parse_math(False)
        text.set_text(text.get_text().encode(errors="backslashreplace").decode())
    with atomic_output(path) as partial:
        figure.savefig(partial, format=image_format.lower())


def _plot_reliability(methods: Sequence[Method]) -> Figure:
    """Plot accuracy over confidence, and below it the fraction of cells in each bin."""
    figure, axes = _make_figure(4 * len(methods), 5, 2, len(methods))
    for n, method in enumerate(methods):
        calibration, top, bottom = method.calibration, axes[n], axes[n + len(methods)]
        assert calibration is not None
        bins = [b for b in calibration.bins if b.fraction]
        centers = [b.upper_bound - 0.5 / NUM_BINS for b in bins]
        confidence, accuracy = np.array([(b.confidence, b.accuracy) for b in bins], float).T
        top.bar(centers, accuracy, 0.9 / NUM_BINS, color="lightsteelblue")
        top.plot([0, 1], [0, 1], color="gray", linestyle="--", linewidth=1)
        top.plot(confidence, accuracy, color="tab:orange", marker="o", markersize=4)
        top.set(
            xlim=(0, 1), ylim=(0, 1), ylabel=f"accuracy (within {CONFIDENCE_RADIUS:g} a*b* units)"
        )
        top.set_title(f"{method.name}\nECE {calibration.ece:.3f}", fontsize="medium")
        bottom.bar(centers, [b.fraction for b in bins], 0.9 / NUM_BINS, color="gray")
        bottom.set(xlim=(0, 1), xlabel="confidence", ylabel="fraction of cells")
    return figure


def _plot_hint_curves(methods: Sequence[Method], gray_psnr: float | None) -> Figure:
    """Plot PSNR over the number of hints; the numbers are equally spaced on the axis."""
    figure, (axes,) = _make_figure(7, 4.5, 1)
    for method in methods:
        counts = [str(point.num_hints) for point in method.hint_curve]
        axes.plot(counts, [p.psnr for p in method.hint_curve], marker="o")
    axes.axhline(gray_psnr or 0, color="gray", linestyle="--", linewidth=1)
    axes.set(xlabel="number of hints in true colors (7x7 pixels at 256)", ylabel="PSNR in dB")
    axes.grid(alpha=0.4)
    axes.legend(axes.lines, [*(method.name for method in methods), "gray"])
    return figure


def _plot_object_hints(methods: Sequence[Method]) -> Figure:
    """Plot coverage and spill over the number of hints, which are equally spaced on the axis."""
    metrics = [metric for metric in HINT_METRICS if metric.name in _HINT_CURVES]
    figure, panels = _make_figure(8, 4, 1, len(metrics))
    for axes, metric in zip(panels, metrics, strict=True):
        for method in methods:
            counts = [str(point.num_hints) for point in method.object_hints]
            values = [getattr(point.metrics, metric.name) for point in method.object_hints]
            axes.plot(counts, values, marker="o")
        axes.set(xlabel="number of hints in the object", ylabel=metric.axis_label)
        _set_hint_limits(axes, metric)
        axes.grid(alpha=0.4)
    panels[0].legend(panels[0].lines, [method.name for method in methods])
    return figure


def write_hint_plot(evaluation: HintEvaluation, path: Path) -> None:
    """Plot the effect of hints in a film over time, with the mean of each requested range.

    Files and errors are those of `canvas.save_image`.
    """
    metrics = [metric for metric in HINT_METRICS if metric.name in (*_HINT_CURVES, "iou")]
    figure, panels = _make_figure(9, 2.2 * len(metrics), len(metrics))
    times = evaluation.times
    *spans, _ = evaluation.report.ranges
    for axes, metric in zip(panels, metrics, strict=True):
        values = [getattr(score, metric.name) for score in evaluation.scores]
        axes.plot(times, values, color="tab:blue", linewidth=1)
        for span in spans:
            mean = getattr(span.metrics, metric.name)
            ends = (times[span.first_frame], times[span.last_frame])
            axes.plot(ends, (mean, mean), color="tab:orange", linewidth=2.5, marker=".")
        axes.set(ylabel=metric.axis_label)
        _set_hint_limits(axes, metric)
        axes.grid(axis="y", alpha=0.4)
    panels[0].legend(panels[0].lines[:2], ["frame", "mean of a range"], loc="lower right")
    panels[-1].set(xlabel="time in s")
    _save(figure, path)


def _set_hint_limits(axes: Axes, metric: Metric) -> None:
    """Show the values of a metric of hints from 0 on: to 1, or to the highest spill."""
    values = np.concatenate([np.asarray(line.get_ydata(), float) for line in axes.lines])
    highest = max(values[np.isfinite(values)], default=1)
    axes.set_ylim(0, 1.05 * max(highest, 0.1) if metric.name == "spill" else 1.05)


def write_film_plot(evaluation: FilmEvaluation, path: Path) -> None:
    """Plot metrics of a film over time, with shot boundaries and the mean of each shot.

    Files and errors are those of `canvas.save_image`.
    """
    metrics = [metric for metric in FILM_METRICS if metric.name in _FILM_CURVES]
    figure, panels = _make_figure(11, 2.6 * len(metrics), len(metrics))
    times, shots = evaluation.times, evaluation.report.shots
    colors = dict(zip(evaluation.frames, _VERSION_COLORS, strict=False))
    for axes, metric in zip(panels, metrics, strict=True):
        for name, frames in evaluation.frames.items():
            values = [v if math.isfinite(v) else math.nan for v in (f[metric.name] for f in frames)]
            for shot in shots:
                part = slice(shot.first_frame, shot.last_frame + 1)
                axes.plot(times[part], values[part], color=colors[name], linewidth=0.8, alpha=0.7)
                mean = shot.metrics[name][metric.name]
                if math.isfinite(mean):
                    span = (times[shot.first_frame], times[shot.last_frame])
                    axes.plot(span, (mean, mean), color=colors[name], linewidth=2.5)
        for shot in shots[1:]:
            axes.axvline(shot.start_s, color="silver", linewidth=0.8, zorder=0)
        axes.set(ylabel=metric.axis_label)
        axes.grid(axis="y", alpha=0.4)
    for name, color in colors.items():
        panels[0].plot([], [], color=color, linewidth=2.5, label=name)
    panels[0].legend(ncols=3, title="thick: mean of each shot")
    panels[-1].set(xlabel="time in s")
    _save(figure, path)


def write_slices(evaluation: FilmEvaluation, path: Path) -> None:
    """Write an image of the center row of all frames over time, one slice for each version.

    Constant colors appear as even lines, and flicker as stripes across them. Files and errors are
    those of `canvas.save_image`.
    """
    slices, times = evaluation.slices, evaluation.times
    figure, panels = _make_figure(12, 3 * len(slices), len(slices))
    for axes, (name, rows) in zip(panels, slices.items(), strict=True):
        extent = (times[0], times[-1] + 1e-3, rows.shape[1], 0)
        axes.imshow(rows.transpose(1, 0, 2), aspect="auto", extent=extent)
        axes.set(title=f"{name}: center row over time", ylabel="x in pixels")
    panels[-1].set(xlabel="time in s")
    _save(figure, path)
