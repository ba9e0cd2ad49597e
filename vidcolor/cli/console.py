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
    "color": "frame",
    "join": "frame",
    "compare": "frame",
    "films": "film",
    "pictures": "picture",
}


@dataclass
class _Shown:
    """What is shown of one piece of work."""

    stage: str
    began: float
    began_at: int
    last: float
    bar: tqdm[Any] | None = None


@dataclass
class Console:
    """Prints; results on standard output, everything else on standard error."""

    quiet: bool = False
    json_lines: bool = False
    _shown: dict[object, _Shown] = field(default_factory=dict)
    """By source: several films may be under way."""
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

    def _of(self, step: Progress) -> tuple[_Shown, bool]:
        """What is shown of a step's work, and whether that begins with it."""
        now, shown = time.monotonic(), self._shown.get(step.source)
        if shown is not None and shown.stage == step.stage:
            return shown, False
        self._end(step.source)
        shown = self._shown[step.source] = _Shown(step.stage, now, step.done, now)
        return shown, True

    def _move_bar(self, step: Progress) -> None:
        from tqdm import tqdm

        shown, begins = self._of(step)
        if begins:
            shown.bar = tqdm(
                total=step.total,
                initial=step.done if step.done > 1 else 0,
                unit="B" if step.stage == "fetch" else f" {_UNITS.get(step.stage, step.stage)}",
                unit_scale=step.stage == "fetch",
                desc=f"{_name(step)}: {step.stage}",
                dynamic_ncols=_columns() > 0,
                ncols=None if _columns() else _USUAL_COLUMNS,
                leave=False,
            )
        if shown.bar is not None:
            shown.bar.update(step.done - shown.bar.n)

    def _log_progress(self, step: Progress) -> None:
        shown, _ = self._of(step)
        now = time.monotonic()
        if now - shown.last < _LOG_EVERY_S:
            return
        shown.last = now
        speed = (step.done - shown.began_at) / max(now - shown.began, 1e-9)
        text = f"{_name(step)}: {step.stage}: {step.done}"
        if step.total and speed > 0:
            left = max(0.0, (step.total - step.done) / speed)
            text += f" of about {step.total}, {clock(left)} left"
        _echo(f"{text} ({speed:.1f}/s)", err=True)

    def _json_progress(self, step: Progress) -> None:
        shown, begins = self._of(step)
        now = time.monotonic()
        if begins or now - shown.last >= _JSON_EVERY_S or step.done == step.total:
            shown.last = now
            self.event(
                "progress",
                source=str(step.source),
                stage=step.stage,
                done=step.done,
                total=step.total,
            )

    def end_progress(self, source: object = None) -> None:
        """Take the bar of a piece of work away; without one, all."""
        with self._turn:
            for shown in list(self._shown) if source is None else [source]:
                self._end(shown)

    def _end(self, source: object) -> None:
        shown = self._shown.pop(source, None)
        if shown is not None and shown.bar is not None:
            shown.bar.close()

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
        """A line, with the bars below it if there are any."""
        with self._turn:
            bars = [shown.bar for shown in self._shown.values() if shown.bar is not None]
            for bar in bars:
                bar.clear()
            _echo(one_line(text), err)
            for bar in bars:
                bar.refresh()


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
