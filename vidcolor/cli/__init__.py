"""The command line: one file a command, parsing and printing only."""

from __future__ import annotations

import os
import signal
import sys
import traceback
import warnings
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from vidcolor import __version__
from vidcolor.cli.colorize import colorize
from vidcolor.cli.compare import compare
from vidcolor.cli.console import Console, let_go
from vidcolor.cli.evaluate import evaluate
from vidcolor.cli.evaluate_film import evaluate_film
from vidcolor.cli.groups import DEFAULT, WithDefault
from vidcolor.cli.jobs import jobs, status
from vidcolor.cli.models import models
from vidcolor.cli.probe import probe
from vidcolor.cli.recolor import recolor
from vidcolor.cli.shots import shots
from vidcolor.cli.train import train
from vidcolor.errors import VidcolorError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

FAILED, USAGE, INTERRUPTED = 1, 2, 130
TRACEBACK = "VIDCOLOR_TRACEBACK"
"""Environment variable: set to 1, faults in vidcolor itself show where they happened."""


class _StoppedError(BaseException):
    """Ctrl-C on its way out, with its notes of what is kept: Typer would drop them."""


class _Interruptible(TyperGroup):
    """Commands whose interruption reaches `run` as it was."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stop:
            stopped = _StoppedError()
            for note in getattr(stop, "__notes__", []):
                stopped.add_note(note)
            raise stopped from stop


app = typer.Typer(
    name="vidcolor",
    cls=_Interruptible,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help=(
        "Turns black-and-white film into color. Luma, sound, subtitles, chapters and timing "
        "stay as they are; only chroma is added.\n\n"
        "  vidcolor colorize reel.mov\n\n"
        "colors one film; a photo, a folder or scan_%06d.dpx works as well."
    ),
)
app.command()(colorize)
app.command()(recolor)
app.command()(probe)
app.command()(shots)
app.command()(compare)
evaluating = typer.Typer(
    cls=WithDefault,
    add_completion=False,
    rich_markup_mode="rich",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True},
)
evaluating.command(DEFAULT, hidden=True)(evaluate)
evaluating.command("film")(evaluate_film)
app.add_typer(evaluating, name="evaluate", help="Judge colors by color originals.")
app.command()(train)
app.add_typer(models, name="models")
app.command()(jobs)
app.command()(status)


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
    """Run the command line of this process."""
    signal.signal(signal.SIGTERM, _stop)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # what libraries tell programmers is not for users
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a file may have any bytes for a name
            stream.reconfigure(errors="backslashreplace")
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # or Python complains about it on its way out
        let_go(sys.stdout)
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command; the one place that turns errors into a line and an exit code.

    Args:
        arguments: the words after ``vidcolor``.

    Returns:
        0 done, 1 failed, 2 wrong usage, 130 interrupted.
    """
    console = Console(json_lines="--json" in arguments)
    stopped = "stopped; no unfinished file is left behind"
    try:
        code = app(list(arguments), prog_name="vidcolor", standalone_mode=False)
    except (_StoppedError, KeyboardInterrupt, typer.Abort) as stop:
        code = INTERRUPTED
        kept = getattr(stop, "__notes__", [])
        stopped = "; ".join(["stopped", *kept]) if kept else stopped
    except VidcolorError as error:
        return _fail(console, str(error), error.exit_code, error.__cause__)
    except BrokenPipeError:  # the reader of our output went away, as in `vidcolor probe x | head`
        let_go(sys.stdout)
        return FAILED
    except MemoryError:
        return _fail(console, "out of memory; try a smaller --batch", FAILED)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return _fail(console, f"{place}{error.strerror or error}", FAILED, error)
    except Exception as error:
        return _explain(console, error)
    if code == INTERRUPTED:
        return _fail(console, stopped, INTERRUPTED)
    return int(code or 0)


def _explain(console: Console, error: Exception) -> int:
    """What Typer raises about the command's words, and what nobody expected."""
    words: Any = getattr(error, "format_message", None)
    if words is None:
        text = f"a fault in vidcolor ({type(error).__name__}: {error}); please report it"
        return _fail(console, text, FAILED, error)
    text, code = words(), int(getattr(error, "exit_code", USAGE))
    if type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(text, err=True)
        return code
    context = getattr(error, "ctx", None)
    command = context.command_path.rstrip() if context is not None else "vidcolor"
    return _fail(console, f"{text.rstrip('.')}; see {command} --help", code)


def _fail(console: Console, text: str, code: int, cause: BaseException | None = None) -> int:
    console.failed(text, exit_code=code)
    if cause is not None and os.environ.get(TRACEBACK) == "1":
        traceback.print_exception(cause)
    return code


def _stop(number: int, frame: FrameType | None) -> None:
    """SIGTERM ends the work as Ctrl-C does."""
    raise KeyboardInterrupt
