"""The training loop: steps, logging, validation, checkpoints and stop requests."""

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
from vidcolor.training.schedule import StepTimer, learning_rate_factor, steps_in_time

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from torch import Tensor

    from vidcolor.generators.network import EmbeddedNetwork
    from vidcolor.training.batches import PackedBatch
    from vidcolor.training.callbacks import Callback
    from vidcolor.training.config import RunOptions
    from vidcolor.training.metrics_log import MetricsLog
    from vidcolor.training.objective import Losses
    from vidcolor.training.trainer import Trainer
    from vidcolor.training.validation import ValidationMetrics, Validator

LOG_INTERVAL = 10
"""Steps between two lines of the log."""


class TrainingLoop:
    """Executes a training run from its first step, or from a checkpoint, to its last step."""

    def __init__(
        self,
        trainer: Trainer,
        batches: Iterator[PackedBatch],
        validator: Validator | None,
        metrics_log: MetricsLog | None,
        options: RunOptions,
        callback: Callback,
        prior: Tensor,
        state: checkpoint.CheckpointState,
    ) -> None:
        """Prepare the loop.

        Args:
            trainer: trainer at the step of `state`.
            batches: batches from that step on.
            validator: validator of the run; None disables validation.
            metrics_log: log of the run; None in all processes except rank 0.
            options: intervals of checkpoints and validations.
            callback: callback for the events of the run.
            prior: bin prior, stored in checkpoints.
            state: state of the checkpoint to resume from, or of a new run.
        """
        self._trainer, self._batches, self._validator = trainer, batches, validator
        self._metrics_log, self._options, self._callback = metrics_log, options, callback
        self._prior, self._state = prior, state
        self._config, self._group = trainer.config, trainer.group
        self.steps = state.steps
        """Number of steps of the run; None until it is computed from ``minutes``."""
        self._timer = StepTimer(trainer.config)
        self._start_time = self._save_time = time.monotonic()
        self._validation_s = 0.0
        self._losses: list[Losses] = []

    @property
    def seconds(self) -> float:
        """Training time over all attempts, in seconds."""
        return self._state.seconds + time.monotonic() - self._start_time

    def run(self) -> None:
        """Train until the last step, then write a checkpoint.

        Raises:
            TrainingStoppedError: a signal requested a stop; the checkpoint is written.
            VidcolorError: the loss is not finite, or a file cannot be written.
        """
        if self._trainer.steps_done == 0:
            self.validate()
        with StopRequest() as request:
            while self.steps is None or self._trainer.steps_done < self.steps:
                if self._step(request.is_set):
                    self._stop()
                self._after_step()
        self.save()

    def _step(self, stop: bool) -> bool:
        """Run one optimizer step; return whether any process received a stop signal."""
        start, done = time.monotonic(), self._trainer.steps_done
        batches = [next(self._batches) for _ in range(self._config.accumulate)]
        factor = learning_rate_factor(done, self.steps, self._config)
        losses, stop = self._trainer.step(batches, factor, stop)
        self._losses.append(losses)
        self._timer.add(done, time.monotonic() - start)
        return stop

    def _after_step(self) -> None:
        """Report the step; validate and write a checkpoint if they are due."""
        done = self._trainer.steps_done
        self._compute_length()
        if done % LOG_INTERVAL == 0 or done == self.steps:
            self._log()
        else:
            self._report_step(None)
        if self.steps is not None and _is_due(done, self.steps, self._options.validations):
            self.validate()
        if time.monotonic() - self._save_time >= 60 * self._options.checkpoint_minutes:
            self.save()

    def _compute_length(self) -> None:
        """Compute the number of steps from the time limit as soon as the speed is known."""
        if self.steps is not None or self._config.minutes is None:
            return
        # The timer counts steps and not time, so all processes continue here after the same step.
        seconds_per_step = self._timer.seconds_per_step()
        if seconds_per_step is None:
            return
        remaining_s = 60 * self._config.minutes - self.seconds
        # All validations of the run: the intermediate ones, the first and the last.
        reserved_s = self._validation_s * (self._options.validations + 2)
        remaining_steps = steps_in_time(remaining_s, seconds_per_step, reserved_s)
        # The processes measure different speeds, but must stop after the same step.
        self.steps = self._group.broadcast(self._trainer.steps_done + remaining_steps)
        self._callback.on_message(
            f"{self._config.minutes:g} minutes correspond to {self.steps:,} steps; the run now has "
            "this length"
        )
        self.save()

    def _log(self) -> None:
        """Log the mean losses since the last log line."""
        names = {name for losses in self._losses for name in losses}
        means = {}
        for name in sorted(names):
            values = [float(losses[name]) for losses in self._losses if name in losses]
            means[name] = round(sum(values) / len(values), 5)
        self._losses.clear()
        done = self._trainer.steps_done
        # Checked at log lines only, because reading a loss waits for the GPU.
        if not all(math.isfinite(value) for value in means.values()):
            raise VidcolorError(
                f"{self._options.folder}: the loss is not finite at step {done}; start again with "
                "--restart and a lower --learning-rate"
            )
        if self._metrics_log is not None:
            factor = learning_rate_factor(done - 1, self.steps, self._config)
            self._metrics_log.add(
                done, losses=means, rate=round(factor, 6), seconds=round(self.seconds)
            )
        self._report_step(means)

    def _report_step(self, losses: dict[str, float] | None) -> None:
        seconds, done = self._seconds_per_step(), self._trainer.steps_done
        images = self._config.batch * self._config.accumulate * self._group.size
        remaining_s = None if self.steps is None else (self.steps - done) * seconds
        self._callback.on_step(
            StepEvent(done, self.steps, images / max(seconds, 1e-9), remaining_s, losses)
        )

    def _seconds_per_step(self) -> float:
        """Return the duration of a step: measured by the timer, or the mean so far."""
        measured = self._timer.seconds_per_step()
        if measured is not None:
            return measured
        steps = self._trainer.steps_done - self._state.steps_done
        return (time.monotonic() - self._start_time - self._validation_s) / max(steps, 1)

    def validate(self, network: EmbeddedNetwork | None = None) -> ValidationMetrics | None:
        """Measure a network, log its metrics and plot them.

        Args:
            network: the network to measure; None for the current result of the training.

        Returns:
            The metrics; None without a validator or in a process other than rank 0.
        """
        if self._validator is None or self._metrics_log is None:
            return None
        start = time.monotonic()
        metrics = self._validator.measure(network or self._trainer.result())
        self._validation_s = time.monotonic() - start
        self._metrics_log.add(self._trainer.steps_done, metrics=metrics.to_dict())
        self._metrics_log.draw(self._options.folder / "curves.png")
        self._callback.on_validation(self._trainer.steps_done, metrics)
        return metrics

    def save(self) -> None:
        """Write a checkpoint; does nothing in processes other than rank 0."""
        self._save_time = time.monotonic()
        if not self._group.is_leader:
            return
        values: dict[str, Any] = {"steps_done": self._trainer.steps_done, "steps": self.steps}
        state = checkpoint.CheckpointState(
            self._state.identity, **values, seconds=self.seconds, threads=self._state.threads
        )
        path = self._options.folder / checkpoint.FILE
        checkpoint.save(path, self._trainer, self._prior, state)

    def _stop(self) -> None:
        """Write a checkpoint and end the run.

        Raises:
            TrainingStoppedError: always.
        """
        self.save()
        done, total = self._trainer.steps_done, f" of {self.steps:,}" if self.steps else ""
        raise TrainingStoppedError(
            f"stopped after step {done:,}{total}; run the same command again to resume"
        )


def _is_due(step: int, steps: int, count: int) -> bool:
    """Return whether one of `count` evenly spaced intermediate validations is due after a step."""
    parts = count + 1
    return step < steps and step * parts // steps != (step - 1) * parts // steps


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
        self._restore()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.is_set = True
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._previous.items():
            with contextlib.suppress(TypeError):  # a handler that was not set from Python
                signal.signal(number, handler)
        self._previous = {}
