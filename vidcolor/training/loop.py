"""The training loop: steps, logging, validation, checkpoints and stop requests."""

from __future__ import annotations

import math
import signal
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from vidcolor.errors import VidcolorError
from vidcolor.training import checkpoint
from vidcolor.training.report import LogRow, StepEvent, TrainingStoppedError, draw_curves
from vidcolor.training.trainer import learning_rate_factor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import nn

    from vidcolor.training.checkpoint import CheckpointState
    from vidcolor.training.config import RunOptions
    from vidcolor.training.report import Callback, MetricsLog
    from vidcolor.training.task import Losses, Validator
    from vidcolor.training.trainer import Trainer

LOG_INTERVAL = 10
"""Steps between two lines of the log."""
PROBE_STEPS = 20
"""Number of steps that are needed to measure the speed."""
UNTIMED_STEPS = 4
"""Number of first steps that are not timed, as they allocate memory and select kernels."""


@dataclass
class TrainingLoop:
    """Executes a training run from its first step, or from a checkpoint, to its last step."""

    folder: Path
    trainer: Trainer[Any, Any]
    """Trainer at the step of `state`."""
    batches: Iterator[Any]
    """Batches from that step on."""
    validator: Validator[Any] | None
    log: MetricsLog | None
    """Log of the run; None in all processes except rank 0."""
    options: RunOptions
    callback: Callback
    state: CheckpointState
    """State of the checkpoint to resume from, or of a new run."""

    def __post_init__(self) -> None:
        self.config, self.group = self.trainer.config, self.trainer.group
        self.steps = self.state.steps
        self._start_time = self._save_time = time.monotonic()
        self._steps_timed, self._timed_s, self._validation_s = -UNTIMED_STEPS, 0.0, 0.0
        self._losses: list[Losses] = []

    @property
    def seconds(self) -> float:
        """Training time over all attempts, in seconds."""
        return self.state.seconds + time.monotonic() - self._start_time

    def run(self) -> None:
        """Train until the last step, then write a checkpoint.

        Raises:
            TrainingStoppedError: a signal requested a stop; the checkpoint is written.
            VidcolorError: the loss is not finite, or a file cannot be written.
        """
        if self.trainer.steps_done == 0:
            self.validate()
        with StopRequest() as request:
            while self.steps is None or self.trainer.steps_done < self.steps:
                start, step = time.monotonic(), self.trainer.steps_done
                batches = [next(self.batches) for _ in range(self.config.accumulate)]
                rate = learning_rate_factor(step, self.steps, self.config)
                losses, stop = self.trainer.step(batches, rate, request.is_set)
                self._losses.append(losses)
                self._steps_timed += 1
                if self._steps_timed > 0:
                    self._timed_s += time.monotonic() - start
                if stop:
                    self._save()
                    total = f" of {self.steps:,}" if self.steps else ""
                    raise TrainingStoppedError(
                        f"stopped after step {step + 1:,}{total}; run the same command again to "
                        "resume"
                    )
                if self.steps is None:
                    self._compute_length()
                self._report(rate)
                if self._is_validation_due():
                    self.validate()
                if time.monotonic() - self._save_time >= 60 * self.options.checkpoint_minutes:
                    self._save()
        self._save()

    def validate(self, network: nn.Module | None = None) -> None:
        """Measure, log and plot a network, by default the current result of the training."""
        if self.validator is None or self.log is None:
            return
        start, done = time.monotonic(), self.trainer.steps_done
        metrics = self.validator.measure(network or self.trainer.result())
        self._validation_s = time.monotonic() - start
        self.log.add(LogRow(step=done, metrics=metrics))
        draw_curves(self.folder / "curves.png", self.log.rows)
        self.callback.on_validation(done, metrics)

    def _compute_length(self) -> None:
        """Compute the number of steps from the time limit as soon as the speed is known."""
        assert self.config.minutes is not None  # for the type checker
        # This condition counts steps and not time, so it holds in all processes at the same step.
        if self._steps_timed < PROBE_STEPS - UNTIMED_STEPS:
            return
        # All validations of the run: the intermediate ones, the first and the last.
        reserved_s = self._validation_s * (self.options.validations + 2)
        remaining_s = 60 * self.config.minutes - self.seconds - reserved_s
        remaining_steps = max(1, int(remaining_s / self._seconds_per_step()))
        # The processes measure different speeds, but must stop after the same step.
        self.steps = self.group.broadcast(self.trainer.steps_done + remaining_steps)
        self.callback.on_message(
            f"{self.config.minutes:g} minutes correspond to {self.steps:,} steps; the run now "
            "has this length"
        )
        self._save()

    def _report(self, rate: float) -> None:
        """Report a step; log the mean losses since the last log line if they are due."""
        done, losses = self.trainer.steps_done, None
        if done % LOG_INTERVAL == 0 or done == self.steps:
            losses = self._compute_mean_losses()
            if self.log is not None:
                self.log.add(
                    LogRow(
                        step=done, losses=losses, rate=round(rate, 6), seconds=round(self.seconds)
                    )
                )
        seconds = self._seconds_per_step()
        images = self.config.batch * self.config.accumulate * self.group.size
        remaining_s = None if self.steps is None else (self.steps - done) * seconds
        self.callback.on_step(StepEvent(done, self.steps, images / seconds, remaining_s, losses))

    def _seconds_per_step(self) -> float:
        """Return the mean duration of the timed steps, or of all steps if there are none."""
        if self._steps_timed > 0:
            return max(self._timed_s / self._steps_timed, 1e-6)
        elapsed = time.monotonic() - self._start_time - self._validation_s
        return max(elapsed / (self.trainer.steps_done - self.state.steps_done), 1e-6)

    def _compute_mean_losses(self) -> dict[str, float]:
        means = {
            name: round(sum(float(losses[name]) for losses in self._losses) / len(self._losses), 5)
            for name in sorted(self._losses[0])
        }
        self._losses.clear()
        # Checked at log lines only, because reading a loss waits for the GPU.
        if not all(math.isfinite(value) for value in means.values()):
            raise VidcolorError(
                f"{self.folder}: the loss is not finite at step {self.trainer.steps_done}; start "
                "again with --restart and a lower --learning-rate"
            )
        return means

    def _is_validation_due(self) -> bool:
        """Return whether one of the evenly spaced intermediate validations is due."""
        step, steps, parts = self.trainer.steps_done, self.steps, self.options.validations + 1
        if steps is None or step >= steps:
            return False
        return step * parts // steps != (step - 1) * parts // steps

    def _save(self) -> None:
        self._save_time = time.monotonic()
        if self.group.is_leader:
            values = {"steps_done": self.trainer.steps_done, "steps": self.steps}
            state = self.state.model_copy(update={**values, "seconds": self.seconds})
            checkpoint.save(self.folder / checkpoint.FILE, self.trainer, state)


class StopRequest:
    """Context that turns the first SIGINT or SIGTERM into a flag.

    The second signal has its usual effect, so that a run that hangs can be ended. Outside of the
    main thread, where Python cannot handle signals, the context has no effect.
    """

    def __init__(self) -> None:
        self.is_set = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        while self._previous:
            number, handler = self._previous.popitem()
            if handler is not None:  # None for a handler that was not set from Python
                signal.signal(number, handler)

    def _handle(self, *_: object) -> None:
        self.is_set = True
        self.__exit__()
