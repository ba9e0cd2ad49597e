"""Regions of uncertain color in photos and shots, ranked by how much a person's decision helps.

Each cell of the generator's grid gets a review priority: its uncertainty, weighted by how visible
its color is. Regions are grown around the cells of highest priority over nearly constant luma, so
that they follow the objects of the image: a coat, the sky, a wall.

For films, `UncertaintyCollector` stores only the mean and the worst frame of the current shot, and
a summary of each finished shot, so memory does not grow with the length of a film.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vidcolor.imaging.resize import resize_area

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from vidcolor.colorizer import ProxyPrediction
    from vidcolor.imaging.types import FloatArray, Mask
    from vidcolor.media.probe import VideoInfo
    from vidcolor.shots.detector import Shot

UNCERTAIN_BELOW = 0.5
"""Confidence below which a color is uncertain: it is more likely wrong than right."""
FULL_VISIBILITY_LUMA = 0.25
"""Distance of Y' from black and from white from which chroma has its full range."""
CORNER_WEIGHT = 0.6
"""Weight of the corners of an image, relative to its center."""
GRAY_WEIGHT = 0.5
"""Weight of a gray prediction, relative to a colorful one."""
FULL_CHROMA = 30.0
"""Chroma from which a prediction counts as colorful, in a*b* units."""
MAX_LUMA_DIFFERENCE = 0.12
"""Maximum difference in Y' between a cell of a region and its seed."""
MIN_RELATIVE_PRIORITY = 0.4
"""Minimum priority of a cell of a region, relative to that of its seed."""
MIN_AREA = 0.004
"""Minimum area of a region, as a fraction of the image."""
MAX_OUTLINE_POINTS = 48
"""Maximum number of corners of an outline."""
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class UncertainRegion:
    """An uncertain region. Coordinates are fractions of the displayed width and height."""

    box: tuple[float, float, float, float]
    """Left, top, right, bottom."""
    point: Point
    """x, y of the point inside the region that is farthest from its edge."""
    radius: float
    """Radius of the largest disc around `point` inside the region, as a fraction of the short
    side."""
    outline: tuple[Point, ...]
    """Corners of the polygon around the region; holes are ignored."""
    area: float
    """Area as a fraction of the image."""
    confidence: float
    """Mean confidence in the region, 0 to 1."""
    priority: float
    """Review priority summed over the region; 1 is a whole image at maximum priority."""


@dataclass(frozen=True, slots=True)
class ShotUncertainty:
    """The uncertain regions of a shot.

    Times are seconds since the first frame of the source. Frames are counted from the first frame
    that is colorized, so a start time shifts them.
    """

    first_frame: int
    last_frame: int
    start_s: Fraction
    end_s: Fraction
    """Time at which the next shot starts."""
    confidence: float
    """Mean confidence over all frames and pixels, 0 to 1."""
    priority: float
    """Mean review priority of the frames, multiplied by the duration in seconds."""
    frame: int
    """The frame of highest priority; the regions refer to it."""
    time_s: Fraction
    """Time at which `frame` starts, in seconds."""
    frame_end_s: Fraction
    """Time at which the next frame is displayed."""
    regions: tuple[UncertainRegion, ...]
    """Regions by decreasing priority; empty if the generator is confident everywhere."""


@dataclass(frozen=True, slots=True)
class _FrameTime:
    """The index and the display time of a frame."""

    index: int
    start_s: Fraction
    end_s: Fraction

    def to_array(self) -> NDArray[np.int64]:
        times = self.start_s.as_integer_ratio() + self.end_s.as_integer_ratio()
        return np.array([self.index, *times], np.int64)

    @classmethod
    def from_array(cls, array: NDArray[np.int64]) -> _FrameTime:
        index, *times = map(int, array)
        return cls(index, Fraction(*times[:2]), Fraction(*times[2:]))


class _FrameUncertainty(NamedTuple):
    """A frame and its maps on the generator's grid, in stored orientation: each (h, w) float32."""

    time: _FrameTime
    priority: FloatArray
    confidence: FloatArray
    luma: FloatArray


class UncertaintyCollector:
    """Collects the uncertainty of every frame of a film and summarizes it for each shot."""

    def __init__(self, video: VideoInfo, shots: Sequence[Shot]) -> None:
        """Prepare for the first frame of a film; only the first frames of `shots` are used."""
        self._video = video
        self._first_frames = frozenset(shot.first for shot in shots)
        self._finished: list[ShotUncertainty] = []
        self._start_shot()

    def _start_shot(self) -> None:
        self._first: _FrameTime | None = None
        self._last: _FrameTime | None = None
        self._worst: _FrameUncertainty | None = None
        self._max_priority, self._weight, self._confidence = -1.0, 0.0, 0.0
        self._priority: NDArray[np.float64] = np.zeros(())

    def feed(self, index: int, pts: int, duration: int, prediction: ProxyPrediction) -> None:
        """Add the next frame; PTS and duration are in the time base of the source."""
        if index in self._first_frames:
            self._finish_shot()
        time_base = self._video.time_base
        start_s = pts * time_base - self._video.start_s
        end_s = start_s + duration * time_base
        confidence = prediction.confidence
        luma = resize_area(prediction.proxy, confidence.shape)
        priority = compute_review_priority(confidence, prediction.ab, luma)
        self._last = time = _FrameTime(index, start_s, end_s)
        self._first = self._first or time
        # Weighting by duration makes the means independent of a variable frame rate.
        seconds = max(float(end_s - start_s), 1e-3)
        self._weight += seconds
        self._priority = self._priority + seconds * priority
        self._confidence += seconds * float(confidence.mean())
        mean_priority = float(priority.mean())
        if mean_priority > self._max_priority:
            self._max_priority = mean_priority
            self._worst = _FrameUncertainty(time, priority, confidence, luma)

    def take_finished(self) -> tuple[ShotUncertainty, ...]:
        """Return the shots that are finished and were not returned before, in order."""
        finished, self._finished = tuple(self._finished), []
        return finished

    def get_state(self) -> dict[str, NDArray[Any]]:
        """Return the statistics of the current shot as arrays for `restore`."""
        if self._first is None or self._last is None or self._worst is None:
            return {}
        return {
            "first": self._first.to_array(),
            "last": self._last.to_array(),
            "worst": self._worst.time.to_array(),
            "worst_maps": np.stack(self._worst[1:]),
            "sums": np.array([self._max_priority, self._weight, self._confidence]),
            "priority": self._priority,
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Continue after the frame whose state is given."""
        if arrays:
            self._first = _FrameTime.from_array(arrays["first"])
            self._last = _FrameTime.from_array(arrays["last"])
            time = _FrameTime.from_array(arrays["worst"])
            self._worst = _FrameUncertainty(time, *arrays["worst_maps"])
            self._max_priority, self._weight, self._confidence = map(float, arrays["sums"])
            self._priority = arrays["priority"]

    def finish(self) -> tuple[ShotUncertainty, ...]:
        """Return the shots that were not returned before, in order."""
        self._finish_shot()
        return self.take_finished()

    def _finish_shot(self) -> None:
        first, last, worst = self._first, self._last, self._worst
        if first is None or last is None or worst is None:
            return
        geometry = self._video.geometry
        mean_priority = (self._priority / self._weight).astype(np.float32)
        # The geometric mean favors what is uncertain in this frame and throughout the shot: an
        # object that only passes through the frame has a low priority.
        priority, confidence, luma = (
            np.ascontiguousarray(geometry.to_upright(m))
            for m in (np.sqrt(worst.priority * mean_priority), worst.confidence, worst.luma)
        )
        shot = ShotUncertainty(
            first_frame=first.index,
            last_frame=last.index,
            start_s=first.start_s,
            end_s=last.end_s,
            confidence=self._confidence / self._weight,
            priority=float(self._priority.mean()),
            frame=worst.time.index,
            time_s=worst.time.start_s,
            frame_end_s=worst.time.end_s,
            regions=find_regions(priority, confidence, luma, geometry.display_aspect),
        )
        self._finished.append(shot)
        self._start_shot()


def compute_review_priority(confidence: FloatArray, ab: FloatArray, luma: FloatArray) -> FloatArray:
    """Estimate how useful a person's decision would be for each cell of the grid.

    Uncertainty (1 - confidence) has less weight near black and white, where the gamut leaves little
    room for chroma, where the predicted color is pale, and far from the center.

    All arrays are float32 on the generator's grid: confidence and Y', (h, w) in [0, 1]; predicted
    a*, b*, (2, h, w). The priority is (h, w) in [0, 1].
    """
    priority = np.minimum(luma, 1 - luma)
    priority *= np.float32(1 / FULL_VISIBILITY_LUMA)
    np.clip(priority, 0, 1, out=priority)
    # cv2.magnitude is faster, but its last bit depends on the alignment of the arrays.
    colorful = np.sqrt(ab[0] * ab[0] + ab[1] * ab[1])
    colorful *= np.float32(1 / FULL_CHROMA)
    np.minimum(colorful, 1, out=colorful)
    colorful *= np.float32(1 - GRAY_WEIGHT)
    colorful += np.float32(GRAY_WEIGHT)
    priority *= colorful
    priority *= 1 - confidence
    priority *= _weight_center(confidence.shape)
    return priority


@lru_cache(maxsize=8)
def _weight_center(shape: tuple[int, int]) -> FloatArray:
    """Return the weight of each cell of a grid, which falls from the center to the corners."""
    rows, columns = (np.linspace(-1, 1, n, dtype=np.float32) for n in shape)
    off_center = (rows[:, None] ** 2 + columns[None] ** 2) / 2
    return (1 - (1 - CORNER_WEIGHT) * off_center).astype(np.float32)


def find_regions(
    priority: FloatArray, confidence: FloatArray, luma: FloatArray, aspect: float, count: int = 3
) -> tuple[UncertainRegion, ...]:
    """Find the uncertain regions of highest priority, which do not overlap.

    All maps are (h, w) float32 in [0, 1] in displayed orientation. `priority` is that of
    `compute_review_priority`, `luma` is Y', and `aspect` is the width of the displayed image
    divided by its height. `count` is the maximum number of regions.

    Returns:
        Regions by decreasing priority; empty if the generator is confident wherever color is
        visible.
    """
    import cv2

    # Single cells and film grain must not split a region.
    smooth_priority = np.asarray(cv2.GaussianBlur(priority, (0, 0), 1.5))
    smooth_luma = np.asarray(cv2.GaussianBlur(luma, (0, 0), 1.0))
    unassigned = (confidence < UNCERTAIN_BELOW) & (priority > 0)
    masks: list[Mask] = []
    for _ in range(16):  # candidates, from which the best are selected
        candidates = np.where(unassigned, smooth_priority, 0)
        seed = np.unravel_index(int(candidates.argmax()), candidates.shape)
        if candidates[seed] <= 0:
            break
        similar = np.abs(smooth_luma - smooth_luma[seed]) < MAX_LUMA_DIFFERENCE
        is_important = smooth_priority >= MIN_RELATIVE_PRIORITY * candidates[seed]
        grown = (unassigned & similar & is_important).astype(np.uint8)
        labels = cv2.connectedComponents(grown, connectivity=4)[1]
        mask = labels == labels[seed]
        # Cells that the opening removes are excluded too, or the same seed would be found again.
        unassigned &= ~mask
        opened = _open_mask(mask)
        if opened.mean() >= MIN_AREA:
            masks.append(opened)
    best = sorted(masks, key=lambda mask: float(priority[mask].sum()), reverse=True)[:count]
    return tuple(_describe_region(mask, priority, confidence, aspect) for mask in best)


def _open_mask(mask: Mask) -> Mask:
    """Return the largest component after a morphological opening removes one-cell-wide parts."""
    import cv2

    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, cross)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(opened, connectivity=4)
    if count < 2:
        return np.zeros_like(mask)
    return np.asarray(labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()))


def _describe_region(
    mask: Mask, priority: FloatArray, confidence: FloatArray, aspect: float
) -> UncertainRegion:
    import cv2

    height, width = mask.shape
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    padded = np.pad(mask.astype(np.uint8), 1)  # the border of the image is an edge as well
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1]
    y, x = np.unravel_index(int(distance.argmax()), distance.shape)
    # Cells need not be square on the displayed image; both terms are in units of its height.
    cell, short_side = min(1 / height, aspect / width), min(1.0, aspect)
    return UncertainRegion(
        box=(
            float(columns[0] / width),
            float(rows[0] / height),
            float((columns[-1] + 1) / width),
            float((rows[-1] + 1) / height),
        ),
        point=((int(x) + 0.5) / width, (int(y) + 0.5) / height),
        radius=max(float(distance[y, x]) - 0.5, 0.5) * cell / short_side,
        outline=_trace_outline(mask),
        area=float(mask.mean()),
        confidence=float(confidence[mask].mean()),
        priority=float(priority[mask].sum() / mask.size),
    )


def _trace_outline(mask: Mask) -> tuple[Point, ...]:
    """Return a polygon around a mask with at most `MAX_OUTLINE_POINTS` corners."""
    import cv2

    # Contours run through pixel centers, so the contour of a mask at its original size would omit
    # half a cell on each side.
    zoom = 4
    large = np.repeat(np.repeat(mask.astype(np.uint8), zoom, axis=0), zoom, axis=1)
    contours, _ = cv2.findContours(large, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    contour, tolerance = max(contours, key=len), 0.75 * zoom
    polygon = cv2.approxPolyDP(contour, tolerance, True)
    while len(polygon) > MAX_OUTLINE_POINTS:
        tolerance *= 1.3
        polygon = cv2.approxPolyDP(contour, tolerance, True)
    corners = (polygon[:, 0] + 0.5) / np.array(large.shape[::-1])
    return tuple((float(x), float(y)) for x, y in corners)
