"""Recognition of text that is burnt into all frames of a film, such as time code.

Pictures change from shot to shot, and burnt-in text stays where it is. Frames with new content are
compared, so a film from one position of the camera has none: everything in it stays where it is.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from pydantic import with_config

from vidcolor.imaging.resize import resize_area
from vidcolor.schema import STORED
from vidcolor.titles.background import crop_bars
from vidcolor.titles.text_rows import find_components, find_row_boxes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vidcolor.imaging.types import FloatArray, Mask
    from vidcolor.titles.text_rows import PixelBox

SIGNATURE_SHAPE = (12, 16)
"""Rows and columns of the blocks whose means distinguish the content of frames."""
NUM_SIGNATURES = 16
"""Number of frames whose content is remembered. A frame with the same position of the camera as one
of them is no evidence, because much in it is the same."""
MAX_CORRELATION = 0.6
"""Maximum correlation of the means of a frame with those of a remembered one, if it is new."""
MIN_FRAMES = 8
"""Minimum number of frames with new content."""
LEVEL_TOLERANCE = 0.06
"""Maximum difference in Y' of a pixel that has not changed. Grain and compression change it less.
"""
STATIC_VOTES = 0.6
"""Minimum balance of the frames that have the level of a pixel and those that do not, relative to
all frames: 80 % of the frames have it."""
STROKE_SIZE = 9
"""Size in pixels from which a light or dark spot is no stroke of a letter."""
MIN_SPOT_CONTRAST = 0.15
"""Minimum contrast in Y' of such a spot in the mean of the frames, where that of pictures vanishes.
Digits that change keep about a half of theirs."""
STROKE_SIGMA = 5.0
"""Standard deviation in pixels of the Gaussian that averages the surroundings of a stroke."""
MIN_CONTRAST = 0.1
"""Minimum contrast of a stroke with this average."""
MIN_STATIC_AREA, MIN_STATIC_SHARE = 12, 0.15
"""Minimum area of the strokes of a row that do not change, in pixels, and relative to all strokes
of the row: the hours and the colons of time code do not."""
TEXT_PERCENTILE = 90
"""Percentile of Y' of these strokes that is the luma of the text: their edges are less light."""
STATIC_GROUND = 0.7
"""Minimum share of the pixels between the letters that do not change, if they are on a box."""
MAX_EDGE = 2
"""Maximum width of the soft edge of letters, in pixels."""
STATIC_LINE = 0.85
"""Minimum share of unchanged pixels in a row or column of a box."""
MAX_STATIC_RING = 0.25
"""Maximum share of the pixels around the text or its box that do not change."""
RING_WIDTH = 4
"""Width of this ring, in pixels. One pixel between it and the text is left out."""
MAX_AREA = 0.25
"""Maximum area of text or its box, relative to the frame. A bar is a box."""


@with_config(STORED)
@dataclass(frozen=True, slots=True)
class BurntInText:
    """A row of text at the same place in all frames, and its box if it has one."""

    left: float
    """Left edge, as a fraction of the width of the upright frame; the others likewise."""
    top: float
    right: float
    bottom: float
    text_luma: float
    """Y' of the letters, 0 to 1."""
    box_luma: float | None = None
    """Y' of the box behind the letters, 0 to 1; None if the picture is visible between them."""

    def contains(self, other: BurntInText) -> bool:
        """Return whether another text lies in the area of this one."""
        starts = self.left <= other.left and self.top <= other.top
        return starts and other.right <= self.right and other.bottom <= self.bottom

    def overlaps(self, other: BurntInText) -> bool:
        """Return whether this text or its box covers a part of another one."""
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom


class _Planes(NamedTuple):
    """What is known of each pixel after all frames."""

    level: FloatArray
    """The most frequent Y'."""
    is_static: Mask
    """Whether most frames have this level."""
    mean: FloatArray


class BurntInDetector:
    """Finds burnt-in text from samples of all frames of a film; stores 12 bytes per pixel."""

    def __init__(self) -> None:
        self._count = 0
        self._signatures: deque[FloatArray] = deque(maxlen=NUM_SIGNATURES)
        self._level = self._votes = self._sum = np.zeros((0, 0), np.float32)

    def feed(self, frame: FloatArray) -> None:
        """Examine a frame: its upright Y', (h, w) float32 in [0, 1], of about 320x240 pixels."""
        signature = _compute_signature(frame)
        if any(float(np.vdot(signature, s)) > MAX_CORRELATION for s in self._signatures):
            return
        self._signatures.append(signature)
        if not self._count:
            self._level, self._votes = frame.copy(), np.zeros_like(frame)
            self._sum = np.zeros_like(frame)
        self._count += 1
        self._sum += frame
        self._vote(frame)

    def _vote(self, frame: FloatArray) -> None:
        """Update the most frequent level (Boyer and Moore, 1981), within the tolerance."""
        agrees = np.abs(frame - self._level) < LEVEL_TOLERANCE
        self._votes += np.where(agrees, np.float32(1), np.float32(-1))
        replaced = self._votes < 0
        self._level[replaced] = frame[replaced]
        self._votes[replaced] = 1

    def find(self) -> tuple[BurntInText, ...]:
        """Return the burnt-in text, from top to bottom."""
        if self._count < MIN_FRAMES:
            return ()
        is_static = self._votes >= STATIC_VOTES * self._count
        planes = _Planes(self._level, is_static, self._sum / np.float32(self._count))
        found: list[BurntInText] = []
        for text in _examine_rows(_find_spot_rows(planes), planes):
            others = [other for other in found if other.overlaps(text)]
            if all(text.contains(other) for other in others):
                found = [*(other for other in found if other not in others), text]
        for text in _examine_rows(_find_stroke_rows(planes), planes):
            if not any(other.overlaps(text) for other in found):
                found.append(text)
        return tuple(sorted(found, key=lambda text: (text.top, text.left)))


def _compute_signature(frame: FloatArray) -> FloatArray:
    """Return what distinguishes the content of a frame from that of others, with the length 1."""
    means = resize_area(crop_bars(frame), SIGNATURE_SHAPE)
    means = means - means.mean()
    return np.asarray(means / max(float(np.linalg.norm(means)), 1e-3), np.float32)


def _find_spot_rows(planes: _Planes) -> Iterator[tuple[PixelBox, Mask]]:
    """Yield rows of light and of dark letters, also on a box, with the mask of their strokes."""
    import cv2

    kernel = np.ones((STROKE_SIZE, STROKE_SIZE), np.uint8)
    for operation in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT):
        contrast = np.asarray(cv2.morphologyEx(planes.mean, operation, kernel), np.float32)
        yield from _find_rows(contrast, MIN_SPOT_CONTRAST)


def _find_stroke_rows(planes: _Planes) -> Iterator[tuple[PixelBox, Mask]]:
    """Yield rows of light letters with dark outlines, between which the picture is a light spot."""
    import cv2

    around = np.asarray(cv2.GaussianBlur(planes.mean, (0, 0), STROKE_SIGMA), np.float32)
    yield from _find_rows(planes.mean - around, MIN_CONTRAST)


def _find_rows(contrast: FloatArray, limit: float) -> Iterator[tuple[PixelBox, Mask]]:
    strokes = contrast > np.float32(limit)
    components = find_components(strokes, contrast)
    if components is not None:
        for box in find_row_boxes(components, strokes.shape):
            yield box, strokes


def _examine_rows(rows: Iterable[tuple[PixelBox, Mask]], planes: _Planes) -> Iterator[BurntInText]:
    for row, strokes in rows:
        text = _examine(row, planes, strokes)
        if text is not None:
            yield text


def _examine(row: PixelBox, planes: _Planes, strokes: Mask) -> BurntInText | None:
    """Return a row as burnt-in text; None if it is none."""
    inside, static = strokes[row.slices], planes.is_static[row.slices]
    fixed = inside & static
    if fixed.sum() < max(MIN_STATIC_AREA, MIN_STATIC_SHARE * inside.sum()):
        return None
    is_light = planes.mean[row.slices][fixed].mean() > planes.mean[row.slices][~inside].mean()
    percentile = TEXT_PERCENTILE if is_light else 100 - TEXT_PERCENTILE
    text_luma = float(np.percentile(planes.level[row.slices][fixed], percentile))
    # Light spots of the picture above or below the letters can be part of the row.
    lines = np.flatnonzero(fixed.any(axis=1))
    box = row._replace(top=row.top + int(lines[0]), bottom=row.top + int(lines[-1]) + 1)
    box_luma = _measure_ground(box, planes, strokes)
    if box_luma is not None:
        is_ground = planes.is_static & (np.abs(planes.level - box_luma) < LEVEL_TOLERANCE)
        box = _grow(box, is_ground)
    elif text_luma < 0.5:
        return None  # dark letters on a picture have little chroma
    rows, columns = strokes.shape
    if box.area > MAX_AREA * strokes.size or not _is_in_motion(box, planes.is_static):
        return None
    return BurntInText(
        round(box.left / columns, 4), round(box.top / rows, 4),
        round(box.right / columns, 4), round(box.bottom / rows, 4),
        round(text_luma, 3), None if box_luma is None else round(box_luma, 3),
    )  # fmt: skip


def _measure_ground(row: PixelBox, planes: _Planes, strokes: Mask) -> float | None:
    """Return Y' of the box behind letters; None if there is none."""
    import cv2

    near = cv2.dilate(strokes.astype(np.uint8), np.ones((3, 3), np.uint8))[row.slices]
    is_ground = near == 0
    if not is_ground.any():
        return None
    level, static = planes.level[row.slices][is_ground], planes.is_static[row.slices][is_ground]
    median = float(np.median(level))
    is_box = static & (np.abs(level - median) < LEVEL_TOLERANCE)
    return median if is_box.mean() >= STATIC_GROUND else None


def _grow(box: PixelBox, is_ground: Mask) -> PixelBox:
    """Extend the box around letters to the edges of its ground."""
    while True:
        left, top, right, bottom = before = box
        across = is_ground[top:bottom].mean(axis=0) >= STATIC_LINE
        box = box._replace(
            left=left - _count_lines(across[:left][::-1]),
            right=right + _count_lines(across[right:]),
        )
        down = is_ground[:, box.left : box.right].mean(axis=1) >= STATIC_LINE
        box = box._replace(
            top=top - _count_lines(down[:top][::-1]), bottom=bottom + _count_lines(down[bottom:])
        )
        if box == before:
            return box


def _count_lines(is_ground: Mask) -> int:
    """Return the number of lines of ground at the start; the first ones may be edges of letters."""
    start = int(is_ground[: MAX_EDGE + 1].argmax()) if len(is_ground) else 0
    others = np.flatnonzero(~is_ground[start:])
    count = int(others[0]) if len(others) else len(is_ground) - start
    return start + count if count else 0


def _is_in_motion(box: PixelBox, is_static: Mask) -> bool:
    """Return whether the picture around a box changes."""
    inner, outer = (box.extend(n, is_static.shape) for n in (1, 1 + RING_WIDTH))
    ring = np.zeros(is_static.shape, np.bool_)
    ring[outer.slices] = True
    ring[inner.slices] = False
    return bool(ring.any()) and float(is_static[ring].mean()) <= MAX_STATIC_RING
