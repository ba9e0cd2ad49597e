"""Chroma of predicted color: the gain of vividness, and a gain for pale images.

A temperature is no control of vividness: for many images the most probable color is paler than the
mean of all plausible colors. So `decode_bins` has a fixed temperature, and vividness is a gain.
Every chroma rises with it, and therefore so does the colorfulness of every image.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch.nn.functional as F  # noqa: N812

if TYPE_CHECKING:
    from torch import Tensor

    from vidcolor.color.bins import DecodedColor

DEFAULT_VIVIDNESS = 0.62
"""Vividness that leaves the predicted color unchanged."""
GAIN_RANGE = 2.8
"""Ratio of the gain at vividness 1 to that at vividness 0."""

CHROMA_KNEE = 60.0
"""Chroma at which only half of an increase applies, in a*b* units. Strong colors would clip."""
SKIN_KNEE = 25.0
"""The same for the hue of skin, whose chroma is about 15 to 35; beyond that it looks orange."""
SKIN_HUE = 50.0
"""Hue angle of skin of any tone in the a*b* plane, in degrees."""
SKIN_HUE_WIDTH = 45.0
"""Difference from `SKIN_HUE` at which a color no longer counts as skin, in degrees."""

FREE_CONCENTRATION = 0.65, 0.85
"""Concentrations up to which a gain fully applies, and from which it has no effect. Without hints
99 % of the cells have less than 0.74. With hints it is about 0.85 to 0.95 where they apply."""

PALE_CHROMA = 3.0, 10.0
"""Mean chroma of an image below which it is pale, and from which it is not, in a*b* units."""
SURE_CONCENTRATION = 0.48, 0.505
"""Mean concentration of an image up to which a pale result is kept, and from which its chroma is
increased. The color of documents and titles is less certain (58 of 60 cards have less than 0.48),
and they stay gray. Pale archival films have 0.50 to 0.61."""
MAX_PALE_GAIN = 8.0
"""Maximum gain of the chroma of a pale image."""
PALE_KNEE = 5.0
"""Chroma at which half of that gain applies, relative to the mean chroma of the image."""
PALE_SKIN_KNEE = 2.0
"""The same for the hue of skin."""


def compute_gain(vividness: float | None = None) -> float:
    """Return the chroma gain of a vividness; None stands for the default, whose gain is 1.

    Raises:
        ValueError: the vividness is not in [0, 1].
    """
    vividness = DEFAULT_VIVIDNESS if vividness is None else vividness
    if not 0 <= vividness <= 1:
        raise ValueError(f"vividness must be in [0, 1], got {vividness}")
    return float(GAIN_RANGE ** (vividness - DEFAULT_VIVIDNESS))


def adjust_chroma(
    color: DecodedColor, luma: Tensor, vividness: float | None = None, density: Tensor | None = None
) -> Tensor:
    """Return the final a*, b* of a prediction, (N, 2, h, w) float32.

    Colors of hints do not change, at any vividness. The chroma of every other cell rises with the
    vividness.

    Args:
        color: the result of `decode_bins`.
        luma: L* of the images, (N, 1, H, W) float32 in [0, 100]; H and W are multiples of h and w.
        vividness: 0 (muted) to 1 (vivid); None for the default.
        density: density of the hints, (N, 1, h, w) float32 in [0, 1]; None without hints.

    Raises:
        ValueError: the vividness is not in [0, 1].
    """
    gain = compute_gain(vividness)
    free = _free_share(color.concentration, density)
    ab = _raise_pale_images(color, luma, free)
    if gain < 1:
        return ab * (1 + (gain - 1) * free)
    return ab if gain == 1 else _increase(ab, gain, free, CHROMA_KNEE, SKIN_KNEE)


def _free_share(concentration: Tensor, density: Tensor | None) -> Tensor:
    """Return how far the color of each cell may change, (N, 1, h, w) in [0, 1]; 0 for hints."""
    full, none = FREE_CONCENTRATION
    free = ((none - concentration) / (none - full)).clamp(0, 1)
    return free if density is None else free * (1 - density)


def _increase(
    ab: Tensor, gain: Tensor | float, free: Tensor, knee: Tensor | float, skin_knee: Tensor | float
) -> Tensor:
    """Multiply chroma by a gain of at least 1, with half the effect at the knee, and less above."""
    chroma = ab.norm(dim=1, keepdim=True)
    hue = math.radians(SKIN_HUE)
    along_skin = ab[:, :1] * math.cos(hue) + ab[:, 1:] * math.sin(hue)
    limit = math.cos(math.radians(SKIN_HUE_WIDTH))
    skin = ((along_skin / chroma.clamp(min=1e-6) - limit) / (1 - limit)).clamp(0, 1)
    effect = free / (1 + (chroma / (knee + skin * (skin_knee - knee))).square())
    increased: Tensor = ab * (1 + (gain - 1) * effect)
    return increased


def _raise_pale_images(color: DecodedColor, luma: Tensor, free: Tensor) -> Tensor:
    """Increase the chroma of images that are paler than they should be.

    The most probable color of many things is gray. The network knows that they have some color on
    average, but an image in which gray always wins looks as if it were not colorized. The target is
    the mean chroma of the predicted distributions; the knee keeps the result below it. What hints
    determine is as pale as they are.
    """
    ab = color.ab
    if color.hint_share is not None:
        free = free * (1 - color.hint_share)
    lightness = F.avg_pool2d(luma, luma.shape[-1] // ab.shape[-1])
    # Black borders and burnt-out areas cannot have chroma.
    weight = (lightness / 25).clamp(0, 1) * ((100 - lightness) / 5).clamp(0, 1)
    weight = weight / weight.sum((2, 3), keepdim=True).clamp(min=1e-6)
    maps = ab.norm(dim=1, keepdim=True), color.expected_chroma, color.concentration
    chroma, expected, concentration = ((x * weight).sum((2, 3), keepdim=True) for x in maps)
    chroma = chroma.clamp(min=1e-3)
    pale = 1 - _smoothstep(chroma, PALE_CHROMA)
    sure = _smoothstep(concentration, SURE_CONCENTRATION)
    gain = (expected / chroma).clamp(1.0, MAX_PALE_GAIN)
    # The knee spares cells that are more colorful than the rest, which would become blotches.
    knee = PALE_KNEE * chroma
    return _increase(ab, 1 + pale * sure * (gain - 1), free, knee, PALE_SKIN_KNEE * chroma)


def _smoothstep(x: Tensor, limits: tuple[float, float]) -> Tensor:
    """Map a range to [0, 1] with a continuous slope."""
    low, high = limits
    t = ((x - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)
