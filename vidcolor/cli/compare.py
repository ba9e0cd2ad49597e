"""`vidcolor compare`: show films or photos in one file, or the files of folders."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidcolor.cli import params
from vidcolor.cli.console import Console
from vidcolor.errors import UsageError, VidcolorError
from vidcolor.evaluation.options import CompareOptions
from vidcolor.media.containers import list_extensions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.evaluation.compare import Comparison

_KINDS = {
    "start": ("film", "sheet"),
    "end": ("film", "sheet"),
    "offset": ("film", "sheet"),
    "count": ("sheet",),
}
"""Kinds of comparisons that an option applies to; other options apply to all."""
_KIND_NAMES = {"film": "films", "sheet": "contact sheets", "photo": "photos"}


@params.expand_options
def compare(
    context: typer.Context,
    a: Annotated[
        Path,
        typer.Argument(
            metavar="A", help="Film, photo or folder, usually the source.", show_default=False
        ),
    ],
    b: Annotated[
        Path,
        typer.Argument(
            metavar="B",
            help="Second film, photo or folder, usually the colorized result.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help=f"Output file. Films: a video ({' '.join(list_extensions('delivery'))}) or a "
            "contact sheet (.png .jpg .webp). Photos: an image (.png .jpg .webp). Folders: a "
            "folder.",
            show_default=False,
            rich_help_panel=params.OUTPUT_PANEL,
        ),
    ],
    options: Annotated[CompareOptions, params.Fields(omit=("names",))],
    console: Console,
    c: Annotated[
        Path | None,
        typer.Argument(
            metavar="[C]", help="Third film, photo or folder: another result.", show_default=False
        ),
    ] = None,
    names: Annotated[tuple[str, str] | None, params.make_option("names", CompareOptions)] = None,
) -> None:
    """Show two or three films or photos in one file.

    Frames are paired by time. B and C are scaled to the size of A. A video has the
    audio of B, or of A if B has none. --start, --end and --offset are times in A.
    The files of folders are paired by their names without .color and extension; files
    without a counterpart are listed.

    [bold]Examples[/bold]

      vidcolor compare reel.mov reel.color.mov -o sheet.png
      vidcolor compare reel.mov reel.color.mov -o wipe.mp4 --layout wipe --names Before After
      vidcolor compare reel.mov part.mov -o part.mp4 --offset 1:30
      vidcolor compare reel.mov first.mov second.mov -o three.mp4
      vidcolor compare photo.jpg photo.color.jpg -o both.jpg
      vidcolor compare album/ album-color/ -o album-compared/
    """
    options, given = options.replace(names=names), params.list_given(context)
    sources = [a, b] if c is None else [a, b, c]
    try:
        if any(path.is_dir() for path in sources):
            is_complete = _compare_folders(sources, out, options, given, console)
        else:
            if options.suffix is not None:
                raise UsageError("--suffix applies to folders; name the format in --out")
            comparison = _compare_files(sources, out, options, console)
            _warn_of_unused_options([comparison], given, console)
            is_complete = True
    finally:
        console.end_progress()
    if not is_complete:
        raise typer.Exit(1)


def _compare_files(
    sources: Sequence[Path], out: Path, options: CompareOptions, console: Console
) -> Comparison:
    from vidcolor.evaluation.compare import compare as compare_files

    a, b, *others = sources
    third = others[0] if others else None
    comparison = compare_files(a, b, out, options, c=third, progress=console.progress)
    console.end_progress(out)
    _print_result(comparison, console)
    return comparison


def _compare_folders(
    folders: Sequence[Path],
    out: Path,
    options: CompareOptions,
    given: Sequence[str],
    console: Console,
) -> bool:
    """Compare all files of the folders; return whether none failed."""
    from vidcolor.evaluation.compare import check_format
    from vidcolor.evaluation.compare_folders import match_folders
    from vidcolor.media.extensions import is_photo_name

    for path in folders:
        if not path.is_dir():
            raise UsageError(f"{path}: is no folder; compare only files or only folders")
        if out.resolve().is_relative_to(path.resolve()):
            raise UsageError(f"{out}: is in a folder of the sources; use another --out")
    if out.is_file() or (out.suffix and not out.is_dir()):
        raise UsageError(f"{out}: must be a folder to compare folders; --suffix sets the format")
    check_format("--suffix", options.suffix or ".png", options, len(folders))
    found = match_folders(folders)
    comparisons, num_failed = [], 0
    for name, sources in found.matches.items():
        suffix = options.suffix or (".png" if is_photo_name(sources[0]) else ".mp4")
        target = out / name.with_name(f"{name.name}{suffix}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            comparisons.append(_compare_files(sources, target, options, console))
        except VidcolorError as error:
            num_failed += 1
            console.error(str(error), source=str(sources[0]), exit_code=error.exit_code)
    _warn_of_unused_options(comparisons, given, console)
    for folder, count in Counter(folder for folder, _ in found.unpaired).items():
        names = [str(p.relative_to(folder)) for f, p in found.unpaired if f == folder]
        console.warn(f"{count} without a counterpart: {', '.join(names)}", folder)
    num_unpaired = len(found.unpaired)
    counts = {"done": len(comparisons), "failed": num_failed, "unpaired": num_unpaired}
    console.event("summary", **counts)
    console.info(", ".join(f"{number} {state}" for state, number in counts.items()))
    return not num_failed


def _warn_of_unused_options(
    comparisons: Sequence[Comparison], given: Sequence[str], console: Console
) -> None:
    """Warn of given options that no comparison uses."""
    kinds = {comparison.kind for comparison in comparisons}
    for name, applicable in _KINDS.items():
        if name in given and kinds and kinds.isdisjoint(applicable):
            names = " and ".join(_KIND_NAMES[kind] for kind in applicable)
            console.warn(f"--{name} has no effect: it applies to {names} only")


def _print_result(comparison: Comparison, console: Console) -> None:
    for warning in comparison.warnings:
        console.warn(warning, comparison.target)
    console.event(
        "done",
        kind=comparison.kind,
        target=str(comparison.target),
        size=comparison.size,
        pairs=comparison.num_pairs,
        warnings=list(comparison.warnings),
    )
    unit = {"film": "frames", "sheet": "frame pairs", "photo": "photo pair"}[comparison.kind]
    size = "x".join(map(str, comparison.size))
    console.info(f"{comparison.target}: {comparison.num_pairs} {unit}, {size}")
