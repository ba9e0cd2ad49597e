"""The loop: steps, and between them the log, measuring, saving, and stopping when asked."""

from __future__ import annotations

import contextlib
import math
import signal
import threading
import time
from typing import TYPE_CHECKING, Any, Self

from vidcolor.errors import VidcolorError
from vidcolor.training import checkpoint
from vidcolor.training.callbacks import StepEvent, TrainingStoppedError
from vidcolor.training.schedule import Pace, fitting_steps, rate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from torch import Tensor

    from vidcolor.generators.network import EmbeddedNetwork
    from vidcolor.training.batches import Draft
    from vidcolor.training.callbacks import Callback
    from vidcolor.training.config import RunOptions
    from vidcolor.training.metrics_log import MetricsLog
    from vidcolor.training.objective import Losses
    from vidcolor.training.trainer import Trainer
    from vidcolor.training.validation import ValidationMetrics, Validator

LOG_EVERY = 10
"""Steps whose mean losses make one line of the log."""


class Loop:
    """A run from its first step, or from where a checkpoint left it, to its last."""

    def __init__(
        self,
        trainer: Trainer,
        batches: Iterator[Draft],
        validator: Validator | None,
        journal: MetricsLog | None,
        options: RunOptions,
        listener: Callback,
        prior: Tensor,
        facts: checkpoint.Facts,
    ) -> None:
        """Prepare to run.

        Args:
            trainer: at the step that `facts` says.
            batches: from that step on.
            validator: None for no measuring.
            journal: None in all processes but the first, which alone writes.
            options: when to save and to measure.
            listener: told how it goes.
            prior: goes into checkpoints.
            facts: of the checkpoint gone on from, or of a new run.
        """
        self._trainer, self._batches, self._validator = trainer, batches, validator
        self._journal, self._options, self._listener = journal, options, listener
        self._prior, self._facts = prior, facts
        self._recipe, self._company = trainer.recipe, trainer.company
        self.steps = facts.steps
        self._pace = Pace(trainer.recipe)
        self._began = self._saved = time.monotonic()
        self._measuring_s = 0.0
        self._losses: list[Losses] = []

    @property
    def seconds(self) -> float:
        """Time used, over all attempts."""
        return self._facts.seconds + time.monotonic() - self._began

    def run(self) -> None:
        """Train to the end, then save.

        Raises:
            TrainingStoppedError: asked to stop; the checkpoint is written.
            VidcolorError: the loss is no longer a number, or the disk refuses.
        """
        if self._trainer.steps_done == 0:
            self.measure()
        with StopRequest() as request:
            while self.steps is None or self._trainer.steps_done < self.steps:
                stopped = self._step(request.made)
                if stopped:
                    self._stop()
                self._between_steps()
        self.save()

    def _step(self, stop: bool) -> bool:
        began, done = time.monotonic(), self._trainer.steps_done
        batches = [next(self._batches) for _ in range(self._recipe.accumulate)]
        losses, stop = self._trainer.step(batches, rate(done, self.steps, self._recipe), stop)
        self._losses.append(losses)
        self._pace.add(done, time.monotonic() - began)
        return stop

    def _between_steps(self) -> None:
        done = self._trainer.steps_done
        self._settle()
        if done % LOG_EVERY == 0 or done == self.steps:
            self._log()
        else:
            self._tell(None)
        if self.steps is not None and _falls_between(done, self.steps, self._options.validations):
            self.measure()
        if time.monotonic() - self._saved >= 60 * self._options.checkpoint_minutes:
            self.save()

    def _settle(self) -> None:
        """Work out how many steps fit into the minutes, as soon as the pace is known."""
        if self.steps is not None or self._recipe.minutes is None:
            return
        # By count, not by clock: all processes come here after the same step.
        pace = self._pace.seconds_per_step()
        if pace is None:
            return
        left = 60 * self._recipe.minutes - self.seconds
        reserved = self._measuring_s * (self._options.validations + 2)
        more = fitting_steps(left, pace, reserved)
        self.steps = self._company.agree(self._trainer.steps_done + more)
        self._listener.said(
            f"{self._recipe.minutes:g} minutes are about {self.steps:,} steps; "
            "so many it will be, however long they take"
        )
        self.save()

    def _log(self) -> None:
        """Write the mean losses since the last time."""
        names = {name for losses in self._losses for name in losses}
        means = {}
        for name in sorted(names):
            values = [float(losses[name]) for losses in self._losses if name in losses]
            means[name] = round(sum(values) / len(values), 5)
        self._losses.clear()
        done = self._trainer.steps_done
        if not all(math.isfinite(value) for value in means.values()):
            raise VidcolorError(
                f"{self._options.folder}: the loss is no longer a number at step {done}; begin "
                "anew with --restart and a lower --learning-rate"
            )
        if self._journal is not None:
            pace = rate(done - 1, self.steps, self._recipe)
            self._journal.add(done, losses=means, rate=round(pace, 6), seconds=round(self.seconds))
        self._tell(means)

    def _tell(self, losses: dict[str, float] | None) -> None:
        pace, done = self._mean_pace(), self._trainer.steps_done
        pictures = self._recipe.batch * self._recipe.accumulate * self._company.size
        left = None if self.steps is None else (self.steps - done) * pace
        self._listener.stepped(
            StepEvent(done, self.steps, pictures / max(pace, 1e-9), left, losses)
        )

    def _mean_pace(self) -> float:
        """Seconds a step, measured as well as it can be by now."""
        known = self._pace.seconds_per_step()
        if known is not None:
            return known
        here = self._trainer.steps_done - self._facts.steps_done
        return (time.monotonic() - self._began - self._measuring_s) / max(here, 1)

    def measure(self, network: EmbeddedNetwork | None = None) -> ValidationMetrics | None:
        """Measure a network, log its figures and draw them.

        Args:
            network: None for what training has made so far.
        """
        if self._validator is None or self._journal is None:
            return None
        began = time.monotonic()
        figures = self._validator.measure(network or self._trainer.result())
        self._measuring_s = time.monotonic() - began
        self._journal.add(self._trainer.steps_done, figures=figures.to_dict())
        self._journal.draw(self._options.folder / "curves.png")
        self._listener.measured(self._trainer.steps_done, figures)
        return figures

    def save(self) -> None:
        """Write a checkpoint."""
        self._saved = time.monotonic()
        if not self._company.leads:
            return
        values: dict[str, Any] = {"steps_done": self._trainer.steps_done, "steps": self.steps}
        facts = checkpoint.Facts(
            self._facts.identity, **values, seconds=self.seconds, threads=self._facts.threads
        )
        path = self._options.folder / checkpoint.FILE
        checkpoint.save(path, self._trainer, self._prior, facts)

    def _stop(self) -> None:
        """Save and leave."""
        self.save()
        done, of = self._trainer.steps_done, f" of {self.steps:,}" if self.steps else ""
        raise TrainingStoppedError(
            f"stopped after step {done:,}{of}; run the same command again to go on from there"
        )


def _falls_between(step: int, steps: int, count: int) -> bool:
    """Whether one of `count` evenly spaced moments inside a run falls on this step."""
    parts = count + 1
    return step < steps and step * parts // steps != (step - 1) * parts // steps


class StopRequest:
    """Ctrl-C or SIGTERM, heard as a wish; the second time it interrupts at once, as usual."""

    def __init__(self) -> None:
        self.made = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self.made = True
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            with contextlib.suppress(TypeError):  # a handler that was not set from Python
                signal.signal(number, handler)
        self._before = {}
