"""The networks of a training run, one optimizer step, and its schedules."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from vidcolor.training.losses import Losses, LossOutput, Objective

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.generators.device import Precision
    from vidcolor.generators.network import EmbeddedNetwork
    from vidcolor.training.batches import Batch, PackedBatch
    from vidcolor.training.config import TrainingConfig
    from vidcolor.training.distributed import ProcessGroup

WARM_UP_SHARE = 0.1
"""Maximum length of the warm-up, as a share of the run."""


class Trainer:
    """The network, its moving average and its optimizer.

    The moving average is the result of the run and does not take part in training. The batch norms
    of the encoder always keep the statistics of ImageNet, because batches of 16 are too small to
    estimate better ones.
    """

    def __init__(
        self,
        start: EmbeddedNetwork,
        config: TrainingConfig,
        prior: Tensor,
        device: torch.device,
        precision: Precision,
        group: ProcessGroup,
    ) -> None:
        """Create copies of the initial network, and the optimizer.

        `prior` is that of `bin_prior`. `precision` is that of the forward passes; losses and
        weights are always float32.
        """
        self.config, self.device, self.precision, self.group = config, device, precision, group
        self.start = start
        self.network, self.average = (_copy_to_device(start, device) for _ in range(2))
        self.optimizer = _create_optimizer(self.network, config)
        self.teacher = _copy_to_device(start, device) if config.distill else None
        self.objective = Objective(config, self.network.bins, prior).to(device)
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
        _set_modes(self.network, self.config)
        weight = 1 / len(batches)
        means: Losses = {}
        colorfulness = torch.zeros(2, device=self.device)
        for batch in batches:
            output = self._predict(batch.to(self.device))
            (output.total * weight).backward()  # type: ignore[no-untyped-call]
            colorfulness += output.colorfulness
            for name, loss in {"loss": output.total.detach(), **output.losses}.items():
                means[name] = means.get(name, 0) + loss * weight
        stop = self._apply_gradients(rate, colorfulness, stop)
        self.steps_done += 1
        return means, stop

    def _predict(self, batch: Batch) -> LossOutput:
        inputs = batch.luma, batch.hint_ab, batch.density
        with autocast(self.device, self.precision):
            logits = self.network(*inputs)
            teacher_logits = None
            if self.teacher is not None:
                with torch.no_grad():
                    teacher_logits = self.teacher(*inputs)
        output: LossOutput = self.objective(logits, batch, teacher_logits)
        return output

    def _apply_gradients(self, rate: float, colorfulness: Tensor, stop: bool) -> bool:
        config = self.config
        trained = [p for p in self.network.parameters() if p.requires_grad]
        # Without hints in a batch, the parameters of the hint attention have no gradient. All
        # processes must average the same tensors.
        for parameter in trained:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        # The batch norms of each process process different images, so their running statistics are
        # averaged, too.
        statistics = [b for n, b in self.network.named_buffers() if n.endswith(("_mean", "_var"))]
        if config.freeze_norms:
            statistics = []
        gradients = [p.grad for p in trained if p.grad is not None]
        stop = self.group.average([*gradients, *statistics, colorfulness], stop)
        self.objective.update_reward(colorfulness)
        nn.utils.clip_grad_norm_(trained, config.max_gradient)
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate * group["factor"] * rate
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        # The decay rises, so that the average forgets the first steps quickly.
        decay = min(config.ema, (1 + self.steps_done) / (20 + self.steps_done))
        _move_toward(self.average, self.network, 1 - decay)
        return stop

    def result(self) -> EmbeddedNetwork:
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


def _copy_to_device(network: EmbeddedNetwork, device: torch.device) -> EmbeddedNetwork:
    """Return a copy in evaluation mode, without gradients."""
    network = copy.deepcopy(network)
    # The stubs of torch lack this keyword.
    network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.eval().requires_grad_(False)


def _set_modes(network: EmbeddedNetwork, config: TrainingConfig) -> None:
    """Set training mode, except for the encoder and for frozen batch norms."""
    network.train()
    network.encoder.eval()
    if config.freeze_norms:
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()


def _create_optimizer(network: EmbeddedNetwork, config: TrainingConfig) -> torch.optim.AdamW:
    """Create AdamW over the unfrozen encoder stages, the decoder and the hint attention."""
    network.requires_grad_(True)
    encoder = network.encoder
    if config.freeze:
        encoder.stem.requires_grad_(False)
        encoder.stages[: config.freeze].requires_grad_(False)
    hints = [*network.spread.parameters(), network.hint_gain]
    others = {id(p) for p in [*encoder.parameters(), *hints]}
    groups = [
        {
            "params": [p for p in encoder.parameters() if p.requires_grad],
            "factor": config.encoder_rate,
        },
        {"params": [p for p in network.parameters() if id(p) not in others], "factor": 1.0},
        # The hint attention has few parameters, and few samples have hints.
        {"params": hints, "factor": config.hint_rate},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=config.learning_rate,
        betas=config.betas,
        weight_decay=config.weight_decay,
    )
