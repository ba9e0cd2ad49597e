"""Metrics of an evaluation: of every image for every method, and their means."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vidcolor.evaluation.calibration import ReliabilityDiagram
from vidcolor.evaluation.features import Features, feature_distance, frechet_distance
from vidcolor.evaluation.image_metrics import (
    image_colorfulness,
    image_delta_e,
    image_psnr,
    image_ssim,
    max_luma_error,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from vidcolor.evaluation.column_selector import ColumnSelector
    from vidcolor.evaluation.dataset import GroundTruth
    from vidcolor.evaluation.options import EvaluateOptions
    from vidcolor.imaging.types import Rgb

MethodKind = Literal["gray", "model", "results", "ground_truth"]
"""Source of a method's images: the luma without color, a generator, a folder of results, or the
ground truth itself."""

GRAY, GROUND_TRUTH = "gray", "ground_truth"
"""Names of the first and the last method."""

DEFINITIONS = {
    "psnr": "PSNR in dB over 8-bit R', G', B'; mean over images, where equal images count as 100",
    "psnr_gain": "psnr minus the psnr of the gray images",
    "ssim": "SSIM (Wang et al. 2004), Gaussian window 11x11, sigma 1.5; mean of R', G' and B'",
    "delta_e_2000": "CIEDE2000, mean over pixels, then over images",
    "colorfulness": "colorfulness (Hasler & Suesstrunk 2003), mean over images",
    "colorfulness_ratio": "colorfulness divided by that of the ground truth",
    "delta_colorfulness": "absolute difference between colorfulness and that of the ground truth",
    "feature_distance": "squared distance of unit features of an ImageNet encoder at strides 2 to "
    "32: LPIPS without its learned weights, not comparable with LPIPS",
    "frechet_feature_distance": "Frechet distance of Gaussians fitted to the mean features of the "
    "encoder at stride 16 (120): FID with other features, not comparable with FID",
    "max_luma_error": "maximum change of luma in 8-bit codes",
    "ms_per_image": "wall-clock time per image in milliseconds, from luma to R'G'B'",
    "ece": "expected calibration error of the confidence over cells, 15 bins of equal width",
}
"""Definition of each metric, for the JSON document."""


@dataclass(frozen=True, slots=True)
class ImageMetrics:
    """Metrics of one image against its ground truth; see `DEFINITIONS`."""

    psnr: float
    ssim: float
    delta_e_2000: float
    colorfulness: float
    feature_distance: float
    max_luma_error: float

    def to_json(self) -> dict[str, float | None]:
        """Return the metrics with five significant digits; None for infinite ones."""
        return {name: _round(value) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class FeaturedImage:
    """An image with its features. Features are stored, so that they are computed only once."""

    rgb: Rgb
    """(H, W, 3) uint8."""
    features: Features
    """The features of the image."""


def compute_metrics(image: FeaturedImage, ground_truth: FeaturedImage) -> ImageMetrics:
    """Compute all metrics of an image.

    Args:
        image: the image to evaluate.
        ground_truth: the image in its true colors, of the same size.
    """
    rgb = image.rgb
    return ImageMetrics(
        psnr=image_psnr(rgb, ground_truth.rgb),
        ssim=image_ssim(rgb, ground_truth.rgb),
        delta_e_2000=image_delta_e(rgb, ground_truth.rgb),
        colorfulness=image_colorfulness(rgb),
        feature_distance=feature_distance(image.features, ground_truth.features),
        max_luma_error=max_luma_error(rgb, ground_truth.rgb),
    )


@dataclass(slots=True)
class MethodScores:
    """The metrics of one method: gray, a model, a folder of results, or the ground truth."""

    name: str
    """Unique name in reports."""
    kind: MethodKind
    """Source of the method's images."""
    metadata: dict[str, Any] = field(default_factory=dict)
    """Settings and digest of a model, or path of a folder, as JSON values."""
    metrics: list[ImageMetrics] = field(default_factory=list)
    """Metrics of every image."""
    pooled: list[NDArray[np.float64]] = field(default_factory=list)
    """Pooled features of every image, each (120,), for the Fréchet distance."""
    seconds: list[float] = field(default_factory=list)
    """Wall-clock time of every image in seconds; empty unless the method is a model."""
    reliability: ReliabilityDiagram | None = None
    """Calibration of the confidence; None if the method does not estimate confidence."""
    hinted_psnr: dict[int, list[float]] = field(default_factory=dict)
    """PSNR of every image in dB, by number of hints."""

    def add(self, image: FeaturedImage, metrics: ImageMetrics) -> None:
        """Add the metrics of one image."""
        self.metrics.append(metrics)
        self.pooled.append(image.features.pooled)

    def compute_hint_curve(self) -> list[tuple[int, float]]:
        """Return the numbers of hints and the mean PSNR in dB for each."""
        return [(n, float(np.mean(values))) for n, values in sorted(self.hinted_psnr.items())]


@dataclass(frozen=True, slots=True)
class MeanMetrics:
    """Metrics of a method over several images; see `DEFINITIONS`.

    A metric that does not apply to the method is None.
    """

    psnr: float
    psnr_gain: float
    ssim: float
    delta_e_2000: float
    colorfulness: float
    colorfulness_ratio: float
    delta_colorfulness: float
    feature_distance: float
    frechet_feature_distance: float | None
    max_luma_error: float
    ms_per_image: float | None
    ece: float | None

    def to_json(self) -> dict[str, float | None]:
        """Return the metrics with five significant digits; None for infinite ones."""
        return {name: _round(value) for name, value in asdict(self).items()}


def compute_means(
    method: MethodScores,
    gray: MethodScores,
    ground_truth: MethodScores,
    indices: Sequence[int] | None = None,
) -> MeanMetrics:
    """Return the means of a method's metrics over images.

    Args:
        method: the method.
        gray: the scores of the gray images.
        ground_truth: the scores of the ground truth itself.
        indices: indices of the images; None for all. The calibration error is only computed over
            all images.
    """
    selected = range(len(method.metrics)) if indices is None else indices

    def mean(scores: MethodScores, name: str) -> float:
        return float(np.mean([getattr(scores.metrics[n], name) for n in selected]))

    colorfulness = mean(method, "colorfulness")
    true_colorfulness = mean(ground_truth, "colorfulness")
    frechet: float | None = None
    # A covariance needs two vectors; the distance of the ground truth to itself is trivial.
    if len(selected) > 1 and method.kind != "ground_truth":
        sets = (np.stack([m.pooled[n] for n in selected]) for m in (method, ground_truth))
        frechet = frechet_distance(*sets)
    seconds = [method.seconds[n] for n in selected] if method.seconds else None
    reliability = method.reliability if indices is None else None
    return MeanMetrics(
        psnr=mean(method, "psnr"),
        psnr_gain=mean(method, "psnr") - mean(gray, "psnr"),
        ssim=mean(method, "ssim"),
        delta_e_2000=mean(method, "delta_e_2000"),
        colorfulness=colorfulness,
        colorfulness_ratio=colorfulness / true_colorfulness if true_colorfulness else math.nan,
        delta_colorfulness=abs(colorfulness - true_colorfulness),
        feature_distance=mean(method, "feature_distance"),
        frechet_feature_distance=frechet,
        max_luma_error=max(method.metrics[n].max_luma_error for n in selected),
        ms_per_image=1000 * float(np.mean(seconds)) if seconds else None,
        ece=None if reliability is None else reliability.ece,
    )


@dataclass(slots=True)
class Evaluation:
    """The result of an evaluation."""

    options: EvaluateOptions
    """The options of the evaluation."""
    images: list[GroundTruth] = field(default_factory=list)
    """The images that were evaluated, in order. Every method has metrics for each of them."""
    sizes: list[tuple[int, int]] = field(default_factory=list)
    """Width and height at which each image was evaluated, in pixels."""
    methods: list[MethodScores] = field(default_factory=list)
    """The methods. The first one is gray and the last one is the ground truth."""
    skipped: list[str] = field(default_factory=list)
    """The images that were not evaluated, each with the reason."""
    has_unreadable: bool = False
    """Whether an image was skipped because it or its result could not be read."""
    warnings: list[str] = field(default_factory=list)
    """Limits of the metrics, and differences between results and ground truth."""
    encoder_digest: str = ""
    """SHA-256 of the encoder that computes the features, in hex."""
    columns: ColumnSelector | None = None
    """The images of the score sheet."""

    def compute_means(
        self, method: MethodScores, indices: Sequence[int] | None = None
    ) -> MeanMetrics:
        """Return the means of a method's metrics over images; see the function `compute_means`."""
        return compute_means(method, self.methods[0], self.methods[-1], indices)

    def group_frames_by_film(self) -> dict[Path, list[int]]:
        """Return the indices of the frames of each film among the evaluated images."""
        frames: dict[Path, list[int]] = {}
        for index, image in enumerate(self.images):
            if image.is_frame:
                frames.setdefault(image.source, []).append(index)
        return frames


def _round(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(f"{value:.5g}")
