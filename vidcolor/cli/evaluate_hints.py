"""`vidcolor evaluate hints`: measure how hints act on an object of a film."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidcolor.cli import params
from vidcolor.cli.console import Console
from vidcolor.errors import UsageError
from vidcolor.evaluation.options import HintEvaluationFiles
from vidcolor.fileio import check_target

if TYPE_CHECKING:
    from vidcolor.evaluation.hint_film import HintEvaluation


@params.expand_options
def evaluate_hints(
    base: Annotated[
        Path,
        typer.Argument(metavar="BASE", help="Film colorized without hints.", show_default=False),
    ],
    hinted: Annotated[
        Path,
        typer.Argument(
            metavar="HINTED", help="The same film colorized with hints.", show_default=False
        ),
    ],
    files: HintEvaluationFiles,
    console: Console,
    masks: Annotated[
        Path,
        typer.Option(
            metavar="MASKS",
            help="Masks of the object in every frame: a directory of images in which the object "
            "is white, or a .npz file with the array masks (frames, height, width).",
            show_default=False,
            rich_help_panel=params.INPUT_PANEL,
        ),
    ],
    color: Annotated[
        str,
        typer.Option(
            metavar="COLOR",
            help="Color of the hints, as in the hint file: #3b5f8a or steelblue.",
            show_default=False,
            rich_help_panel=params.INPUT_PANEL,
        ),
    ],
    ranges: Annotated[
        str,
        typer.Option(
            metavar="RANGES",
            help="Numbers and ranges of frames to average, besides all frames.",
            rich_help_panel=params.TIME_PANEL,
        ),
    ] = "0,24-47",
) -> None:
    """Measure whether the color of a hint stays on its object over time.

    The film with hints is compared with the film without hints. Coverage is the
    share of the way that the object goes to the color of the hints. Spill is the
    change outside the object, as a share of the change that the object needs. IoU
    compares the mask with what got the color. Lossy encoders change color too, so
    use [bold]--for archive[/bold].

    [bold]Examples[/bold]

      vidcolor colorize film.mp4 --for archive -o base.mkv
      vidcolor colorize film.mp4 --for archive -o hinted.mkv --hints hints.csv
      vidcolor evaluate hints base.mkv hinted.mkv --masks masks/ --color '#3b5f8a'
    """
    from vidcolor.evaluation.canvas import get_image_format
    from vidcolor.evaluation.hint_film import evaluate_hints as evaluate
    from vidcolor.evaluation.report import check_json_path

    spans = parse_ranges(ranges)
    if files.out is not None:
        check_json_path(files.out)
    if files.plot is not None:
        get_image_format(files.plot)
    outputs = [path for path in (files.out, files.plot) if path is not None]
    for path in outputs:
        check_target(path, [base, hinted, masks], files.force)
        if masks.is_dir() and path.exists() and path.resolve().is_relative_to(masks.resolve()):
            raise UsageError(f"{path}: is one of the masks; choose another output")
    try:
        evaluation = evaluate(base, hinted, masks, color, spans, progress=console.progress)
    finally:
        console.end_progress()
    _write_outputs(evaluation, files)
    _print_results(evaluation, console, outputs)


def parse_ranges(text: str) -> tuple[tuple[int, int], ...]:
    """Parse numbers and ranges of frames separated by commas, for example ``0,24-47``."""
    spans = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:-(\d+))?\s*", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if last < first:
            raise typer.BadParameter(
                f"{part!r} is not a range of frames; write 0,24-47", param_hint="--ranges"
            )
        spans.append((first, last))
    return tuple(spans)


def _write_outputs(evaluation: HintEvaluation, files: HintEvaluationFiles) -> None:
    from vidcolor.evaluation.plots import write_hint_plot

    if files.out is not None:
        evaluation.report.write(files.out, files.force)
    if files.plot is not None:
        write_hint_plot(evaluation, files.plot)


def _print_results(evaluation: HintEvaluation, console: Console, outputs: list[Path]) -> None:
    from vidcolor.evaluation.hint_metrics import HINT_METRICS
    from vidcolor.evaluation.metrics import format_table

    report = evaluation.report
    for warning in report.warnings:
        console.warn(warning)
    # The metrics of all frames would be a long line; --out has them.
    document = report.to_json()
    del document["frames"]
    console.event("done", **document, outputs=[str(path) for path in outputs])
    rows = {}
    for span in report.ranges:
        first, last = span.first_frame, span.last_frame
        name = f"frame {first}" if first == last else f"frames {first}-{last}"
        rows[name] = dict(span.metrics)
    title = f"{report.num_frames} frames"
    for line in format_table(title, rows, HINT_METRICS, sys.stdout.encoding):
        console.info(line)
    for path in outputs:
        console.info(f"{path}: written")
