"""Colouring grey pictures for a judgement, step by step as films and photographs are coloured."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.colorizer import Geometry
from vidcolor.colour.ycbcr import Coding, rgb_of_ycbcr
from vidcolor.evaluation.protocol import MATRIX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.colorizer import Colorizer, Colour
    from vidcolor.colour.ycbcr import Plane
    from vidcolor.generators.predictor import HintArrays
    from vidcolor.media.view import Rgb

_EIGHT_BITS = Coding(8, full_range=True)


@dataclass(frozen=True, slots=True)
class Look:
    """A generator with its settings: what is compared with others."""

    colorizer: Colorizer
    vividness: float | None = None
    saturation: float = 1.0


@dataclass(frozen=True, slots=True)
class Coloured:
    """What came of one grey picture."""

    rgb: Rgb
    """(H, W, 3) uint8."""
    colour: Colour
    """What the generator said."""
    seconds: float
    """Wall-clock time, a share of the batch's."""


def colour_greys(
    look: Look, greys: Sequence[Plane], hints: HintArrays | None = None
) -> list[Coloured]:
    """Colour grey pictures: proxy, generator, guided upsampling, gamut, 8 bits.

    Args:
        look: by what, and how.
        greys: (H, W) uint8, all of one size.
        hints: known colour, or None.
    """
    began = time.perf_counter()
    colorizer, coding = look.colorizer, _EIGHT_BITS
    geometry = Geometry(width=greys[0].shape[1], height=greys[0].shape[0])
    proxies = [colorizer.proxy(grey, coding, geometry) for grey in greys]
    colours = colorizer.predict(proxies, geometry, look.vividness, hints=hints)
    pictures = []
    for grey, colour in zip(greys, colours, strict=True):
        cb, cr = colorizer.chroma(colour, grey, coding, MATRIX, saturation=look.saturation)
        rgb = np.clip(rgb_of_ycbcr(coding.luma_to_unit(grey), cb, cr, MATRIX), 0, 1)
        pictures.append(np.rint(rgb * 255).astype(np.uint8))
    share = (time.perf_counter() - began) / len(greys)
    return [Coloured(rgb, colour, share) for rgb, colour in zip(pictures, colours, strict=True)]


def proxy_shape(look: Look, grey: Plane) -> tuple[int, ...]:
    """Rows and columns of what the generator sees of a picture."""
    geometry = Geometry(width=grey.shape[1], height=grey.shape[0])
    return look.colorizer.proxy(grey, _EIGHT_BITS, geometry).shape
