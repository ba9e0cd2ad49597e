"""Figures on held-out photographs, always the same ones, seen whole and clean."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from vidcolor.color.bins import CONFIDENCE_RADIUS, color_of, enlivened, fit_calibration
from vidcolor.color.lab import rgb_to_lab
from vidcolor.color.metrics import colorfulness, psnr
from vidcolor.generators.network import STRIDE
from vidcolor.training.losses import BinTargets, DistributionLoss
from vidcolor.training.perceptual import paint
from vidcolor.training.trainer import autocast

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import Tensor

    from vidcolor.generators.device import Precision
    from vidcolor.generators.network import EmbeddedNetwork
    from vidcolor.training.cache import PhotographStore

NUM_HINTS = 10
HINT_SIZE = 7
"""Side in pixels of a hinted square."""
_BATCH = 8


@dataclass(frozen=True, slots=True)
class ValidationMetrics:
    """Means over the measured photographs, colored at the default vividness."""

    psnr: float
    """Of the colored picture, in dB."""
    gray_psnr: float
    """Of the gray picture: what doing nothing scores."""
    hinted_psnr: float
    """With ten true hints of 7 x 7 pixels."""
    colorfulness: float
    """Of the colored pictures as a share of the true pictures'."""
    cross_entropy: float
    """In nats, without rebalancing."""
    num_pictures: int

    def to_dict(self) -> dict[str, float]:
        """As JSON holds it."""
        return {name: round(value, 5) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Sheet:
    """Some of the pictures, for the eye: each (n, S, S, 3) uint8."""

    gray: NDArray[np.uint8]
    ours: NDArray[np.uint8]
    truth: NDArray[np.uint8]


def center_square(rgb: NDArray[np.uint8], size: int) -> Tensor:
    """The largest centerd square, scaled.

    Args:
        rgb: (h, w, 3) uint8.
        size: side in pixels.

    Returns:
        (3, size, size) float32 sRGB in [0, 1].
    """
    import cv2

    height, width = rgb.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    crop = np.ascontiguousarray(rgb[top : top + side, left : left + side])
    way = cv2.INTER_AREA if side > size else cv2.INTER_CUBIC
    scaled = cv2.resize(crop, (size, size), interpolation=way)
    return torch.from_numpy(scaled).permute(2, 0, 1).float() / 255


class Validator:
    """Measures networks on one set of photographs."""

    def __init__(
        self,
        store: PhotographStore,
        bins: Tensor,
        device: torch.device,
        precision: Precision,
        size: int = 256,
        limit: int = 128,
    ) -> None:
        """Choose the photographs.

        Args:
            store: held-out photographs; not empty.
            bins: of the networks, (Q, 2).
            device: where to compute.
            precision: of the networks.
            size: side of the centerd squares that are measured; a multiple of 32.
            limit: most photographs.
        """
        self._store, self._size = store, size
        count = min(limit, len(store))
        self._chosen = [i * len(store) // count for i in range(count)]
        self._device, self._precision = device, precision
        targets = BinTargets(bins)
        self._loss = DistributionLoss(targets, torch.ones(len(bins))).to(device)

    def __len__(self) -> int:
        """How many photographs are measured."""
        return len(self._chosen)

    @torch.no_grad()
    def measure(self, network: EmbeddedNetwork) -> ValidationMetrics:
        """Color and compare.

        Args:
            network: in evaluation mode, on the device.
        """
        rows: list[Tensor] = []
        for first, truth in self._batches(self._chosen):
            lightness, ab = rgb_to_lab(truth)
            small = F.avg_pool2d(ab, STRIDE)
            logits = self._predict(network, lightness)
            entropy = self._loss(logits, small, F.avg_pool2d(lightness, STRIDE))[1].expand(
                len(truth)
            )
            ours = self._paint(logits, lightness)
            hints = _hints(ab, first)
            hinted = self._paint(self._predict(network, lightness, *hints), lightness)
            gray = paint(lightness, torch.zeros_like(small))
            figures = [psnr(picture, truth) for picture in (ours, gray, hinted)]
            colors = [colorfulness(picture) for picture in (ours, truth)]
            rows.append(torch.stack([*figures, *colors, entropy]).cpu())
        mean = torch.cat(rows, dim=1).double().mean(1).tolist()
        ratio = mean[3] / max(mean[4], 1e-6)
        return ValidationMetrics(mean[0], mean[1], mean[2], ratio, mean[5], len(self._chosen))

    @torch.no_grad()
    def calibrate(self, network: EmbeddedNetwork) -> Tensor:
        """Learn from the photographs what the network's confidence is worth.

        Args:
            network: in evaluation mode, on the device.

        Returns:
            The table for `color.bins.calibrated`, on the CPU.
        """
        said, right = [], []
        for _, truth in self._batches(self._chosen):
            lightness, ab = rgb_to_lab(truth)
            painted, concentration = self._color(self._predict(network, lightness))
            error = (painted - F.avg_pool2d(ab, STRIDE)).square().sum(1).sqrt()
            said.append(concentration.flatten().cpu())
            right.append((error <= CONFIDENCE_RADIUS).flatten().cpu())
        return fit_calibration(torch.cat(said), torch.cat(right))

    @torch.no_grad()
    def show(self, network: EmbeddedNetwork, count: int = 8) -> Sheet:
        """Color a few photographs for the eye, evenly spread over those that are measured.

        Args:
            network: in evaluation mode, on the device.
            count: most pictures.
        """
        count = min(count, len(self._chosen))
        chosen = [self._chosen[i * len(self._chosen) // count] for i in range(count)]
        rows: list[list[Tensor]] = [[], [], []]
        for _, truth in self._batches(chosen):
            lightness, ab = rgb_to_lab(truth)
            ours = self._paint(self._predict(network, lightness), lightness)
            gray = paint(lightness, torch.zeros_like(ab))
            for row, pictures in zip(rows, (gray, ours, truth), strict=True):
                row.append((pictures * 255).round().byte().permute(0, 2, 3, 1).cpu())
        return Sheet(*(torch.cat(row).numpy() for row in rows))

    def _batches(self, chosen: list[int]) -> Iterator[tuple[int, Tensor]]:
        """Number of the first picture, and some pictures: (n, 3, S, S)."""
        for first in range(0, len(chosen), _BATCH):
            part = chosen[first : first + _BATCH]
            pictures = [center_square(self._store[i], self._size) for i in part]
            yield first, torch.stack(pictures).to(self._device)

    def _predict(self, network: EmbeddedNetwork, lightness: Tensor, *hints: Tensor) -> Tensor:
        with autocast(self._device, self._precision):
            logits: Tensor = network(lightness, *hints)
        return logits.float()

    def _paint(self, logits: Tensor, lightness: Tensor) -> Tensor:
        return paint(lightness, self._color(logits)[0])

    def _color(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """What the finished generator would paint, and its concentration."""
        ab, concentration = color_of(logits, self._loss.targets.bins)
        return enlivened(ab, concentration), concentration


def _hints(ab: Tensor, first: int) -> tuple[Tensor, Tensor]:
    """True colors in a few small squares, the same ones for a picture each time.

    Args:
        ab: a*, b*, (n, 2, S, S).
        first: number of the first picture, which decides the places.

    Returns:
        Mean color of each cell's hinted pixels, (n, 2, S / 4, S / 4), and its density: 1 where
        there is any, as `EmbeddedGenerator` has it, (n, 1, S / 4, S / 4).
    """
    side = ab.shape[-1]
    mask = torch.zeros(len(ab), 1, side, side)
    for i in range(len(ab)):
        draw = np.random.default_rng((NUM_HINTS, first + i))
        for top, left in draw.integers(0, side - HINT_SIZE + 1, (NUM_HINTS, 2)):
            mask[i, :, top : top + HINT_SIZE, left : left + HINT_SIZE] = 1
    mask = mask.to(ab.device)
    share = F.avg_pool2d(mask, STRIDE)
    color = F.avg_pool2d(ab * mask, STRIDE) / share.clamp(min=1e-6)
    return color, (share > 0).float()
