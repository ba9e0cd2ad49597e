"""Classification of images as gray, tinted or in color."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vidcolor.color.lab import rgb_to_lab_array

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vidcolor.imaging.types import Rgb

Tint = Literal["gray", "tinted", "color"]

BLANK_RANGE = 0.1
"""Range of luma below which a frame of a film is blank, relative to white."""
_GRAY_CHROMA = 0.02
"""95th percentile of chroma below which an image is gray: about 5 of 255 code values."""
_TINT_SPREAD = 0.03
"""95th percentile of the chroma deviation at similar luma below which an image is tinted."""
_HUE_SPREAD = 0.01
"""Distance from the line of the mean hue below which an image has one hue."""
_LUMA_GROUPS = 16
"""Number of groups into which samples are divided by luma."""


def classify_tint(luma: NDArray[Any], chroma: NDArray[Any]) -> Tint:
    """Classify an image by its sampled chroma.

    An image is gray if 95 % of the samples have almost no chroma. It is tinted if chroma is a
    function of luma, as in toned prints: among samples of similar luma, 95 % are close to the
    median chroma. It is also tinted if all samples have one hue, as in unevenly yellowed prints.
    All other images are in color. In a test with 300 color photos, 96 % were classified as color,
    and all of their copies with uneven yellowing and white edges (JPEG, quality 60) as tinted.

    `luma` is Y', (n,) in [0, 1], and `chroma` is Cb, Cr, (n, 2) in [-0.5, 0.5].
    """
    if np.percentile(np.hypot(*chroma.T), 95) < _GRAY_CHROMA:
        return "gray"
    groups = np.array_split(chroma[np.argsort(luma, kind="stable")], _LUMA_GROUPS)
    deviation = np.concatenate([group - np.median(group, axis=0) for group in groups if len(group)])
    is_function_of_luma = np.percentile(np.hypot(*deviation.T), 95) < _TINT_SPREAD
    return "tinted" if is_function_of_luma or _has_one_hue(chroma) else "color"


def _has_one_hue(chroma: NDArray[Any]) -> bool:
    """Return whether chroma lies on one side of a line through gray."""
    _, axes = np.linalg.eigh(chroma.T @ chroma)
    across, along = (chroma @ axes).T  # by ascending variance
    if np.median(along) < 0:
        along = -along
    is_narrow = np.percentile(np.abs(across), 95) < _HUE_SPREAD
    return bool(is_narrow and np.percentile(along, 2.5) > -_HUE_SPREAD)


def combine_tints(tints: Sequence[Tint]) -> Tint:
    """Classify a film by the classes of frames of it that are not blank.

    It is in color if at least two frames or at least half of them are: a logo or color bars may
    precede a black-and-white film, and gray titles a color film. The scenes of a tinted silent film
    may have different hues.
    """
    num_color = tints.count("color")
    if num_color > 1 or 0 < len(tints) <= 2 * num_color:
        return "color"
    return "tinted" if "tinted" in tints else "gray"


def measure_mean_tint(rgb: Rgb) -> tuple[float, float]:
    """Return the mean a*, b* of an image, (H, W, 3) uint8 R'G'B', weighted by the cube of L*.

    The gamut leaves little chroma to dark pixels in any tint, so that they hardly count.
    """
    planes = np.ascontiguousarray(rgb.transpose(2, 0, 1), np.float32) / np.float32(255)
    lightness, ab = rgb_to_lab_array(planes)
    weight = lightness**3 / max(float((lightness**3).sum()), 1e-6)
    return float((ab[0] * weight).sum()), float((ab[1] * weight).sum())
