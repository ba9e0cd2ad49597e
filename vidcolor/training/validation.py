"""Validation: metrics on a fixed set of held-out photographs, without degradation."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from vidcolor.color.bins import CONFIDENCE_RADIUS, boost_chroma, decode_bins, fit_calibration
from vidcolor.color.lab import rgb_to_lab
from vidcolor.color.metrics import colorfulness, psnr
from vidcolor.generators.network import STRIDE
from vidcolor.imaging.resize import resize_area, resize_cubic
from vidcolor.training.losses import BinTargets, DistributionLoss
from vidcolor.training.perceptual import ab_to_rgb
from vidcolor.training.trainer import autocast

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import Tensor

    from vidcolor.generators.device import Precision
    from vidcolor.generators.network import EmbeddedNetwork
    from vidcolor.training.cache import PhotoStore

NUM_HINTS = 10
"""Number of hinted squares in each image for `ValidationMetrics.hinted_psnr`."""
HINT_SIDE = 7
"""Side of a hinted square, in pixels."""
_BATCH_SIZE = 8


@dataclass(frozen=True, slots=True)
class ValidationMetrics:
    """Means over the measured photographs at the default vividness."""

    psnr: float
    """PSNR of the colorized image in dB."""
    gray_psnr: float
    """PSNR of the gray image in dB, the baseline."""
    hinted_psnr: float
    """PSNR of the image that is colorized with `NUM_HINTS` hints of the true color, in dB."""
    colorfulness: float
    """Colorfulness of the colorized images relative to the ground truth."""
    cross_entropy: float
    """Cross-entropy without class weights in nats."""
    num_images: int
    """Number of measured photographs."""

    def to_dict(self) -> dict[str, float]:
        """Return the rounded metrics in JSON types."""
        return {name: round(value, 5) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class ValidationImages:
    """Images for visual inspection, each (n, S, S, 3) uint8."""

    gray: NDArray[np.uint8]
    colorized: NDArray[np.uint8]
    truth: NDArray[np.uint8]


def center_square(rgb: NDArray[np.uint8], size: int) -> Tensor:
    """Crop the largest centered square and scale it.

    Args:
        rgb: (h, w, 3) uint8.
        size: side of the result in pixels.

    Returns:
        (3, size, size) float32 sRGB in [0, 1].
    """
    height, width = rgb.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    crop = np.ascontiguousarray(rgb[top : top + side, left : left + side])
    resize = resize_area if side > size else resize_cubic
    scaled = resize(crop, (size, size))
    return torch.from_numpy(scaled).permute(2, 0, 1).float() / 255


class Validator:
    """Measures networks on one set of photographs."""

    def __init__(
        self,
        store: PhotoStore,
        bins: Tensor,
        device: torch.device,
        precision: Precision,
        size: int = 256,
        limit: int = 128,
    ) -> None:
        """Select the photographs.

        Args:
            store: held-out photographs; not empty.
            bins: a*, b* of the bins of the networks, (Q, 2).
            device: device of the networks.
            precision: precision of the forward passes.
            size: side of the centered squares that are measured; a multiple of 32.
            limit: maximum number of photographs.
        """
        self._store, self._size = store, size
        count = min(limit, len(store))
        self._selected = [i * len(store) // count for i in range(count)]
        self._device, self._precision = device, precision
        # Only the cross-entropy without class weights is used, so these weights have no effect.
        targets = BinTargets(bins)
        self._loss = DistributionLoss(targets, torch.ones(len(bins))).to(device)

    def __len__(self) -> int:
        """Return the number of measured photographs."""
        return len(self._selected)

    @torch.no_grad()
    def measure(self, network: EmbeddedNetwork) -> ValidationMetrics:
        """Colorize the photographs and compare them with the ground truth.

        Args:
            network: a network in evaluation mode, on the device.
        """
        rows: list[Tensor] = []
        for first, truth in self._batches(self._selected):
            lightness, ab = rgb_to_lab(truth)
            small = F.avg_pool2d(ab, STRIDE)
            logits = self._predict(network, lightness)
            entropy = self._loss(logits, small, F.avg_pool2d(lightness, STRIDE))[1].expand(
                len(truth)
            )
            colorized = self._decode_rgb(logits, lightness)
            hints = _make_true_hints(ab, first)
            hinted = self._decode_rgb(self._predict(network, lightness, *hints), lightness)
            gray = ab_to_rgb(lightness, torch.zeros_like(small))
            psnrs = [psnr(image, truth) for image in (colorized, gray, hinted)]
            colors = [colorfulness(image) for image in (colorized, truth)]
            rows.append(torch.stack([*psnrs, *colors, entropy]).cpu())
        mean = torch.cat(rows, dim=1).double().mean(1).tolist()
        # A ratio of means is stable; a mean of ratios would be dominated by nearly gray images.
        ratio = mean[3] / max(mean[4], 1e-6)
        return ValidationMetrics(mean[0], mean[1], mean[2], ratio, mean[5], len(self._selected))

    @torch.no_grad()
    def calibrate(self, network: EmbeddedNetwork) -> Tensor:
        """Calibrate the confidence of a network on the photographs.

        Args:
            network: a network in evaluation mode, on the device.

        Returns:
            The calibration table; see `vidcolor.color.bins`.
        """
        concentrations, correct = [], []
        for _, truth in self._batches(self._selected):
            lightness, ab = rgb_to_lab(truth)
            predicted, concentration = self._decode(self._predict(network, lightness))
            error = (predicted - F.avg_pool2d(ab, STRIDE)).square().sum(1).sqrt()
            concentrations.append(concentration.flatten().cpu())
            correct.append((error <= CONFIDENCE_RADIUS).flatten().cpu())
        return fit_calibration(torch.cat(concentrations), torch.cat(correct))

    @torch.no_grad()
    def predict_images(self, network: EmbeddedNetwork, count: int = 8) -> ValidationImages:
        """Colorize a few evenly spaced photographs for visual inspection.

        Args:
            network: a network in evaluation mode, on the device.
            count: maximum number of images.
        """
        count = min(count, len(self._selected))
        selected = [self._selected[i * len(self._selected) // count] for i in range(count)]
        rows: list[list[Tensor]] = [[], [], []]
        for _, truth in self._batches(selected):
            lightness, ab = rgb_to_lab(truth)
            colorized = self._decode_rgb(self._predict(network, lightness), lightness)
            gray = ab_to_rgb(lightness, torch.zeros_like(ab))
            for row, images in zip(rows, (gray, colorized, truth), strict=True):
                row.append((images * 255).round().byte().permute(0, 2, 3, 1).cpu())
        return ValidationImages(*(torch.cat(row).numpy() for row in rows))

    def _batches(self, selected: list[int]) -> Iterator[tuple[int, Tensor]]:
        """Yield the position of the first image, and the images, (n, 3, S, S) float32 in [0, 1]."""
        for first in range(0, len(selected), _BATCH_SIZE):
            part = selected[first : first + _BATCH_SIZE]
            images = [center_square(self._store[i], self._size) for i in part]
            yield first, torch.stack(images).to(self._device)

    def _predict(self, network: EmbeddedNetwork, lightness: Tensor, *hints: Tensor) -> Tensor:
        """Return the logits of the network, (n, Q, S / 4, S / 4) float32."""
        with autocast(self._device, self._precision):
            logits: Tensor = network(lightness, *hints)
        return logits.float()

    def _decode_rgb(self, logits: Tensor, lightness: Tensor) -> Tensor:
        """Return the colorized images, (n, 3, S, S) float32 in [0, 1]."""
        return ab_to_rgb(lightness, self._decode(logits)[0])

    def _decode(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Decode a*, b* and concentration as the generator does at inference."""
        ab, concentration = decode_bins(logits, self._loss.targets.bins)
        return boost_chroma(ab, concentration), concentration


def _make_true_hints(ab: Tensor, first: int) -> tuple[Tensor, Tensor]:
    """Return hints of the true color in small squares, at fixed positions in each image.

    Args:
        ab: true a*, b*, (n, 2, S, S).
        first: position of the first image in the validation set. It seeds the positions, so that
            every validation uses the same hints.

    Returns:
        Mean color of the hinted pixels of each cell, (n, 2, S / 4, S / 4), and the density, which
        is 1 in cells with hinted pixels as in `EmbeddedGenerator`, (n, 1, S / 4, S / 4).
    """
    side = ab.shape[-1]
    mask = torch.zeros(len(ab), 1, side, side)
    for i in range(len(ab)):
        rng = np.random.default_rng((NUM_HINTS, first + i))
        for top, left in rng.integers(0, side - HINT_SIDE + 1, (NUM_HINTS, 2)):
            mask[i, :, top : top + HINT_SIDE, left : left + HINT_SIDE] = 1
    mask = mask.to(ab.device)
    share = F.avg_pool2d(mask, STRIDE)
    color = F.avg_pool2d(ab * mask, STRIDE) / share.clamp(min=1e-6)
    return color, (share > 0).float()
