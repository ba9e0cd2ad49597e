"""`vidcolor recolor`: restore the color of films and photos that have faded or have a cast."""

from __future__ import annotations

from typing import Annotated

import typer

from vidcolor.cli import params
from vidcolor.cli.batch import BatchRequest, run_batch
from vidcolor.cli.console import Console
from vidcolor.options import ColorizeOptions


@params.expand_options
def recolor(
    context: typer.Context,
    files: params.RunFiles,
    options: Annotated[
        ColorizeOptions,
        params.Fields(
            omit=("gray_from", "hints", "references", "skip_color", "titles"),
            defaults={"trust": 0.7},
        ),
    ],
    console: Console,
    inputs: params.Inputs = None,
) -> None:
    """Restore the color of faded or badly lit color films and photos.

    Use it for prints that have turned pink, tapes with weak color, and scenes
    with a color cast. The luma is unchanged bit for bit. The color cast is
    removed shot by shot. The plausible part of the original color then guides
    the prediction of the model. Options other than --trust work as in
    [bold]vidcolor colorize[/bold].

    [bold]Examples[/bold]

      vidcolor recolor eastman-1962.mov --for editing
      vidcolor recolor slides/ --out-dir slides-restored/ --trust 0.9
      vidcolor recolor club.mp4 --trust 0.4 --start 1:30 --end 2:00
    """
    read_files, given = options.input_files(), params.list_given(context)
    request = BatchRequest(inputs or [], files, options, read_files, given)
    raise typer.Exit(run_batch(request, console, context.obj))
