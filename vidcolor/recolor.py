"""Colorization of color originals that have faded or were lit by colored light.

original R'G'B' + prediction → fading of the shot → restored color and its plausibility → soft
hints → final prediction. Luma does not change.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vidcolor.color.fading import Fading, estimate_plausibility, measure_fading, restore
from vidcolor.generators.predictor import HintArrays
from vidcolor.imaging.geometry import CELL, Geometry
from vidcolor.imaging.resize import resize_area
from vidcolor.shots.cuts import CausalCutDetector

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from vidcolor.colorizer import Colorizer, ProxyPrediction
    from vidcolor.imaging.types import FloatArray, Rgb
    from vidcolor.options import ColorizeOptions

MEASUREMENT_INTERVAL = 12
"""Interval between two measurements of the fading of a shot, in frames. Fading changes slowly."""
ADAPTATION_RATE = 1 / 12
"""Fraction of the difference to the measured fading by which each frame adapts. The change is slow
enough to be invisible."""
MAX_MEASUREMENTS = 6.0
"""Maximum number of measurements in the running mean of a shot. It is limited because the lighting
of a shot can change, although the fading of a print cannot."""
BLANK_CONTRAST = 0.02
"""Standard deviation of Y' below which a frame is blank, for example black film or a flash."""
FULL_CONTRAST = 0.15
"""Standard deviation of Y' from which a measurement has full weight."""
HINT_DENSITY = 0.6
"""Density of the hints at full trust: the maximum with which generators were trained."""
BLEND_WEIGHT = 0.85
"""Weight of plausible original color in the result at full trust."""
NO_COLOR_WARNING = "the source has no plausible color; colorized without it"


class Recolorer:
    """Colorizes the frames of one film, or one photo, with their own color as soft hints.

    It is stateful: it tracks the fading of the current shot, so frames must come in order.
    """

    def __init__(self, colorizer: Colorizer, trust: float, vividness: float | None = None) -> None:
        """Prepare for the first frame.

        Args:
            colorizer: should accept hints; otherwise plausible color is only blended into its
                predictions.
            trust: 0 (the original color is ignored) to 1 (followed as far as it is plausible).
            vividness: see `Colorizer.predict`.
        """
        self._colorizer, self._trust, self._vividness = colorizer, trust, vividness
        self._cuts = CausalCutDetector()
        self._shot = _ShotFading()
        self._frames_since_measurement = 0
        self.found_color = False
        """Whether any frame so far had plausible color."""

    def predict(
        self, proxies: Sequence[FloatArray], originals: Sequence[Rgb], geometry: Geometry
    ) -> list[ProxyPrediction]:
        """Predict the colors of the next frames, rotated to the stored orientation.

        The proxies are those of `Colorizer.make_proxy` with this geometry. `originals` are the
        frames in color, upright and of the same size: (h, w, 3) uint8 sRGB.
        """
        is_first = [self._cuts.feed(proxy) for proxy in proxies]
        contrast = [float(proxy.std()) for proxy in proxies]
        # A prediction with hints would contain the fading that it serves to measure.
        measured = self._select_measurements(is_first, contrast)
        predictions = dict(
            zip(measured, self._predict_without_hints([proxies[n] for n in measured]), strict=True)
        )
        shape = proxies[0].shape[0] // CELL, proxies[0].shape[1] // CELL
        hints = HintArrays(
            np.zeros((len(proxies), 2, *shape), np.float32),
            np.zeros((len(proxies), *shape), np.float32),
        )
        for n, original in enumerate(originals):
            rgb = _average_cells(original, shape)
            if is_first[n]:  # shots differ in lighting
                self._shot = _ShotFading()
            if n in predictions:
                fading = measure_fading(rgb, predictions[n].ab, predictions[n].confidence)
                self._shot.add_measurement(fading, contrast[n] / FULL_CONTRAST)
            current = self._shot.next_frame()
            if current is not None:
                hints.ab[n] = restore(current, rgb)
                hints.density[n] = self._trust * estimate_plausibility(current, rgb, hints.ab[n])
        self.found_color = self.found_color or bool(hints.density.any())
        scaled = HintArrays(hints.ab, HINT_DENSITY * hints.density)
        results = self._colorizer.predict(proxies, geometry, self._vividness, scaled)
        return [
            _blend(result, *(np.ascontiguousarray(geometry.to_stored(h[n])) for h in hints))
            for n, result in enumerate(results)
        ]

    def get_state(self) -> dict[str, NDArray[Any]]:
        """Return everything that the next frames depend on, as arrays for `restore`."""
        own = np.array([self._frames_since_measurement, self.found_color], np.int64)
        return {"own": own, **self._cuts.get_state(), **self._shot.get_state()}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Continue after the frame whose state is given."""
        self._frames_since_measurement = int(arrays["own"][0])
        self.found_color = bool(arrays["own"][1])
        self._cuts.restore(arrays)
        self._shot.restore(arrays)

    def _select_measurements(
        self, is_first: Sequence[bool], contrast: Sequence[float]
    ) -> list[int]:
        """Return the indices of the frames to measure: not blank, and at regular intervals."""
        selected = []
        for n, first in enumerate(is_first):
            self._frames_since_measurement = (
                MEASUREMENT_INTERVAL if first else self._frames_since_measurement + 1
            )
            due = self._frames_since_measurement >= MEASUREMENT_INTERVAL
            # A blank frame has no color, so its measurement is postponed.
            if due and contrast[n] >= BLANK_CONTRAST:
                selected.append(n)
                self._frames_since_measurement = 0
        return selected

    def _predict_without_hints(self, proxies: Sequence[FloatArray]) -> list[ProxyPrediction]:
        if not proxies:
            return []
        upright = Geometry(width=proxies[0].shape[1], height=proxies[0].shape[0])
        return self._colorizer.predict(proxies, upright, self._vividness)


class _ShotFading:
    """The fading of one shot, which slowly approaches the running mean of all measurements."""

    def __init__(self) -> None:
        self._mean: Fading | None = None
        self._current: Fading | None = None
        self._weight = 0.0

    def add_measurement(self, fading: Fading, weight: float) -> None:
        """Add a measurement to the running mean, with a weight of at most 1."""
        weight = min(weight, 1.0)
        # With a limited total weight, old measurements decay exponentially.
        self._weight = min(self._weight, MAX_MEASUREMENTS - weight) + weight
        mean = self._mean or fading
        self._mean = mean.interpolate(fading, weight / self._weight)

    def next_frame(self) -> Fading | None:
        """Advance to the next frame and return its fading; None before the first measurement."""
        if self._mean is not None:
            self._current = (self._current or self._mean).interpolate(self._mean, ADAPTATION_RATE)
        return self._current

    def get_state(self) -> dict[str, NDArray[Any]]:
        """Return the state as arrays for `restore`."""
        arrays: dict[str, NDArray[Any]] = {"weight": np.array(self._weight)}
        for name, fading in (("mean", self._mean), ("current", self._current)):
            if fading is not None:
                arrays[f"{name}_cast"] = fading.cast
                arrays[f"{name}_values"] = np.array([fading.gain, fading.variety])
        return arrays

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Continue from the state of `get_state`."""
        self._weight = float(arrays["weight"])
        self._mean, self._current = (
            Fading(arrays[f"{name}_cast"], *map(float, arrays[f"{name}_values"]))
            if f"{name}_cast" in arrays
            else None
            for name in ("mean", "current")
        )


def make_recolorer(colorizer: Colorizer, options: ColorizeOptions) -> Recolorer | None:
    """Return a recolorer for one film or photo; None if the options ignore the source's color."""
    if not options.trust:
        return None
    return Recolorer(colorizer, options.trust, options.vividness)


def _blend(prediction: ProxyPrediction, ab: FloatArray, weight: FloatArray) -> ProxyPrediction:
    # A generator follows hints only approximately, because it predicts in steps of its bins.
    weight = BLEND_WEIGHT * weight
    return replace(
        prediction,
        ab=(prediction.ab + weight * (ab - prediction.ab)).astype(np.float32),
        confidence=np.maximum(prediction.confidence, weight).astype(np.float32),
    )


def _average_cells(rgb: Rgb, shape: tuple[int, int]) -> FloatArray:
    """Average R'G'B' over the cells of a grid: (3, h, w) float32 in [0, 1]."""
    small = resize_area(rgb.astype(np.float32), shape)
    return np.ascontiguousarray(small.transpose(2, 0, 1)) / np.float32(255)
