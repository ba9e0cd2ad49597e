"""`vidcolor evaluate`: how good colors are where the true ones are known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidcolor.cli.console import Console
from vidcolor.cli.params import parse_counts
from vidcolor.errors import UsageError
from vidcolor.evaluation.options import LITERATURE_SIZE, EvaluateOptions, Show
from vidcolor.fileio import check_target
from vidcolor.options import MAX_SATURATION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.evaluation.scores import Evaluation, Summary

WHAT, HOW, OUTPUT, MACHINE = "What", "How", "Output", "Machine"


def evaluate(
    originals: Annotated[
        list[Path],
        typer.Argument(
            metavar="ORIGINAL",
            help="In color: pictures, films, .tar files of pictures, and folders of them.",
            show_default=False,
        ),
    ],
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="Generator: a name or a weights file; repeatable. Default: embedded, unless "
            "there are --results.",
            rich_help_panel=WHAT,
        ),
    ] = None,
    results: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR",
            help="Pictures and films colored already, by any program, called like their "
            "originals; repeatable.",
            rich_help_panel=WHAT,
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="So many originals, evenly spaced.", rich_help_panel=WHAT),
    ] = None,
    frames: Annotated[
        int, typer.Option(min=1, help="Moments of each film.", rich_help_panel=WHAT)
    ] = 8,
    vividness: Annotated[
        list[float] | None,
        typer.Option(
            min=0,
            max=1,
            help="0 calm … 1 vivid; repeatable, every model is judged with each.",
            rich_help_panel=HOW,
        ),
    ] = None,
    saturation: Annotated[
        float,
        typer.Option(min=0, max=MAX_SATURATION, help="Gain of all color.", rich_help_panel=HOW),
    ] = 1.0,
    size: Annotated[
        int | None,
        typer.Option(
            help="Cut pictures square and scale them to this many pixels, as the literature "
            f"does. Default: {LITERATURE_SIZE}.",
            rich_help_panel=HOW,
        ),
    ] = None,
    native: Annotated[
        bool, typer.Option("--native", help="Judge pictures as stored.", rich_help_panel=HOW)
    ] = False,
    hint_curve: Annotated[
        str | None,
        typer.Option(
            metavar="COUNTS",
            help="Also color with so many true hints: 1,5,10,50,100,500",
            rich_help_panel=HOW,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="All figures, as .json.", rich_help_panel=OUTPUT),
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(
            help="Some pictures in every version, .png .jpg .webp.", rich_help_panel=OUTPUT
        ),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(
            min=1, max=40, help="Pictures on the sheet. Default: 8.", rich_help_panel=OUTPUT
        ),
    ] = None,
    show: Annotated[
        Show | None,
        typer.Option(
            help="Which: even (default), or those that the first model or result gains least or "
            "most on.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    plots: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Diagrams of confidence and, with --hint-curve, of hints.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", "-f", help="Replace existing files.", rich_help_panel=OUTPUT)
    ] = False,
    device: Annotated[
        str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.", rich_help_panel=MACHINE)
    ] = "auto",
    precision: Annotated[
        str, typer.Option(help="auto, fp32, bf16.", rich_help_panel=MACHINE)
    ] = "auto",
    batch: Annotated[
        int,
        typer.Option(min=1, max=64, help="Pictures colored at once.", rich_help_panel=MACHINE),
    ] = 8,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Only warnings and errors.", rich_help_panel=MACHINE),
    ] = False,
    json_lines: Annotated[
        bool, typer.Option("--json", help="One JSON object a line.", rich_help_panel=MACHINE)
    ] = False,
) -> None:
    """Measure colors where the true ones are known; models and results in one table.

    Originals are made gray, colored, and compared with themselves. PSNR rewards gray: read it
    beside colorfulness.

    [bold]Examples[/bold]

      vidcolor evaluate holiday/ -o scores.json --sheet sheet.png
      vidcolor evaluate val.tar --model embedded --model mine.safetensors
      vidcolor evaluate album/ --results deoldify/ --results ddcolor/ --native
      vidcolor evaluate val.tar --hint-curve 1,5,10,50,100,500 --plots plots/
    """
    from vidcolor.evaluation.run import evaluate as run

    if native and size is not None:
        raise UsageError("--native and --size contradict each other; say one of them")
    if sheet is None and (count is not None or show is not None):
        raise UsageError("--count and --show are about the sheet; name one with --sheet")
    if results and not model:
        of_models = {"--vividness": vividness, "--hint-curve": hint_curve, "--plots": plots}
        for name, value in of_models.items():
            if value is not None:
                raise UsageError(f"{name} is about models, and only --results are judged")
    options = EvaluateOptions(
        models=tuple(model or ()), results=tuple(results or ()),
        vividness=tuple(vividness or (None,)), saturation=saturation,
        size=None if native else LITERATURE_SIZE if size is None else size,
        hint_counts=() if hint_curve is None else parse_counts(hint_curve),
        frames=frames, limit=limit, count=count or 8, show=show or "even",
        device=device, precision=precision, batch=batch,
    )  # fmt: skip
    _check_outputs(out, sheet, plots, options, originals, force)
    console = Console(quiet=quiet, json_lines=json_lines)
    try:
        done = run(originals, options, progress=console.progress)
    finally:
        console.end_progress()
    _tell(done, console)
    for path in _write(done, out, sheet, plots):
        console.say(f"written: {path}")
    raise typer.Exit(1 if done.damaged else 0)


def _check_outputs(
    out: Path | None,
    sheet: Path | None,
    plots: Path | None,
    options: EvaluateOptions,
    originals: Sequence[Path],
    force: bool,
) -> None:
    """Find out before the work, not after it, that something cannot be written."""
    from vidcolor.evaluation.contact_sheet import picture_format
    from vidcolor.evaluation.score_plots import plot_names

    if out is not None:
        if out.suffix.lower() != ".json":
            raise UsageError(f"{out}: the figures are written as .json; name it so")
        check_target(out, originals, force)
    if sheet is not None:
        picture_format(sheet)
        _check_picture(sheet, originals, force)
    if plots is not None:
        for name in plot_names(options):
            _check_picture(plots / name, originals, force)


def _check_picture(path: Path, originals: Sequence[Path], force: bool) -> None:
    """`check_target`; a picture in a folder of originals is one of them, whoever made it."""
    check_target(path, originals, force)
    folders = [o.resolve() for o in originals if o.is_dir()]
    if path.exists() and any(path.resolve().is_relative_to(f) for f in folders):
        raise UsageError(f"{path}: is one of the originals; name another output")


def _write(
    done: Evaluation, out: Path | None, sheet: Path | None, plots: Path | None
) -> list[Path]:
    from vidcolor.evaluation.json import write_document
    from vidcolor.evaluation.score_plots import write_plots
    from vidcolor.evaluation.score_sheet import write_score_sheet

    written = [path for path in (out, sheet) if path is not None]
    if out is not None:
        write_document(done, out)
    if sheet is not None:
        write_score_sheet(done, sheet)
    return written + (write_plots(done, plots) if plots is not None else [])


def _tell(done: Evaluation, console: Console) -> None:
    """The tables, the curves, and what was not as it should be."""
    from vidcolor.evaluation.json import document_of

    for text in done.left_out:
        console.warn(f"left out: {text}")
    for text in done.warnings:
        console.warn(text)
    if console.json_lines:
        document = document_of(done)
        del document["pictures"]  # of thousands the line would be megabytes; --out has them
        console.event("done", **document)
        return
    size = done.options.size
    shape = f"{size}×{size}" if size else "as stored"
    title = f"{len(done.originals)} pictures, {shape}"
    lines = _table(title, [(row.name, done.summary(row)) for row in done.rows])
    for path, which in done.films().items():
        title = f"{path.name}, {len(which)} frames"
        lines += ["", *_table(title, [(row.name, done.summary(row, which)) for row in done.rows])]
    lines += _curves(done)
    for line in lines:
        console.say(line)


_COLUMNS = (
    ("PSNR", "psnr", "{:.2f}"),
    ("gain", "gain", "{:+.2f}"),
    ("SSIM", "ssim", "{:.4f}"),
    ("ΔE00", "delta_e", "{:.2f}"),
    ("color", "colorfulness_share", "{:.0%}"),
    ("Δcolor", "colorfulness_difference", "{:.2f}"),
    ("features", "feature_distance", "{:.4f}"),
    ("Fréchet", "frechet_feature_distance", "{:.2f}"),
    ("Δluma", "luma_error", "{:.1f}"),
    ("ECE", "ece", "{:.3f}"),
    ("ms", "ms", "{:.0f}"),
)


def _table(title: str, rows: Sequence[tuple[str, Summary]]) -> list[str]:
    """Names left, figures right; columns that no row has are left out."""
    shown = [c for c in _COLUMNS if any(getattr(means, c[1]) is not None for _, means in rows)]
    lines = [[title, *(head for head, _, _ in shown)]]
    for name, means in rows:
        values = [getattr(means, field) for _, field, _ in shown]
        cells = [
            "" if value is None else form.format(value)
            for value, (_, _, form) in zip(values, shown, strict=True)
        ]
        lines.append([name, *cells])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip()
        for line in lines
    ]


def _curves(done: Evaluation) -> list[str]:
    """The hint curves, a line each: PSNR with so many hints."""
    lines = []
    for row in done.rows:
        if row.hinted:
            points = (f"{count}: {value:.2f}" for count, value in row.hint_curve())
            lines.append(f"{row.name}, PSNR by hints  {'  '.join(points)}")
    return ["", *lines] if lines else []
