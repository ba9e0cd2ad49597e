"""Simulated degradations of film: emulsion, lens, development, grain, wear, dirt and scanning.

They apply to the gray input of the network and never to the color targets. The order is that of the
physical process. Every degradation maps Y', (H, W) float32 in [0, 1], to values of about [0, 1] and
draws its own parameters; strength 0 has no effect. Sizes are in pixels of the network input, where
the short side of a frame is about 256.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from vidcolor.color.srgb import linear_to_srgb_array
from vidcolor.imaging.resize import resize_area, resize_cubic, resize_linear

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator
    from numpy.typing import NDArray

    from vidcolor.imaging.types import Rgb

    Array = NDArray[np.floating[Any]]
    Step = Callable[[Array, Generator, float], Array]

LUMINANCE = (0.2126729, 0.7151522, 0.0721750)
"""Weights of linear R, G, B in luminance Y: ideal panchromatic film, and L*."""
LUMA = (0.2126, 0.7152, 0.0722)
"""Weights of encoded R', G', B' in luma Y' (BT.709): gray made from color video."""
DISPLAY_GAMMA = 2.2
"""Exponent between encoded and linear light where a power function is accurate enough."""
DEGRADED_SHARE = 0.6


def degrade(
    rgb: Rgb, rng: Generator, share: float = DEGRADED_SHARE, strength: float = 1.0
) -> NDArray[np.uint8]:
    """Convert a photograph to sRGB-encoded gray and degrade it with a probability of `share`.

    `strength` scales every degradation, in [0, 1]. An image without degradation has the L* of the
    photograph.
    """
    if rng.random() >= share:
        return to_codes(rgb_to_gray(rgb))
    gray = film_stock_gray(rgb, rng, strength)
    for step, chance in STEPS:
        if rng.random() < chance:
            gray = step(gray, rng, strength)
    return to_codes(gray)


def to_codes(gray: Array) -> NDArray[np.uint8]:
    """Clip (H, W) float32 to [0, 1] and convert it to uint8."""
    return np.rint(np.clip(gray, 0, 1) * 255).astype(np.uint8)


def rgb_to_gray(rgb: Rgb, weights: tuple[float, float, float] = LUMINANCE) -> Array:
    """Convert to sRGB-encoded gray in [0, 1] with the spectral sensitivity of a film.

    `weights` are those of linear R, G, B with sum 1.
    """
    linear: Array = _linear_codes()[rgb] @ np.array(weights, np.float32)
    return linear_to_srgb_array(linear).astype(np.float32)


@lru_cache(maxsize=1)
def _linear_codes() -> Array:
    """Return the linear light of the 256 sRGB codes, (256,) float32."""
    import torch

    from vidcolor.color.srgb import srgb_to_linear

    linear: Array = srgb_to_linear(torch.arange(256) / 255).numpy()
    return linear


def film_stock_gray(rgb: Rgb, rng: Generator, strength: float) -> Array:
    """Convert to gray with a random type of film.

    70 % of the results are panchromatic film. 20 % are gray made from color video, where Y' of
    saturated colors is darker than their L*. 10 % are orthochromatic film, the standard until the
    1920s: it is not sensitive to red, so that lips are dark and blue skies are white. `strength` is
    the difference from panchromatic film, in [0, 1].
    """
    kind = rng.random()
    gray = rgb_to_gray(rgb)
    if kind < 0.1:
        red, blue = rng.uniform(0.0, 0.08), rng.uniform(0.3, 0.6)
        other = rgb_to_gray(rgb, (red, 1 - red - blue, blue))
    elif kind < 0.3:
        other = rgb @ np.array(LUMA, np.float32) / np.float32(255)
    else:
        return gray
    return gray + np.float32(strength) * (other - gray)


def blur(gray: Array, rng: Generator, strength: float) -> Array:
    """Blur as by defocus, repeated copying or unsteady transport."""
    across, down = rng.uniform(0.3, 1.3, 2) * strength
    return _smooth(gray, across, down)


def vignette(gray: Array, rng: Generator, strength: float) -> Array:
    """Darken toward the edge of the lens by the cos^4 law; the axis may lie outside the crop."""
    height, width = gray.shape
    # Training images are crops, so the optical axis is rarely in the middle.
    center = rng.uniform(-0.1, 1.1, 2) * (height, width)
    # Squared tangent of the angle to the axis; the field of view is up to 80 degrees.
    reach = (rng.uniform(0.3, 0.9) * strength / (0.5 * max(height, width))) ** 2
    rows = (np.arange(height, dtype=np.float32) - np.float32(center[0])) ** 2
    columns = (np.arange(width, dtype=np.float32) - np.float32(center[1])) ** 2
    tangent2 = np.float32(reach) * (rows[:, None] + columns)
    return gray * (1 + tangent2) ** np.float32(-2 / DISPLAY_GAMMA)


def halation(gray: Array, rng: Generator, strength: float) -> Array:
    """Add a glow around highlights, as light reflected from the film base causes it."""
    # Light adds up in linear light.
    linear = np.clip(gray, 0, 1) ** np.float32(DISPLAY_GAMMA)
    glow = _smooth(np.maximum(linear - 0.5, 0), *[rng.uniform(2.0, 7.0)] * 2)
    spread = linear + np.float32(rng.uniform(0.3, 1.2) * strength) * glow
    return np.minimum(spread, 1) ** np.float32(1 / DISPLAY_GAMMA)


def develop(gray: Array, rng: Generator, strength: float) -> Array:
    """Apply exposure and development: gamma, contrast about a middle tone, and clipping."""
    gamma = np.exp(rng.uniform(-0.35, 0.5) * strength)
    contrast = 1 + rng.uniform(-0.3, 0.45) * strength
    middle = rng.uniform(0.3, 0.55)
    toned = np.clip(gray, 0, 1) ** np.float32(gamma)
    developed: Array = np.clip((toned - middle) * contrast + middle, 0, 1).astype(np.float32)
    return developed


def grain(gray: Array, rng: Generator, strength: float) -> Array:
    """Add film grain: spatially correlated noise that is strongest in the middle tones."""
    noise = rng.standard_normal(gray.shape, np.float32)
    size = rng.uniform(0.0, 1.0)
    if size > 0.25:  # a smaller kernel has one tap
        noise = _smooth(noise, size, size)
        noise /= noise.std() + 1e-6
    tone = np.clip(gray, 0, 1)
    amplitude = np.float32(rng.uniform(0.01, 0.06) * strength) * 2 * np.sqrt(tone * (1 - tone))
    return gray + (amplitude + np.float32(0.004 * strength)) * noise


def fade(gray: Array, rng: Generator, strength: float) -> Array:
    """Reduce the contrast range as in a faded print: gray blacks and dull whites."""
    black, white = rng.uniform(0, 0.2) * strength, 1 - rng.uniform(0, 0.35) * strength
    return np.float32(black) + gray * np.float32(white - black)


def flicker(gray: Array, rng: Generator, strength: float) -> Array:
    """Vary the exposure of the whole frame and in soft horizontal or vertical bands."""
    overall = 1 + rng.uniform(-0.15, 0.15) * strength
    gains = overall + strength * rng.uniform(0.03, 0.15) * rng.standard_normal(rng.integers(3, 7))
    down = rng.random() < 0.7
    length = gray.shape[0 if down else 1]
    band = np.interp(np.linspace(0, len(gains) - 1, length), np.arange(len(gains)), gains)
    band = band.astype(np.float32)
    return gray * (band[:, None] if down else band)


def scratches(gray: Array, rng: Generator, strength: float) -> Array:
    """Draw thin vertical lines: bright for a scratched negative, dark for a scratched print."""
    height, width = gray.shape
    rows = np.arange(height, dtype=np.float32)
    columns = np.arange(width, dtype=np.float32)
    out = gray
    for _ in range(min(5, int(rng.geometric(0.5)))):
        middle = rng.uniform(0, width) + rng.uniform(-0.02, 0.02) * rows
        breadth = rng.uniform(0.3, 0.7)
        line = np.exp(-(((columns - middle[:, None]) / breadth) ** 2) / 2)
        # Most scratches are as long as the frame; the others are interrupted.
        breaks = rng.uniform(-1, 1.5, rng.integers(2, 6)) if rng.random() < 0.4 else np.ones(2)
        visible = np.interp(rows, np.linspace(0, height, len(breaks)), np.clip(breaks, 0, 1))
        opacity = line * visible[:, None] * (rng.uniform(0.1, 0.7) * strength)
        out = out + opacity * ((1.0 if rng.random() < 0.6 else 0.0) - out)
    return out.astype(np.float32)


def dirt(gray: Array, rng: Generator, strength: float) -> Array:
    """Draw dust, blotches and hairs: white for a dirty negative, black for a dirty print."""
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
    """Downscale and upscale again."""
    height, width = gray.shape
    factor = 1 + rng.uniform(0.3, 2.0) * strength
    small = resize_area(gray, (max(8, round(height / factor)), max(8, round(width / factor))))
    resize = resize_cubic if rng.random() < 0.5 else resize_linear
    return resize(small, gray.shape).astype(np.float32, copy=False)


def noise(gray: Array, rng: Generator, strength: float) -> Array:
    """Add white noise of equal strength in all tones, as of a camera or scanner."""
    sigma = np.float32(rng.uniform(0.005, 0.03) * strength)
    return gray + sigma * rng.standard_normal(gray.shape, np.float32)


def compression(gray: Array, rng: Generator, strength: float) -> Array:
    """Compress as JPEG with low quality."""
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
"""Degradations in their physical order, with the probability of each in a degraded image."""


def _smooth(plane: Array, across: float, down: float) -> Array:
    """Apply a Gaussian blur; sigmas below 0.1 pixel have no effect."""
    import cv2

    if max(across, down) < 0.1:
        return plane
    smooth = cv2.GaussianBlur(plane, (0, 0), max(across, 1e-3), sigmaY=max(down, 1e-3))
    return np.asarray(smooth, np.float32)
