"""`vidcolor evaluate film`: how right and how steady a film's color is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidcolor.cli.console import Console
from vidcolor.errors import UsageError
from vidcolor.fileio import check_target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.evaluation.film import FilmEvaluation
    from vidcolor.evaluation.film_scores import FilmScores


def evaluate_film(
    colored: Annotated[
        Path, typer.Argument(metavar="COLORED", help="The film to judge.", show_default=False)
    ],
    original: Annotated[
        Path,
        typer.Argument(
            metavar="ORIGINAL", help="The same film in its true colors.", show_default=False
        ),
    ],
    against: Annotated[
        Path | None,
        typer.Option(metavar="FILM", help="Another version, judged with it in the same pass."),
    ] = None,
    shots: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The shots, from `vidcolor shots`. Default: cuts are found."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="All figures, by shot, as .json.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Curves over time with every shot's mean: .png .jpg .webp.")
    ] = None,
    slices: Annotated[
        Path | None,
        typer.Option(help="One row of pixels through time: flicker at a glance. .png .jpg .webp."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace existing files.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only warnings and errors.")] = False,
    json_lines: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Judge a colored film by its color original.

    PSNR and ΔE2000 say how right the color is. How steady it is say CDC (color
    distribution consistency, to be read beside the original's), the warp error of
    a*b*, the flicker index, and drift: how much things change color over 4 s.
    Edge F1 says whether colors end where the original's do. Frames are judged at
    a short side of 256 pixels, along the original's motion, within its shots.

    [bold]Examples[/bold]

      vidcolor colorize film.mp4 --for archive -o ours.mkv
      vidcolor colorize film.mp4 --for archive -o alone.mkv --per-frame
      vidcolor evaluate film ours.mkv film.mp4 --against alone.mkv --plot plot.png
    """
    from vidcolor.evaluation.contact_sheet import picture_format
    from vidcolor.evaluation.film import evaluate_film as judge
    from vidcolor.evaluation.film import write_document
    from vidcolor.evaluation.film_plots import write_plot, write_slices

    films = [colored, original, *([against] if against is not None else [])]
    if out is not None and out.suffix.lower() != ".json":
        raise UsageError(f"{out}: the figures are written as .json; name it so")
    for path in (out, plot, slices):
        if path is not None:
            check_target(path, films, force)
    for path in (plot, slices):
        if path is not None:
            picture_format(path)
    console = Console(quiet=quiet, json_lines=json_lines)
    try:
        done = judge(colored, original, against, shots, progress=console.progress)
    finally:
        console.end_progress()
    if out is not None:
        write_document(done, out, force)
    if plot is not None:
        write_plot(done, plot)
    if slices is not None:
        write_slices(done, slices)
    _tell(done, console, [path for path in (out, plot, slices) if path is not None])


def _tell(done: FilmEvaluation, console: Console, written: Sequence[Path]) -> None:
    from vidcolor.evaluation.film import document_of

    for warning in done.warnings:
        console.warn(warning)
    console.event("done", **document_of(done), written=[str(path) for path in written])
    for line in table(done.scores):
        console.say(line)
    for path in written:
        console.say(f"{path}: written")


_COLUMNS = (
    ("PSNR", "psnr", "{:.2f}"),
    ("ΔE00", "delta_e", "{:.2f}"),
    ("CDC", "cdc", "{:.5f}"),
    ("warp a*b*", "warp_error", "{:.3f}"),
    ("warp RGB", "warp_error_rgb", "{:.6f}"),
    ("flicker", "flicker", "{:.3f}"),
    ("drift", "drift", "{:.2f}"),
    ("edge F1", "edge_f1", "{:.3f}"),
    ("chroma", "chroma", "{:.1f}"),
)


def table(scores: FilmScores) -> list[str]:
    """The film's figures, a line for each version."""
    shots = len(scores.shots)
    title = f"{scores.num_frames} frames, {shots} shot{'' if shots == 1 else 's'}"
    lines = [[title, *(head for head, _, _ in _COLUMNS)]]
    for name, figures in scores.figures.items():
        values = (getattr(figures, field) for _, field, _ in _COLUMNS)
        cells = [
            form.format(v) if v == v else "-"
            for v, (_, _, form) in zip(values, _COLUMNS, strict=True)
        ]
        lines.append([name, *cells])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])])
        for line in lines
    ]
