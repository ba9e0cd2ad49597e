"""How right and how steady a film's color is, beside its original: figures a frame, shot and film.

All versions are judged along the original's own motion, within its shots, at one modest size.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vidcolor.evaluation.chroma_edges import chroma_edges, edge_agreement
from vidcolor.evaluation.drift import DriftMeter
from vidcolor.evaluation.motion import follow
from vidcolor.evaluation.temporal_metrics import (
    DILATIONS,
    DistributionSteps,
    distribution_consistency,
    flicker,
    warp_error,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from vidcolor.evaluation.drift import Span
    from vidcolor.evaluation.motion import Motion

    Array = NDArray[np.float32]
    Rgb = NDArray[np.uint8]

ORIGINAL = "original"
SPAN_S, LEAST_SPAN_S = 4.0, 2.0
"""Seconds over which drift is measured, and that a shot must last for it."""


class FrameScores(NamedTuple):
    """One frame of one version; NaN where there is nothing to be measured."""

    psnr: float
    """dB, R'G'B'; of the original infinite."""
    delta_e: float
    """Mean CIEDE2000."""
    warp_error: float
    """Of a*, b*, to the frame before: see `steadiness.warp_error`."""
    warp_error_rgb: float
    """Of R'G'B' in [0, 1], as Lai et al. have it."""
    flicker: float
    """Of the frame before, which takes its neighbors: see `steadiness.flicker`."""
    edge_f1: float
    """Of chroma edges against the original's: see `chroma_edges.edge_agreement`."""
    chroma: float
    """Mean length of a*, b*."""
    steps: tuple[float, ...]
    """See `steadiness.DistributionSteps`."""


@dataclass(frozen=True, slots=True)
class FilmMetrics:
    """A version over a shot or a film; NaN where there is nothing to be measured."""

    psnr: float
    """Mean over frames, dB."""
    delta_e: float
    """Mean CIEDE2000 to the original."""
    cdc: float
    """Color distribution consistency: see `steadiness.DistributionSteps`."""
    warp_error: float
    """Mean of a*, b*."""
    warp_error_rgb: float
    flicker: float
    """Root mean square over frames, in a*b* units."""
    drift: float
    """CIEDE2000 by which followed patches change over `SPAN_S`, mean over spans."""
    edge_f1: float
    """Mean over frames."""
    chroma: float
    """Mean length of a*, b*."""


@dataclass(slots=True)
class ShotScores:
    """One shot of the original."""

    first: int
    """Index of its first pair of frames."""
    last: int
    """Index of the pair after its last."""
    time_s: float
    """Seconds into the original at which it begins."""
    figures: dict[str, FilmMetrics]
    """By version; `ORIGINAL` is one of them."""


@dataclass(frozen=True, slots=True)
class FilmScores:
    """A film's versions, judged."""

    num_frames: int
    shots: tuple[ShotScores, ...]
    figures: dict[str, FilmMetrics]
    """By version, over the whole film."""
    times: tuple[float, ...]
    """Seconds into the original of each pair of frames."""
    frames: dict[str, tuple[FrameScores, ...]]
    """By version, of each pair of frames."""

    def beside_truth(self, version: str, figure: str) -> float:
        """A figure of a version over that of the original."""
        truth = float(getattr(self.figures[ORIGINAL], figure))
        return float(getattr(self.figures[version], figure)) / truth if truth else math.nan


@dataclass(slots=True)
class _Picture:
    """A frame in the forms that are judged."""

    rgb: Array
    lab: Array
    ab: Array


@dataclass(slots=True)
class _Version:
    rows: list[FrameScores] = field(default_factory=list)
    cdc: DistributionSteps = field(default_factory=DistributionSteps)
    recent: deque[_Picture] = field(default_factory=lambda: deque(maxlen=2))


class FilmScorer:
    """Takes a film's frames one by one; holds two of them and a row of figures for each."""

    def __init__(self, versions: Sequence[str], rate: float = 25.0) -> None:
        """Begin.

        Args:
            versions: names of what is judged.
            rate: frames a second.
        """
        self._versions = {name: _Version() for name in (ORIGINAL, *versions)}
        self._span = round(SPAN_S * rate), round(LEAST_SPAN_S * rate)
        self._times: list[float] = []
        self._firsts: list[int] = []
        self._motions: deque[Motion] = deque(maxlen=2)
        self._luma: NDArray[np.uint8] | None = None
        self._meter: tuple[int, DriftMeter] | None = None
        self._spans: list[Span] = []

    def feed(
        self, original: Rgb, versions: Mapping[str, Rgb], time_s: float, begins_shot: bool
    ) -> None:
        """Judge the next frame.

        Args:
            original: (H, W, 3) uint8, encoded sRGB.
            versions: by name, of the same shape.
            time_s: seconds into the original.
            begins_shot: whether the original's shot begins with it; earlier frames are forgotten.
        """
        index = len(self._times)
        if begins_shot or not index:
            self._end_shot()
            self._firsts.append(index)
        self._times.append(time_s)
        pictures = {ORIGINAL: _picture(original)}
        pictures.update({name: _picture(rgb) for name, rgb in versions.items()})
        truth = pictures[ORIGINAL]
        luma = np.rint(truth.lab[..., 0] * 2.55).astype(np.uint8)
        motion = None if self._luma is None else follow(self._luma, luma)
        self._luma = luma
        if motion is not None:
            self._motions.append(motion)
        edges = chroma_edges(truth.ab)
        for name, picture in pictures.items():
            version = self._versions[name]
            moved = self._moved(version, picture)
            version.rows.append(
                FrameScores(
                    *_rightness(picture, truth),
                    *moved,
                    edge_agreement(chroma_edges(picture.ab), edges).f1,
                    float(np.hypot(picture.ab[..., 0], picture.ab[..., 1]).mean()),
                    version.cdc.feed(picture.rgb, index == self._firsts[-1]),
                )
            )
            version.recent.append(picture)
        self._follow_patches(index, motion, pictures)

    def _moved(self, version: _Version, picture: _Picture) -> tuple[float, float, float]:
        """Warp errors to the frame before, and the flicker of that one."""
        if not self._motions or not version.recent:
            return math.nan, math.nan, math.nan
        before, leaving = version.recent[-1], self._motions[-1]
        jitter = math.nan
        if len(self._motions) > 1 and len(version.recent) > 1:
            earlier = version.recent[0].ab
            jitter = flicker(earlier, before.ab, picture.ab, self._motions[0], leaving)
        return (
            warp_error(before.ab, picture.ab, leaving),
            warp_error(before.rgb, picture.rgb, leaving),
            jitter,
        )

    def _follow_patches(
        self, index: int, motion: Motion | None, pictures: Mapping[str, _Picture]
    ) -> None:
        labs = {name: picture.lab for name, picture in pictures.items()}
        if self._meter is not None and motion is not None:
            first, meter = self._meter
            meter.step(motion)
            if index - first >= self._span[0]:
                self._note(meter.end(index, labs))
                self._meter = None
        if self._meter is None:
            self._meter = index, DriftMeter(index, labs)

    def _end_shot(self) -> None:
        """Forget the shot that was running."""
        last = len(self._times) - 1
        if self._meter is not None and last - self._meter[0] >= self._span[1]:
            labs = {name: v.recent[-1].lab for name, v in self._versions.items()}
            self._note(self._meter[1].end(last, labs))
        self._meter, self._luma = None, None
        self._motions.clear()
        for version in self._versions.values():
            version.recent.clear()

    def _note(self, span: Span | None) -> None:
        if span is not None:
            self._spans.append(span)

    def finish(self) -> FilmScores:
        """All figures."""
        self._end_shot()
        count = len(self._times)
        return FilmScores(
            count,
            tuple(
                ShotScores(first, last, self._times[first], self._figures(first, last))
                for first, last in zip(self._firsts, [*self._firsts[1:], count], strict=True)
            ),
            self._figures(0, count),
            tuple(self._times),
            {name: tuple(version.rows) for name, version in self._versions.items()},
        )

    def _figures(self, first: int, last: int) -> dict[str, FilmMetrics]:
        """Of every version over some frames."""
        spans = [span for span in self._spans if first <= span.first < last]
        return {
            name: _summed(version.rows[first:last], [span.drift[name] for span in spans])
            for name, version in self._versions.items()
        }


def _summed(rows: Sequence[FrameScores], drift: Sequence[float]) -> FilmMetrics:
    def mean(values: Sequence[float]) -> float:
        known = [value for value in values if not math.isnan(value)]
        return math.fsum(known) / len(known) if known else math.nan

    steps = np.array([row.steps for row in rows]).reshape(-1, len(DILATIONS))
    return FilmMetrics(
        psnr=mean([row.psnr for row in rows]),
        delta_e=mean([row.delta_e for row in rows]),
        cdc=distribution_consistency(steps),
        warp_error=mean([row.warp_error for row in rows]),
        warp_error_rgb=mean([row.warp_error_rgb for row in rows]),
        flicker=math.sqrt(mean([row.flicker**2 for row in rows])),
        drift=mean(drift),
        edge_f1=mean([row.edge_f1 for row in rows]),
        chroma=mean([row.chroma for row in rows]),
    )


def _picture(rgb: Rgb) -> _Picture:
    import torch

    from vidcolor.color.lab import rgb_to_lab

    unit = rgb.astype(np.float32) / np.float32(255)
    with torch.inference_mode():
        planes = torch.from_numpy(np.ascontiguousarray(unit.transpose(2, 0, 1))[None])
        lightness, ab = rgb_to_lab(planes)
        lab = torch.cat([lightness, ab], 1)[0].permute(1, 2, 0).contiguous().numpy()
    return _Picture(unit, lab, np.ascontiguousarray(lab[..., 1:]))


def _rightness(picture: _Picture, truth: _Picture) -> tuple[float, float]:
    """PSNR and mean CIEDE2000 to the original."""
    if picture is truth:
        return math.inf, 0.0
    import torch

    from vidcolor.color.metrics import delta_e_2000, psnr

    with torch.inference_mode():
        rgb, lab = (
            [torch.from_numpy(a.transpose(2, 0, 1)[None]) for a in pair]
            for pair in ((picture.rgb, truth.rgb), (picture.lab, truth.lab))
        )
        return float(psnr(*rgb)[0]), float(delta_e_2000(*lab).mean())
