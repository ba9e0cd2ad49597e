"""The table of image metrics, and the values of every method."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vidcolor.evaluation.color_faults import (
    BLEEDING_DEFINITION,
    BLOTCHINESS_DEFINITION,
    WARM_SHARE_DEFINITION,
    measure_bleeding,
    measure_blotchiness,
    measure_warm_share,
)
from vidcolor.evaluation.features import Features, feature_distance, frechet_distance
from vidcolor.evaluation.hint_metrics import HintScore, summarize_scores
from vidcolor.evaluation.image_metrics import (
    image_colorfulness,
    image_delta_e,
    image_psnr,
    image_ssim,
    max_luma_error,
)
from vidcolor.evaluation.metrics import Metric
from vidcolor.evaluation.report import HintMeans, HintPoint, Method, ObjectHintPoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.evaluation.calibration import ReliabilityDiagram
    from vidcolor.evaluation.report import MethodKind
    from vidcolor.imaging.types import FloatArray, Rgb


class FeaturedImage(NamedTuple):
    """An image, (H, W, 3) uint8, with what several metrics need and is computed only once."""

    rgb: Rgb
    features: Features
    lab: FloatArray
    """L*, a*, b* from `color_faults.compute_lab`: (h, w, 3) float32."""


@dataclass(slots=True)
class MethodScores:
    """The values of one method: gray, a model, a folder of results, or the ground truth."""

    name: str
    """Unique name in reports."""
    kind: MethodKind
    metadata: dict[str, Any] = field(default_factory=dict)
    """Model, digest and settings, or the folder: fields of `report.Method`."""
    reliability: ReliabilityDiagram | None = None
    """Calibration of a model's confidence; None without confidence."""
    images: list[dict[str, float]] = field(default_factory=list)
    """Values of every image, by metric."""
    pooled: list[Any] = field(default_factory=list)
    """`Features.pooled` of every image."""
    seconds: list[float] = field(default_factory=list)
    """Time per image in seconds; empty for a method that is not a model."""
    hinted_psnr: dict[int, list[float]] = field(default_factory=dict)
    """PSNR of every image in dB, by number of hints."""
    object_scores: dict[int, dict[int, HintScore]] = field(default_factory=dict)
    """Scores of the images with an object, by number of hints and index of the image."""

    def add(self, image: FeaturedImage, ground_truth: FeaturedImage) -> None:
        """Measure an image against its ground truth, of the same size."""
        values = {m.name: m.measure(image, ground_truth) for m in IMAGE_METRICS if m.measure}
        self.images.append(values)
        self.pooled.append(image.features.pooled)


@dataclass(frozen=True, slots=True)
class Subset:
    """Some images of a method, from which the values of the method are computed."""

    method: MethodScores
    gray: MethodScores
    ground_truth: MethodScores
    indices: Sequence[int] | None = None
    """The images; None for all."""

    def select(self, values: Sequence[Any]) -> Sequence[Any]:
        """Return the values of the images of the subset."""
        return values if self.indices is None else [values[n] for n in self.indices]

    def average(self, name: str, scores: MethodScores | None = None) -> float:
        """Return the mean of a metric, of this method or of others.

        Images for which the metric is undefined are left out; NaN if it is undefined for all.
        """
        images = self.select((scores or self.method).images)
        values = [image[name] for image in images if not math.isnan(image[name])]
        return float(np.mean(values)) if values else math.nan

    def compute_metrics(self) -> dict[str, float | None]:
        """Return the value of every metric; None where one does not apply."""
        return {
            metric.name: metric.summarize(self) if metric.summarize else self.average(metric.name)
            for metric in IMAGE_METRICS
        }

    def compute_colorfulness_ratio(self) -> float:
        """Return the colorfulness divided by that of the ground truth; NaN if that is 0."""
        truth = self.average("colorfulness", self.ground_truth)
        return self.average("colorfulness") / truth if truth else math.nan

    def compute_frechet_distance(self) -> float | None:
        """Return the Fréchet distance of the features from those of the ground truth."""
        pooled = self.select(self.method.pooled)
        # A covariance needs two vectors; the distance of the ground truth to itself is trivial.
        if len(pooled) < 2 or self.method.kind == "ground_truth":
            return None
        return frechet_distance(np.stack(pooled), np.stack(self.select(self.ground_truth.pooled)))

    def compute_ece(self) -> float | None:
        """Return the calibration error over all images; None for a part of them."""
        reliability = self.method.reliability if self.indices is None else None
        return None if reliability is None else reliability.summarize().ece

    def compute_ms_per_image(self) -> float | None:
        """Return the mean time in milliseconds."""
        seconds = self.method.seconds
        return 1000 * float(np.mean(self.select(seconds))) if seconds else None

    def to_report(self) -> Method:
        """Return the report of the method."""
        method = self.method
        optional: dict[str, Any] = dict(method.metadata)
        if method.reliability is not None:
            optional["calibration"] = method.reliability.summarize()
        if method.hinted_psnr:
            gray = self.average("psnr", self.gray)
            means = (
                (n, float(np.mean(values))) for n, values in sorted(method.hinted_psnr.items())
            )
            optional["hint_curve"] = [
                HintPoint(num_hints=n, psnr=psnr, psnr_gain=psnr - gray) for n, psnr in means
            ]
        if method.object_scores:
            optional["object_hints"] = [
                ObjectHintPoint(
                    num_hints=n,
                    num_objects=len(scores),
                    metrics=HintMeans(**summarize_scores(scores.values())),
                )
                for n, scores in sorted(method.object_scores.items())
            ]
        metrics = self.compute_metrics()
        return Method(name=method.name, kind=method.kind, metrics=metrics, **optional)


IMAGE_METRICS: tuple[Metric, ...] = (
    Metric(
        "psnr", "PSNR", "{:.2f}", unit="dB", better="higher",
        definition="PSNR in dB over 8-bit R', G', B'; mean over images, where equal images count "
        "as 100",
        measure=lambda image, truth: image_psnr(image.rgb, truth.rgb),
    ),
    Metric(
        "psnr_gain", "gain", "{:+.2f}", unit="dB", better="higher",
        definition="psnr minus the psnr of the gray images",
        summarize=lambda subset: subset.average("psnr") - subset.average("psnr", subset.gray),
    ),
    Metric(
        "ssim", "SSIM", "{:.4f}", better="higher",
        definition="SSIM (Wang et al. 2004), Gaussian window 11x11, sigma 1.5; mean of R', G' and "
        "B'",
        measure=lambda image, truth: image_ssim(image.rgb, truth.rgb),
    ),
    Metric(
        "delta_e_2000", "ΔE00", "{:.2f}", better="lower",
        definition="CIEDE2000, mean over pixels, then over images",
        measure=lambda image, truth: image_delta_e(image.rgb, truth.rgb),
    ),
    Metric(
        "colorfulness", "", "{:.2f}",
        definition="colorfulness (Hasler & Suesstrunk 2003), mean over images",
        measure=lambda image, _: image_colorfulness(image.rgb),
    ),
    Metric(
        "colorfulness_ratio", "color", "{:.0%}",
        definition="colorfulness divided by that of the ground truth",
        summarize=Subset.compute_colorfulness_ratio,
    ),
    Metric(
        "delta_colorfulness", "Δcolor", "{:.2f}", better="lower",
        definition="absolute difference between colorfulness and that of the ground truth",
        summarize=lambda subset: abs(
            subset.average("colorfulness") - subset.average("colorfulness", subset.ground_truth)
        ),
    ),
    Metric(
        "blotchiness", "blotches", "{:.2f}", better="lower",
        definition=BLOTCHINESS_DEFINITION,
        measure=lambda image, _: measure_blotchiness(image.lab),
    ),
    Metric(
        "bleeding", "bleeding", "{:.2f}", better="lower",
        definition=BLEEDING_DEFINITION,
        measure=lambda image, _: measure_bleeding(image.lab),
    ),
    Metric(
        "warm_share", "warm", "{:.0%}",
        definition=WARM_SHARE_DEFINITION,
        measure=lambda image, _: measure_warm_share(image.lab),
    ),
    Metric(
        "feature_distance", "features", "{:.4f}", better="lower",
        definition="squared distance of unit features of an ImageNet encoder at strides 2 to 32: "
        "LPIPS without its learned weights, not comparable with LPIPS",
        measure=lambda image, truth: feature_distance(image.features, truth.features),
    ),
    Metric(
        "frechet_feature_distance", "Fréchet", "{:.2f}", better="lower",
        definition="Frechet distance of Gaussians fitted to the mean features of the encoder at "
        "stride 16 (120): FID with other features, not comparable with FID",
        summarize=Subset.compute_frechet_distance,
    ),
    Metric(
        "max_luma_error", "Δluma", "{:.1f}", better="lower",
        definition="maximum change of luma in 8-bit codes",
        measure=lambda image, truth: max_luma_error(image.rgb, truth.rgb),
        summarize=lambda subset: max(
            image["max_luma_error"] for image in subset.select(subset.method.images)
        ),
    ),
    Metric(
        "ece", "ECE", "{:.3f}", better="lower",
        definition="expected calibration error of the confidence over cells, 15 bins of equal "
        "width",
        summarize=Subset.compute_ece,
    ),
    Metric(
        "ms_per_image", "ms", "{:.0f}", unit="ms", better="lower",
        definition="wall-clock time per image in milliseconds, from luma to R'G'B'",
        summarize=Subset.compute_ms_per_image,
    ),
)  # fmt: skip
"""The metrics of images, in the order of tables and documents."""
