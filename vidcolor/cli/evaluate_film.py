"""`vidcolor evaluate film`: measure the color accuracy and the stability of a film."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidcolor.cli import params
from vidcolor.cli.console import Console
from vidcolor.evaluation.options import FilmEvaluationFiles
from vidcolor.fileio import check_target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.evaluation.film import FilmEvaluation


@params.expand_options
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
    files: FilmEvaluationFiles,
    console: Console,
    against: Annotated[
        Path | None,
        typer.Option(metavar="FILM", help="Second colorized version, evaluated in the same pass."),
    ] = None,
    shots: params.ShotList = None,
) -> None:
    """Compare a colorized film with the same film in its true colors.

    Color accuracy: PSNR, CIEDE2000, and F1 of chroma edges. Stability: CDC (color
    distribution consistency; compare it with that of the ground truth), the warp
    error of a*b*, the flicker index, and drift, which is the change of a*b* of
    tracked patches over 36 frames. Frames are evaluated at a short side of at
    most 256 pixels. Temporal metrics follow the motion of the ground truth within
    its shots. Blotches, color that bleeds over edges, and the share of warm colors
    need no ground truth; compare them with its values.

    [bold]Examples[/bold]

      vidcolor colorize film.mp4 --for archive -o ours.mkv
      vidcolor colorize film.mp4 --for archive -o per-frame.mkv --per-frame
      vidcolor evaluate film ours.mkv film.mp4 --against per-frame.mkv --plot plot.png
    """
    from vidcolor.evaluation.canvas import get_image_format
    from vidcolor.evaluation.film import evaluate_film as evaluate
    from vidcolor.evaluation.report import check_json_path

    if files.out is not None:
        check_json_path(files.out)
    for path in _list_outputs(files):
        check_target(path, [colored, ground_truth, *([against] if against else [])], files.force)
    for image in (files.plot, files.slices):
        if image is not None:
            get_image_format(image)
    try:
        evaluation = evaluate(colored, ground_truth, against, shots, progress=console.progress)
    finally:
        console.end_progress()
    _write_outputs(evaluation, files)
    _print_results(evaluation, console, _list_outputs(files))


def _list_outputs(files: FilmEvaluationFiles) -> list[Path]:
    return [path for path in (files.out, files.plot, files.slices) if path is not None]


def _write_outputs(evaluation: FilmEvaluation, files: FilmEvaluationFiles) -> None:
    from vidcolor.evaluation.plots import write_film_plot, write_slices

    if files.out is not None:
        evaluation.report.write(files.out, files.force)
    if files.plot is not None:
        write_film_plot(evaluation, files.plot)
    if files.slices is not None:
        write_slices(evaluation, files.slices)


def _print_results(evaluation: FilmEvaluation, console: Console, outputs: Sequence[Path]) -> None:
    from vidcolor.evaluation.film import FILM_METRICS
    from vidcolor.evaluation.metrics import format_table

    report = evaluation.report
    for warning in report.warnings:
        console.warn(warning)
    console.event("done", **report.to_json(), outputs=[str(path) for path in outputs])
    num_shots = len(report.shots)
    title = f"{report.num_frames} frames, {num_shots} shot{'' if num_shots == 1 else 's'}"
    for line in format_table(title, report.metrics, FILM_METRICS, sys.stdout.encoding):
        console.info(line)
    for path in outputs:
        console.info(f"{path}: written")
