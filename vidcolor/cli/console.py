"""Console output: a progress bar on a terminal, plain lines in a log, JSON lines for scripts."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TextIO

import typer

from vidcolor.errors import OutputError, UsageError, VidcolorError
from vidcolor.fileio import describe_os_error
from vidcolor.system import is_closed_pipe
from vidcolor.timecode import format_duration

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tqdm import tqdm

    from vidcolor.cli.event_sender import EventSender
    from vidcolor.progress import Progress

_LOGGER = logging.getLogger("vidcolor.console")
# Its messages are on the terminal already. Only a log file receives them; see `vidcolor.cli.log`.
_LOGGER.propagate = False
_LOGGER.addHandler(logging.NullHandler())
_LOG_INTERVAL_S = 10.0
_JSON_INTERVAL_S = 1.0
_DEFAULT_COLUMNS = 80
_UNITS = {"films": "film", "photos": "photo", "images": "image", "train": "step"}
"""Unit of each stage that does not count frames."""
_BYTE_STAGES = ("download",)


@dataclass
class _StageDisplay:
    """The progress display of one stage of one source."""

    stage: str
    start_time: float
    start_count: int
    last_update: float
    """Time of the last printed line."""
    last_event: float = 0.0
    """Time of the last event."""
    bar: tqdm[Any] | None = None

    def measure(self, progress: Progress, now: float) -> tuple[float, float | None]:
        """Return the units per second, and the remaining seconds; None if they are unknown."""
        speed = (progress.done - self.start_count) / max(now - self.start_time, 1e-9)
        if progress.total is None or (speed <= 0 and progress.done < progress.total):
            return speed, None
        return speed, max(0.0, (progress.total - progress.done) / max(speed, 1e-9))


@dataclass
class Console:
    """Prints results on standard output, and progress, warnings and errors on standard error.

    Several threads may print at the same time.
    """

    quiet: bool = False
    """Print only warnings and errors."""
    verbose: bool = False
    """Also print debug messages on standard error."""
    json_lines: bool = False
    """Print JSON objects on standard output instead of text."""
    log_file: Path | None = None
    """File to which all messages are appended."""
    progress_url: str | None = None
    """HTTP URL to which all events are sent."""
    _sender: EventSender | None = None
    _displays: dict[object, _StageDisplay] = field(default_factory=dict)
    """Display of each source that is being processed."""
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        if self.quiet and self.verbose:
            raise UsageError("--quiet and --verbose cannot be used together")

    def open_log(self, values: dict[str, object]) -> AbstractContextManager[None]:
        """Start the log that the options request; see `vidcolor.cli.log.open_log`."""
        from vidcolor.cli.log import open_log

        return open_log(self.log_file, self.debug if self.verbose else None, values)

    @contextlib.contextmanager
    def open_events(self) -> Iterator[None]:
        """Send the events of a command to `progress_url`; its error is the last event."""
        # Of the processes of torchrun, only one reports.
        if self.progress_url is None or os.environ.get("RANK", "0") != "0":
            yield
            return
        from vidcolor.cli.event_sender import EventSender

        self._sender = EventSender(self.progress_url, lambda text: self._warn(text, None))
        try:
            yield
        except VidcolorError as error:
            text, exit_code = to_single_line(str(error)), error.exit_code
            self._sender.send({"event": "failed", "error": text, "exit_code": exit_code})
            raise
        except KeyboardInterrupt:
            self._sender.send({"event": "failed", "error": "interrupted", "exit_code": 130})
            raise
        finally:
            self._sender.close()

    def progress(self, progress: Progress) -> None:
        """Update the progress display of a source."""
        with self._lock:
            if self.json_lines or self._sender is not None:
                self._report_progress(progress)
            if self.json_lines:
                return
            if not self.quiet and sys.stderr.isatty():
                self._update_bar(progress)
            elif not self.quiet:
                self._print_progress_line(progress)

    def _display_of(self, progress: Progress) -> tuple[_StageDisplay, bool]:
        """Return the display of the source, and whether it is new."""
        now, display = time.monotonic(), self._displays.get(progress.source)
        if display is not None and display.stage == progress.stage:
            return display, False
        self._close_display(progress.source)
        display = _StageDisplay(progress.stage, now, progress.done, now)
        self._displays[progress.source] = display
        _LOGGER.debug(to_single_line(f"{progress.source}: {progress.stage}"))
        return display, True

    def _update_bar(self, progress: Progress) -> None:
        from tqdm import tqdm

        display, is_new = self._display_of(progress)
        if is_new:
            in_bytes = progress.stage in _BYTE_STAGES
            display.bar = tqdm(
                total=progress.total,
                initial=progress.done if progress.done > 1 else 0,
                unit="B" if in_bytes else f" {_UNITS.get(progress.stage, 'frame')}",
                unit_scale=in_bytes,
                desc=f"{_source_name(progress)}: {progress.stage}",
                dynamic_ncols=_terminal_columns() > 0,
                ncols=None if _terminal_columns() else _DEFAULT_COLUMNS,
                leave=False,
            )
        if display.bar is not None:
            display.bar.update(progress.done - display.bar.n)

    def _print_progress_line(self, progress: Progress) -> None:
        display, _ = self._display_of(progress)
        now = time.monotonic()
        if now - display.last_update < _LOG_INTERVAL_S:
            return
        display.last_update = now
        speed, remaining_s = display.measure(progress, now)
        text = f"{_source_name(progress)}: {progress.stage}: {progress.done}"
        if progress.total and remaining_s is not None:
            text += f" of about {progress.total}, {format_duration(remaining_s)} left"
        _echo(f"{text} ({speed:.1f}/s)", err=True)

    def _report_progress(self, progress: Progress) -> None:
        display, is_new = self._display_of(progress)
        now = time.monotonic()
        is_due = now - display.last_event >= _JSON_INTERVAL_S
        if not (is_new or is_due or progress.done == progress.total):
            return
        display.last_event = now
        speed, remaining_s = display.measure(progress, now)
        in_frames = progress.stage not in (*_UNITS, *_BYTE_STAGES)
        self.event(
            "progress",
            source=str(progress.source),
            stage=progress.stage,
            done=progress.done,
            total=progress.total,
            fps=round(speed, 2) if in_frames and speed > 0 else None,
            eta_s=None if remaining_s is None else round(remaining_s, 1),
            bytes_written=progress.bytes_written,
            bytes_expected=progress.bytes_expected,
        )

    def end_progress(self, source: object = None) -> None:
        """Remove the progress display of a source, or of all sources if it is None."""
        with self._lock:
            for key in list(self._displays) if source is None else [source]:
                self._close_display(key)

    def _close_display(self, source: object) -> None:
        display = self._displays.pop(source, None)
        if display is not None and display.bar is not None:
            display.bar.close()

    def event(self, name: str, /, **values: Any) -> None:
        """Print one JSON object on one line of standard output, in JSON mode only.

        It is also sent to `progress_url`.
        """
        if self._sender is not None:
            self._sender.send({"event": name, **values})
        self._print_event(name, **values)

    def _print_event(self, name: str, /, **values: Any) -> None:
        if self.json_lines:
            with self._lock:
                _echo(json.dumps({"event": name, **values}, default=str))

    def info(self, text: str) -> None:
        """Print a line on standard output, unless in quiet or JSON mode."""
        _LOGGER.info(to_single_line(text))
        if not self.quiet and not self.json_lines:
            self._print(text)

    def result(self, lines: Sequence[str], values: dict[str, Any]) -> None:
        """Print the answer of a command that only reads: lines, or one JSON object in JSON mode."""
        if self.json_lines:
            _echo(json.dumps(values, default=str))
        for line in () if self.json_lines else lines:
            self._print(line)

    def debug(self, text: str) -> None:
        """Print a line on standard error."""
        self._print(text, err=True)

    def warn(self, text: str, source: object = None) -> None:
        """Print a warning on standard error, also in quiet mode; in JSON mode print an event.

        Args:
            text: warning message.
            source: file with the problem, if any.
        """
        if self._sender is not None:
            name = None if source is None else str(source)
            self._sender.send({"event": "warning", "source": name, "text": text})
        self._warn(text, source)

    def _warn(self, text: str, source: object) -> None:
        """Print a warning without sending it."""
        prefix = "" if source is None else f"{source}: "
        _LOGGER.warning(to_single_line(f"{prefix}{text}"))
        self._print_event("warning", source=None if source is None else str(source), text=text)
        if not self.json_lines:
            self._print(f"warning: {prefix}{text}", err=True)

    def error(self, text: str, **values: Any) -> None:
        """Print an error on standard error; in JSON mode also print a "failed" event.

        Args:
            text: error message.
            values: further values of the event.
        """
        _LOGGER.error(to_single_line(text))
        self.event("failed", error=to_single_line(text), **values)
        self._print(f"vidcolor: {text}", err=True)

    def _print(self, text: str, err: bool = False) -> None:
        """Print a line above the progress bars."""
        with self._lock:
            bars = [d.bar for d in self._displays.values() if d.bar is not None]
            for bar in bars:
                bar.clear()
            _echo(to_single_line(text), err)
            for bar in bars:
                bar.refresh()


def format_table(rows: Sequence[Sequence[str]], right_aligned: Collection[int] = ()) -> list[str]:
    """Return the rows of a table as lines with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if index in right_aligned else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _terminal_columns() -> int:
    """Return the width of the terminal; 0 if it is unknown, as in some containers."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns
    except OSError:
        return 0


def _echo(text: str, err: bool = False) -> None:
    """Print a line; ignore a closed pipe, as in `| head`, and faults of standard error.

    Raises:
        OutputError: standard output cannot be written. Further lines are discarded.
    """
    try:
        typer.echo(text, err=err)
    except OSError as error:
        discard_output(sys.stderr if err else sys.stdout)
        if not err and not is_closed_pipe(error):
            raise OutputError(f"standard output: {describe_os_error(error)}") from error


def discard_output(stream: TextIO) -> None:
    """Redirect a stream that cannot be written to the null device."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


def to_single_line(text: str) -> str:
    """Replace line breaks and tabs by spaces, and escape control characters.

    File names may contain anything, including terminal escape sequences.
    """
    spaced = (" " if c in "\n\r\t" else c for c in text.strip("\r\n"))
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in spaced)


def _source_name(progress: Progress) -> str:
    return to_single_line(progress.source.name or str(progress.source))
