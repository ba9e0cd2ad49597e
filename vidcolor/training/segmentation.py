"""The task ``segmentation``: training of the network that finds the object which a hint lies on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from safetensors import SafetensorError, safe_open
from torch import Tensor

from vidcolor.color.lab import gray_to_lightness
from vidcolor.errors import WeightsError
from vidcolor.generators.embedded import load_embedded
from vidcolor.generators.store.registry import EMBEDDED_MODEL
from vidcolor.generators.store.weights import (
    SEGMENTATION_WEIGHTS,
    ContentType,
    Weights,
    describe_content,
    detect_content_type,
    read_packaged_weights,
    read_weights,
    read_weights_file,
)
from vidcolor.segmentation.model import FEATURES_KEY
from vidcolor.segmentation.network import ImageEmbedding, SegmentationNetwork
from vidcolor.training.clicks import (
    SimulatedClicks,
    add_corrections,
    distort_mask,
    draw_additional_clicks,
    draw_first_clicks,
)
from vidcolor.training.segmentation_batches import SegmentationBatch, SegmentationBatchStream
from vidcolor.training.segmentation_validation import SegmentationValidator
from vidcolor.training.task import LossOutput, Objective, TrainingTask
from vidcolor.training.trainer import autocast
from vidcolor.training.weights import SCRATCH, InitialWeights, save_weights

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.random import Generator

    from vidcolor.generators.device import Precision
    from vidcolor.generators.network import EmbeddedNetwork
    from vidcolor.imaging.types import FloatArray
    from vidcolor.training.config import RunOptions, TrainingConfig
    from vidcolor.training.dataset import PhotoStore
    from vidcolor.training.distributed import ProcessGroup

ARCHITECTURE = "vidcolor-segmentation"
"""Value of ``architecture`` in the metadata of weights files."""
CROSS_ENTROPY_WEIGHT = 2.0
"""Weight of the cross-entropy; that of the Dice loss is 1."""
DICE_OFFSET = 20.0
"""Number of pixels at stride 2 that is added to both sides of the Dice coefficient, so that it is
defined for empty masks and stable for small ones."""
PREDICTED_MEMORY_SHARE = 0.35
"""Share of the objects that are remembered with their predicted mask instead of the true one."""
ABSENT_SHARE = 0.06
"""Share of the objects that are looked for in another photograph, where they are absent."""
CARRIED_SHARE = 0.5
"""Share of the objects with a mask that flow carries."""
WRONG_FRAME_SHARE = 0.3
"""Share of the carried masks that still have the shape of the first view."""


def mask_losses(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return the binary cross-entropy in nats and the Dice loss (Milletari et al., 1606.04797).

    Args:
        logits: (K, 1, h, w).
        target: masks in [0, 1], (K, 1, h, w) float32.
    """
    logits = logits.float()
    cross_entropy = F.binary_cross_entropy_with_logits(logits, target)
    mask = logits.sigmoid()
    overlap = 2 * (mask * target).sum((1, 2, 3)) + DICE_OFFSET
    areas = mask.sum((1, 2, 3)) + target.sum((1, 2, 3)) + DICE_OFFSET
    return cross_entropy, (1 - overlap / areas).mean()


@dataclass(frozen=True, slots=True)
class _Views:
    """The embedded views of a batch, and its objects."""

    network: SegmentationNetwork
    embedding: ImageEmbedding
    """Embedding of all views; those of pair n are 2 n and 2 n + 1."""
    pair: list[int]
    """Number of the pair of each object."""

    def select(self, views: Sequence[int]) -> ImageEmbedding:
        """Return the embedding of some views."""
        index = torch.as_tensor(views, device=self.embedding.luma.device)
        match, skips, fine, luma = self.embedding
        m16, m8, m4 = (m[index] for m in match)
        s4, s8, s16 = (s[index] for s in skips)
        return ImageEmbedding((m16, m8, m4), (s4, s8, s16), fine[index], luma[index])

    def map_clicks(self, views: Sequence[int], clicks: Sequence[SimulatedClicks]) -> Tensor:
        """Return the maps of the clicks on each object in its view: (K, 14, h, w)."""
        device = self.embedding.luma.device
        maps = [
            self.network.click_maps(self.select([view]), [given.to_cells(device)])
            for view, given in zip(views, clicks, strict=True)
        ]
        return torch.cat(maps)

    def map_memories(
        self, first: Sequence[int], second: Sequence[int], masks: Sequence[Tensor]
    ) -> Tensor:
        """Return the maps of each object's memory: (K, 3, h, w).

        The mask of an object, (S / 2, S / 2), is that in its view of `first`. The maps are those of
        its view of `second`.
        """
        maps = []
        for known, view, mask in zip(first, second, masks, strict=True):
            memory = self.network.remember(self.select([known]), mask[None])
            maps.append(self.network.memory_maps(self.select([view]), memory))
        return torch.cat(maps)


class SegmentationObjective(Objective[SegmentationNetwork, SegmentationBatch]):
    """The losses of the masks after the first clicks, after corrections, and from memory.

    The first two are computed in the first view, the third in the second view.
    """

    def __init__(
        self, backbone: EmbeddedNetwork, device: torch.device, precision: Precision
    ) -> None:
        """Wrap the network whose features are the input, on a device."""
        self._backbone, self._device, self._precision = backbone, device, precision

    def compute(self, network: SegmentationNetwork, batch: SegmentationBatch) -> LossOutput:
        """Simulate clicks on all objects, predict their masks and compute the losses."""
        rng = np.random.default_rng(batch.seed)
        gray = batch.gray.to(self._device, non_blocking=True)
        luma = gray_to_lightness(gray[:, None].float() / 255)
        with torch.no_grad():
            features = self._backbone.extract_features(luma)
        with autocast(self._device, self._precision):
            views = _Views(network, network.embed(features, luma), batch.pair.tolist())
            predictions = self._segment_clicks(views, batch.masks[0].numpy(), rng)
            predictions["memory"] = self._segment_memory(
                views, batch.masks.numpy(), predictions["corrected"][0], rng
            )
        losses, total = {}, luma.new_zeros(())
        for name, (logits, target) in predictions.items():
            cross_entropy, dice = mask_losses(logits, target)
            total = total + CROSS_ENTROPY_WEIGHT * cross_entropy + dice
            losses[f"{name}_cross_entropy"] = cross_entropy.detach()
            losses[f"{name}_dice"] = dice.detach()
        return LossOutput(total, losses)

    def _segment_clicks(
        self, views: _Views, masks: FloatArray, rng: Generator
    ) -> dict[str, tuple[Tensor, Tensor]]:
        """Return the logits after the first clicks and after corrections, each with its target."""
        numbers = [2 * pair for pair in views.pair]
        images = views.select(numbers)
        target = torch.from_numpy(masks)[:, None].to(self._device)
        clicks = [draw_first_clicks(mask, rng) for mask in masks]
        first = views.network(images, clicks=views.map_clicks(numbers, clicks))
        predicted = _probabilities(first).cpu().numpy()
        for given, mask, current in zip(clicks, masks, predicted, strict=True):
            add_corrections(given, mask, current, rng)
        corrected = views.network(images, clicks=views.map_clicks(numbers, clicks))
        return {"click": (first, target), "corrected": (corrected, target)}

    def _segment_memory(
        self, views: _Views, masks: FloatArray, logits: Tensor, rng: Generator
    ) -> tuple[Tensor, Tensor]:
        """Return the logits in the second view and their target.

        Args:
            masks: true masks in both views, (2, K, h, w).
            logits: prediction in the first view, (K, 1, h, w).
        """
        predicted, true = _probabilities(logits), torch.from_numpy(masks[0]).to(self._device)
        count = int(max(views.pair)) + 1
        remembered, numbers, targets, clicks, carried = [], [], [], [], []
        for k, pair in enumerate(views.pair):
            from_prediction = rng.random() < PREDICTED_MEMORY_SHARE
            remembered.append(predicted[k] if from_prediction else true[k])
            target = masks[1][k]
            if rng.random() < ABSENT_SHARE and count > 1:
                pair, target = (pair + 1) % count, np.zeros_like(target)
            numbers.append(2 * pair + 1)
            targets.append(target)
            carried.append(self._carry(masks[0][k], target, rng))
            clicks.append(draw_additional_clicks(target, rng))
        result = views.network(
            views.select(numbers),
            clicks=views.map_clicks(numbers, clicks),
            memory=views.map_memories([2 * pair for pair in views.pair], numbers, remembered),
            carried=torch.stack(carried),
        )
        return result, torch.from_numpy(np.stack(targets))[:, None].to(self._device)

    def _carry(self, first: FloatArray, target: FloatArray, rng: Generator) -> Tensor:
        """Return the mask that flow carries at stride 4, (1, h, w); -1 without one."""
        height, width = target.shape[0] // 2, target.shape[1] // 2
        if rng.random() >= CARRIED_SHARE:
            return torch.full((1, height, width), -1.0, device=self._device)
        source = first if rng.random() < WRONG_FRAME_SHARE else target
        mask = torch.from_numpy(distort_mask(source, rng)).to(self._device)
        return F.avg_pool2d(mask[None], 2)


def _probabilities(logits: Tensor) -> Tensor:
    """Return the masks of logits, (K, h, w) float32, without gradient."""
    return logits.detach().float().sigmoid()[:, 0]


class SegmentationTask(TrainingTask[SegmentationNetwork, SegmentationBatch]):
    """Training of the segmentation network on the features of the embedded network."""

    card = "segmentation_card.md"

    def __init__(self, config: TrainingConfig, device: torch.device, precision: Precision) -> None:
        """Load the embedded network, and load or create the segmentation network."""
        super().__init__(config, device, precision)
        generator = load_embedded(read_weights(EMBEDDED_MODEL), device, precision)
        self.backbone, self.features = generator.network, generator.digest
        self.start = self._create() if config.start == SCRATCH else self.load(config.start)

    def _create(self) -> InitialWeights[SegmentationNetwork]:
        torch.manual_seed(self.config.seed)
        network = SegmentationNetwork()
        return InitialWeights(network.eval().requires_grad_(False), SCRATCH, "")

    def load(self, model: str) -> InitialWeights[SegmentationNetwork]:
        """Load weights for the features of the embedded network; see `TrainingTask.load`."""
        weights = _read_segmentation_weights(model)
        if weights.metadata.get("architecture") != ARCHITECTURE:
            raise WeightsError(
                f"{weights.path}: not weights of the segmentation network; start from embedded, "
                "from scratch, or from weights that vidcolor train --task segmentation wrote"
            )
        if weights.metadata.get(FEATURES_KEY) != self.features:
            raise WeightsError(
                f"{weights.path}: trained on the features of other embedded weights; start from "
                "embedded or from scratch"
            )
        network = SegmentationNetwork()
        try:
            network.load_state_dict({key: t.float() for key, t in weights.tensors.items()})
        except RuntimeError:
            raise WeightsError(
                f"{weights.path}: tensors of another segmentation network; start from embedded or "
                "from scratch"
            ) from None
        return InitialWeights(network.eval().requires_grad_(False), weights.name, weights.digest)

    def create_stream(
        self, photos: PhotoStore, replay: PhotoStore | None, group: ProcessGroup
    ) -> SegmentationBatchStream:
        """Return batches of pairs of views; there are no replay photographs."""
        config = self.config
        return SegmentationBatchStream(
            store=photos, size=config.size, batch=config.batch, seed=config.seed, rank=group.rank,
            world_size=group.size,
        )  # fmt: skip

    def create_objective(
        self, photos: PhotoStore, state: Mapping[str, Tensor] | None
    ) -> SegmentationObjective:
        """Create the losses, which have no state."""
        return SegmentationObjective(self.backbone, self.device, self.precision)

    def parameter_groups(self, network: SegmentationNetwork) -> list[dict[str, Any]]:
        """Select all parameters; weight decay applies to the kernels of convolutions only."""
        network.requires_grad_(True)
        parameters = list(network.parameters())
        return [
            {"params": [p for p in parameters if p.ndim > 1], "factor": 1.0},
            {"params": [p for p in parameters if p.ndim <= 1], "factor": 1.0, "weight_decay": 0.0},
        ]

    def set_training_mode(self, network: SegmentationNetwork) -> None:
        """Set training mode."""
        network.train()

    def create_validator(
        self, photos: PhotoStore, options: RunOptions
    ) -> SegmentationValidator | None:
        """Create the validator of regions; None if the photographs have none."""
        validator = SegmentationValidator(
            photos, self.backbone, self.device, self.precision, options
        )
        return validator if validator.num_objects else None

    def save(self, path: Path, network: SegmentationNetwork, steps: int) -> None:
        """Write the weights with the digest of the weights that give the features."""
        metadata = {"architecture": ARCHITECTURE, FEATURES_KEY: self.features}
        save_weights(path, network, metadata, self.config, steps)


def _read_segmentation_weights(model: str) -> Weights:
    """Read the packaged weights or a .safetensors file; `read_weights` accepts generators only."""
    if model == EMBEDDED_MODEL:
        return read_packaged_weights(SEGMENTATION_WEIGHTS)
    path = Path(model)
    data = read_weights_file(path)
    try:
        with safe_open(path, "pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            metadata = file.metadata() or {}
    except SafetensorError:
        is_damaged = detect_content_type(data) is ContentType.SAFETENSORS
        problem = "damaged or truncated; use another file" if is_damaged else describe_content(data)
        raise WeightsError(f"{path}: {problem}") from None
    return Weights(path.stem, path, hashlib.sha256(data).hexdigest(), metadata, tensors)
