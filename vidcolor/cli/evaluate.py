"""`vidcolor evaluate`: measure the color accuracy of models and of other programs' results."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vidcolor.cli import params
from vidcolor.cli.console import Console
from vidcolor.cli.evaluate_film import evaluate_film
from vidcolor.cli.evaluate_hints import evaluate_hints
from vidcolor.cli.groups import DEFAULT_COMMAND, DefaultCommandGroup
from vidcolor.errors import UsageError
from vidcolor.evaluation.options import EvaluateOptions, EvaluationFiles, Selection
from vidcolor.fileio import check_target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.evaluation.evaluator import Evaluation
    from vidcolor.evaluation.report import EvaluationReport

_CHECKED_OPTIONS = ("size", "hint_counts", "object_hint_counts", "count", "show")
"""Options that may only be given together with others or without them, or are parsed here."""


@params.expand_options
def evaluate(
    ground_truth: Annotated[
        list[Path],
        typer.Argument(
            metavar="GROUND_TRUTH",
            help="Color photos, color films, .tar files of photos, and folders of these.",
            show_default=False,
        ),
    ],
    options: Annotated[EvaluateOptions, params.Fields(omit=_CHECKED_OPTIONS)],
    files: EvaluationFiles,
    console: Console,
    size: Annotated[int | None, params.make_option("size", EvaluateOptions)] = None,
    native: Annotated[
        bool,
        typer.Option(
            "--native",
            help="Evaluate images at their own size.",
            rich_help_panel=params.INPUT_PANEL,
        ),
    ] = False,
    hint_curve: Annotated[str | None, params.make_option("hint_counts", EvaluateOptions)] = None,
    object_hints: Annotated[
        str | None, params.make_option("object_hint_counts", EvaluateOptions)
    ] = None,
    count: Annotated[int | None, params.make_option("count", EvaluateOptions)] = None,
    show: Annotated[Selection | None, params.make_option("show", EvaluateOptions)] = None,
) -> None:
    """Measure the color accuracy of models on images with known colors.

    The luma of each image is colorized, and the result is compared with the
    image. Results of other programs can be evaluated in the same table. PSNR
    favors gray results, so compare colorfulness too. Blotches, color that bleeds
    over edges, and the share of warm colors need no original; compare them with
    those of the ground truth.
    [bold]vidcolor evaluate film[/bold] evaluates one film and its stability, and
    [bold]vidcolor evaluate hints[/bold] the hints in an object of a film.

    [bold]Examples[/bold]

      vidcolor evaluate holiday/ -o scores.json --sheet sheet.png
      vidcolor evaluate val.tar --model embedded --model mine.safetensors
      vidcolor evaluate album/ --results deoldify/ --results ddcolor/ --native
      vidcolor evaluate val.tar --hint-curve 1,5,10,50,100,500 --plots plots/
      vidcolor evaluate val.tar --object-hints 1,3
    """
    from vidcolor.evaluation.evaluator import evaluate as run_evaluation

    if native and size is not None:
        raise UsageError("--native and --size cannot be used together")
    if files.sheet is None and (count is not None or show is not None):
        raise UsageError("--count and --show need --sheet")
    changes = {
        "size": size,
        "count": count,
        "show": show,
        "hint_counts": _parse_counts("--hint-curve", hint_curve),
        "object_hint_counts": _parse_counts("--object-hints", object_hints),
    }
    given: dict[str, Any] = {name: v for name, v in changes.items() if v is not None}
    options = options.replace(**given, **({"size": None} if native else {}))
    _check_needs_model(options, files)
    _check_outputs(files, options, ground_truth)
    try:
        evaluation = run_evaluation(ground_truth, options, progress=console.progress)
    finally:
        console.end_progress()
    _print_results(evaluation, console)
    for path in _write_outputs(evaluation, files):
        console.info(f"{path}: written")
    raise typer.Exit(1 if evaluation.has_unreadable else 0)


def _check_needs_model(options: EvaluateOptions, files: EvaluationFiles) -> None:
    """Refuse options that apply to models if only results of other programs are evaluated."""
    if options.results and not options.models:
        for name, value in (
            ("--vividness", options.vividness),
            ("--hint-curve", options.hint_counts),
            ("--object-hints", options.object_hint_counts),
            ("--plots", files.plots),
        ):
            if value:
                raise UsageError(f"{name} needs a --model if --results is given")


def _parse_counts(flag: str, text: str | None) -> tuple[int, ...] | None:
    """Parse whole numbers separated by commas, for example ``1,5,10``."""
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is not a list of whole numbers; write 1,5,10", param_hint=flag
        ) from None


def _check_outputs(
    files: EvaluationFiles, options: EvaluateOptions, sources: Sequence[Path]
) -> None:
    """Check before the evaluation that all outputs can be written after it."""
    from vidcolor.evaluation.canvas import get_image_format
    from vidcolor.evaluation.plots import get_plot_names
    from vidcolor.evaluation.report import check_json_path

    if files.out is not None:
        check_json_path(files.out)
        check_target(files.out, sources, files.force)
    images = []
    if files.sheet is not None:
        get_image_format(files.sheet)
        images.append(files.sheet)
    if files.plots is not None:
        images += [files.plots / name for name in get_plot_names(options)]
    for image in images:
        _check_image_target(image, sources, files.force)


def _check_image_target(path: Path, sources: Sequence[Path], force: bool) -> None:
    """Apply `check_target`, and refuse to overwrite an image in a folder of ground truth."""
    check_target(path, sources, force)
    folders = [source.resolve() for source in sources if source.is_dir()]
    if path.exists() and any(path.resolve().is_relative_to(folder) for folder in folders):
        raise UsageError(f"{path}: is part of the ground truth; choose another output")


def _write_outputs(evaluation: Evaluation, files: EvaluationFiles) -> list[Path]:
    """Write the requested outputs; return their paths."""
    from vidcolor.evaluation.plots import write_plots
    from vidcolor.evaluation.sheets import write_score_sheet

    report, written = evaluation.report, [p for p in (files.out, files.sheet) if p is not None]
    if files.out is not None:
        report.write(files.out)
    if files.sheet is not None:
        write_score_sheet(report, evaluation.columns, files.sheet)
    return written + (write_plots(report, files.plots) if files.plots is not None else [])


def _print_results(evaluation: Evaluation, console: Console) -> None:
    """Print warnings, the tables of all methods, and the hint curves."""
    from vidcolor.evaluation.metrics import format_table
    from vidcolor.evaluation.scores import IMAGE_METRICS

    report = evaluation.report
    for text in report.skipped:
        console.warn(f"skipped: {text}")
    for text in report.warnings:
        console.warn(text)
    # The metrics of thousands of images would be a line of megabytes; --out has them.
    document = report.to_json()
    del document["images"]
    console.event("done", **document)
    size = report.options["size"]
    title = f"{report.num_images} images, {f'{size}×{size}' if size else 'native size'}"
    rows = {method.name: method.metrics for method in report.methods}
    encoding = sys.stdout.encoding
    lines = format_table(title, rows, IMAGE_METRICS, encoding)
    for film in report.films:
        title = f"{Path(film.source).name}, {film.num_frames} frames"
        lines += ["", *format_table(title, film.metrics, IMAGE_METRICS, encoding)]
    curves = [method for method in report.methods if method.hint_curve]
    lines += [""] if curves else []
    for method in curves:
        points = (f"{point.num_hints}: {point.psnr:.2f}" for point in method.hint_curve)
        lines.append(f"{method.name}, PSNR by number of hints  {'  '.join(points)}")
    lines += _format_object_hints(report, encoding)
    for line in lines:
        console.info(line)


def _format_object_hints(report: EvaluationReport, encoding: str | None) -> list[str]:
    """Return the table of hints that give objects another color; empty without them."""
    from vidcolor.evaluation.hint_metrics import HINT_METRICS
    from vidcolor.evaluation.metrics import format_table

    points = [(method.name, point) for method in report.methods for point in method.object_hints]
    if not points:
        return []
    rows = {
        f"{name}, {p.num_hints} hint{'' if p.num_hints == 1 else 's'}": dict(p.metrics)
        for name, p in points
    }
    title = f"{points[0][1].num_objects} objects in another color"
    return ["", *format_table(title, rows, HINT_METRICS, encoding)]


app = typer.Typer(
    cls=DefaultCommandGroup,
    add_completion=False,
    rich_markup_mode="rich",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True},
    help="Compare predicted colors with color originals.",
)
app.command(DEFAULT_COMMAND, hidden=True)(evaluate)
app.command("film")(evaluate_film)
app.command("hints")(evaluate_hints)
