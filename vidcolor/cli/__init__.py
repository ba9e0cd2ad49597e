"""The command line, with one module per command. Commands parse options and print results."""

from __future__ import annotations

import os
import signal
import sys
import traceback
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from vidcolor._version import __version__
from vidcolor.cli.console import Console, discard_output
from vidcolor.cli.groups import HELP_KEY, ProgramGroup, UserInterruptError
from vidcolor.errors import UsageError, VidcolorError, describe_unexpected_error
from vidcolor.system import exit_process, is_closed_pipe

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from vidcolor.cli.batch import ColorizerFactory

EXIT_FAILURE, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130
TRACEBACK_VARIABLE = "VIDCOLOR_TRACEBACK"
"""Environment variable: if its value is 1, the command prints the traceback of an error."""

ProgramGroup.summaries = {
    "colorize": "Colorize black-and-white films, photos, folders and film scans.",
    "recolor": "Restore the color of faded or badly lit color films and photos.",
    "probe": "Show the contents of a film or photo, and the output that colorize would write.",
    "shots": "Detect the shots of a film: cuts, dissolves and fades.",
    "project": "Keep the shots of a film and the decisions about its color in one file.",
    "studio": "Colorize photos and films in a browser: point at a color that is wrong.",
    "compare": "Show two or three films or photos in one file.",
    "evaluate": "Compare predicted colors with color originals.",
    "train": "Train weights on color photographs and films.",
    "models": "List, download, import, export and verify colorization models.",
    "jobs": "List unfinished films, interrupted or still running.",
    "status": "Print the progress of one film.",
    "config": "Show the values of options, and the files and variables that set them.",
    "doctor": "Test what works on this machine, and print what to do about the rest.",
}
app = typer.Typer(
    name="vidcolor",
    cls=ProgramGroup,
    no_args_is_help=True,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help=(
        "Colorize black-and-white films. Luma, audio, subtitles, chapters and time stamps are "
        "unchanged; only chroma is added.\n\n"
        "Example: [bold]vidcolor colorize reel.mov[/bold] writes reel.color.mov. Photos, folders "
        "and image sequences (scan_%06d.dpx) are supported too."
    ),
)


@app.callback()
def _handle_global_options(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
    verbose: bool = typer.Option(
        False, "--verbose", help="With --version: print libraries, devices and weights too."
    ),
) -> None:
    if version and verbose:
        from vidcolor.cli.versions import print_versions

        print_versions()
    elif version:
        typer.echo(f"vidcolor {__version__}")
    elif context.invoked_subcommand is None:
        raise UsageError("no command; see vidcolor --help")
    if version:
        raise typer.Exit
    if not context.meta[HELP_KEY]:
        from vidcolor.cli.configuration import make_default_map
        from vidcolor.cli.settings import list_unknown_variables

        # These commands describe invalid files.
        is_tolerant = context.invoked_subcommand in ("config", "doctor")
        context.default_map = make_default_map(context.command, ignore_errors=is_tolerant)
        for text in () if is_tolerant else list_unknown_variables(context.command):
            Console().warn(text)


def main(colorizer_factory: ColorizerFactory | None = None) -> None:
    """Run the command with the arguments of this process, and exit.

    Args:
        colorizer_factory: loads the colorizer; None for `Colorizer.from_options`.
    """
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # warnings of libraries are not meant for users
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller, as with `>&-`
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # file names may contain invalid UTF-8
            stream.reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGINT, _raise_interrupt)
    signal.signal(signal.SIGTERM, _raise_interrupt)
    code = run(sys.argv[1:], colorizer_factory)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the work is done, and the process ends soon
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        sys.stdout.flush()
    except OSError as error:  # Python would print the error again at exit
        discard_output(sys.stdout)
        if not is_closed_pipe(error):
            code = _print_error(Console(), f"standard output: {error.strerror}", EXIT_FAILURE)
    exit_process(code)


def run(arguments: Sequence[str], colorizer_factory: ColorizerFactory | None = None) -> int:
    """Run one command.

    This is the only function that converts exceptions to messages and exit codes.

    Args:
        arguments: arguments after ``vidcolor``.
        colorizer_factory: loads the colorizer; None for `Colorizer.from_options`.

    Returns:
        0 for success, 1 for failure, 2 for wrong usage, 130 for an interruption.
    """
    console = Console(json_lines="--json" in arguments)
    try:
        code = app(
            list(arguments), prog_name="vidcolor", standalone_mode=False, obj=colorizer_factory
        )
    except (UserInterruptError, KeyboardInterrupt, typer.Abort) as interrupt:
        notes = getattr(interrupt, "__notes__", []) or ["no partial file was left behind"]
        return _print_error(console, "; ".join(["interrupted", *notes]), EXIT_INTERRUPTED)
    except VidcolorError as error:
        return _print_error(console, str(error), error.exit_code, error.__cause__)
    except MemoryError:
        return _print_error(console, "out of memory; use a smaller --batch", EXIT_FAILURE)
    except OSError as error:
        if is_closed_pipe(error):  # as in `vidcolor probe x | head`
            discard_output(sys.stdout)
            return EXIT_FAILURE
        path = f"{error.filename}: " if error.filename else ""
        return _print_error(console, f"{path}{error.strerror or error}", EXIT_FAILURE, error)
    except Exception as error:
        return _print_unexpected_error(console, error)
    if code == EXIT_INTERRUPTED:  # Typer returns this code for a KeyboardInterrupt while parsing
        text = "interrupted; no partial file was left behind"
        return _print_error(console, text, EXIT_INTERRUPTED)
    return int(code or 0)


def _print_unexpected_error(console: Console, error: Exception) -> int:
    """Print a usage error of Typer, or an internal error."""
    format_message: Any = getattr(error, "format_message", None)
    if format_message is None:
        return _print_error(console, describe_unexpected_error(error), EXIT_FAILURE, error)
    from vidcolor.cli.settings import describe_bad_value

    if isinstance(error, typer.BadParameter):
        error.message = describe_bad_value(error, error.param)
    text, code = format_message(), int(getattr(error, "exit_code", EXIT_USAGE))
    if type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(text, err=True)
        return code
    context = getattr(error, "ctx", None)
    command = context.command_path.rstrip() if context is not None else "vidcolor"
    return _print_error(console, f"{text.rstrip('.?')}; see {command} --help", code)


def _print_error(console: Console, text: str, code: int, cause: BaseException | None = None) -> int:
    console.error(text, exit_code=code)
    if cause is not None and os.environ.get(TRACEBACK_VARIABLE) == "1":
        traceback.print_exception(cause)
    return code


def _raise_interrupt(number: int, frame: FrameType | None) -> None:
    """Handle Ctrl-C and SIGTERM."""
    raise KeyboardInterrupt
