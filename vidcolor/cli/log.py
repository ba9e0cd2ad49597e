"""The messages of a run with time stamps, in a file (`--log-file`) or on the terminal (`-v`)."""

from __future__ import annotations

import contextlib
import logging
import platform
import shlex
import sys
import warnings
from typing import TYPE_CHECKING

import typer

from vidcolor._version import __version__
from vidcolor.errors import OutputError, UsageError
from vidcolor.fileio import check_target_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_LOGGER = logging.getLogger("vidcolor")
_CONSOLE_LOGGER = logging.getLogger("vidcolor.console")
"""Receives what the console prints."""
_CONSOLE_FORMAT = "%(levelname)s %(name)s: %(message)s"
_FILE_FORMAT = f"%(asctime)s {_CONSOLE_FORMAT}"


class _ConsoleHandler(logging.Handler):
    def __init__(self, print_line: Callable[[str], None]) -> None:
        super().__init__()
        self._print_line = print_line

    def emit(self, record: logging.LogRecord) -> None:
        for line in self.format(record).splitlines():
            self._print_line(line)


class _FileHandler(logging.FileHandler):
    """Appends to a file. If the disk is full, a warning is printed, and the run continues."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        self.setLevel(logging.CRITICAL + 1)
        path, error = self.baseFilename, sys.exception()
        typer.echo(f"warning: {path}: the log is incomplete: {error}", err=True)

    def close(self) -> None:
        with contextlib.suppress(OSError):  # what could not be written
            super().close()


@contextlib.contextmanager
def open_log(
    path: Path | None, print_line: Callable[[str], None] | None, values: dict[str, object]
) -> Iterator[None]:
    """Log the messages of a command, of libraries and of Python's warnings.

    Args:
        path: file to append to; None for no file.
        print_line: prints debug messages, and warnings of libraries; None to not print them.
        values: arguments of the command, for the first messages.

    Raises:
        OutputError: the file cannot be written.
        UsageError: the file exists and is not a log, but perhaps a film.
    """
    handlers: list[logging.Handler] = [] if path is None else [_open_file(path)]
    if print_line is not None:
        handlers.append(_ConsoleHandler(print_line))
    if not handlers:
        yield
        return
    with _attach(handlers), warnings.catch_warnings():
        warnings.simplefilter("default")
        system = f"Python {platform.python_version()}, {platform.platform()}"
        _LOGGER.debug("vidcolor %s, %s", __version__, system)
        _LOGGER.debug("command: %s", shlex.join(sys.argv))
        _LOGGER.debug("options: %s", ", ".join(f"{k}={v}" for k, v in values.items()))
        try:
            yield
        except typer.Exit:
            raise
        except BaseException:
            _LOGGER.debug("the command failed", exc_info=True)
            raise


@contextlib.contextmanager
def _attach(handlers: list[logging.Handler]) -> Iterator[None]:
    """Send the messages of all loggers to the handlers, and close these at the end."""
    root = logging.getLogger()
    levels = {logger: logger.level for logger in (root, _CONSOLE_LOGGER)}
    for logger in levels:
        logger.setLevel(logging.DEBUG)
    # torch's messages do not reach the root.
    loggers = (root, logging.getLogger("torch"), _CONSOLE_LOGGER)
    for handler in handlers:
        handler.addFilter(_is_relevant)
        is_console = isinstance(handler, _ConsoleHandler)
        handler.setFormatter(logging.Formatter(_CONSOLE_FORMAT if is_console else _FILE_FORMAT))
        for logger in loggers[: 2 if is_console else 3]:
            logger.addHandler(handler)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        for logger, level in levels.items():
            logger.setLevel(level)
        for handler in handlers:
            for logger in loggers:
                logger.removeHandler(handler)
            handler.close()


def _open_file(path: Path) -> logging.Handler:
    check_target_url(path)
    try:
        if path.exists() and path.stat().st_size:
            with path.open("rb") as file:
                if b" vidcolor: vidcolor " not in file.readline(200):
                    raise UsageError(
                        f"{path}: exists and is not a log of vidcolor; choose another --log-file"
                    )
        return _FileHandler(path, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from None


def _is_relevant(record: logging.LogRecord) -> bool:
    """Whether to log a record: libraries print thousands of debug messages."""
    is_own = record.name.partition(".")[0] == "vidcolor"
    return is_own or record.levelno >= logging.WARNING
