"""The state of a training run and one optimizer step."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from vidcolor.training.adversarial import DiscriminatorTrainer
from vidcolor.training.objective import Losses, LossOutput, Objective
from vidcolor.training.perceptual import PerceptualDistance
from vidcolor.training.schedule import ema_decay, is_discriminator_step

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vidcolor.generators.device import Precision
    from vidcolor.generators.network import EmbeddedNetwork
    from vidcolor.training.batches import Batch, PackedBatch
    from vidcolor.training.config import TrainingConfig
    from vidcolor.training.distributed import ProcessGroup
    from vidcolor.training.initial_weights import InitialWeights


class Trainer:
    """The network, its moving average, its optimizer and the optional discriminator.

    The moving average is the result of the run and does not take part in training. The batch norms
    of the encoder always keep the statistics of ImageNet, because batches of 16 are too small to
    estimate better ones.
    """

    def __init__(
        self,
        start: InitialWeights,
        config: TrainingConfig,
        prior: Tensor,
        device: torch.device,
        precision: Precision,
        group: ProcessGroup,
    ) -> None:
        """Create the networks and the optimizers.

        Args:
            start: initial weights, which are not modified.
            config: settings of the run.
            prior: frequency of each bin in the photographs, (Q,); see `bin_prior`.
            device: device of the networks.
            precision: precision of the forward passes; losses and weights are always float32.
            group: the processes that train together.
        """
        self.config, self.device, self.precision, self.group = config, device, precision, group
        self.start = start
        self.network = _move_to_device(start.copy(), device)
        self.average = _move_to_device(start.copy(), device)
        self.optimizer = _create_optimizer(self.network, config)
        adversarial = config.stage == "adversarial"
        self.discriminator = DiscriminatorTrainer(config, device) if adversarial else None
        teacher = _move_to_device(start.copy(), device) if config.distill else None
        perceptual = adversarial and config.perceptual_weight
        distance = _load_perceptual_distance() if perceptual else None
        bins = self.network.bins
        self.objective = Objective(config, bins, prior, teacher, distance).to(device)
        self.steps_done = 0

    def step(
        self, batches: Sequence[PackedBatch], rate: float, stop: bool = False
    ) -> tuple[Losses, bool]:
        """Run one optimizer step.

        Args:
            batches: `TrainingConfig.accumulate` batches.
            rate: learning rate relative to the maximum.
            stop: whether this process received a stop signal.

        Returns:
            Mean losses of the batches of this process, and whether any process received a stop
            signal.
        """
        # No operation here draws random numbers today. If one ever does, the numbers follow from
        # the step, so that a resumed run draws the same ones.
        torch.manual_seed(hash((self.config.seed, self.steps_done, self.group.rank)))
        _set_modes(self.network, self.config)
        discriminator_only = self.discriminator is not None and is_discriminator_step(
            self.steps_done, self.config
        )
        weight = 1 / len(batches)
        means: Losses = {}
        colorfulness = torch.zeros(2, device=self.device)
        for batch in batches:
            losses, output = self._backward(batch.to(self.device), weight, discriminator_only)
            colorfulness += output.colorfulness
            for name, loss in losses.items():
                means[name] = means.get(name, 0) + loss * weight
        stop = self._apply_gradients(rate, discriminator_only, colorfulness, stop)
        self.steps_done += 1
        return means, stop

    def _backward(
        self, batch: Batch, weight: float, discriminator_only: bool
    ) -> tuple[Losses, LossOutput]:
        """Accumulate the gradients of one batch.

        Args:
            batch: the batch on the device.
            weight: weight of the batch in the optimizer step.
            discriminator_only: whether the generator gets no gradients in this step.

        Returns:
            All losses without gradient, and the output of the objective.
        """
        with torch.set_grad_enabled(not discriminator_only):
            with self._autocast():
                logits = self.network(batch.luma, batch.hint_ab, batch.density)
                teacher_logits = (
                    None if discriminator_only else self.objective.teacher_logits(batch)
                )
            output: LossOutput = self.objective(logits, batch, teacher_logits)
            total, losses = output.total, output.losses
            if self.discriminator is not None and not discriminator_only:
                losses["generator"] = self.discriminator.generator_loss(output.predicted, batch)
                total = total + self.config.adversarial_weight * losses["generator"]
        losses = {"loss": total.detach(), **{n: loss.detach() for n, loss in losses.items()}}
        if not discriminator_only:
            (total * weight).backward()  # type: ignore[no-untyped-call]
        if self.discriminator is not None:
            losses["discriminator"] = self.discriminator.backward(output.predicted, batch, weight)
        return losses, output

    def _apply_gradients(
        self, rate: float, discriminator_only: bool, colorfulness: Tensor, stop: bool
    ) -> bool:
        """Average the gradients over all processes and update the weights.

        Returns:
            Whether any process received a stop signal.
        """
        if self.discriminator is not None:
            self.discriminator.step(rate, self.group)
        trained = (
            [] if discriminator_only else [p for p in self.network.parameters() if p.requires_grad]
        )
        # Without hints in a batch, the parameters of the hint attention have no gradient. All
        # processes must average the same tensors.
        gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in trained]
        # The batch norms of each process process different images, so their running statistics are
        # averaged, too.
        stop = self.group.average([*gradients, *self._norm_statistics(), colorfulness], stop)
        if discriminator_only:
            return stop
        for parameter, gradient in zip(trained, gradients, strict=True):
            parameter.grad = gradient
        self.objective.update_reward(colorfulness)
        nn.utils.clip_grad_norm_(trained, self.config.max_gradient)
        for parameters in self.optimizer.param_groups:
            parameters["lr"] = self.config.learning_rate * parameters["factor"] * rate
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self._update_average()
        return stop

    def _norm_statistics(self) -> list[Tensor]:
        """Return the running statistics of the batch norms; [] if they are frozen."""
        if self.config.freeze_norms:
            return []
        return [b for n, b in self.network.named_buffers() if n.endswith(("_mean", "_var"))]

    @torch.no_grad()
    def _update_average(self) -> None:
        """Move the average toward the current weights; counters are copied."""
        decay = ema_decay(self.steps_done, self.config.ema)
        pairs = zip(_tensors(self.average), _tensors(self.network), strict=True)
        for mean, new in pairs:
            if mean.is_floating_point():
                mean.lerp_(new, 1 - decay)
            else:
                mean.copy_(new)

    @torch.no_grad()
    def result(self) -> EmbeddedNetwork:
        """Return a copy of the moving average in evaluation mode, on the device.

        `TrainingConfig.keep` is the share of the initial weights that is mixed in.
        """
        network = copy.deepcopy(self.average).eval()
        if self.config.keep:
            for mean, first in zip(_tensors(network), _tensors(self.start.network), strict=True):
                if mean.is_floating_point():
                    mean.lerp_(first.to(mean.device), self.config.keep)
        return network

    def _autocast(self) -> torch.autocast:
        return autocast(self.device, self.precision)


def autocast(device: torch.device, precision: Precision) -> torch.autocast:
    """Return a context that runs eligible operations in bfloat16 if `precision` is ``bf16``."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def _move_to_device(network: EmbeddedNetwork, device: torch.device) -> EmbeddedNetwork:
    """Move a network to a device, in evaluation mode, without gradients."""
    # The stubs of torch lack this keyword.
    network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.eval().requires_grad_(False)


def _tensors(network: nn.Module) -> Iterator[Tensor]:
    """Yield all parameters and buffers, in a fixed order."""
    yield from network.parameters()
    yield from network.buffers()


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
        for stage in encoder.stages[: config.freeze]:
            stage.requires_grad_(False)
    unfrozen = [p for p in encoder.parameters() if p.requires_grad]
    encoder_ids = {id(p) for p in encoder.parameters()}
    decoder = [p for p in network.parameters() if id(p) not in encoder_ids]
    hints = [*network.spread.parameters(), network.hint_gain]
    hint_ids = {id(p) for p in hints}
    groups = [
        {"params": unfrozen, "factor": config.encoder_rate},
        {"params": [p for p in decoder if id(p) not in hint_ids], "factor": 1.0},
        # The hint attention has few parameters, and few samples have hints.
        {"params": hints, "factor": config.hint_rate},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=config.learning_rate,
        betas=config.betas,
        weight_decay=config.weight_decay,
    )


def _load_perceptual_distance() -> PerceptualDistance:
    from vidcolor.generators import load_encoder

    return PerceptualDistance(load_encoder())
