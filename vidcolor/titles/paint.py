"""The uniform color of titles."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vidcolor.colorizer import ProxyPrediction


def paint_uniform(
    prediction: ProxyPrediction, ab: tuple[float, float], confidence: float
) -> ProxyPrediction:
    """Replace the predicted color of a whole frame; colors given by a person are kept.

    `ab` is a*, b*, and `confidence` is in [0, 1].
    """
    planes = np.empty_like(prediction.ab)
    planes[:] = np.array(ab, np.float32)[:, None, None]
    return replace(
        prediction, ab=planes, confidence=np.full_like(prediction.confidence, confidence)
    )
