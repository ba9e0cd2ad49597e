"""What people see while the work runs: a bar, plain lines for logs, JSON lines for scripts."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from tqdm import tqdm

    from vidcolor.progress import Progress

_LOG_EVERY_S = 10.0
_JSON_EVERY_S = 1.0
_UNITS = {"colour": "frame", "pictures": "picture"}


@dataclass
class Console:
    """Prints; results on standard output, everything else on standard error."""

    quiet: bool = False
    json_lines: bool = False
    _bar: tqdm[Any] | None = None
    _shown: tuple[object, str] | None = None
    _last: float = 0.0
    _began: float = field(default_factory=time.monotonic)

    def progress(self, step: Progress) -> None:
        """Show how far the work is."""
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
                desc=f"{step.source.name}: {step.stage}",
                dynamic_ncols=True,
                leave=False,
            )
        if self._bar is not None:
            self._bar.update(step.done - self._bar.n)

    def _log_progress(self, step: Progress) -> None:
        now = time.monotonic()
        if self._shown != (step.source, step.stage):
            self._shown, self._last, self._began = (step.source, step.stage), now, now
        if now - self._last < _LOG_EVERY_S:
            return
        self._last = now
        speed = step.done / max(now - self._began, 1e-9)
        text = f"{step.source.name}: {step.stage}: {step.done}"
        if step.total:
            left = max(0.0, (step.total - step.done) / speed)
            text += f" of about {step.total}, {clock(left)} left"
        typer.echo(f"{text} ({speed:.1f}/s)", err=True)

    def _json_progress(self, step: Progress) -> None:
        now = time.monotonic()
        if now - self._last >= _JSON_EVERY_S:
            self._last = now
            self.event(
                "progress",
                source=str(step.source),
                stage=step.stage,
                done=step.done,
                total=step.total,
            )

    def end_progress(self) -> None:
        """Take the bar away before something else is printed."""
        if self._bar is not None:
            self._bar.close()
        self._bar, self._shown = None, None

    def event(self, name: str, /, **values: Any) -> None:
        """One JSON object on a line of standard output, if that is what is printed."""
        if self.json_lines:
            sys.stdout.write(json.dumps({"event": name, **values}, default=str) + "\n")
            sys.stdout.flush()

    def say(self, text: str) -> None:
        """Something worth knowing; left out when quiet."""
        self.end_progress()
        if not self.quiet and not self.json_lines:
            typer.echo(text)

    def warn(self, text: str) -> None:
        """Something that is not as the user may think; printed even when quiet."""
        self.end_progress()
        if not self.json_lines:
            typer.echo(f"warning: {text}", err=True)

    def fail(self, text: str) -> None:
        """One piece of work that failed while others go on."""
        self.end_progress()
        if not self.json_lines:
            typer.echo(f"vidcolor: {' '.join(text.split())}", err=True)


def clock(seconds: float) -> str:
    """Seconds as people read them: ``42 s``, ``3:07 min``, ``2:03:04 h``."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}:{rest:02d} min"
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d} h"
