"""Measurement and removal of the fading of color originals, and plausibility of the result.

The dyes of a print fade at different rates, and colored light tints a scene. Both change each of
R', G' and B' by one curve, so gray gets a cast that depends on lightness. The inverses of the three
curves of gray remove the cast and restore the lost contrast. The color differences within a scene
remain those of the original. The curves are found by comparison with a generator's prediction for
the same frame. The prediction is often wrong locally, but its error is small on average, and
smaller where its confidence is high.

Colors without information are not plausible: clipped channels, noise in dark areas, and scenes
under light of a single hue, where all objects of one lightness have the same color.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.color.lab import gray_to_lightness_array, lab_to_rgb_array, rgb_to_lab_array
from vidcolor.imaging.smoothstep import smoothstep

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidcolor.imaging.types import FloatArray


KNOTS = np.linspace(0, 1, 17, dtype=np.float32)
"""Y' of the 17 grays for which a `Fading` stores the cast."""
_DEGREE = 2
"""Degree of the polynomial that describes the cast as a function of L*."""
_HUBER = 5.0
"""Residual above which the weight of a cell decreases (Huber's estimator), in a*b* units."""
_ITERATIONS = 5
"""Iterations of the reweighted least-squares fit."""
_RIDGE = 0.03
"""Ridge regularization of the polynomial's coefficients, except the constant."""
_CONFIDENCE_POWER = 4
"""Exponent of the confidence in the weight of a cell in the fit."""
_MIN_WEIGHT = 0.02
"""Weight of a cell with confidence 0 in the fit."""
_PREDICTION_WEIGHT = 0.8
"""Weight of the prediction in the expected mean color; the remainder is gray."""
_CONFIDENCE_RANGE = 0.1, 0.35
"""Confidence at and below which a prediction has no weight, and from which it has full weight."""
_CAST_FLOOR = 2.0
"""Magnitude of a cast of which half is attributed to prediction errors, in a*b* units."""
_RESIDUAL_WEIGHT = 0.8
"""Fraction of the mean residual of the fit that is added to `_CAST_FLOOR`."""
_MAX_GAIN = 1.6
"""Maximum increase of chroma by `restore`."""
_MIN_SLOPE = 0.3
"""Minimum slope of a channel's curve. It limits how much the inverse curve amplifies grain and
errors."""
_LIGHTNESS_GROUPS = 24
"""Number of lightness groups among whose cells colors are compared."""
MIN_PLAUSIBILITY = 0.2
"""Plausibility below which a color is ignored, because a generator follows even weak hints."""


@dataclass(frozen=True, slots=True, eq=False)
class Fading:
    """The parameters of the fading of a photo or a shot."""

    cast: FloatArray
    """a*, b* of each gray of `KNOTS` after fading: (17, 2) float32."""
    gain: float
    """Gain of a*, b* that compensates for pale colors after the cast is removed: 1 to 1.6."""
    variety: float
    """Variety of colors among cells of similar lightness: 0 (light of one hue, or toned gray) to 1.
    """

    def interpolate(self, other: Fading, weight: float) -> Fading:
        """Return a fading between this one (weight 0) and another (weight 1)."""
        return Fading(
            (self.cast + np.float32(weight) * (other.cast - self.cast)).astype(np.float32),
            self.gain + weight * (other.gain - self.gain),
            self.variety + weight * (other.variety - self.variety),
        )


def measure_fading(rgb: FloatArray, predicted: FloatArray, confidence: FloatArray) -> Fading:
    """Estimate the cast, the loss of chroma, and the variety of colors of a frame.

    Args:
        rgb: the original on a coarse grid: R'G'B' (3, h, w) float32 in [0, 1].
        predicted: a*, b* that the generator predicts from its luma: (2, h, w) float32.
        confidence: confidence of the prediction: (h, w) float32 in [0, 1].

    Returns:
        The parameters for `restore` and `estimate_plausibility`.
    """
    lightness, ab = rgb_to_lab_array(rgb)
    weights = confidence.ravel().astype(np.float64) ** _CONFIDENCE_POWER + _MIN_WEIGHT
    # Where confidence is low, gray is a better estimate of the true mean than the prediction.
    expected = (
        np.float32(_PREDICTION_WEIGHT) * smoothstep(confidence, *_CONFIDENCE_RANGE) * predicted
    )
    cast, residual = _fit_cast(lightness, ab - expected, weights)
    # A small cast can be an error of the prediction, so it is shrunk like in a Wiener filter.
    squared = np.hypot(*cast.T)[:, None] ** 2
    floor = _CAST_FLOOR + _RESIDUAL_WEIGHT * residual
    cast = (cast * squared / (squared + floor**2)).astype(np.float32)
    fading = Fading(cast, 1.0, _color_variety(lightness, ab))
    restored = float(np.square(restore(fading, rgb)).mean())
    ratio = float(np.square(predicted).mean()) / max(restored, 1e-6)
    # Predictions are pale, so an original with even less chroma has faded. The exact loss is
    # uncertain; the gain is the square root of the ratio of the two mean chromas.
    return Fading(cast, float(np.clip(ratio**0.25, 1, _MAX_GAIN)), fading.variety)


def restore(fading: Fading, rgb: FloatArray) -> FloatArray:
    """Return the original a*, b*, (2, h, w), of faded R'G'B', (3, h, w) float32 in [0, 1]."""
    gray = lab_to_rgb_array(gray_to_lightness_array(KNOTS), fading.cast[:, 0], fading.cast[:, 1])
    levels = [
        np.interp(channel, _make_monotonic(curve), KNOTS)
        for channel, curve in zip(rgb, gray, strict=True)
    ]
    ab = rgb_to_lab_array(np.stack(levels).astype(np.float32))[1]
    return (ab * np.float32(fading.gain)).astype(np.float32)


def estimate_plausibility(fading: Fading, rgb: FloatArray, restored: FloatArray) -> FloatArray:
    """Estimate how plausible each color is that `restore` returned: (h, w) float32 in [0, 1]."""
    brightest = rgb.max(0)
    _, ab = rgb_to_lab_array(rgb)
    correction = np.hypot(*(restored - ab))
    result = smoothstep(brightest, 0.04, 0.15)  # noise in the dark
    result *= 1 - smoothstep(brightest, 0.97, 1.0)  # clipped channels
    result *= 1 - smoothstep(np.hypot(*restored), 60.0, 110.0)  # light sources, seldom surfaces
    result *= 1 - smoothstep(correction, 45.0, 90.0)
    result *= np.float32(fading.variety)
    return np.where(result < MIN_PLAUSIBILITY, 0, result).astype(np.float32)


def _fit_cast(
    lightness: FloatArray, ab: FloatArray, prior: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Fit (2, h, w) a*, b* as a polynomial of L*, by least squares with Huber's weights.

    `prior` is the (h * w) weight of each cell. Return a*, b* at the knots, (17, 2), and the mean
    residual.
    """
    position = (lightness.ravel().astype(np.float64) - 50) / 50
    values = ab.reshape(2, -1).astype(np.float64)
    powers = np.stack([position**n for n in range(_DEGREE + 1)])
    ridge = _RIDGE * np.diag([0.0] + [1.0] * _DEGREE)
    weights = prior = prior / prior.sum()
    for _ in range(_ITERATIONS):
        normal = (powers * weights) @ powers.T + ridge
        coefficients = np.linalg.solve(normal, (powers * weights) @ values.T)
        residual = np.hypot(*(values - coefficients.T @ powers))
        weights = prior * np.minimum(1, _HUBER / np.maximum(residual, 1e-6))
    # The polynomial is not valid beyond the lightnesses that occur, so it continues as a constant.
    low, high = np.percentile(position, [2, 98])
    knots = np.clip((gray_to_lightness_array(KNOTS) - 50) / 50, low, high)
    fitted = np.stack([knots**n for n in range(_DEGREE + 1)]).T @ coefficients
    return fitted, float(prior @ residual)


def _color_variety(lightness: FloatArray, ab: FloatArray) -> float:
    """Return how much colors of similar lightness differ, absolutely and relatively, 0 to 1."""
    by_lightness = np.argsort(lightness, axis=None, kind="stable")
    values = ab.reshape(2, -1)[:, by_lightness]
    half = max(1, values.shape[1] // _LIGHTNESS_GROUPS // 2)
    # Odd reflection continues a linear trend beyond its ends.
    padded = np.pad(values, ((0, 0), (half, half)), mode="reflect", reflect_type="odd")
    box = np.full(2 * half + 1, 1 / (2 * half + 1), np.float32)
    local_mean = np.stack([np.convolve(plane, box, "valid") for plane in padded])
    spread = float(np.sqrt(np.mean((values - local_mean) ** 2)))
    relative = spread / max(float(np.sqrt(np.mean(local_mean**2))), 1e-6)
    return float(
        smoothstep(np.float32(spread), 0.95, 1.9) * smoothstep(np.float32(relative), 0.025, 0.06)
    )


def _make_monotonic(curve: FloatArray) -> FloatArray:
    """Return a curve over `KNOTS` with a slope of at least `_MIN_SLOPE` and the same middle."""
    middle = len(KNOTS) // 2
    steps = np.maximum(np.diff(curve), np.float32(_MIN_SLOPE) * np.diff(KNOTS))
    rising: FloatArray = np.concatenate([[0], np.cumsum(steps)]).astype(np.float32)
    shifted: FloatArray = rising + (curve[middle] - rising[middle])
    return shifted
