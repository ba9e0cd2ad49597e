"""Colorization of evaluation images with a generator and fixed settings.

The steps are those for photos and frames of films: luma, proxy, prediction, guided upsampling,
gamut compression, and conversion to 8-bit R'G'B'.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.color.ycbcr import MATRICES, Coding, rgb_to_luma_codes, ycbcr_to_rgb
from vidcolor.imaging.geometry import Geometry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.colorizer import Colorizer, ProxyPrediction
    from vidcolor.generators.predictor import HintArrays
    from vidcolor.imaging.types import Plane, Rgb

_MATRIX = MATRICES["bt709"]
"""Matrix with which luma is computed from images."""
_CODING = Coding(8, full_range=True)
"""Coding of the luma: 8 bits, full range, as in a gray image file."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A generator with fixed settings, which is compared with others."""

    colorizer: Colorizer
    """The colorizer that runs the generator."""
    vividness: float | None = None
    """Vividness in [0, 1]; None for the generator's default."""
    saturation: float = 1.0
    """Chroma gain, 0 (gray) to 3."""


@dataclass(frozen=True, slots=True)
class ColorizedImage:
    """The output of a variant for one image."""

    rgb: Rgb
    """(H, W, 3) uint8."""
    prediction: ProxyPrediction
    """The prediction of the generator."""
    seconds: float
    """Wall-clock time of the batch in seconds, divided by its size."""


def extract_luma(rgb: Rgb) -> Plane:
    """Return the full-range BT.709 luma of an image: (H, W, 3) -> (H, W) uint8."""
    return rgb_to_luma_codes(rgb, _MATRIX, 8, 8)


def luma_to_rgb(luma: Plane) -> Rgb:
    """Return a gray image: (H, W) uint8 -> (H, W, 3) uint8."""
    return np.repeat(luma.astype(np.uint8)[..., None], 3, axis=-1)


def get_proxy_shape(variant: Variant, luma: Plane) -> tuple[int, ...]:
    """Return (H', W') of the proxy that the generator receives for a luma plane."""
    return variant.colorizer.make_proxy(luma, _CODING, _make_geometry(luma)).shape


def colorize_images(
    variant: Variant, lumas: Sequence[Plane], hints: HintArrays | None = None
) -> list[ColorizedImage]:
    """Colorize a batch of images from their luma.

    Args:
        variant: the generator and its settings.
        lumas: luma planes of one size, each (H, W) uint8 from `extract_luma`.
        hints: hints for all images of the batch, on the grid of `get_proxy_shape`; None for no
            hints.
    """
    start = time.perf_counter()
    colorizer, geometry = variant.colorizer, _make_geometry(lumas[0])
    proxies = [colorizer.make_proxy(luma, _CODING, geometry) for luma in lumas]
    predictions = colorizer.predict(proxies, geometry, variant.vividness, hints=hints)
    images = [
        _render(variant, luma, prediction)
        for luma, prediction in zip(lumas, predictions, strict=True)
    ]
    # Images of a batch are computed together, so each gets an equal share of the time.
    seconds = (time.perf_counter() - start) / len(lumas)
    return [
        ColorizedImage(rgb, prediction, seconds)
        for rgb, prediction in zip(images, predictions, strict=True)
    ]


def _render(variant: Variant, luma: Plane, prediction: ProxyPrediction) -> Rgb:
    cb, cr = variant.colorizer.make_chroma(
        prediction, luma, _CODING, _MATRIX, saturation=variant.saturation
    )
    rgb = np.clip(ycbcr_to_rgb(_CODING.luma_to_unit(luma), cb, cr, _MATRIX), 0, 1)
    return np.rint(rgb * 255).astype(np.uint8)


def _make_geometry(luma: Plane) -> Geometry:
    return Geometry(width=luma.shape[1], height=luma.shape[0])
