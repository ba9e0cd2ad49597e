"""The task ``color``: training of the generator, which predicts color."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from vidcolor.errors import WeightsError
from vidcolor.generators import load_encoder
from vidcolor.generators.network import EmbeddedNetwork, NetworkConfig
from vidcolor.generators.store.weights import read_weights
from vidcolor.training.batches import ColorBatchStream, PackedBatch
from vidcolor.training.losses import BinTargets, ColorLosses, bin_prior
from vidcolor.training.task import LossOutput, Objective, TrainingTask
from vidcolor.training.trainer import autocast, copy_to_device
from vidcolor.training.validation import ColorValidator, center_square, select_evenly
from vidcolor.training.weights import SCRATCH, InitialWeights, save_weights

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vidcolor.generators.device import Precision
    from vidcolor.training.config import RunOptions, TrainingConfig
    from vidcolor.training.dataset import PhotoStore
    from vidcolor.training.distributed import ProcessGroup

MAX_PRIOR_IMAGES = 1000
"""Maximum number of photographs from which the bin prior is counted."""
_PRIOR_SIZE = 128
"""Side of these photographs, in pixels."""


class ColorObjective(Objective[EmbeddedNetwork, PackedBatch]):
    """The losses of the predicted color; the state is the reward and the bin prior."""

    num_statistics = 2

    def __init__(
        self,
        losses: ColorLosses,
        teacher: EmbeddedNetwork | None,
        device: torch.device,
        precision: Precision,
    ) -> None:
        """Wrap losses on a device. `teacher` is the initial network, for distillation."""
        self._losses, self._teacher = losses, teacher
        self._device, self._precision = device, precision

    def compute(self, network: EmbeddedNetwork, batch: PackedBatch) -> LossOutput:
        """Predict the color of a batch and compute the losses."""
        unpacked = batch.to(self._device)
        inputs = unpacked.luma, unpacked.hint_ab, unpacked.density
        with autocast(self._device, self._precision):
            logits = network(*inputs)
            teacher_logits = None
            if self._teacher is not None:
                with torch.no_grad():
                    teacher_logits = self._teacher(*inputs)
        output: LossOutput = self._losses(logits, unpacked, teacher_logits)
        return output

    def update(self, statistics: Tensor) -> None:
        """Adjust the reward to the relative colorfulness."""
        self._losses.update_reward(statistics)

    def state(self) -> dict[str, Tensor]:
        """Return the reward and the bin prior."""
        return {"reward": self._losses.reward, "prior": self._losses.prior}


class ColorTask(TrainingTask[EmbeddedNetwork, PackedBatch]):
    """Training of the embedded network on photographs with hints.

    The batch norms of the encoder always keep the statistics of ImageNet, because batches of 16 are
    too small to estimate better ones.
    """

    card = "model_card.md"
    accepts_replay = True

    def __init__(self, config: TrainingConfig, device: torch.device, precision: Precision) -> None:
        """Load the initial network, or create it from an ImageNet encoder."""
        super().__init__(config, device, precision)
        self.start = self._create() if config.start == SCRATCH else self.load(config.start)
        self._targets = BinTargets(self.start.network.bins)

    def _create(self) -> InitialWeights[EmbeddedNetwork]:
        torch.manual_seed(self.config.seed)
        network = EmbeddedNetwork(NetworkConfig())
        network.encoder.load_state_dict(load_encoder().state_dict())
        return InitialWeights(network.eval().requires_grad_(False), SCRATCH, "")

    def load(self, model: str) -> InitialWeights[EmbeddedNetwork]:
        """Load weights with separate batch norms; see `TrainingTask.load`."""
        weights = read_weights(model)
        try:
            # A file for inference may have float16 tensors; training needs float32.
            network = EmbeddedNetwork(NetworkConfig.from_json(weights.metadata["config"]))
            tensors = {name: tensor.float() for name, tensor in weights.tensors.items()}
            missing, unexpected = network.load_state_dict(tensors, strict=False)
            # Weights files omit `num_batches_tracked`, which training does not use.
            if unexpected or any(not name.endswith("num_batches_tracked") for name in missing):
                raise ValueError("tensors of another network")
        except (KeyError, ValueError, RuntimeError):
            raise WeightsError(
                f"{weights.path}: not weights of the embedded network; start from embedded or from "
                "weights that vidcolor trained"
            ) from None
        return InitialWeights(network.eval().requires_grad_(False), weights.name, weights.digest)

    def create_stream(
        self, photos: PhotoStore, replay: PhotoStore | None, group: ProcessGroup
    ) -> ColorBatchStream:
        """Return batches of photographs and replay photographs."""
        config = self.config
        return ColorBatchStream(
            store=photos, size=config.size, batch=config.batch, seed=config.seed, replay=replay,
            replay_share=config.replay_share, rank=group.rank, world_size=group.size,
        )  # fmt: skip

    def create_objective(
        self, photos: PhotoStore, state: Mapping[str, Tensor] | None
    ) -> ColorObjective:
        """Create the losses with the bin prior of the photographs."""
        if state is None:
            numbers = select_evenly(len(photos), MAX_PRIOR_IMAGES)
            images = (center_square(photos[i], _PRIOR_SIZE).unsqueeze(0) for i in numbers)
            prior = bin_prior(images, self._targets)
        else:
            prior = state["prior"]
        losses = ColorLosses(self.config, self._targets, prior)
        if state is not None:
            losses.reward.copy_(state["reward"])
        teacher = copy_to_device(self.start.network, self.device) if self.config.distill else None
        return ColorObjective(losses.to(self.device), teacher, self.device, self.precision)

    def parameter_groups(self, network: EmbeddedNetwork) -> list[dict[str, Any]]:
        """Select the unfrozen encoder stages, the decoder and the hint attention."""
        config, encoder = self.config, network.encoder
        network.requires_grad_(True)
        if config.freeze:
            encoder.stem.requires_grad_(False)
            encoder.stages[: config.freeze].requires_grad_(False)
        hints = [*network.spread.parameters(), network.hint_gain]
        others = {id(p) for p in [*encoder.parameters(), *hints]}
        return [
            {
                "params": [p for p in encoder.parameters() if p.requires_grad],
                "factor": config.encoder_rate,
            },
            {"params": [p for p in network.parameters() if id(p) not in others], "factor": 1.0},
            # The hint attention has few parameters, and few samples have hints.
            {"params": hints, "factor": config.hint_rate},
        ]

    def set_training_mode(self, network: EmbeddedNetwork) -> None:
        """Set training mode, except for the encoder and for frozen batch norms."""
        network.train()
        network.encoder.eval()
        if self.config.freeze_norms:
            for module in network.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()

    def create_validator(self, photos: PhotoStore, options: RunOptions) -> ColorValidator:
        """Create the validator of colorized photographs."""
        return ColorValidator(photos, self._targets, self.device, self.precision, options)

    def save(self, path: Path, network: EmbeddedNetwork, steps: int) -> None:
        """Write the weights with the configuration of the network."""
        save_weights(path, network, {"config": network.config.to_json()}, self.config, steps)
