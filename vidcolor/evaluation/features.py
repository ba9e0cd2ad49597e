"""Distances between images in the feature space of an encoder that was pretrained on ImageNet.

The feature distance of an image from its ground truth has the form of LPIPS without its learned
weights (Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric",
CVPR 2018). The Fréchet feature distance between two sets of images is the formula of FID (Heusel
et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium", NeurIPS
2017) with the features of this encoder instead of Inception's. Neither distance is comparable with
published values of LPIPS or FID.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from vidcolor.generators.efficientnet import FEATURE_CHANNELS, IMAGENET_MEAN, IMAGENET_STD
from vidcolor.imaging.resize import limit_short_side, resize_area

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from vidcolor.generators.efficientnet import EfficientNetLite2
    from vidcolor.imaging.types import Rgb

    Vector = NDArray[np.float64]

MAX_SHORT_SIDE = 256
"""Maximum short side of the images from which features are computed, in pixels. Larger images are
reduced, so that the metrics of large and small images are comparable."""
FRECHET_LEVEL = 3
"""Index of the feature map that the Fréchet distance uses. Its stride is 16 pixels."""
FRECHET_CHANNELS = FEATURE_CHANNELS[FRECHET_LEVEL]
"""Number of channels of that feature map: 120. The 352 channels at stride 32 would need more images
for a covariance of full rank."""


class Features(NamedTuple):
    """The features of one image."""

    maps: tuple[Tensor, ...]
    """Feature maps at strides 2 to 32, each (C, h, w) float32 with unit length at every
    position."""
    pooled: Vector
    """Mean of the map at `FRECHET_LEVEL` over all positions, before normalization: (120,)
    float64."""


class FeatureExtractor:
    """Computes the features of images."""

    def __init__(self, encoder: EfficientNetLite2, device: str | torch.device = "cpu") -> None:
        """Move the encoder, from `load_encoder`, to a device."""
        self._device = torch.device(device)
        self._encoder = encoder.eval().to(self._device)
        self._mean = torch.tensor(IMAGENET_MEAN, device=self._device).view(1, 3, 1, 1)
        self._std = torch.tensor(IMAGENET_STD, device=self._device).view(1, 3, 1, 1)

    @torch.inference_mode()
    def __call__(self, rgb: Rgb) -> Features:
        """Compute the features of an sRGB image, (H, W, 3) uint8."""
        size = limit_short_side(rgb.shape, MAX_SHORT_SIDE)
        reduced = rgb if size == rgb.shape[:2] else resize_area(rgb, size)
        planes = np.ascontiguousarray(reduced.transpose(2, 0, 1))
        unit = torch.from_numpy(planes)[None].to(self._device).float() / 255
        maps = self._encoder((unit - self._mean) / self._std)
        pooled = maps[FRECHET_LEVEL][0].double().mean((1, 2)).cpu().numpy()
        return Features(tuple(F.normalize(m[0].float(), dim=0) for m in maps), pooled)


def feature_distance(a: Features, b: Features) -> float:
    """Return the mean squared distance between unit feature vectors of two images of one size.

    The mean is taken over positions, then over the five feature maps. It is 0 for equal images and
    2 for orthogonal features.
    """
    pairs = zip(a.maps, b.maps, strict=True)
    return float(torch.stack([(x - y).square().sum(0).mean() for x, y in pairs]).mean())


def frechet_distance(a: Vector, b: Vector) -> float:
    """Return the Fréchet distance between Gaussians fitted to two sets of vectors, (N, D).

    The distance is |mean_a - mean_b|² + tr(A + B - 2 (A B)^½), where A and B are the sample
    covariances. With fewer vectors than dimensions the covariances are singular, and the distance
    depends strongly on the number of vectors.

    Raises:
        ValueError: a set has fewer than two vectors.
    """
    if min(len(a), len(b)) < 2:
        raise ValueError(f"a covariance needs at least 2 vectors, got {len(a)} and {len(b)}")
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    # tr (A B)^½ = tr (A^½ B A^½)^½, and the latter product is symmetric. Negative eigenvalues are
    # rounding errors.
    values, vectors = np.linalg.eigh(cov_a)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    eigenvalues = np.linalg.eigvalsh(root @ cov_b @ root)
    overlap = np.sqrt(np.clip(eigenvalues, 0, None)).sum()
    shift = a.mean(0) - b.mean(0)
    distance = shift @ shift + np.trace(cov_a) + np.trace(cov_b) - 2 * overlap
    return max(0.0, float(distance))
