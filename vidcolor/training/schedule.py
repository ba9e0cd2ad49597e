"""Schedules of the learning rate, the moving average and the adversarial rounds.

All schedules are functions of the step. A run with a time limit measures its speed and computes its
number of steps once, after `PROBE_STEPS`. This number no longer changes, even if the run is
interrupted and resumed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vidcolor.training.config import TrainingConfig

PROBE_STEPS = 20
"""Number of steps of each kind that are needed to measure the speed."""
UNTIMED_STEPS = 4
"""Number of first steps of each kind that are not timed, as they allocate memory and select
kernels."""
WARM_UP_SHARE = 0.1
"""Maximum length of the warm-up, as a share of the run."""


def learning_rate_factor(step: int, steps: int | None, config: TrainingConfig) -> float:
    """Return the learning rate relative to its maximum: a linear warm-up, then half a cosine.

    Args:
        step: number of the step, from 0.
        steps: number of steps of the run; None while it is unknown, which is during the warm-up.
        config: `warm_up` and `final_rate` are used.

    Returns:
        A factor in (0, 1].
    """
    warm_up = config.warm_up
    if steps is not None:
        warm_up = min(warm_up, math.ceil(steps * WARM_UP_SHARE))
    ramp = min(1.0, (step + 1) / max(warm_up, 1))
    # The length is computed after `PROBE_STEPS`, early in the warm-up of all but short runs.
    if steps is None:
        return ramp
    done = max(0, step - warm_up) / max(steps - warm_up, 1)
    return ramp * (config.final_rate + (1 - config.final_rate) * (1 + math.cos(math.pi * done)) / 2)


def ema_decay(step: int, limit: float) -> float:
    """Return the decay of the moving average after a step.

    It rises to `limit`, so that the average forgets the first steps quickly.

    Args:
        step: number of steps so far.
        limit: final value, in [0, 1).
    """
    return min(limit, (1 + step) / (20 + step))


class StepTimer:
    """Measures the mean duration of a step in this process."""

    def __init__(self, config: TrainingConfig) -> None:
        """Start without measurements.

        Args:
            config: the schedule of the adversarial stage is used.
        """
        self._config = config
        # Steps that train the discriminator only are short, so they are measured separately.
        self._count = {False: 0, True: 0}
        self._timed_s = {False: 0.0, True: 0.0}

    def add(self, step: int, seconds: float) -> None:
        """Record the duration of the step with this number."""
        is_short = _is_short(step, self._config)
        self._count[is_short] += 1
        if self._count[is_short] > UNTIMED_STEPS:
            self._timed_s[is_short] += seconds

    def seconds_per_step(self) -> float | None:
        """Return the mean duration of a step, weighted as in a round of the adversarial stage.

        Returns:
            Seconds; None before `PROBE_STEPS` steps of each kind.
        """
        config = self._config
        shares = {False: 1.0, True: 0.0}
        if config.stage == "adversarial":
            shares[True] = config.discriminator_steps / (
                config.discriminator_steps + config.joint_steps
            )
            shares[False] = 1 - shares[True]
        mean = 0.0
        for is_short, share in shares.items():
            count = self._count[is_short]
            if share and count < PROBE_STEPS:
                return None
            mean += share * self._timed_s[is_short] / (count - UNTIMED_STEPS) if share else 0.0
        return mean


def _is_short(step: int, config: TrainingConfig) -> bool:
    """Return whether a step has no backward pass of the generator."""
    return config.stage == "adversarial" and is_discriminator_step(step, config)


def steps_in_time(remaining_s: float, seconds_per_step: float, reserved_s: float) -> int:
    """Return the number of steps that fit into a time, at least 1.

    Args:
        remaining_s: time until the limit, in seconds.
        seconds_per_step: measured duration of a step.
        reserved_s: part of this time that validation needs, in seconds.
    """
    return max(1, int((remaining_s - reserved_s) / max(seconds_per_step, 1e-6)))


def is_discriminator_step(step: int, config: TrainingConfig) -> bool:
    """Return whether a step of the adversarial stage only trains the discriminator.

    As in NoGAN (Antic, Howard & Manor, 2019), each round first trains the discriminator against the
    fixed generator, and then both networks.
    """
    return step % (config.discriminator_steps + config.joint_steps) < config.discriminator_steps
