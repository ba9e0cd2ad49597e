"""How long a run is and how fast it learns: both are functions of the step alone.

A run that is to last some minutes has its number of steps worked out from its own speed, once,
after `PROBE_STEPS`; from then on it is a run of that many steps, also after an interruption.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vidcolor.training.config import TrainingConfig

PROBE_STEPS = 20
"""Steps, of each kind, after which the speed is known."""
UNTIMED_STEPS = 4
"""The first steps are slow (memory is allocated, kernels are chosen) and are not timed."""
WARM_UP_SHARE = 0.1
"""Largest share of a run that is warm-up."""


def rate(step: int, steps: int | None, recipe: TrainingConfig) -> float:
    """The learning rate of a step relative to the highest: a linear rise, then half a cosine.

    Args:
        step: from 0.
        steps: of the whole run; None while it is not known, which is during the rise.
        recipe: with warm_up and final_rate.

    Returns:
        Above 0, at most 1.
    """
    warm_up = recipe.warm_up
    if steps is not None:
        warm_up = min(warm_up, math.ceil(steps * WARM_UP_SHARE))
    rise = min(1.0, (step + 1) / max(warm_up, 1))
    if steps is None:
        return rise
    done = max(0, step - warm_up) / max(steps - warm_up, 1)
    return rise * (recipe.final_rate + (1 - recipe.final_rate) * (1 + math.cos(math.pi * done)) / 2)


def ema_decay(step: int, highest: float) -> float:
    """Decay of the moving average after a step: short at first, so that the start is forgotten."""
    return min(highest, (1 + step) / (20 + step))


class Pace:
    """How long steps take, from those that were seen in this process."""

    def __init__(self, recipe: TrainingConfig) -> None:
        self._recipe = recipe
        self._count = {False: 0, True: 0}
        self._timed_s = {False: 0.0, True: 0.0}

    def add(self, step: int, seconds: float) -> None:
        """Note how long a step took."""
        kind = _is_short(step, self._recipe)
        self._count[kind] += 1
        if self._count[kind] > UNTIMED_STEPS:
            self._timed_s[kind] += seconds

    def seconds_per_step(self) -> float | None:
        """The mean over a round of steps; None while one kind of step has been seen too little."""
        recipe = self._recipe
        shares = {False: 1.0, True: 0.0}
        if recipe.stage == "adversarial":
            shares[True] = recipe.discriminator_steps / (
                recipe.discriminator_steps + recipe.joint_steps
            )
            shares[False] = 1 - shares[True]
        mean = 0.0
        for kind, share in shares.items():
            count = self._count[kind]
            if share and count < PROBE_STEPS:
                return None
            mean += share * self._timed_s[kind] / (count - UNTIMED_STEPS) if share else 0.0
        return mean


def _is_short(step: int, recipe: TrainingConfig) -> bool:
    return recipe.stage == "adversarial" and discriminator_alone(step, recipe)


def fitting_steps(seconds_left: float, seconds_per_step: float, reserved: float) -> int:
    """Steps that fit into the time, at least one.

    Args:
        seconds_left: of the whole budget.
        seconds_per_step: measured.
        reserved: seconds for measuring and saving.
    """
    return max(1, int((seconds_left - reserved) / max(seconds_per_step, 1e-6)))


def discriminator_alone(step: int, recipe: TrainingConfig) -> bool:
    """Whether a step of the adversarial stage is one in which only the discriminator learns.

    NoGAN (Antic, Howard & Manor, 2019): it first catches up with the generator as it is, then both
    learn for a while, and so on.
    """
    return step % (recipe.discriminator_steps + recipe.joint_steps) < recipe.discriminator_steps
