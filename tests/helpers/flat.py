"""A colorizer whose generator predicts one color for every pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vidcolor.colorizer import Colorizer, Geometry, ProxyPrediction
from vidcolor.imaging.guided_filter import GuidedUpsampler

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float32]


class FlatColorizer(Colorizer):
    """A real Colorizer whose generator says the same color of everything."""

    A, B = 12.0, 18.0

    def __init__(self) -> None:
        says = {"name": "flat", "digest": "0" * 64, "native_size": 32, "accepts_hints": False}
        says |= {"has_confidence": True, "has_vividness": True}
        self._generator = type("Flat", (), says)
        self._upsample = GuidedUpsampler()

    def predict(
        self,
        proxies: Sequence[Array],
        geometry: Geometry,
        vividness: float | None = None,
        hints: object = None,
    ) -> list[ProxyPrediction]:
        colors = []
        for proxy in proxies:
            stored = np.ascontiguousarray(geometry.to_stored(proxy))
            rows, columns = max(1, stored.shape[0] // 4), max(1, stored.shape[1] // 4)
            ab = np.empty((2, rows, columns), np.float32)
            ab[0], ab[1] = self.A, self.B
            colors.append(ProxyPrediction(ab, np.full((rows, columns), 0.5, np.float32), stored))
        return colors
