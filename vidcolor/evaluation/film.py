"""Evaluation of a colorized film against the same film in its true colors."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from vidcolor.errors import InputError
from vidcolor.evaluation.color_faults import (
    BLEEDING_DEFINITION,
    BLOTCHINESS_DEFINITION,
    WARM_SHARE_DEFINITION,
    measure_bleeding,
    measure_blotchiness,
    measure_warm_share,
)
from vidcolor.evaluation.image_metrics import detect_chroma_edges, edge_f1
from vidcolor.evaluation.metrics import Metric
from vidcolor.evaluation.report import FilmReport, ShotReport
from vidcolor.evaluation.temporal_metrics import (
    DILATIONS,
    DRIFT_FRAMES,
    MIN_SIDE,
    DriftMeter,
    compare_histograms,
    compute_cdc,
    compute_drift_percentile,
    compute_flicker,
    compute_histograms,
    compute_warp_error,
    estimate_bidirectional_flow,
)
from vidcolor.imaging.resize import limit_short_side
from vidcolor.media.film_pair import FilmPair
from vidcolor.progress import Progress
from vidcolor.shots.cuts import CausalCutDetector

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from vidcolor.evaluation.temporal_metrics import BidirectionalFlow, Histograms
    from vidcolor.imaging.types import FloatArray, Mask, Rgb, Uint8Array
    from vidcolor.media.probe import VideoInfo
    from vidcolor.progress import ProgressCallback

MAX_SHORT_SIDE = 256
"""Maximum short side at which films are evaluated, in pixels; larger films are reduced."""
GROUND_TRUTH, COLORED, AGAINST = "ground_truth", "colored", "against"
"""Names of the ground truth, the colorized film, and the second colorized version in reports."""
DRIFT_STEP = 12
"""Number of frames between the starts of drift measurements, which overlap."""


class FilmFrame:
    """A frame of one version, in the color spaces of the metrics."""

    flow: BidirectionalFlow | None = None
    """Flow of the ground truth from the previous frame; None for the first of a shot."""

    def __init__(self, rgb: Rgb) -> None:
        """Convert an sRGB frame, (H, W, 3) uint8."""
        import torch

        from vidcolor.color.lab import rgb_to_lab

        self.rgb: FloatArray = rgb.astype(np.float32) / np.float32(255)
        """R'G'B': (H, W, 3) float32 in [0, 1]."""
        with torch.inference_mode():
            planes = torch.from_numpy(np.ascontiguousarray(self.rgb.transpose(2, 0, 1))[None])
            lab = torch.cat(rgb_to_lab(planes), 1)[0].permute(1, 2, 0).contiguous().numpy()
        self.lab: FloatArray = lab
        """L*a*b*: (H, W, 3) float32."""
        self.ab: FloatArray = np.ascontiguousarray(lab[..., 1:])
        """a*, b*: (H, W, 2) float32, contiguous."""

    @cached_property
    def luma(self) -> Uint8Array:
        """L* as the 8-bit codes that OpenCV's DIS requires: (H, W) uint8."""
        return np.asarray(np.rint(self.lab[..., 0] * 2.55), np.uint8)

    @cached_property
    def edges(self) -> Mask:
        """Chroma edges: (H, W) bool."""
        return detect_chroma_edges(self.ab)

    @cached_property
    def histograms(self) -> Histograms:
        """Histograms of R', G' and B'."""
        return compute_histograms(self.rgb)


def _mean(values: Sequence[float]) -> float:
    """Return the mean of the values that are not NaN; NaN if there is none."""
    valid = [value for value in values if not math.isnan(value)]
    return math.fsum(valid) / len(valid) if valid else math.nan


def _compute_psnr(frame: FilmFrame, truth: FilmFrame, _: object) -> float:
    from vidcolor.color.metrics import psnr

    return math.inf if frame is truth else float(psnr(*_to_tensors(frame.rgb, truth.rgb))[0])


def _compute_delta_e(frame: FilmFrame, truth: FilmFrame, _: object) -> float:
    from vidcolor.color.metrics import delta_e_2000

    pair = _to_tensors(frame.lab, truth.lab)
    return 0.0 if frame is truth else float(delta_e_2000(*pair).mean())


def _to_tensors(*images: FloatArray) -> list[Any]:
    import torch

    return [torch.from_numpy(image.transpose(2, 0, 1)[None]) for image in images]


def _compute_warp_error(space: str) -> Callable[..., float]:
    def compute(frame: FilmFrame, _: object, earlier: Sequence[FilmFrame]) -> float:
        if frame.flow is None:
            return math.nan
        return compute_warp_error(getattr(earlier[-1], space), getattr(frame, space), frame.flow)

    return compute


def _compute_flicker(frame: FilmFrame, _: object, earlier: Sequence[FilmFrame]) -> float:
    """Return the flicker index of the previous frame, for which both neighbors are known."""
    if frame.flow is None or earlier[-1].flow is None:
        return math.nan
    colors = (earlier[-2].ab, earlier[-1].ab, frame.ab)
    return compute_flicker(*colors, earlier[-1].flow, frame.flow)


FILM_METRICS: tuple[Metric, ...] = (
    Metric(
        "psnr", "PSNR", "{:.2f}", unit="dB", better="higher",
        definition="PSNR in dB over R', G', B'; mean over frames",
        measure=_compute_psnr,
    ),
    Metric(
        "delta_e_2000", "ΔE00", "{:.2f}", better="lower",
        definition="CIEDE2000, mean over pixels, then over frames",
        measure=_compute_delta_e,
    ),
    Metric(
        "cdc", "CDC", "{:.5f}",
        definition="color distribution consistency (Liu et al. 2021)",
        measure=lambda frame, _, earlier: compare_histograms(
            frame.histograms, [f.histograms for f in earlier]
        ),
        average=compute_cdc,
    ),
    Metric(
        "warp_error", "warp a*b*", "{:.3f}", unit="squared a*b* units", better="lower",
        definition="warp error of a*, b* from the previous frame (Lai et al. 2018)",
        measure=_compute_warp_error("ab"),
    ),
    Metric(
        "warp_error_rgb", "warp RGB", "{:.6f}", better="lower",
        definition="warp error of R', G', B' in [0, 1] from the previous frame (Lai et al. 2018)",
        measure=_compute_warp_error("rgb"),
    ),
    Metric(
        "flicker", "flicker", "{:.3f}", unit="a*b* units", better="lower",
        definition="flicker index: second temporal difference of a*, b* along motion; root mean "
        "square over frames",
        measure=_compute_flicker,
        average=lambda values: math.sqrt(_mean([value**2 for value in values])),
    ),
    Metric(
        "drift", "drift", "{:.2f}", unit="a*b* units", better="lower",
        definition=f"change of a*, b* of tracked patches over {DRIFT_FRAMES} frames; 95th "
        "percentile of all patches",
        average=partial(compute_drift_percentile, percentile=95),
    ),
    Metric(
        "excess_drift_p50", "excess 50 %", "{:.2f}", unit="a*b* units", better="lower",
        definition="change of a*, b* of a tracked patch minus its change in the ground truth; "
        "median of all patches",
        average=partial(compute_drift_percentile, percentile=50),
    ),
    Metric(
        "excess_drift_p95", "excess 95 %", "{:.2f}", unit="a*b* units", better="lower",
        definition="change of a*, b* of a tracked patch minus its change in the ground truth; "
        "95th percentile of all patches",
        average=partial(compute_drift_percentile, percentile=95),
    ),
    Metric(
        "edge_f1", "edge F1", "{:.3f}", better="higher",
        definition="F1 score of chroma edges, mean over frames",
        measure=lambda frame, truth, _: edge_f1(frame.edges, truth.edges),
    ),
    Metric(
        "chroma", "chroma", "{:.1f}", unit="a*b* units",
        definition="mean chroma: the length of (a*, b*)",
        measure=lambda frame, *_: float(np.hypot(frame.ab[..., 0], frame.ab[..., 1]).mean()),
    ),
    Metric(
        "blotchiness", "blotches", "{:.2f}", better="lower",
        definition=BLOTCHINESS_DEFINITION,
        measure=lambda frame, *_: measure_blotchiness(frame.lab),
    ),
    Metric(
        "bleeding", "bleeding", "{:.2f}", better="lower",
        definition=BLEEDING_DEFINITION,
        measure=lambda frame, *_: measure_bleeding(frame.lab),
    ),
    Metric(
        "warm_share", "warm", "{:.0%}",
        definition=WARM_SHARE_DEFINITION,
        measure=lambda frame, *_: measure_warm_share(frame.lab),
    ),
)  # fmt: skip
"""The metrics of films, in the order of tables and documents."""


@dataclass(frozen=True, slots=True)
class FilmEvaluation:
    """The result of the evaluation of a film."""

    report: FilmReport
    """The metrics of the film and of each shot."""
    times: list[float]
    """Time of each frame, in seconds."""
    frames: dict[str, list[dict[str, Any]]]
    """Values of each frame by metric, by version."""
    slices: dict[str, Rgb]
    """The center row of every frame, by version: (frames, width, 3) uint8."""


class FilmScorer:
    """Computes the metrics of all versions of a film, frame by frame.

    It keeps the last frames and the center rows of every version, and the metrics of all frames.
    """

    def __init__(self, versions: Sequence[str]) -> None:
        """Prepare for the first frame of a film with the named colorized versions."""
        names = (GROUND_TRUTH, *versions)
        self._times: list[float] = []
        self._shot_starts: list[int] = []
        self._values: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
        self._rows: dict[str, list[Rgb]] = {name: [] for name in names}
        self._earlier: dict[str, deque[FilmFrame]] = {
            name: deque(maxlen=max(DILATIONS)) for name in names
        }
        """The last frames of the current shot, by version."""
        self._drift_meters: list[tuple[int, DriftMeter]] = []
        """The unfinished drift measurements of the current shot: first frame and meter."""

    def add_frame(
        self, ground_truth: Rgb, versions: Mapping[str, Rgb], time_s: float, starts_shot: bool
    ) -> None:
        """Compute the metrics of the next frame, sRGB, (H, W, 3) uint8.

        Temporal metrics do not compare the first frame of a shot with earlier frames.
        """
        index = len(self._times)
        if starts_shot or not index:
            self._end_shot()
            self._shot_starts.append(index)
        self._times.append(time_s)
        images = {GROUND_TRUTH: ground_truth, **versions}
        frames = {name: FilmFrame(rgb) for name, rgb in images.items()}
        truth, earlier = frames[GROUND_TRUTH], self._earlier[GROUND_TRUTH]
        flow = estimate_bidirectional_flow(earlier[-1].luma, truth.luma) if earlier else None
        for name, frame in frames.items():
            frame.flow = flow
            history = self._earlier[name]
            self._values[name].append(
                {m.name: m.measure(frame, truth, history) if m.measure else math.nan
                 for m in FILM_METRICS}
            )  # fmt: skip
            history.append(frame)
            self._rows[name].append(images[name][len(images[name]) // 2].copy())
        self._measure_drift(index, frames, flow)

    def _measure_drift(
        self, index: int, frames: Mapping[str, FilmFrame], flow: BidirectionalFlow | None
    ) -> None:
        """Track the patches to a frame; start a new measurement every `DRIFT_STEP` frames."""
        labs = {name: frame.lab for name, frame in frames.items()}
        if flow is not None:
            for _, meter in self._drift_meters:
                meter.advance(flow)
        if self._drift_meters and self._drift_meters[0][1].is_complete:
            self._store_drift(*self._drift_meters.pop(0), labs)
        if (index - self._shot_starts[-1]) % DRIFT_STEP == 0:
            self._drift_meters.append((index, DriftMeter(labs)))

    def _store_drift(self, first: int, meter: DriftMeter, labs: Mapping[str, FloatArray]) -> None:
        """Store a measurement as values of its first frame."""
        changes = meter.measure(labs)
        for name, change in changes.items():
            excess = change - changes[GROUND_TRUTH]
            self._values[name][first] |= {
                "drift": change, "excess_drift_p50": excess, "excess_drift_p95": excess,
            }  # fmt: skip

    def _end_shot(self) -> None:
        """Forget the frames of the current shot, and what is tracked in them."""
        self._drift_meters.clear()
        for frames in self._earlier.values():
            frames.clear()

    def finish(self, size: tuple[int, int], warnings: Sequence[str] = ()) -> FilmEvaluation:
        """Return the metrics of the film, its shots and its frames of `size` (width, height)."""
        self._end_shot()
        num_frames = len(self._times)
        ends = (*self._shot_starts[1:], num_frames)
        report = FilmReport(
            num_frames=num_frames,
            size=size,
            metrics=self._average(0, num_frames),
            shots=[
                ShotReport(
                    first_frame=first,
                    last_frame=end - 1,
                    start_s=round(self._times[first], 3),
                    metrics=self._average(first, end),
                )
                for first, end in zip(self._shot_starts, ends, strict=True)
            ],
            warnings=list(warnings),
        )
        slices = {name: np.stack(rows) for name, rows in self._rows.items()}
        return FilmEvaluation(report, self._times, self._values, slices)

    def _average(self, first: int, end: int) -> dict[str, dict[str, float]]:
        """Return the metrics of every version over the frames in [first, end)."""
        return {
            name: {
                metric.name: (metric.average or _mean)([v[metric.name] for v in values[first:end]])
                for metric in FILM_METRICS
            }
            for name, values in self._values.items()
        }


def evaluate_film(
    colored: Path,
    ground_truth: Path,
    against: Path | None = None,
    shots: Path | None = None,
    progress: ProgressCallback | None = None,
) -> FilmEvaluation:
    """Evaluate a colorized film. Frames are paired by time.

    Args:
        colored: the colorized film.
        ground_truth: the same film in its true colors.
        against: a second colorized version, evaluated in the same pass.
        shots: a shot list of the ground truth; None to detect its cuts.
        progress: called after every frame.

    Raises:
        InputError: a film cannot be read, or the films have no frame in common.
        UsageError: the films do not overlap in time, or the shot list is invalid.
    """
    pairs = {COLORED: FilmPair(ground_truth, colored)}
    if against is not None:
        pairs[AGAINST] = FilmPair(ground_truth, against)
    film = pairs[COLORED].a
    if min(film.size) < MIN_SIDE:
        raise InputError(f"{ground_truth}: is smaller than {MIN_SIDE}×{MIN_SIDE} pixels")
    height, width = limit_short_side(film.size[::-1], MAX_SHORT_SIDE)
    starts_shot = _make_shot_detector(shots, film.video)
    scorer = FilmScorer(list(pairs))
    count = 0
    # The versions may differ in length by a few frames. The evaluation ends with the shortest one.
    for count, frames in enumerate(zip(*(p.frames() for p in pairs.values()), strict=False), 1):
        truth = frames[0][0].rgb((width, height))
        versions = {n: f.rgb((width, height)) for n, (_, f) in zip(pairs, frames, strict=True)}
        scorer.add_frame(truth, versions, float(frames[0][0].time_s), starts_shot(count - 1, truth))
        if progress is not None:
            progress(Progress(colored, "evaluate", count, film.video.estimated_num_frames))
    if not count:
        raise InputError(f"{colored}: no frame in common with {ground_truth}")
    warnings = dict.fromkeys(text for pair in pairs.values() for text in pair.warnings)
    return scorer.finish((width, height), list(warnings))


def _make_shot_detector(path: Path | None, video: VideoInfo) -> Callable[[int, Rgb], bool]:
    """Return a function that decides for every frame, in order, whether it starts a shot."""
    if path is not None:
        from vidcolor.shots.shot_list import read_shots

        timecode = video.timecode_at(video.start_pts or 0)
        starts = {shot.first for shot in read_shots(path, video.rate, timecode).shots}
        return lambda index, _: index in starts
    detector = CausalCutDetector()
    luma_weights = np.array([0.2126, 0.7152, 0.0722], np.float32) / np.float32(255)
    return lambda _, rgb: detector.feed(rgb.astype(np.float32) @ luma_weights)
