"""The command `vidcolor project preview`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vidcolor.cli import params
from vidcolor.cli.console import Console
from vidcolor.cli.project_options import PreviewOptions, ProjectPath, select_shots
from vidcolor.options import ColorizeOptions


@params.expand_options
def preview(
    context: typer.Context,
    project: ProjectPath,
    selection: PreviewOptions,
    options: Annotated[ColorizeOptions, params.Fields(only=("device", "force"))],
    console: Console,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help="Preview: .html for a page, or an image: .png .jpg .webp.",
            rich_help_panel=params.OUTPUT_PANEL,
            show_default=False,
        ),
    ],
) -> None:
    """Show stills of the shots in color, without rendering the film.

    Each still is shown in gray, with the hints and the least certain regions,
    and in color. Color is not smoothed over time.

    [bold]Examples[/bold]

      vidcolor project preview reel.vidcolor.json -o preview.html
      vidcolor project preview reel.vidcolor.json --shots 12-15 --stills 3 -o sheet.png
    """
    from vidcolor.colorizer import Colorizer
    from vidcolor.project.api import Project
    from vidcolor.project.preview.write import check_preview_path, write_preview

    opened = Project.open(project)
    check_preview_path(out, opened, options.force)  # before the generator is loaded
    indices = select_shots(opened, selection.shots or "all")
    load = context.obj or Colorizer.from_options
    colorizer = load(opened.options.replace(device=options.device))
    count = write_preview(
        opened, out, [opened.shots[index] for index in indices], selection.stills,
        colorizer=colorizer, force=options.force,
    )  # fmt: skip
    console.event("written", target=str(out), shots=len(indices), stills=count)
    console.info(
        f"{out}: {count} still{'' if count == 1 else 's'} of {len(indices)} "
        f"shot{'' if len(indices) == 1 else 's'}"
    )
