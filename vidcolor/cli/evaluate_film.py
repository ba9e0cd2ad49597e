"""`vidcolor evaluate film`: measure the color accuracy and the stability of a film."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidcolor.cli.console import Console
from vidcolor.cli.params import OUTPUT_PANEL, Force, JsonLines, Quiet, ShotList
from vidcolor.fileio import check_target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.evaluation.film import FilmEvaluation
    from vidcolor.evaluation.film_scores import FilmScores


def evaluate_film(
    colored: Annotated[
        Path, typer.Argument(metavar="COLORED", help="Colorized film.", show_default=False)
    ],
    ground_truth: Annotated[
        Path,
        typer.Argument(
            metavar="GROUND_TRUTH", help="The same film in its true colors.", show_default=False
        ),
    ],
    against: Annotated[
        Path | None,
        typer.Option(metavar="FILM", help="Second colorized version, evaluated in the same pass."),
    ] = None,
    shots: ShotList = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Metrics of the film and of each shot, as .json.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            help="Plot of metrics over time, with the mean of each shot: .png .jpg .webp.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = None,
    slices: Annotated[
        Path | None,
        typer.Option(
            help="Image of the center row of all frames over time, which makes flicker visible: "
            ".png .jpg .webp.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = None,
    force: Force = False,
    quiet: Quiet = False,
    json_lines: JsonLines = False,
) -> None:
    """Compare a colorized film with the same film in its true colors.

    Color accuracy: PSNR, CIEDE2000, and F1 of chroma edges. Stability: CDC (color
    distribution consistency; compare it with that of the ground truth), the warp
    error of a*b*, the flicker index, and drift, which is the change of color over
    4 s. Frames are evaluated at a short side of at most 256 pixels. Temporal
    metrics follow the motion of the ground truth within its shots.

    [bold]Examples[/bold]

      vidcolor colorize film.mp4 --for archive -o ours.mkv
      vidcolor colorize film.mp4 --for archive -o per-frame.mkv --per-frame
      vidcolor evaluate film ours.mkv film.mp4 --against per-frame.mkv --plot plot.png
    """
    from vidcolor.evaluation.canvas import get_image_format
    from vidcolor.evaluation.film import evaluate_film as evaluate
    from vidcolor.evaluation.json import check_json_path, film_evaluation_to_json, write_json
    from vidcolor.evaluation.plots import write_film_plot, write_slices

    films = [colored, ground_truth, *([against] if against is not None else [])]
    outputs = [path for path in (out, plot, slices) if path is not None]
    if out is not None:
        check_json_path(out)
    for path in outputs:
        check_target(path, films, force)
    for image in (plot, slices):
        if image is not None:
            get_image_format(image)
    console = Console(quiet=quiet, json_lines=json_lines)
    try:
        evaluation = evaluate(colored, ground_truth, against, shots, progress=console.progress)
    finally:
        console.end_progress()
    if out is not None:
        write_json(film_evaluation_to_json(evaluation), out, force)
    if plot is not None:
        write_film_plot(evaluation, plot)
    if slices is not None:
        write_slices(evaluation, slices)
    _print_results(evaluation, console, outputs)


def _print_results(evaluation: FilmEvaluation, console: Console, outputs: Sequence[Path]) -> None:
    from vidcolor.evaluation.json import film_evaluation_to_json

    for warning in evaluation.warnings:
        console.warn(warning)
    document = film_evaluation_to_json(evaluation)
    console.event("done", **document, outputs=[str(path) for path in outputs])
    for line in format_table(evaluation.scores):
        console.info(line)
    for path in outputs:
        console.info(f"{path}: written")


_COLUMNS = (
    ("PSNR", "psnr", "{:.2f}"),
    ("ΔE00", "delta_e_2000", "{:.2f}"),
    ("CDC", "cdc", "{:.5f}"),
    ("warp a*b*", "warp_error", "{:.3f}"),
    ("warp RGB", "warp_error_rgb", "{:.6f}"),
    ("flicker", "flicker", "{:.3f}"),
    ("drift", "drift", "{:.2f}"),
    ("edge F1", "edge_f1", "{:.3f}"),
    ("chroma", "chroma", "{:.1f}"),
)
"""Title, field of `FilmMetrics`, and format of each column."""


def format_table(scores: FilmScores) -> list[str]:
    """Return the metrics of the film as lines of text, one for each version."""
    num_shots = len(scores.shots)
    title = f"{scores.num_frames} frames, {num_shots} shot{'' if num_shots == 1 else 's'}"
    rows = [[title, *(name for name, _, _ in _COLUMNS)]]
    for version, metrics in scores.metrics.items():
        values = (getattr(metrics, field) for _, field, _ in _COLUMNS)
        cells = [
            "-" if math.isnan(value) else template.format(value)
            for value, (_, _, template) in zip(values, _COLUMNS, strict=True)
        ]
        rows.append([version, *cells])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    ]
