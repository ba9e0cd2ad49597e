"""Color transfer from a reference image.

Where the reference shows the same scene, its color is copied after registration. Elsewhere its
palette is transferred: each position takes the mean color of the most similar positions of the
reference. Luma and local contrast measure the similarity (after Welsh, Ashikhmin & Mueller,
SIGGRAPH 2002), and also the height in the image and the predicted color. The predicted color of
both images separates sky from buildings and skin from stone.

The weight of the transferred color increases with the similarity of the positions and with the
agreement of their colors. Where the weight is low, the prediction itself is the hint. Without it,
the generator could spread the color of grass to a sky that resembles no part of the reference.
Palette hints have a low density, so the generator weighs them against the content of the image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vidcolor.color.tint import classify_tint
from vidcolor.color.ycbcr import MATRICES, rgb_to_ycbcr
from vidcolor.errors import InputError
from vidcolor.hints.discs import srgb_to_ab
from vidcolor.hints.registration import SHORT_SIDE, downscale, register
from vidcolor.imaging.resize import limit_short_side, resize_area, resize_linear
from vidcolor.motion.flow import sample

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vidcolor.imaging.types import FloatArray

MIN_REFERENCE_COVERAGE = 0.02
"""Minimum mean weight of registered color for a match, 0-1. Below it, a warning says that only the
palette is used."""
PALETTE_DENSITY = 0.3
"""Hint density of palette colors, 0-1. Generators are trained with densities of 0.1 to 0.6."""
PALETTE_SIDE = 24
"""Maximum short side of the grid to which the reference is reduced for palette transfer, in cells.
It limits the size of the distance matrix."""
FEATURE_SCALE = 2.0
"""Distance in feature space at which the weight of a palette color has fallen to 1/e."""
COLOR_SPREAD = 25.0
"""Standard deviation of the colors of similar positions, in a*b* units, at which the weight of
their mean is halved."""
_LUMA_UNIT, _AB_UNIT, _CONTRAST_UNIT, _HEIGHT_UNIT = 0.12, 9.0, 0.03, 0.6
"""Scales of the features: each of these differences is a feature distance of 1. Y' and local
contrast are in [0, 1], a*b* in CIELAB units, and height in image heights."""
_FULL_COVERAGE = 0.97
"""Coverage from which the palette is not computed, 0-1."""


class ReferenceImage(NamedTuple):
    """A reference image as displayed, with a short side of at most `SHORT_SIDE`."""

    luma: FloatArray
    """Y' (BT.709): (h, w) float32 in [0, 1]."""
    ab: FloatArray
    """a*, b*: (2, h, w) float32."""


class TransferredColor(NamedTuple):
    """The color that a reference gives to each pixel of an image, on any grid."""

    ab: FloatArray
    """a*, b*: (2, h, w) float32; undefined where weight is 0."""
    weight: FloatArray
    """(h, w) float32 in [0, 1]; 1 where the color is certain."""


class BasePrediction(NamedTuple):
    """The generator's prediction without hints."""

    luma: FloatArray
    """Y' on the grid of the prediction: (h, w) float32 in [0, 1]."""
    ab: FloatArray
    """a*, b*: (2, h, w) float32."""
    confidence: FloatArray
    """(h, w) float32 in [0, 1]."""


def read_reference(path: Path) -> ReferenceImage:
    """Read a reference image.

    Raises:
        InputError: the file cannot be read, or the image is gray.
    """
    from vidcolor.media.preview_image import read_image_rgb

    rgb = read_image_rgb(path, (2 * SHORT_SIDE, 2 * SHORT_SIDE))
    small = np.clip(downscale(rgb.astype(np.float32) / 255), 0, 1)
    luma, cb, cr = rgb_to_ycbcr(small, MATRICES["bt709"])
    if classify_tint(luma.ravel(), np.stack([cb.ravel(), cr.ravel()], axis=-1)) == "gray":
        raise InputError(f"{path}: has no color; a reference must be a color image")
    return ReferenceImage(luma, srgb_to_ab(np.rint(small * 255).astype(np.uint8)))


def register_reference(reference: ReferenceImage, luma: FloatArray) -> TransferredColor:
    """Copy the color of a reference where it shows the same scene.

    `luma` is the Y' of the image as displayed, (H, W) float32 in [0, 1], of any size. The color has
    a short side of at most `SHORT_SIDE`.
    """
    coords, confidence = register(luma, reference.luma)
    ab = sample(reference.ab.transpose(1, 2, 0), coords).transpose(2, 0, 1)
    return TransferredColor(np.ascontiguousarray(ab), confidence)


def transfer_color(
    reference: ReferenceImage, luma: FloatArray, predict: Callable[[FloatArray], BasePrediction]
) -> tuple[TransferredColor, float]:
    """Copy the color of a reference where it shows the same scene, else transfer its palette.

    Args:
        luma: Y' of the image as displayed: (H, W) float32 in [0, 1], of any size.
        predict: predicts color without hints from Y' of an upright image, (h, w) float32 in [0, 1].

    Returns:
        The color of the displayed image, on the grid of the registration or of the prediction; and
        the coverage: the mean weight of registered color, 0-1.
    """
    registered = register_reference(reference, luma)
    coverage = float(registered.weight.mean())
    if coverage >= _FULL_COVERAGE:
        return registered, coverage
    prediction, other = predict(luma), predict(reference.luma)
    colors = np.stack([resize_map(plane, other.luma.shape) for plane in reference.ab])
    palette = transfer_palette(prediction, other, colors)
    registered = resize_transferred(registered, prediction.luma.shape)
    ab = palette.ab + registered.weight * (registered.ab - palette.ab)
    return TransferredColor(ab, np.maximum(registered.weight, palette.weight)), coverage


def transfer_palette(
    image: BasePrediction, reference: BasePrediction, colors: FloatArray
) -> TransferredColor:
    """Transfer the palette of a reference by similarity of positions.

    `image` and `reference` are upright predictions for the luma of both; `colors` are the actual
    a*, b* of the reference, (2, h, w) float32 on its grid. The transferred color is on the grid of
    `image`, with a constant weight of `PALETTE_DENSITY`.
    """
    features = _compute_features(image)
    ref_features = _reduce_to_palette_grid(_compute_features(reference))
    ab = _reduce_to_palette_grid(colors).reshape(2, -1).T
    x = features.reshape(len(features), -1).T
    y = ref_features.reshape(len(ref_features), -1).T
    # Squared distances as |x|² + |y|² - 2xy: differences of all pairs would need too much memory.
    distance = (x**2).sum(1)[:, None] + (y**2).sum(1) - 2 * x @ y.T
    distance = np.maximum(distance, 0)  # rounding can make it negative
    nearest = distance.min(1)
    # Relative to the nearest position, because exp() of large distances alone would underflow to 0.
    weights = np.exp((nearest[:, None] - distance) * 2)
    weights /= weights.sum(1, keepdims=True)
    mean = weights @ ab
    variance = np.maximum(weights @ (ab**2).sum(1) - (mean**2).sum(1), 0)
    share = np.exp(-nearest / FEATURE_SCALE**2) / (1 + variance / COLOR_SPREAD**2)
    shape = image.luma.shape
    transferred = mean.T.reshape(2, *shape)
    ab = image.ab + share.reshape(shape) * (transferred - image.ab)
    return TransferredColor(ab.astype(np.float32), np.full(shape, PALETTE_DENSITY, np.float32))


def palette_only_warning(name: str) -> str:
    """Return the warning that the reference with a name does not show the same scene."""
    return f"{name}: does not show the same scene; only its palette is used"


def resize_transferred(color: TransferredColor, shape: tuple[int, ...]) -> TransferredColor:
    """Resize transferred color to another grid, of `shape` (h, w).

    Color is averaged by weight, so that undefined color with weight 0 has no influence.
    """
    weight = resize_map(color.weight, shape)
    ab = [resize_map(plane * color.weight, shape) / (weight + 1e-6) for plane in color.ab]
    return TransferredColor(np.stack(ab), weight)


def resize_map(image: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Resize a plane, (H, W) float32: average if the new grid has fewer rows, else interpolate."""
    resize = resize_area if shape[0] < image.shape[0] else resize_linear
    return resize(image, shape)


def _compute_features(prediction: BasePrediction) -> FloatArray:
    """Return Y', a*, b*, local contrast and height, scaled to feature distance: (5, h, w)."""
    import cv2

    luma = prediction.luma
    window = (5, 5)  # pixels of the prediction grid, in which local contrast is measured
    mean = np.asarray(cv2.blur(luma, window))
    square = np.asarray(cv2.blur(luma * luma, window))
    contrast = np.sqrt(np.maximum(square - mean * mean, 0))
    height = np.broadcast_to(np.linspace(0, 1, len(luma), dtype=np.float32)[:, None], luma.shape)
    planes = (
        luma / _LUMA_UNIT,
        *(prediction.ab / _AB_UNIT),
        contrast / _CONTRAST_UNIT,
        height / _HEIGHT_UNIT,
    )
    return np.stack([np.asarray(plane, np.float32).reshape(luma.shape) for plane in planes])


def _reduce_to_palette_grid(planes: FloatArray) -> FloatArray:
    """Downscale (C, h, w) to a short side of at most `PALETTE_SIDE`."""
    shape = limit_short_side(planes.shape[1:], PALETTE_SIDE)
    return np.stack([resize_map(plane, shape) for plane in planes])
