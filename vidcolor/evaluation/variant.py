"""Colorization of evaluation images with a generator and fixed settings.

The steps are those for photos and frames of films: luma, proxy, prediction, guided upsampling,
gamut compression, and conversion to 8-bit R'G'B'.
"""

from __future__ import annotations

import hashlib
import time
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.color.ycbcr import MATRICES, Coding, rgb_to_luma_codes, ycbcr_to_rgb
from vidcolor.evaluation.calibration import compute_mean_ab
from vidcolor.generators.predictor import HintArrays
from vidcolor.imaging.geometry import Geometry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator

    from vidcolor.colorizer import Colorizer, ProxyPrediction
    from vidcolor.imaging.types import Plane, Rgb
    from vidcolor.options import Hint

HINT_SIDE = 7
"""Side of a simulated hint in pixels, for a proxy whose short side is `REFERENCE_SIDE`."""
REFERENCE_SIDE = 256
"""Short side of the proxy for which `HINT_SIDE` is given, in pixels. Hints scale with the proxy."""
_MATRIX = MATRICES["bt709"]
"""Matrix with which luma is computed from images."""
_CODING = Coding(8, full_range=True)
"""Coding of the luma: 8 bits, full range, as in a gray image file."""


@dataclass(frozen=True, slots=True)
class ColorizedImage:
    """The output of a variant for one image."""

    rgb: Rgb
    """(H, W, 3) uint8."""
    prediction: ProxyPrediction
    seconds: float
    """Wall-clock time of the batch in seconds, divided by its size."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A generator with fixed settings, which is compared with others."""

    colorizer: Colorizer
    vividness: float | None = None
    """Vividness in [0, 1]; None for the generator's default."""
    saturation: float = 1.0
    """Chroma gain, 0 (gray) to 3."""

    def get_proxy_shape(self, luma: Plane) -> tuple[int, ...]:
        """Return (H', W') of the proxy that the generator receives for a luma plane."""
        return self.colorizer.make_proxy(luma, _CODING, _make_geometry(luma)).shape

    def colorize(
        self, lumas: Sequence[Plane], hints: HintArrays | None = None
    ) -> list[ColorizedImage]:
        """Colorize a batch of images of one size, given by their luma from `extract_luma`.

        Hints are on the grid of `get_proxy_shape`.
        """
        start = time.perf_counter()
        geometry = _make_geometry(lumas[0])
        proxies = [self.colorizer.make_proxy(luma, _CODING, geometry) for luma in lumas]
        predictions = self.colorizer.predict(proxies, geometry, self.vividness, hints=hints)
        images = [self._render(*pair) for pair in zip(lumas, predictions, strict=True)]
        # Images of a batch are computed together, so each gets an equal share of the time.
        seconds = (time.perf_counter() - start) / len(lumas)
        return [ColorizedImage(*pair, seconds) for pair in zip(images, predictions, strict=True)]

    def colorize_photo(self, luma: Plane, hints: Sequence[Hint] = ()) -> Rgb:
        """Colorize one image with hints as a photo is: (H, W) uint8 becomes (H, W, 3) uint8."""
        with warnings.catch_warnings():
            # Hints whose chroma the luma of the image cannot hold are part of the evaluation.
            warnings.simplefilter("ignore")
            return self.colorizer.colorize(
                luma.astype(np.uint8, copy=False),
                hints=list(hints) or None,
                saturation=self.saturation,
                vividness=self.vividness,
            )

    def _render(self, luma: Plane, prediction: ProxyPrediction) -> Rgb:
        cb, cr = self.colorizer.make_chroma(
            prediction, luma, _CODING, _MATRIX, saturation=self.saturation
        )
        rgb = np.clip(ycbcr_to_rgb(_CODING.luma_to_unit(luma), cb, cr, _MATRIX), 0, 1)
        return np.rint(rgb * 255).astype(np.uint8)


def extract_luma(rgb: Rgb) -> Plane:
    """Return the full-range BT.709 luma of an image: (H, W, 3) -> (H, W) uint8."""
    return rgb_to_luma_codes(rgb, _MATRIX, 8, 8)


def make_random_generator(name: str) -> Generator:
    """Return a generator of random numbers that the name of an image determines."""
    seed = int.from_bytes(
        hashlib.sha256(name.encode(errors="surrogateescape")).digest()[:8], "little"
    )
    return np.random.default_rng(seed)


def _make_geometry(luma: Plane) -> Geometry:
    return Geometry(width=luma.shape[1], height=luma.shape[0])


def sample_hints(
    ground_truth: Sequence[Rgb], names: Sequence[str], count: int, shape: tuple[int, ...]
) -> HintArrays:
    """Return hints with true colors for a batch of images, (H, W, 3) uint8.

    Hints are simulated as by Zhang et al., "Real-Time User-Guided Image Colorization with Learned
    Deep Priors", SIGGRAPH 2017: a hint is a square patch at a random position, with the mean color
    of the ground truth there. The first n hints of an image are always the same, so that each point
    of the hint curve extends the hints of the previous one. The name of an image determines them.

    `count` is the number of hints in each image, and `shape` the (H', W') of the generator's proxy.

    Returns:
        a*, b*: (N, 2, H', W') float32; density: (N, H', W') float32, 1 in the patches, else 0.
    """
    rows, columns = shape
    side = min(max(1, round(HINT_SIDE * min(shape) / REFERENCE_SIDE)), *shape)
    hint_ab = np.zeros((len(ground_truth), 2, rows, columns), np.float32)
    density = np.zeros((len(ground_truth), rows, columns), np.float32)
    for n, (rgb, name) in enumerate(zip(ground_truth, names, strict=True)):
        ab = compute_mean_ab(rgb, shape)
        for y, x in make_random_generator(name).random((count, 2)):
            top, left = int(y * (rows - side + 1)), int(x * (columns - side + 1))
            patch = slice(top, top + side), slice(left, left + side)
            hint_ab[n][:, *patch] = ab[:, *patch].mean((1, 2), keepdims=True)
            density[n][patch] = 1
    return HintArrays(hint_ab, density)
