"""The command line: one file a command, parsing and printing only."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

import typer

from vidcolor import __version__
from vidcolor.cli.colorize import colorize
from vidcolor.cli.compare import compare
from vidcolor.cli.probe import probe
from vidcolor.errors import VidcolorError

INTERRUPTED = 130

app = typer.Typer(
    name="vidcolor",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help=(
        "Turns black-and-white film into colour. Luma, sound, subtitles, chapters and timing "
        "stay as they are; only chroma is added.\n\n"
        "  vidcolor colorize reel.mov\n\n"
        "colours one film; a photo, a folder or scan_%06d.dpx works as well."
    ),
)
app.command()(colorize)
app.command()(probe)
app.command()(compare)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vidcolor {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version."
    ),
) -> None:
    pass


def main() -> None:
    """Run the command line; the one place that turns errors into messages and exit codes."""
    signal.signal(signal.SIGTERM, _stop)
    try:
        app(standalone_mode=True)
    except VidcolorError as error:
        typer.echo(f"vidcolor: {_one_line(error)}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        typer.echo("vidcolor: stopped; no unfinished file is left behind", err=True)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # the reader of our output went away, as in `vidcolor probe x | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except MemoryError:
        typer.echo("vidcolor: out of memory; try a smaller --batch", err=True)
        sys.exit(1)


def _stop(number: int, frame: FrameType | None) -> None:
    """SIGTERM ends the work as Ctrl-C does."""
    raise KeyboardInterrupt


def _one_line(error: VidcolorError) -> str:
    return " ".join(str(error).split())
