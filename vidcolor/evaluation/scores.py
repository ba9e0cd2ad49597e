"""The figures of one picture, and their means over all pictures for one row of the table."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vidcolor.evaluation.calibration import Reliability
from vidcolor.evaluation.features import Features, feature_distance, frechet_distance
from vidcolor.evaluation.image_metrics import (
    luma_error,
    picture_colorfulness,
    picture_delta_e,
    picture_psnr,
    picture_ssim,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from vidcolor.evaluation.dataset import Original
    from vidcolor.evaluation.options import EvaluateOptions
    from vidcolor.evaluation.sample_selection import Showcase
    from vidcolor.media.preview import Rgb

RowKind = Literal["gray", "model", "results", "originals"]

DEFINITIONS = {
    "psnr": "dB over R', G', B' of 8 bits; the mean over pictures, equal pictures count 100",
    "gain": "psnr less that of the same pictures in gray",
    "ssim": "Wang et al. 2004, Gaussian window 11x11 of deviation 1.5, mean of R', G' and B'",
    "delta_e": "CIEDE2000, mean over pixels, then over pictures",
    "colorfulness": "Hasler & Suesstrunk 2003, mean over pictures",
    "colorfulness_share": "colorfulness over that of the originals",
    "colorfulness_difference": "|colorfulness - that of the originals|",
    "feature_distance": "unit features of the encoder at strides 2 to 32, squared distance: "
    "LPIPS's form without its learned weights, not comparable with it",
    "frechet_feature_distance": "Frechet distance of Gaussians fitted to the encoder's mean "
    "features at stride 16 (120): FID's formula with other features, not comparable with it",
    "luma_error": "how far luma moved at most, codes of 8 bits",
    "ms": "wall-clock milliseconds a picture, from luma to R'G'B'",
    "ece": "expected calibration error of confidence, 15 bins of equal width, over cells",
}
"""What each figure means; goes into the JSON document."""


@dataclass(frozen=True, slots=True)
class PictureScores:
    """One picture against its original; see `DEFINITIONS`."""

    psnr: float
    ssim: float
    delta_e: float
    colorfulness: float
    feature_distance: float
    luma_error: float


@dataclass(frozen=True, slots=True)
class FeaturedImage:
    """A picture and its features, so that an original is looked at once."""

    rgb: Rgb
    features: Features


def compare_with(truth: FeaturedImage, picture: FeaturedImage) -> PictureScores:
    """All figures of one picture.

    Args:
        truth: the original.
        picture: what is judged, of the same size.
    """
    rgb = picture.rgb
    return PictureScores(
        psnr=picture_psnr(rgb, truth.rgb),
        ssim=picture_ssim(rgb, truth.rgb),
        delta_e=picture_delta_e(rgb, truth.rgb),
        colorfulness=picture_colorfulness(rgb),
        feature_distance=feature_distance(picture.features, truth.features),
        luma_error=luma_error(rgb, truth.rgb),
    )


@dataclass(slots=True)
class Row:
    """One line of the table: gray, a model, a folder of results, or the originals."""

    name: str
    kind: RowKind
    facts: dict[str, Any] = field(default_factory=dict)
    """What it is: weights' digest, vividness, folder."""
    scores: list[PictureScores] = field(default_factory=list)
    pooled: list[NDArray[np.float64]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    reliability: Reliability | None = None
    hinted: dict[int, list[float]] = field(default_factory=dict)
    """PSNR of every picture, by number of hints."""

    def add(self, picture: FeaturedImage, scores: PictureScores) -> None:
        """Count a picture."""
        self.scores.append(scores)
        self.pooled.append(picture.features.pooled)

    def hint_curve(self) -> list[tuple[int, float]]:
        """Number of hints and mean PSNR in dB."""
        return [(count, float(np.mean(values))) for count, values in sorted(self.hinted.items())]


@dataclass(frozen=True, slots=True)
class Summary:
    """Means over pictures; see `DEFINITIONS`. None: there is no such figure for this row."""

    psnr: float
    gain: float
    ssim: float
    delta_e: float
    colorfulness: float
    colorfulness_share: float
    colorfulness_difference: float
    feature_distance: float
    frechet_feature_distance: float | None
    luma_error: float
    ms: float | None
    ece: float | None

    def to_json(self) -> dict[str, float | None]:
        """By name, five digits."""
        return {name: _short(value) for name, value in asdict(self).items()}


def summarize(row: Row, gray: Row, originals: Row, which: Sequence[int] | None = None) -> Summary:
    """The means of a row.

    Args:
        row: what is judged.
        gray: the same pictures without color.
        originals: the same pictures as they should be.
        which: indices of pictures; None for all. Then there are no figures of confidence.
    """
    chosen = range(len(row.scores)) if which is None else which

    def mean(of: Row, name: str) -> float:
        return float(np.mean([getattr(of.scores[n], name) for n in chosen]))

    color, true_color = mean(row, "colorfulness"), mean(originals, "colorfulness")
    far: float | None = None
    if len(chosen) > 1 and row.kind != "originals":
        sets = (np.stack([of.pooled[n] for n in chosen]) for of in (row, originals))
        far = frechet_distance(*sets)
    judged = row.reliability if which is None else None
    return Summary(
        psnr=mean(row, "psnr"),
        gain=mean(row, "psnr") - mean(gray, "psnr"),
        ssim=mean(row, "ssim"),
        delta_e=mean(row, "delta_e"),
        colorfulness=color,
        colorfulness_share=color / true_color if true_color else math.nan,
        colorfulness_difference=abs(color - true_color),
        feature_distance=mean(row, "feature_distance"),
        frechet_feature_distance=far,
        luma_error=max(row.scores[n].luma_error for n in chosen),
        ms=1000 * float(np.mean([row.seconds[n] for n in chosen])) if row.seconds else None,
        ece=None if judged is None else judged.ece,
    )


@dataclass(slots=True)
class Evaluation:
    """What came of it."""

    options: EvaluateOptions
    originals: list[Original] = field(default_factory=list)
    """Those that were judged by, in order; every row has a score for each."""
    sizes: list[tuple[int, int]] = field(default_factory=list)
    """Width and height at which each was judged."""
    rows: list[Row] = field(default_factory=list)
    """Gray first, the originals last."""
    left_out: list[str] = field(default_factory=list)
    """What could not be judged by, and why."""
    damaged: bool = False
    """Whether something that was left out could not be read."""
    warnings: list[str] = field(default_factory=list)
    encoder_digest: str = ""
    showcase: Showcase | None = None

    def summary(self, row: Row, which: Sequence[int] | None = None) -> Summary:
        """The means of a row, over all pictures or some."""
        return summarize(row, self.rows[0], self.rows[-1], which)

    def films(self) -> dict[Path, list[int]]:
        """The films among the originals, with the indices of their frames."""
        frames = [(n, o) for n, o in enumerate(self.originals) if o.is_frame]
        return {
            path: [n for n, o in frames if o.source == path]
            for path in dict.fromkeys(o.source for _, o in frames)
        }


def scores_to_json(scores: PictureScores) -> dict[str, float | None]:
    """By name, five digits."""
    return {name: _short(value) for name, value in asdict(scores).items()}


def _short(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(f"{value:.5g}")
