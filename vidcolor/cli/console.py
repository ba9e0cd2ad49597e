"""What people see while the work runs: a bar, plain lines for logs, JSON lines for scripts."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TextIO

import typer

if TYPE_CHECKING:
    from tqdm import tqdm

    from vidcolor.progress import Progress

_LOG_EVERY_S = 10.0
_JSON_EVERY_S = 1.0
_USUAL_COLUMNS = 80
_UNITS = {
    "look": "frame",
    "hints": "frame",
    "colour": "frame",
    "join": "frame",
    "compare": "frame",
    "pictures": "picture",
}


@dataclass
class Console:
    """Prints; results on standard output, everything else on standard error."""

    quiet: bool = False
    json_lines: bool = False
    _bar: tqdm[Any] | None = None
    _shown: tuple[object, str] | None = None
    _last: float = 0.0
    _began: float = field(default_factory=time.monotonic)
    _began_at: int = 0
    _turn: threading.RLock = field(default_factory=threading.RLock)

    def progress(self, step: Progress) -> None:
        """Show how far the work is."""
        with self._turn:
            if self.json_lines:
                self._json_progress(step)
            elif not self.quiet and sys.stderr.isatty():
                self._move_bar(step)
            elif not self.quiet:
                self._log_progress(step)

    def _move_bar(self, step: Progress) -> None:
        from tqdm import tqdm

        if self._shown != (step.source, step.stage):
            self.end_progress()
            self._shown = (step.source, step.stage)
            self._bar = tqdm(
                total=step.total,
                unit=f" {_UNITS.get(step.stage, step.stage)}",
                desc=f"{_name(step)}: {step.stage}",
                dynamic_ncols=_columns() > 0,
                ncols=None if _columns() else _USUAL_COLUMNS,
                leave=False,
            )
        if self._bar is not None:
            self._bar.update(step.done - self._bar.n)

    def _log_progress(self, step: Progress) -> None:
        now = time.monotonic()
        if self._shown != (step.source, step.stage):
            self._shown, self._last = (step.source, step.stage), now
            self._began, self._began_at = now, step.done
        if now - self._last < _LOG_EVERY_S:
            return
        self._last = now
        speed = (step.done - self._began_at) / max(now - self._began, 1e-9)
        text = f"{_name(step)}: {step.stage}: {step.done}"
        if step.total and speed:
            left = max(0.0, (step.total - step.done) / speed)
            text += f" of about {step.total}, {clock(left)} left"
        _echo(f"{text} ({speed:.1f}/s)", err=True)

    def _json_progress(self, step: Progress) -> None:
        now = time.monotonic()
        if now - self._last >= _JSON_EVERY_S or step.done == step.total:
            self._last = now
            self.event(
                "progress",
                source=str(step.source),
                stage=step.stage,
                done=step.done,
                total=step.total,
            )

    def end_progress(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
        self._bar, self._shown = None, None

    def event(self, name: str, /, **values: Any) -> None:
        """One JSON object on a line of standard output, if that is what is printed."""
        if self.json_lines:
            with self._turn:
                _echo(json.dumps({"event": name, **values}, default=str))

    def say(self, text: str) -> None:
        """Something worth knowing; left out when quiet."""
        if not self.quiet and not self.json_lines:
            self._print(text)

    def warn(self, text: str, source: object = None) -> None:
        """Something that is not as the user may think; printed even when quiet."""
        where = "" if source is None else f"{source}: "
        self.event("warning", source=None if source is None else str(source), text=text)
        if not self.json_lines:
            self._print(f"warning: {where}{text}", err=True)

    def failed(self, text: str, **values: Any) -> None:
        """A piece of work, or all of it, that failed: an event, and one line in any case."""
        self.event("failed", error=one_line(text), **values)
        self._print(f"vidcolor: {text}", err=True)

    def _print(self, text: str, err: bool = False) -> None:
        """A line, with the bar below it if there is one."""
        with self._turn:
            if self._bar is not None:
                self._bar.clear()
            _echo(one_line(text), err)
            if self._bar is not None:
                self._bar.refresh()


def _columns() -> int:
    """Width of the terminal; 0 from those that were never told, as in some containers."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns
    except OSError:
        return 0


def _echo(text: str, err: bool = False) -> None:
    """Print; a reader who leaves in between (`| head`) does not stop the work."""
    try:
        typer.echo(text, err=err)
    except BrokenPipeError:
        let_go(sys.stderr if err else sys.stdout)


def let_go(stream: TextIO) -> None:
    """Point a stream at nothing, after whoever read it has left."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, stream.fileno())
    os.close(nothing)


def one_line(text: str) -> str:
    """Text without line breaks and without what a terminal would obey: names may hold anything."""
    plain = (" " if c in "\n\r\t" else c for c in text.strip("\r\n"))
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in plain)


def _name(step: Progress) -> str:
    return one_line(step.source.name or str(step.source))


def clock(seconds: float) -> str:
    """Seconds as people read them: ``42 s``, ``3:07 min``, ``2:03:04 h``."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}:{rest:02d} min"
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d} h"
