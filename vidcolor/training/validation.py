"""Validation of color on a fixed set of held-out photographs, without degradation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from vidcolor.color.bins import CONFIDENCE_RADIUS, decode_bins, fit_calibration
from vidcolor.color.lab import rgb_to_lab
from vidcolor.color.metrics import colorfulness, psnr
from vidcolor.generators.network import STRIDE, EmbeddedNetwork, PredictedBins
from vidcolor.imaging.resize import resize_area, resize_cubic
from vidcolor.training.losses import ab_to_rgb, distribution_loss
from vidcolor.training.report import ColorMetrics
from vidcolor.training.task import Validator
from vidcolor.training.trainer import autocast

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from vidcolor.generators.device import Precision
    from vidcolor.imaging.types import Rgb
    from vidcolor.training.config import RunOptions
    from vidcolor.training.dataset import PhotoStore
    from vidcolor.training.losses import BinTargets

NUM_HINTS = 10
"""Number of hinted squares in each image for `ValidationMetrics.hinted_psnr`."""
HINT_SIDE = 7
"""Side of a hinted square, in pixels."""
NUM_EXAMPLES = 8
"""Number of photographs that `draw_images` shows."""
_BATCH_SIZE = 8


def select_evenly(length: int, count: int) -> list[int]:
    """Return at most `count` evenly spaced numbers from ``range(length)``."""
    count = min(count, length)
    return [i * length // count for i in range(count)]


def center_square(rgb: Rgb, size: int) -> Tensor:
    """Crop the largest centered square and scale it to (3, size, size) float32 in [0, 1]."""
    height, width = rgb.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    crop = np.ascontiguousarray(rgb[top : top + side, left : left + side])
    resize = resize_area if side > size else resize_cubic
    scaled = resize(crop, (size, size))
    return torch.from_numpy(scaled).permute(2, 0, 1).float() / 255


class ColorValidator(Validator[EmbeddedNetwork]):
    """Compares colorized photographs with the ground truth."""

    def __init__(
        self,
        store: PhotoStore,
        targets: BinTargets,
        device: torch.device,
        precision: Precision,
        options: RunOptions,
    ) -> None:
        """Select photographs of a store, which is not empty. `targets` has the color bins."""
        self._store, self._size = store, options.validation_size
        self._selected = select_evenly(len(store), options.validation_images)
        self._device, self._precision = device, precision
        self._targets = targets.to(device)

    @torch.no_grad()
    def measure(self, network: EmbeddedNetwork) -> ColorMetrics:
        """Colorize the photographs and compare them with the ground truth."""
        # Only the cross-entropy without class weights is used.
        weights = torch.ones(len(self._targets.bins), device=self._device)
        rows: list[Tensor] = []
        for first, truth in self._batches(self._selected):
            lightness, ab = rgb_to_lab(truth)
            small = F.avg_pool2d(ab, STRIDE)
            predicted = self._predict(network, lightness)
            entropy = distribution_loss(
                predicted.logits, small, F.avg_pool2d(lightness, STRIDE), self._targets, weights
            )[1].expand(len(truth))
            colorized = ab_to_rgb(lightness, self._decode(predicted)[0])
            hints = _make_true_hints(ab, first)
            hinted_ab = self._decode(self._predict(network, lightness, *hints))[0]
            hinted = ab_to_rgb(lightness, hinted_ab)
            gray = ab_to_rgb(lightness, torch.zeros_like(small))
            psnrs = [psnr(image, truth) for image in (colorized, gray, hinted)]
            colors = [colorfulness(image) for image in (colorized, truth)]
            rows.append(torch.stack([*psnrs, *colors, entropy]).cpu())
        mean = torch.cat(rows, dim=1).double().mean(1).tolist()
        return ColorMetrics(
            psnr=mean[0],
            gray_psnr=mean[1],
            hinted_psnr=mean[2],
            # A ratio of means is stable; a mean of ratios would be dominated by nearly gray images.
            colorfulness=mean[3] / max(mean[4], 1e-6),
            cross_entropy=mean[5],
            num_images=len(self._selected),
        )

    @torch.no_grad()
    def calibrate(self, network: EmbeddedNetwork) -> None:
        """Fit the calibration table of the confidence; see `vidcolor.color.bins`."""
        concentrations, correct = [], []
        for _, truth in self._batches(self._selected):
            lightness, ab = rgb_to_lab(truth)
            predicted, concentration = self._decode(self._predict(network, lightness))
            error = (predicted - F.avg_pool2d(ab, STRIDE)).square().sum(1).sqrt()
            concentrations.append(concentration.flatten().cpu())
            correct.append((error <= CONFIDENCE_RADIUS).flatten().cpu())
        table = fit_calibration(torch.cat(concentrations), torch.cat(correct))
        network.calibration.copy_(table)

    @torch.no_grad()
    def draw_images(self, network: EmbeddedNetwork) -> dict[str, Rgb]:
        """Return ``gray``, ``colorized`` and ``truth`` of some photographs, (n, S, S, 3) uint8."""
        selected = [self._selected[i] for i in select_evenly(len(self._selected), NUM_EXAMPLES)]
        batches = []
        for _, truth in self._batches(selected):
            lightness, ab = rgb_to_lab(truth)
            colorized = ab_to_rgb(lightness, self._decode(self._predict(network, lightness))[0])
            gray = ab_to_rgb(lightness, torch.zeros_like(ab))
            images = torch.stack([gray, colorized, truth])
            batches.append((images * 255).round().byte().permute(0, 1, 3, 4, 2).cpu())
        rows = torch.cat(batches, dim=1).numpy()
        return dict(zip(("gray", "colorized", "truth"), rows, strict=True))

    def _batches(self, selected: Sequence[int]) -> Iterator[tuple[int, Tensor]]:
        """Yield the position of the first image, and the images, (n, 3, S, S) float32 in [0, 1]."""
        for first in range(0, len(selected), _BATCH_SIZE):
            part = selected[first : first + _BATCH_SIZE]
            images = [center_square(self._store[i], self._size) for i in part]
            yield first, torch.stack(images).to(self._device)

    def _predict(
        self, network: EmbeddedNetwork, lightness: Tensor, *hints: Tensor
    ) -> PredictedBins:
        """Return the prediction of the network; the logits are float32."""
        with autocast(self._device, self._precision):
            predicted = network.decode(network.encode(lightness), *hints)
        return predicted._replace(logits=predicted.logits.float())

    def _decode(self, predicted: PredictedBins) -> tuple[Tensor, Tensor]:
        """Decode a*, b* and concentration as the generator does at inference.

        The gain for pale images is left out.
        """
        color = decode_bins(predicted.logits, self._targets.bins, predicted.hint_precision)
        return color.ab, color.concentration


def _make_true_hints(ab: Tensor, first: int) -> tuple[Tensor, Tensor]:
    """Return hints of the true color in small squares, and their density; seeded by `first`."""
    side = ab.shape[-1]
    mask = torch.zeros(len(ab), 1, side, side)
    for i in range(len(ab)):
        rng = np.random.default_rng((NUM_HINTS, first + i))
        for top, left in rng.integers(0, side - HINT_SIDE + 1, (NUM_HINTS, 2)):
            mask[i, :, top : top + HINT_SIDE, left : left + HINT_SIDE] = 1
    mask = mask.to(ab.device)
    share = F.avg_pool2d(mask, STRIDE)  # the density is 1 in cells with any hinted pixels
    color = F.avg_pool2d(ab * mask, STRIDE) / share.clamp(min=1e-6)
    return color, (share > 0).float()
