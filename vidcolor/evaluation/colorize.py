"""Coloring gray pictures for a judgment, step by step as films and photographs are colored."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.color.ycbcr import Coding, rgb_of_ycbcr
from vidcolor.colorizer import Geometry
from vidcolor.evaluation.preprocessing import MATRIX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.color.ycbcr import Plane
    from vidcolor.colorizer import Colorizer, ProxyPrediction
    from vidcolor.generators.predictor import HintArrays
    from vidcolor.media.preview import Rgb

_EIGHT_BITS = Coding(8, full_range=True)


@dataclass(frozen=True, slots=True)
class Variant:
    """A generator with its settings: what is compared with others."""

    colorizer: Colorizer
    vividness: float | None = None
    saturation: float = 1.0


@dataclass(frozen=True, slots=True)
class Colored:
    """What came of one gray picture."""

    rgb: Rgb
    """(H, W, 3) uint8."""
    color: ProxyPrediction
    """What the generator said."""
    seconds: float
    """Wall-clock time, a share of the batch's."""


def color_grays(
    look: Variant, grays: Sequence[Plane], hints: HintArrays | None = None
) -> list[Colored]:
    """Color gray pictures: proxy, generator, guided upsampling, gamut, 8 bits.

    Args:
        look: by what, and how.
        grays: (H, W) uint8, all of one size.
        hints: known color, or None.
    """
    began = time.perf_counter()
    colorizer, coding = look.colorizer, _EIGHT_BITS
    geometry = Geometry(width=grays[0].shape[1], height=grays[0].shape[0])
    proxies = [colorizer.proxy(gray, coding, geometry) for gray in grays]
    colors = colorizer.predict(proxies, geometry, look.vividness, hints=hints)
    pictures = []
    for gray, color in zip(grays, colors, strict=True):
        cb, cr = colorizer.chroma(color, gray, coding, MATRIX, saturation=look.saturation)
        rgb = np.clip(rgb_of_ycbcr(coding.luma_to_unit(gray), cb, cr, MATRIX), 0, 1)
        pictures.append(np.rint(rgb * 255).astype(np.uint8))
    share = (time.perf_counter() - began) / len(grays)
    return [Colored(rgb, color, share) for rgb, color in zip(pictures, colors, strict=True)]


def proxy_shape(look: Variant, gray: Plane) -> tuple[int, ...]:
    """Rows and columns of what the generator sees of a picture."""
    geometry = Geometry(width=gray.shape[1], height=gray.shape[0])
    return look.colorizer.proxy(gray, _EIGHT_BITS, geometry).shape
