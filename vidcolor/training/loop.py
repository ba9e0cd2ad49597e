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
from vidcolor.training.metrics import LogRow, StepEvent, TrainingStoppedError
from vidcolor.training.report import draw_curves
from vidcolor.training.trainer import learning_rate_factor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import FrameType

    from vidcolor.generators.network import EmbeddedNetwork
    from vidcolor.training.batches import PackedBatch
    from vidcolor.training.config import RunOptions
    from vidcolor.training.metrics import Callback, MetricsLog
    from vidcolor.training.objective import Losses
    from vidcolor.training.trainer import Trainer
    from vidcolor.training.validation import Validator

LOG_INTERVAL = 10
"""Steps between two lines of the log."""
PROBE_STEPS = 20
"""Number of steps that are needed to measure the speed."""
UNTIMED_STEPS = 4
"""Number of first steps that are not timed, as they allocate memory and select kernels."""


class TrainingLoop:
    """Executes a training run from its first step, or from a checkpoint, to its last step."""

    def __init__(
        self,
        folder: Path,
        trainer: Trainer,
        batches: Iterator[PackedBatch],
        validator: Validator | None,
        log: MetricsLog | None,
        options: RunOptions,
        callback: Callback,
        state: checkpoint.CheckpointState,
    ) -> None:
        """Prepare the loop.

        Args:
            folder: the run folder.
            trainer: trainer at the step of `state`.
            batches: batches from that step on.
            validator: validator of the run; None disables validation.
            log: log of the run; None in all processes except rank 0.
            options: intervals of checkpoints and validations.
            callback: callback for the events of the run.
            state: state of the checkpoint to resume from, or of a new run.
        """
        self._folder, self._trainer = folder, trainer
        self._batches, self._validator = batches, validator
        self._log, self._options, self._callback = log, options, callback
        self._state, self._config, self._group = state, trainer.config, trainer.group
        self._steps = state.steps
        self._steps_timed, self._timed_s = -UNTIMED_STEPS, 0.0
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
        trainer, config = self._trainer, self._config
        if trainer.steps_done == 0:
            self.validate()
        with StopRequest() as request:
            while self._steps is None or trainer.steps_done < self._steps:
                start, step = time.monotonic(), trainer.steps_done
                batches = [next(self._batches) for _ in range(config.accumulate)]
                rate = learning_rate_factor(step, self._steps, config)
                losses, stop = trainer.step(batches, rate, request.is_set)
                self._losses.append(losses)
                self._steps_timed += 1
                if self._steps_timed > 0:
                    self._timed_s += time.monotonic() - start
                if stop:
                    self._save()
                    total = f" of {self._steps:,}" if self._steps else ""
                    raise TrainingStoppedError(
                        f"stopped after step {step + 1:,}{total}; run the same command again to "
                        "resume"
                    )
                if self._steps is None:
                    self._compute_length()
                self._report(rate)
                if self._is_validation_due():
                    self.validate()
                if time.monotonic() - self._save_time >= 60 * self._options.checkpoint_minutes:
                    self._save()
        self._save()

    def validate(self, network: EmbeddedNetwork | None = None) -> None:
        """Measure a network, log its metrics and plot them; does nothing without a validator.

        Args:
            network: the network to measure; None for the current result of the training.
        """
        if self._validator is None or self._log is None:
            return
        start, done = time.monotonic(), self._trainer.steps_done
        metrics = self._validator.measure(network or self._trainer.result())
        self._validation_s = time.monotonic() - start
        self._log.add(LogRow(step=done, metrics=metrics))
        draw_curves(self._folder / "curves.png", self._log.rows)
        self._callback.on_validation(done, metrics)

    def _compute_length(self) -> None:
        """Compute the number of steps from the time limit as soon as the speed is known."""
        assert self._config.minutes is not None  # for the type checker
        # This condition counts steps and not time, so it holds in all processes at the same step.
        if self._steps_timed < PROBE_STEPS - UNTIMED_STEPS:
            return
        # All validations of the run: the intermediate ones, the first and the last.
        reserved_s = self._validation_s * (self._options.validations + 2)
        remaining_s = 60 * self._config.minutes - self.seconds - reserved_s
        remaining_steps = max(1, int(remaining_s / self._seconds_per_step()))
        # The processes measure different speeds, but must stop after the same step.
        self._steps = self._group.broadcast(self._trainer.steps_done + remaining_steps)
        self._callback.on_message(
            f"{self._config.minutes:g} minutes correspond to {self._steps:,} steps; the run now "
            "has this length"
        )
        self._save()

    def _report(self, rate: float) -> None:
        """Report a step; log the mean losses since the last log line if they are due."""
        done, losses = self._trainer.steps_done, None
        if done % LOG_INTERVAL == 0 or done == self._steps:
            losses = self._compute_mean_losses()
            if self._log is not None:
                self._log.add(
                    LogRow(
                        step=done, losses=losses, rate=round(rate, 6), seconds=round(self.seconds)
                    )
                )
        seconds = self._seconds_per_step()
        images = self._config.batch * self._config.accumulate * self._group.size
        remaining_s = None if self._steps is None else (self._steps - done) * seconds
        self._callback.on_step(StepEvent(done, self._steps, images / seconds, remaining_s, losses))

    def _seconds_per_step(self) -> float:
        """Return the mean duration of the timed steps, or of all steps if there are none."""
        if self._steps_timed > 0:
            return max(self._timed_s / self._steps_timed, 1e-6)
        elapsed = time.monotonic() - self._start_time - self._validation_s
        return max(elapsed / (self._trainer.steps_done - self._state.steps_done), 1e-6)

    def _compute_mean_losses(self) -> dict[str, float]:
        means = {}
        for name in sorted({name for losses in self._losses for name in losses}):
            values = [float(losses[name]) for losses in self._losses if name in losses]
            means[name] = round(sum(values) / len(values), 5)
        self._losses.clear()
        # Checked at log lines only, because reading a loss waits for the GPU.
        if not all(math.isfinite(value) for value in means.values()):
            raise VidcolorError(
                f"{self._folder}: the loss is not finite at step "
                f"{self._trainer.steps_done}; start again with --restart and a lower "
                "--learning-rate"
            )
        return means

    def _is_validation_due(self) -> bool:
        """Return whether one of the evenly spaced intermediate validations is due."""
        step, steps, parts = self._trainer.steps_done, self._steps, self._options.validations + 1
        if steps is None or step >= steps:
            return False
        return step * parts // steps != (step - 1) * parts // steps

    def _save(self) -> None:
        """Write a checkpoint; does nothing in processes other than rank 0."""
        self._save_time = time.monotonic()
        if self._group.is_leader:
            values = {
                "steps_done": self._trainer.steps_done,
                "steps": self._steps,
                "seconds": self.seconds,
            }
            path = self._folder / checkpoint.FILE
            state = self._state.model_copy(update=values)
            checkpoint.save(path, self._trainer, state)


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
