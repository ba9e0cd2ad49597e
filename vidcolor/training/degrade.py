"""What film, wear and scanning do to a picture: how clean photographs are made to look like stock.

Works on the gray that the network sees, never on the color that it learns. In the order in which
it happens: the emulsion turns color into gray; lens, light and development; grain; an ageing
print; dirt; the scan. Every step takes and gives Y', (H, W) float32 in [0, 1] before and about
[0, 1] after, draws its own parameters, and does less at a smaller strength, nothing at 0. Sizes
are in pixels of what the network sees, where a frame's short side is about 256.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from vidcolor.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator
    from numpy.typing import NDArray

    Array = NDArray[np.floating[Any]]
    Rgb = NDArray[np.uint8]
    Step = Callable[[Array, Generator, float], Array]

LUMINANCE = (0.2126729, 0.7151522, 0.0721750)
"""Weights of linear R, G, B in Y: panchromatic film at its best, and L*."""
LUMA = (0.2126, 0.7152, 0.0722)
"""Weights of encoded R', G', B' in Y' (BT.709): gray that was made from video."""
DISPLAY_GAMMA = 2.2
"""Between encoded and linear light, where a power is close enough."""


@dataclass(frozen=True, slots=True)
class DegradeOptions:
    """How often, and how badly."""

    share: float = 0.6
    """Of the pictures that are degraded at all, in [0, 1]."""
    strength: float = 1.0
    """Scales every degradation, in [0, 1]."""

    def __post_init__(self) -> None:
        for name in ("share", "strength"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise UsageError(f"the {name} of degradation must be between 0 and 1, not {value}")


def degraded_gray(rgb: Rgb, rng: Generator, options: DegradeOptions) -> NDArray[np.uint8]:
    """The gray picture that the network is given of a photograph.

    Args:
        rgb: (H, W, 3) uint8 sRGB.
        rng: decides what happens; equal generators give equal pictures.
        options: how often and how badly.

    Returns:
        (H, W) uint8, sRGB-encoded gray; undegraded, that of the picture's L*.
    """
    if rng.random() >= options.share:
        return to_codes(clean_gray(rgb))
    gray = photographed_gray(rgb, rng, options.strength)
    for step, chance in STEPS:
        if rng.random() < chance:
            gray = step(gray, rng, options.strength)
    return to_codes(gray)


def to_codes(gray: Array) -> NDArray[np.uint8]:
    """(H, W) float32, clipped to [0, 1], in 8 bits."""
    return np.rint(np.clip(gray, 0, 1) * 255).astype(np.uint8)


def clean_gray(rgb: Rgb, weights: tuple[float, float, float] = LUMINANCE) -> Array:
    """What a film of given sensitivity makes of a scene.

    Args:
        rgb: (H, W, 3) uint8 sRGB.
        weights: of linear R, G, B; their sum is 1.

    Returns:
        (H, W) float32 in [0, 1], sRGB-encoded.
    """
    linear: Array = _linear_codes()[rgb] @ np.array(weights, np.float32)
    low, high = 12.92 * linear, 1.055 * np.maximum(linear, 1e-8) ** np.float32(1 / 2.4) - 0.055
    return np.where(linear <= 0.0031308, low, high).astype(np.float32)


@lru_cache(maxsize=1)
def _linear_codes() -> Array:
    """Linear light of the 256 sRGB codes."""
    import torch

    from vidcolor.color.lab import srgb_to_linear

    linear: Array = srgb_to_linear(torch.arange(256) / 255).numpy()
    return linear


def photographed_gray(rgb: Rgb, rng: Generator, strength: float) -> Array:
    """Gray by one of the ways in which color becomes gray.

    Seven in ten: panchromatic. Two in ten: made from video, where Y' of saturated colors is
    darker than their L*. One in ten: orthochromatic stock, which is what there was until the
    1920s. It is blind to red: lips and flags are black, blue skies white.

    Args:
        rgb: (H, W, 3) uint8.
        rng: chooses.
        strength: how far from panchromatic, in [0, 1].
    """
    way = rng.random()
    gray = clean_gray(rgb)
    if way < 0.1:
        red, blue = rng.uniform(0.0, 0.08), rng.uniform(0.3, 0.6)
        other = clean_gray(rgb, (red, 1 - red - blue, blue))
    elif way < 0.3:
        other = rgb @ np.array(LUMA, np.float32) / np.float32(255)
    else:
        return gray
    return gray + np.float32(strength) * (other - gray)


def blur(gray: Array, rng: Generator, strength: float) -> Array:
    """A lens out of focus, or a copy of a copy; sideways too, as by unsteady transport."""
    across, down = rng.uniform(0.3, 1.3, 2) * strength
    return _smooth(gray, across, down)


def vignette(gray: Array, rng: Generator, strength: float) -> Array:
    """Light that falls off away from the lens's axis, by cos^4 (which a crop may not hold)."""
    height, width = gray.shape
    center = rng.uniform(-0.1, 1.1, 2) * (height, width)
    # Squared tangent of the angle off the axis, of a field of up to 80 degrees.
    reach = (rng.uniform(0.3, 0.9) * strength / (0.5 * max(height, width))) ** 2
    rows = (np.arange(height, dtype=np.float32) - np.float32(center[0])) ** 2
    columns = (np.arange(width, dtype=np.float32) - np.float32(center[1])) ** 2
    tangent2 = np.float32(reach) * (rows[:, None] + columns)
    return gray * (1 + tangent2) ** np.float32(-2 / DISPLAY_GAMMA)


def halation(gray: Array, rng: Generator, strength: float) -> Array:
    """Highlights that shine back from the film's base and spread around themselves."""
    linear = np.clip(gray, 0, 1) ** np.float32(DISPLAY_GAMMA)
    glow = _smooth(np.maximum(linear - 0.5, 0), *[rng.uniform(2.0, 7.0)] * 2)
    spread = linear + np.float32(rng.uniform(0.3, 1.2) * strength) * glow
    return np.minimum(spread, 1) ** np.float32(1 / DISPLAY_GAMMA)


def develop(gray: Array, rng: Generator, strength: float) -> Array:
    """Exposure and development: gamma, contrast about a middle tone, and what that crushes."""
    gamma = np.exp(rng.uniform(-0.35, 0.5) * strength)
    contrast = 1 + rng.uniform(-0.3, 0.45) * strength
    middle = rng.uniform(0.3, 0.55)
    toned = np.clip(gray, 0, 1) ** np.float32(gamma)
    developed: Array = np.clip((toned - middle) * contrast + middle, 0, 1).astype(np.float32)
    return developed


def grain(gray: Array, rng: Generator, strength: float) -> Array:
    """Clumps of silver: spatially correlated, strongest in the middle tones."""
    noise = rng.standard_normal(gray.shape, np.float32)
    size = rng.uniform(0.0, 1.0)
    if size > 0.25:  # below, the kernel has one tap
        noise = _smooth(noise, size, size)
        noise /= noise.std() + 1e-6
    tone = np.clip(gray, 0, 1)
    amplitude = np.float32(rng.uniform(0.01, 0.06) * strength) * 2 * np.sqrt(tone * (1 - tone))
    return gray + (amplitude + np.float32(0.004 * strength)) * noise


def fade(gray: Array, rng: Generator, strength: float) -> Array:
    """An old print, or one scanned with care for neither end: gray blacks, dull whites."""
    black, white = rng.uniform(0, 0.2) * strength, 1 - rng.uniform(0, 0.35) * strength
    return np.float32(black) + gray * np.float32(white - black)


def flicker(gray: Array, rng: Generator, strength: float) -> Array:
    """Uneven exposure: of the frame as a whole, and in soft bands across or down it."""
    overall = 1 + rng.uniform(-0.15, 0.15) * strength
    gains = overall + strength * rng.uniform(0.03, 0.15) * rng.standard_normal(rng.integers(3, 7))
    down = rng.random() < 0.7
    length = gray.shape[0 if down else 1]
    band = np.interp(np.linspace(0, len(gains) - 1, length), np.arange(len(gains)), gains)
    band = band.astype(np.float32)
    return gray * (band[:, None] if down else band)


def scratches(gray: Array, rng: Generator, strength: float) -> Array:
    """Thin lines along the film's run: bright on a scratched negative's print, else dark."""
    height, width = gray.shape
    rows = np.arange(height, dtype=np.float32)
    columns = np.arange(width, dtype=np.float32)
    out = gray
    for _ in range(min(5, int(rng.geometric(0.5)))):
        middle = rng.uniform(0, width) + rng.uniform(-0.02, 0.02) * rows
        breadth = rng.uniform(0.3, 0.7)
        line = np.exp(-(((columns - middle[:, None]) / breadth) ** 2) / 2)
        # Most are as long as the frame; the others come and go.
        breaks = rng.uniform(-1, 1.5, rng.integers(2, 6)) if rng.random() < 0.4 else np.ones(2)
        there = np.interp(rows, np.linspace(0, height, len(breaks)), np.clip(breaks, 0, 1))
        opacity = line * there[:, None] * (rng.uniform(0.1, 0.7) * strength)
        out = out + opacity * ((1.0 if rng.random() < 0.6 else 0.0) - out)
    return out.astype(np.float32)


def dirt(gray: Array, rng: Generator, strength: float) -> Array:
    """Dust, blotches and hairs: white where they lay on the negative, black on the print."""
    import cv2

    height, width = gray.shape
    out = gray
    for tone in (1.0, 0.0):
        mask = np.zeros((height, width), np.uint8)
        for _ in range(min(30, int(rng.poisson(5 * strength)))):
            center = (int(rng.integers(width)), int(rng.integers(height)))
            axes = tuple(int(a) for a in rng.geometric(0.6, 2) - 1)
            angle = rng.uniform(0, 180)
            cv2.ellipse(mask, center, axes, angle, 0, 360, int(rng.integers(90, 256)), -1)
        if rng.random() < 0.25 * strength:
            steps = rng.normal(0, 3, (int(rng.integers(4, 14)), 2)).cumsum(axis=0).cumsum(axis=0)
            hair = (steps * 0.4 + rng.uniform(0, 1, 2) * (width, height)).astype(np.int32)
            cv2.polylines(mask, [hair], False, int(rng.integers(90, 200)), 1, cv2.LINE_AA)
        opacity = _smooth(mask.astype(np.float32) / 255, 0.4, 0.4)
        out = out + opacity * np.float32(0.9) * (np.float32(tone) - out)
    return out


def low_resolution(gray: Array, rng: Generator, strength: float) -> Array:
    """A small copy, enlarged."""
    import cv2

    height, width = gray.shape
    factor = 1 + rng.uniform(0.3, 2.0) * strength
    size = (max(8, round(width / factor)), max(8, round(height / factor)))
    small = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    how = cv2.INTER_CUBIC if rng.random() < 0.5 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(small, (width, height), interpolation=how), np.float32)


def noise(gray: Array, rng: Generator, strength: float) -> Array:
    """A camera's or scanner's: white, alike in all tones."""
    sigma = np.float32(rng.uniform(0.005, 0.03) * strength)
    return gray + sigma * rng.standard_normal(gray.shape, np.float32)


def compression(gray: Array, rng: Generator, strength: float) -> Array:
    """Blocks and rings of a poor copy from the net."""
    import cv2

    quality = round(95 - rng.uniform(20, 75) * strength)
    _, data = cv2.imencode(".jpg", to_codes(gray), [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded: NDArray[Any] = np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE))
    return decoded.astype(np.float32) / 255


STEPS: tuple[tuple[Step, float], ...] = (
    (blur, 0.25),
    (vignette, 0.25),
    (halation, 0.15),
    (develop, 0.75),
    (grain, 0.6),
    (fade, 0.3),
    (flicker, 0.25),
    (scratches, 0.12),
    (dirt, 0.15),
    (low_resolution, 0.15),
    (noise, 0.15),
    (compression, 0.2),
)
"""In the order in which they happen, with how often each happens to a degraded picture."""


def _smooth(plane: Array, across: float, down: float) -> Array:
    """Gaussian blur with the given sigmas; less than a tenth of a pixel leaves it as it is."""
    import cv2

    if max(across, down) < 0.1:
        return plane
    smooth = cv2.GaussianBlur(plane, (0, 0), max(across, 1e-3), sigmaY=max(down, 1e-3))
    return np.asarray(smooth, np.float32)
