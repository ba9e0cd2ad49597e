"""One step of training, and all that it changes."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from vidcolor.training.discriminator_training import DiscriminatorTraining
from vidcolor.training.objective import Losses, LossOutput, Objective
from vidcolor.training.perceptual import FeatureDistance
from vidcolor.training.schedule import discriminator_alone, ema_decay

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vidcolor.generators.device import Precision
    from vidcolor.generators.network import EmbeddedNetwork
    from vidcolor.training.batches import Batch, Draft
    from vidcolor.training.config import TrainingConfig
    from vidcolor.training.distributed import ProcessGroup
    from vidcolor.training.init import InitialWeights


class Trainer:
    """The network in training, its average, its optimizer, and the discriminator if there is one.

    The moving average takes part in nothing; it is the result. Encoder batch norms always use and
    keep ImageNet's statistics: a batch of 16 has none worth having.
    """

    def __init__(
        self,
        start: InitialWeights,
        recipe: TrainingConfig,
        prior: Tensor,
        device: torch.device,
        precision: Precision,
        company: ProcessGroup,
    ) -> None:
        """Prepare the first step.

        Args:
            start: what to start from; left as it is.
            recipe: what to do.
            prior: how often each bin occurs in the pictures, (Q,); see `bin_prior`.
            device: where to compute.
            precision: of the networks; losses and weights are float32 regardless.
            company: the processes that train together.
        """
        self.recipe, self.device, self.precision, self.company = recipe, device, precision, company
        self.start = start
        self.network = _place(start.copy(), device)
        self.average = _place(start.copy(), device)
        self.optimizer = _optimizer(self.network, recipe)
        adversarial = recipe.stage == "adversarial"
        self.discriminator = DiscriminatorTraining(recipe, device) if adversarial else None
        teacher = _place(start.copy(), device) if recipe.distil else None
        features = _features() if adversarial and recipe.perceptual_weight else None
        bins = self.network.bins
        self.objective = Objective(recipe, bins, prior, teacher, features).to(device)
        self.steps_done = 0

    def step(
        self, batches: Sequence[Draft], rate: float, stop: bool = False
    ) -> tuple[Losses, bool]:
        """Make one update.

        Args:
            batches: `TrainingConfig.accumulate` of them.
            rate: learning rate relative to the recipe's.
            stop: whether this process was asked to stop.

        Returns:
            Mean losses of this process's batches; whether any process was asked to stop.
        """
        # Nothing here draws random numbers today; if it ever does, they follow from the step, so
        # that a resumed run draws the same.
        torch.manual_seed(hash((self.recipe.seed, self.steps_done, self.company.rank)))
        _set_modes(self.network, self.recipe)
        alone = self.discriminator is not None and discriminator_alone(self.steps_done, self.recipe)
        share = 1 / len(batches)
        sums: Losses = {}
        color = torch.zeros(2, device=self.device)
        for batch in batches:
            losses, judgment = self._learn(batch.to(self.device), share, alone)
            color += judgment.share
            for name, loss in losses.items():
                sums[name] = sums.get(name, 0) + loss * share
        stop = self._update(rate, alone, color, stop)
        self.steps_done += 1
        return sums, stop

    def _learn(self, batch: Batch, share: float, alone: bool) -> tuple[Losses, LossOutput]:
        """Add one batch's gradients; `alone`, the discriminator's only."""
        with torch.set_grad_enabled(not alone):
            with self._autocast():
                logits = self.network(batch.luma, batch.hint_ab, batch.density)
                taught = None if alone else self.objective.teach(batch)
            judgment: LossOutput = self.objective(logits, batch, taught)
            total, losses = judgment.total, judgment.losses
            if self.discriminator is not None and not alone:
                losses["deception"] = self.discriminator.opinion(judgment.painted, batch)
                total = total + self.recipe.adversarial_weight * losses["deception"]
        losses = {"loss": total.detach(), **{n: loss.detach() for n, loss in losses.items()}}
        if not alone:
            (total * share).backward()  # type: ignore[no-untyped-call]
        if self.discriminator is not None:
            losses["discriminator"] = self.discriminator.learn(judgment.painted, batch, share)
        return losses, judgment

    def _update(self, rate: float, alone: bool, color: Tensor, stop: bool) -> bool:
        """Let the gathered gradients act; returns whether any process was asked to stop."""
        if self.discriminator is not None:
            self.discriminator.update(rate, self.company)
        learning = [] if alone else [p for p in self.network.parameters() if p.requires_grad]
        # A batch without any hint leaves the hints' part without a gradient, in this process only.
        gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in learning]
        # Norms see each process's own pictures; their statistics are averaged with the gradients.
        stop = self.company.average([*gradients, *self._statistics(), color], stop)
        if alone:
            return stop
        for parameter, gradient in zip(learning, gradients, strict=True):
            parameter.grad = gradient
        self.objective.balance(color)
        nn.utils.clip_grad_norm_(learning, self.recipe.max_gradient)
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.learning_rate * group["factor"] * rate
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self._follow()
        return stop

    def _statistics(self) -> list[Tensor]:
        if self.recipe.freeze_norms:
            return []
        return [b for n, b in self.network.named_buffers() if n.endswith(("_mean", "_var"))]

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the average toward the network."""
        decay = ema_decay(self.steps_done, self.recipe.ema)
        pairs = zip(_tensors(self.average), _tensors(self.network), strict=True)
        for mean, new in pairs:
            if mean.is_floating_point():
                mean.lerp_(new, 1 - decay)
            else:
                mean.copy_(new)

    @torch.no_grad()
    def result(self) -> EmbeddedNetwork:
        """The network that training has made so far: a copy, in evaluation mode, on the device.

        It is the moving average, with the recipe's share of the starting weights mixed in.
        """
        network = copy.deepcopy(self.average).eval()
        if self.recipe.keep:
            for mean, first in zip(_tensors(network), _tensors(self.start.network), strict=True):
                if mean.is_floating_point():
                    mean.lerp_(first.to(mean.device), self.recipe.keep)
        return network

    def _autocast(self) -> torch.autocast:
        return autocast(self.device, self.precision)


def autocast(device: torch.device, precision: Precision) -> torch.autocast:
    """Compute in bfloat16 what may be, if that is the precision."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def _place(network: EmbeddedNetwork, device: torch.device) -> EmbeddedNetwork:
    # torch's stubs leave out this keyword.
    network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.eval().requires_grad_(False)


def _tensors(network: nn.Module) -> Iterator[Tensor]:
    yield from network.parameters()
    yield from network.buffers()


def _set_modes(network: EmbeddedNetwork, recipe: TrainingConfig) -> None:
    """Train everything but the encoder's batch norms, and the decoder's if the recipe says so."""
    network.train()
    network.encoder.eval()
    if recipe.freeze_norms:
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()


def _optimizer(network: EmbeddedNetwork, recipe: TrainingConfig) -> torch.optim.AdamW:
    """AdamW over what is to learn: the encoder's later stages, slowly, and the decoder."""
    network.requires_grad_(True)
    encoder = network.encoder
    if recipe.freeze:
        encoder.stem.requires_grad_(False)
        for stage in encoder.stages[: recipe.freeze]:
            stage.requires_grad_(False)
    later = [p for p in encoder.parameters() if p.requires_grad]
    own = {id(p) for p in encoder.parameters()}
    decoder = [p for p in network.parameters() if id(p) not in own]
    hints = [*network.spread.parameters(), network.hint_gain]
    theirs = {id(p) for p in hints}
    groups = [
        {"params": later, "factor": recipe.encoder_rate},
        {"params": [p for p in decoder if id(p) not in theirs], "factor": 1.0},
        # Few parameters, behind few samples.
        {"params": hints, "factor": recipe.hint_rate},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=recipe.learning_rate,
        betas=recipe.betas,
        weight_decay=recipe.weight_decay,
    )


def _features() -> FeatureDistance:
    from vidcolor.generators import load_encoder

    encoder = load_encoder()
    return FeatureDistance(encoder)
