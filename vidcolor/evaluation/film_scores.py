"""Metrics of a colorized film against its ground truth: by frame, by shot and for the whole film.

All versions of the film are measured along the optical flow of the ground truth, within its shots.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vidcolor.evaluation.drift import DriftMeter
from vidcolor.evaluation.image_metrics import detect_chroma_edges, score_edges
from vidcolor.evaluation.temporal_metrics import (
    DILATIONS,
    HistogramComparer,
    compute_cdc,
    compute_flicker,
    compute_warp_error,
    estimate_bidirectional_flow,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vidcolor.evaluation.drift import DriftMeasurement
    from vidcolor.evaluation.temporal_metrics import BidirectionalFlow
    from vidcolor.imaging.types import FloatArray, Rgb, Uint8Array

GROUND_TRUTH = "ground_truth"
"""Name of the ground truth among the versions of a film."""
DRIFT_S, MIN_DRIFT_S = 4.0, 2.0
"""Duration of a drift measurement, and its minimum duration at the end of a shot, in seconds."""


class FrameMetrics(NamedTuple):
    """Metrics of one frame of one version; NaN where a metric is undefined."""

    psnr: float
    """PSNR in dB over R', G', B'; infinite for the ground truth."""
    delta_e_2000: float
    """Mean CIEDE2000."""
    warp_error: float
    """Warp error of a*, b* from the previous frame; see `compute_warp_error`."""
    warp_error_rgb: float
    """Warp error of R', G', B' in [0, 1] from the previous frame; see `compute_warp_error`."""
    flicker: float
    """Flicker index of the previous frame, for which both neighbors are known; see
    `compute_flicker`."""
    edge_f1: float
    """F1 of chroma edges; see `score_edges`."""
    chroma: float
    """Mean chroma: the length of (a*, b*)."""
    divergences: tuple[float, ...]
    """Histogram divergences for CDC, one for each of `DILATIONS`; see `HistogramComparer`."""


@dataclass(frozen=True, slots=True)
class FilmMetrics:
    """Metrics of one version over a shot or a film; NaN where a metric is undefined."""

    psnr: float
    """Mean PSNR over frames, in dB."""
    delta_e_2000: float
    """Mean CIEDE2000."""
    cdc: float
    """Color distribution consistency; see `HistogramComparer`."""
    warp_error: float
    """Mean warp error of a*, b*, in squared a*b* units."""
    warp_error_rgb: float
    """Mean warp error of R', G', B' in [0, 1]."""
    flicker: float
    """Root mean square of the flicker index over frames, in a*b* units."""
    drift: float
    """Mean CIEDE2000 by which tracked patches change over `DRIFT_S`."""
    edge_f1: float
    """Mean F1 of chroma edges over frames."""
    chroma: float
    """Mean chroma: the length of (a*, b*)."""


@dataclass(slots=True)
class ShotScores:
    """Metrics of one shot of the ground truth."""

    first: int
    """Index of its first frame."""
    end: int
    """Index of the frame after its last one."""
    time_s: float
    """Time of its first frame, in seconds."""
    metrics: dict[str, FilmMetrics]
    """Metrics by version, including `GROUND_TRUTH`."""


@dataclass(frozen=True, slots=True)
class FilmScores:
    """Metrics of all versions of a film."""

    num_frames: int
    """Number of frames."""
    shots: tuple[ShotScores, ...]
    """Metrics of each shot."""
    metrics: dict[str, FilmMetrics]
    """Metrics of the whole film, by version."""
    times: tuple[float, ...]
    """Time of each frame, in seconds."""
    frames: dict[str, tuple[FrameMetrics, ...]]
    """Metrics of each frame, by version."""

    def compute_ratio_to_ground_truth(self, version: str, metric: str) -> float:
        """Return a metric of a version divided by the value of the ground truth.

        Args:
            version: name of the version.
            metric: name of a field of `FilmMetrics`.

        Returns:
            The ratio; NaN if the value of the ground truth is 0.
        """
        reference = float(getattr(self.metrics[GROUND_TRUTH], metric))
        value = float(getattr(self.metrics[version], metric))
        return value / reference if reference else math.nan


@dataclass(slots=True)
class _Frame:
    """A frame in the color spaces of the metrics."""

    rgb: FloatArray
    """R'G'B': (H, W, 3) float32 in [0, 1]."""
    lab: FloatArray
    """L*a*b*: (H, W, 3) float32."""
    ab: FloatArray
    """a*, b*: (H, W, 2) float32, contiguous."""


@dataclass(slots=True)
class _Version:
    """The metrics of one version so far, and its latest frames in the current shot."""

    metrics: list[FrameMetrics] = field(default_factory=list)
    histograms: HistogramComparer = field(default_factory=HistogramComparer)
    recent: deque[_Frame] = field(default_factory=lambda: deque(maxlen=2))


class FilmScorer:
    """Computes the metrics of all versions of a film, frame by frame.

    It keeps the last two frames of every version, and the metrics of all frames.
    """

    def __init__(self, versions: Sequence[str], frame_rate: float = 25.0) -> None:
        """Prepare for the first frame of a film.

        Args:
            versions: names of the colorized versions.
            frame_rate: frame rate of the film in frames per second.
        """
        self._versions = {name: _Version() for name in (GROUND_TRUTH, *versions)}
        self._drift_frames = round(DRIFT_S * frame_rate)
        self._min_drift_frames = round(MIN_DRIFT_S * frame_rate)
        self._times: list[float] = []
        self._shot_starts: list[int] = []
        self._flows: deque[BidirectionalFlow] = deque(maxlen=2)
        self._luma: Uint8Array | None = None
        self._drift_meter: tuple[int, DriftMeter] | None = None
        """The first frame of the current drift measurement, and its meter."""
        self._drifts: list[DriftMeasurement] = []

    def add_frame(
        self, ground_truth: Rgb, versions: Mapping[str, Rgb], time_s: float, starts_shot: bool
    ) -> None:
        """Compute the metrics of the next frame.

        Args:
            ground_truth: sRGB, (H, W, 3) uint8.
            versions: the frame of each colorized version, by name, of the same shape.
            time_s: time of the frame in seconds.
            starts_shot: whether the frame is the first of a shot. Temporal metrics do not compare
                it with earlier frames.
        """
        index = len(self._times)
        if starts_shot or not index:
            self._end_shot()
            self._shot_starts.append(index)
        self._times.append(time_s)
        frames = {GROUND_TRUTH: _make_frame(ground_truth)}
        frames.update({name: _make_frame(rgb) for name, rgb in versions.items()})
        reference = frames[GROUND_TRUTH]
        flow = self._estimate_flow(reference)
        edges = detect_chroma_edges(reference.ab)
        for name, frame in frames.items():
            version = self._versions[name]
            temporal = self._compute_temporal_metrics(version, frame)
            version.metrics.append(
                FrameMetrics(
                    *_measure_color_errors(frame, reference),
                    *temporal,
                    score_edges(detect_chroma_edges(frame.ab), edges).f1,
                    float(np.hypot(frame.ab[..., 0], frame.ab[..., 1]).mean()),
                    version.histograms.add(frame.rgb, index == self._shot_starts[-1]),
                )
            )
            version.recent.append(frame)
        self._measure_drift(index, flow, frames)

    def _estimate_flow(self, ground_truth: _Frame) -> BidirectionalFlow | None:
        """Return the flow from the previous frame of the shot; None for the first frame."""
        # L* in [0, 100] as the 8-bit codes that OpenCV's DIS requires.
        luma = np.rint(ground_truth.lab[..., 0] * 2.55).astype(np.uint8)
        previous, self._luma = self._luma, luma
        if previous is None:
            return None
        flow = estimate_bidirectional_flow(previous, luma)
        self._flows.append(flow)
        return flow

    def _compute_temporal_metrics(
        self, version: _Version, frame: _Frame
    ) -> tuple[float, float, float]:
        """Return both warp errors from the previous frame, and the flicker of that frame."""
        if not self._flows or not version.recent:
            return math.nan, math.nan, math.nan
        previous, flow = version.recent[-1], self._flows[-1]
        flicker = math.nan
        if len(self._flows) > 1 and len(version.recent) > 1:
            flicker = compute_flicker(
                version.recent[0].ab, previous.ab, frame.ab, self._flows[0], flow
            )
        return (
            compute_warp_error(previous.ab, frame.ab, flow),
            compute_warp_error(previous.rgb, frame.rgb, flow),
            flicker,
        )

    def _measure_drift(
        self, index: int, flow: BidirectionalFlow | None, frames: Mapping[str, _Frame]
    ) -> None:
        """Track the patches to a frame; start a new measurement every `DRIFT_S`."""
        labs = {name: frame.lab for name, frame in frames.items()}
        if self._drift_meter is not None and flow is not None:
            first, meter = self._drift_meter
            meter.advance(flow)
            if index - first >= self._drift_frames:
                self._add_drift(meter.measure(labs))
                self._drift_meter = None
        if self._drift_meter is None:
            self._drift_meter = index, DriftMeter(index, labs)

    def _end_shot(self) -> None:
        """Complete the drift measurement of the current shot, and discard its frames."""
        last = len(self._times) - 1
        if self._drift_meter is not None:
            first, meter = self._drift_meter
            if last - first >= self._min_drift_frames:
                labs = {name: v.recent[-1].lab for name, v in self._versions.items()}
                self._add_drift(meter.measure(labs))
        self._drift_meter, self._luma = None, None
        self._flows.clear()
        for version in self._versions.values():
            version.recent.clear()

    def _add_drift(self, drift: DriftMeasurement | None) -> None:
        if drift is not None:
            self._drifts.append(drift)

    def finish(self) -> FilmScores:
        """Return the metrics of all frames."""
        self._end_shot()
        num_frames = len(self._times)
        shot_ends = [*self._shot_starts[1:], num_frames]
        return FilmScores(
            num_frames,
            tuple(
                ShotScores(first, last, self._times[first], self._compute_mean_metrics(first, last))
                for first, last in zip(self._shot_starts, shot_ends, strict=True)
            ),
            self._compute_mean_metrics(0, num_frames),
            tuple(self._times),
            {name: tuple(version.metrics) for name, version in self._versions.items()},
        )

    def _compute_mean_metrics(self, first: int, last: int) -> dict[str, FilmMetrics]:
        """Return the metrics of every version over the frames in [first, last)."""
        drifts = [drift for drift in self._drifts if first <= drift.first < last]
        return {
            name: _summarize(version.metrics[first:last], [drift.drift[name] for drift in drifts])
            for name, version in self._versions.items()
        }


def _summarize(frames: Sequence[FrameMetrics], drifts: Sequence[float]) -> FilmMetrics:
    """Return the metrics over frames, given those of each frame and the drifts among them."""

    def mean(values: Sequence[float]) -> float:
        valid = [value for value in values if not math.isnan(value)]
        return math.fsum(valid) / len(valid) if valid else math.nan

    divergences = np.array([frame.divergences for frame in frames]).reshape(-1, len(DILATIONS))
    return FilmMetrics(
        psnr=mean([frame.psnr for frame in frames]),
        delta_e_2000=mean([frame.delta_e_2000 for frame in frames]),
        cdc=compute_cdc(divergences),
        warp_error=mean([frame.warp_error for frame in frames]),
        warp_error_rgb=mean([frame.warp_error_rgb for frame in frames]),
        flicker=math.sqrt(mean([frame.flicker**2 for frame in frames])),
        drift=mean(drifts),
        edge_f1=mean([frame.edge_f1 for frame in frames]),
        chroma=mean([frame.chroma for frame in frames]),
    )


def _make_frame(rgb: Rgb) -> _Frame:
    import torch

    from vidcolor.color.lab import rgb_to_lab

    unit = rgb.astype(np.float32) / np.float32(255)
    with torch.inference_mode():
        planes = torch.from_numpy(np.ascontiguousarray(unit.transpose(2, 0, 1))[None])
        lightness, ab = rgb_to_lab(planes)
        lab = torch.cat([lightness, ab], 1)[0].permute(1, 2, 0).contiguous().numpy()
    return _Frame(unit, lab, np.ascontiguousarray(lab[..., 1:]))


def _measure_color_errors(frame: _Frame, ground_truth: _Frame) -> tuple[float, float]:
    """Return the PSNR in dB and the mean CIEDE2000."""
    if frame is ground_truth:
        return math.inf, 0.0
    import torch

    from vidcolor.color.metrics import delta_e_2000, psnr

    with torch.inference_mode():
        rgb, lab = (
            [torch.from_numpy(a.transpose(2, 0, 1)[None]) for a in pair]
            for pair in ((frame.rgb, ground_truth.rgb), (frame.lab, ground_truth.lab))
        )
        return float(psnr(*rgb)[0]), float(delta_e_2000(*lab).mean())
