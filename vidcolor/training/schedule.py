"""Schedules of the learning rate, the moving average and the adversarial rounds.

All schedules are functions of the step. A run with a time limit measures its own speed and computes
its number of steps once, after `PROBE_STEPS`. From then on it is a run of that many steps, also
after an interruption.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vidcolor.training.config import TrainingConfig

PROBE_STEPS = 20
"""Number of steps of each kind that are needed to measure the speed."""
UNTIMED_STEPS = 4
"""First steps that are not timed, because they allocate memory and select kernels."""
WARM_UP_SHARE = 0.1
"""Maximum share of the run that is warm-up."""


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
    rise = min(1.0, (step + 1) / max(warm_up, 1))
    if steps is None:
        return rise
    done = max(0, step - warm_up) / max(steps - warm_up, 1)
    return rise * (config.final_rate + (1 - config.final_rate) * (1 + math.cos(math.pi * done)) / 2)


def ema_decay(step: int, limit: float) -> float:
    """Return the decay of the moving average after a step.

    It rises to `limit`, so that the average forgets the first steps quickly.
    """
    return min(limit, (1 + step) / (20 + step))


class StepTimer:
    """Measures the mean duration of a step in this process."""

    def __init__(self, config: TrainingConfig) -> None:
        self._config = config
        self._count = {False: 0, True: 0}
        self._timed_s = {False: 0.0, True: 0.0}

    def add(self, step: int, seconds: float) -> None:
        """Record the duration of a step."""
        kind = _is_short(step, self._config)
        self._count[kind] += 1
        if self._count[kind] > UNTIMED_STEPS:
            self._timed_s[kind] += seconds

    def seconds_per_step(self) -> float | None:
        """Return the mean over a round of steps; None before `PROBE_STEPS` of each kind."""
        config = self._config
        shares = {False: 1.0, True: 0.0}
        if config.stage == "adversarial":
            shares[True] = config.discriminator_steps / (
                config.discriminator_steps + config.joint_steps
            )
            shares[False] = 1 - shares[True]
        mean = 0.0
        for kind, share in shares.items():
            count = self._count[kind]
            if share and count < PROBE_STEPS:
                return None
            mean += share * self._timed_s[kind] / (count - UNTIMED_STEPS) if share else 0.0
        return mean


def _is_short(step: int, config: TrainingConfig) -> bool:
    return config.stage == "adversarial" and is_discriminator_step(step, config)


def steps_in_time(seconds_left: float, seconds_per_step: float, reserved: float) -> int:
    """Return the number of steps that fit into a time, at least 1.

    Args:
        seconds_left: time left of the limit.
        seconds_per_step: measured duration of a step.
        reserved: time for validation and checkpoints, in seconds.
    """
    return max(1, int((seconds_left - reserved) / max(seconds_per_step, 1e-6)))


def is_discriminator_step(step: int, config: TrainingConfig) -> bool:
    """Return whether a step of the adversarial stage only trains the discriminator.

    As in NoGAN (Antic, Howard & Manor, 2019), the discriminator first adapts to the fixed
    generator, then both train for a while, and the round repeats.
    """
    return step % (config.discriminator_steps + config.joint_steps) < config.discriminator_steps
