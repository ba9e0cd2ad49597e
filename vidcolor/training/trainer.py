"""The networks of a training run, one optimizer step, and its schedules."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any, Generic

import torch
from torch import Tensor, nn

from vidcolor.training.task import Network, PackedBatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.generators.device import Precision
    from vidcolor.training.config import TrainingConfig
    from vidcolor.training.distributed import ProcessGroup
    from vidcolor.training.task import Losses, Objective, TrainingTask

WARM_UP_SHARE = 0.1
"""Maximum length of the warm-up, as a share of the run."""


class Trainer(Generic[Network, PackedBatch]):
    """The network, its moving average and its optimizer.

    The moving average is the result of the run and does not take part in training.
    """

    def __init__(
        self,
        task: TrainingTask[Network, PackedBatch],
        objective: Objective[Network, PackedBatch],
        group: ProcessGroup,
    ) -> None:
        """Create copies of the initial network of a task, and the optimizer.

        The precision of the task is that of the forward passes; losses and weights are always
        float32.
        """
        self.task, self.objective, self.group = task, objective, group
        self.config, self.device = task.config, task.device
        self.start: Network = task.start.network
        self.network, self.average = (copy_to_device(self.start, self.device) for _ in range(2))
        self.optimizer = _create_optimizer(task.parameter_groups(self.network), self.config)
        self.steps_done = 0

    def step(
        self, batches: Sequence[PackedBatch], rate: float, stop: bool = False
    ) -> tuple[Losses, bool]:
        """Run one optimizer step on `TrainingConfig.accumulate` batches of this process.

        `rate` is the learning rate relative to its maximum.

        Returns:
            Mean losses of the batches, ``loss`` being the weighted sum, and whether any process
            received a stop signal; `stop` is that of this process.
        """
        # No operation here draws random numbers today. If one ever does, the numbers follow from
        # the step, so that a resumed run draws the same ones.
        torch.manual_seed(hash((self.config.seed, self.steps_done, self.group.rank)))
        self.task.set_training_mode(self.network)
        weight = 1 / len(batches)
        means: Losses = {}
        statistics = torch.zeros(self.objective.num_statistics, device=self.device)
        for batch in batches:
            output = self.objective.compute(self.network, batch)
            (output.total * weight).backward()  # type: ignore[no-untyped-call]
            if output.statistics is not None:
                statistics += output.statistics
            for name, loss in {"loss": output.total.detach(), **output.losses}.items():
                means[name] = means.get(name, 0) + loss * weight
        stop = self._apply_gradients(rate, statistics, stop)
        self.steps_done += 1
        return means, stop

    def _apply_gradients(self, rate: float, statistics: Tensor, stop: bool) -> bool:
        config = self.config
        trained = [p for p in self.network.parameters() if p.requires_grad]
        # Some parameters may have no gradient, such as those of the hint attention without hints in
        # a batch. All processes must average the same tensors.
        for parameter in trained:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        # The batch norms of each process process different images, so their running statistics are
        # averaged, too.
        norms = [b for n, b in self.network.named_buffers() if n.endswith(("_mean", "_var"))]
        if config.freeze_norms:
            norms = []
        gradients = [p.grad for p in trained if p.grad is not None]
        stop = self.group.average([*gradients, *norms, statistics], stop)
        self.objective.update(statistics)
        nn.utils.clip_grad_norm_(trained, config.max_gradient)
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate * group["factor"] * rate
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        # The decay rises, so that the average forgets the first steps quickly.
        decay = min(config.ema, (1 + self.steps_done) / (20 + self.steps_done))
        _move_toward(self.average, self.network, 1 - decay)
        return stop

    def result(self) -> Network:
        """Return the moving average, mixed with `TrainingConfig.keep` of the initial weights."""
        network = copy.deepcopy(self.average).eval()
        if self.config.keep:
            _move_toward(network, self.start, self.config.keep)
        return network


def autocast(device: torch.device, precision: Precision) -> torch.autocast:
    """Return a context that runs eligible operations in bfloat16 if `precision` is ``bf16``."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def learning_rate_factor(step: int, steps: int | None, config: TrainingConfig) -> float:
    """Return the learning rate relative to its maximum: a linear warm-up, then half a cosine.

    `steps` is None while the length of the run is unknown, which is during the warm-up.
    """
    warm_up = config.warm_up
    if steps is not None:
        warm_up = min(warm_up, math.ceil(steps * WARM_UP_SHARE))
    ramp = min(1.0, (step + 1) / max(warm_up, 1))
    # The length is computed early in the warm-up of all but short runs.
    if steps is None:
        return ramp
    done = max(0, step - warm_up) / max(steps - warm_up, 1)
    return ramp * (config.final_rate + (1 - config.final_rate) * (1 + math.cos(math.pi * done)) / 2)


@torch.no_grad()
def _move_toward(network: nn.Module, target: nn.Module, share: float) -> None:
    """Interpolate all parameters and buffers toward those of `target`, except for counters."""
    pairs = zip(network.state_dict().values(), target.state_dict().values(), strict=True)
    for own, other in pairs:
        if own.is_floating_point():
            own.lerp_(other.to(own.device), share)


def copy_to_device(network: Network, device: torch.device) -> Network:
    """Return a copy in evaluation mode, without gradients."""
    network = copy.deepcopy(network)
    # The stubs of torch lack this keyword.
    network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.eval().requires_grad_(False)


def _create_optimizer(groups: list[dict[str, Any]], config: TrainingConfig) -> torch.optim.AdamW:
    """Create AdamW over the groups of `TrainingTask.parameter_groups`."""
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=config.learning_rate,
        betas=config.betas,
        weight_decay=config.weight_decay,
    )
