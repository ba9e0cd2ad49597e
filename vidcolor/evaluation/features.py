"""Distances between pictures as an image network sees them: the encoder pretrained on ImageNet.

Two figures come from here. The *feature distance* of a picture from its original is LPIPS's form
without LPIPS's learned weights (Zhang et al., "The Unreasonable Effectiveness of Deep Features",
2018). The *Fréchet feature distance* of a set of pictures from the set of originals is FID's
formula (Heusel et al., "GANs Trained by a Two Time-Scale Update Rule", 2017) with our encoder's
features in place of Inception's. Neither may be compared with figures of LPIPS or FID.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from vidcolor.generators.efficientnet import FEATURE_CHANNELS, IMAGENET_MEAN, IMAGENET_STD
from vidcolor.media.preview import scale

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from vidcolor.generators.efficientnet import EfficientNetLite2
    from vidcolor.media.preview import Rgb

    Vector = NDArray[np.float64]

FEATURE_SIDE = 256
"""Pixels of the short side at which features are taken; larger pictures are averaged down, so that
figures of large and small pictures can be read together."""
FRECHET_TAP = 3
"""Which features the Fréchet distance is computed from: stride 16."""
FRECHET_CHANNELS = FEATURE_CHANNELS[FRECHET_TAP]
"""120. Of 352 at stride 32 a set of a few hundred pictures would not fill the covariance."""


@dataclass(frozen=True, slots=True)
class Features:
    """One picture as the encoder sees it."""

    taps: tuple[Tensor, ...]
    """(C, h, w) at strides 2 to 32, a unit vector at every place."""
    pooled: Vector
    """(120,): the mean over all places of the features at `FRECHET_TAP`."""


class FeatureSpace:
    """The encoder, ready to look at pictures."""

    def __init__(self, encoder: EfficientNetLite2, device: str | torch.device = "cpu") -> None:
        """Take an encoder into use.

        Args:
            encoder: pretrained, as `load_encoder` gives it.
            device: where it shall compute.
        """
        self._device = torch.device(device)
        self._encoder = encoder.eval().to(self._device)
        self._mean = torch.tensor(IMAGENET_MEAN, device=self._device).view(1, 3, 1, 1)
        self._std = torch.tensor(IMAGENET_STD, device=self._device).view(1, 3, 1, 1)

    @torch.inference_mode()
    def __call__(self, rgb: Rgb) -> Features:
        """Look at a picture, (H, W, 3) uint8 sRGB."""
        small = np.ascontiguousarray(_reduced(rgb).transpose(2, 0, 1))
        unit = torch.from_numpy(small)[None].to(self._device).float() / 255
        taps = self._encoder((unit - self._mean) / self._std)
        pooled = taps[FRECHET_TAP][0].double().mean((1, 2)).cpu().numpy()
        return Features(tuple(F.normalize(tap[0].float(), dim=0) for tap in taps), pooled)


def _reduced(rgb: Rgb) -> Rgb:
    height, width = rgb.shape[:2]
    factor = FEATURE_SIDE / min(height, width)
    if factor >= 1:
        return rgb
    return scale(rgb, (round(width * factor), round(height * factor)))


def feature_distance(a: Features, b: Features) -> float:
    """Squared distance of the unit vectors, the mean over places, and over the five strides.

    0 for equal pictures, 2 for features that have nothing in common.

    Args:
        a: of one picture.
        b: of another of the same size.
    """
    pairs = zip(a.taps, b.taps, strict=True)
    return float(torch.stack([(x - y).square().sum(0).mean() for x, y in pairs]).mean())


def frechet_distance(a: Vector, b: Vector) -> float:
    """Fréchet distance of the Gaussians fitted to two sets of vectors.

    |mean_a - mean_b|² + tr(A + B - 2 (A B)^½), with A and B the sample covariances. With fewer
    vectors than dimensions the covariances are singular: the distance is then that within the few
    directions that the sets span, and depends strongly on their number.

    Args:
        a: (N, D).
        b: (M, D).

    Raises:
        ValueError: fewer than two vectors.
    """
    if min(len(a), len(b)) < 2:
        raise ValueError(f"a covariance takes two vectors, not {len(a)} and {len(b)}")
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    # tr (A B)^½ = tr (A^½ B A^½)^½, and that product is symmetric.
    root = _square_root(cov_a)
    middle = np.linalg.eigvalsh(root @ cov_b @ root)
    shift = a.mean(0) - b.mean(0)
    overlap = np.sqrt(np.clip(middle, 0, None)).sum()
    distance = shift @ shift + np.trace(cov_a) + np.trace(cov_b) - 2 * overlap
    return max(0.0, float(distance))


def _square_root(matrix: Vector) -> Vector:
    """Of a symmetric matrix without negative eigenvalues but by rounding."""
    values, vectors = np.linalg.eigh(matrix)
    root: Vector = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    return root
