"""`vidcolor colorize`: add color to films, photos, folders and image sequences."""

from __future__ import annotations

from typing import Annotated

import typer

from vidcolor.cli import params
from vidcolor.cli.batch import BatchRequest, run_batch
from vidcolor.cli.console import Console
from vidcolor.options import ColorizeOptions


@params.expand_options
def colorize(
    context: typer.Context,
    files: params.RunFiles,
    options: Annotated[ColorizeOptions, params.Fields(omit=("trust",))],
    console: Console,
    inputs: params.Inputs = None,
) -> None:
    """Colorize black-and-white films, photos, folders and film scans.

    The luma is unchanged bit for bit. Audio, subtitles, chapters and time
    stamps are copied. A neural network predicts the color; the metadata of
    the result states this. Existing files are kept unless --force is given.

    [bold]Examples[/bold]

      vidcolor colorize reel.mov
      vidcolor colorize reel.mkv --for editing --out-dir graded/
      vidcolor colorize tape.mpg --for archive -o master.mkv
      vidcolor colorize album/ --out-dir album-color/
      vidcolor colorize scan_%06d.dpx --fps 18 -o reel.mov --for editing
      vidcolor colorize mill.jpg --hints hints.json
      vidcolor colorize reel.mov --reference mill-today.jpg
      vidcolor colorize reel.mov --reference a.png@0:12 --reference b.png@1:30
      vidcolor colorize reel.mov --shots shots.csv --hints hints.json
      vidcolor colorize --job-list jobs.csv --out-dir graded/ --workers 2

    To resume an interrupted run, repeat the command. [bold]vidcolor jobs[/bold]
    lists unfinished films.

    [bold]hints.json[/bold]: the color is #rrggbb, a CSS name, neutral
    or keep; positions are in pixels or percent.

      \\[{"x": 812, "y": 430, "color": "#3b5f8a", "radius": 12},
       {"x": "50%", "y": "12%", "color": "skyblue", "time": 72.5}]
    """
    from vidcolor.hints.io import load_hints

    read_files = options.input_files()
    options = options.replace(hints=load_hints(options) or None)  # a pipe can be read only once
    given = params.list_given(context)
    request = BatchRequest(inputs or [], files, options, read_files, given)
    raise typer.Exit(run_batch(request, console, context.obj))
