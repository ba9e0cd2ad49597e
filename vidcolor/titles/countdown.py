"""Recognition of the countdown of a film leader: rings around a cross or a digit in the center."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vidcolor.titles.background import crop_bars

if TYPE_CHECKING:
    from vidcolor.imaging.types import FloatArray, Mask

LINE_WIDTH = 9
"""Width in pixels from which a stroke is no line."""
MIN_LINE_CONTRAST = 0.04
"""Minimum distance in Y' of a line from its surroundings."""
RELATIVE_CONTRAST = 0.4
"""Minimum contrast of a line, relative to the strongest lines of the frame."""
STRONG_PERCENTILE = 99
MAX_SHARE = 0.15
"""Maximum share of the pixels that belong to lines. A frame with more is textured."""
MIN_CROSS, MIN_RING = 0.75, 0.75
"""Minimum share of each line of the cross, and of a ring with a cross, that is visible."""
MIN_LONE_RING = 0.9
"""Minimum share of a ring without a cross."""
MAX_LONE_REST = 0.03
"""Maximum share of lines in the area between such a ring and its digit, and around the ring.
Clocks and wheels have more."""
DIGIT_RADIUS = 0.7
"""Radius of the digit in a ring, relative to the ring."""
CENTER_OFFSET = 0.03
"""Maximum distance of the cross from the center, as a fraction of the height or width."""
HIDDEN_SHARE = 0.3
"""Share of each line around the center that a digit may hide."""
TOLERANCE = 2
"""Maximum distance of the pixels of a line from it, in pixels."""
RADII = (0.2, 0.5)
"""Minimum and maximum radius of a ring, as fractions of the height."""
PIXEL_ASPECTS = (0.89, 1.0, 1.09)
"""Pixel aspect ratios with which rings are circles: NTSC, square, PAL."""
NUM_ANGLES = 72
"""Number of sectors in which a ring must be visible."""


class _Ring(NamedTuple):
    """A ring around the center."""

    coverage: float
    """Share of the directions in which it is visible."""
    rest: float
    """Share of lines in the area between the ring and its digit, or in that around it."""


def recognize_countdown(frame: FloatArray) -> float:
    """Return the confidence, 0 to 1, that a frame is part of a countdown.

    `frame` is Y', (h, w) float32 in [0, 1], of about 320x240 pixels.
    """
    lines = _find_lines(crop_bars(frame))
    if lines.mean() > MAX_SHARE:
        return 0.0
    x, across = _find_center_line(lines)
    y, down = _find_center_line(lines.T)
    has_cross = min(across, down) >= MIN_CROSS
    if not has_cross:
        y, x = lines.shape[0] // 2, lines.shape[1] // 2
    rings = [_find_ring(lines, x, y, aspect) for aspect in PIXEL_ASPECTS]
    ring = max(rings, key=lambda ring: ring.coverage)
    if has_cross:
        return ring.coverage if ring.coverage >= MIN_RING else 0.0
    is_alone = ring.coverage >= MIN_LONE_RING and ring.rest <= MAX_LONE_REST
    return ring.coverage if is_alone else 0.0


def _find_lines(frame: FloatArray) -> Mask:
    import cv2

    kernel = np.ones((LINE_WIDTH, LINE_WIDTH), np.uint8)
    codes = np.rint(np.clip(frame, 0, 1) * 255).astype(np.uint8)  # much faster than float
    lighter = cv2.morphologyEx(codes, cv2.MORPH_TOPHAT, kernel)
    darker = cv2.morphologyEx(codes, cv2.MORPH_BLACKHAT, kernel)
    contrast = np.maximum(lighter, darker)
    strong = float(np.percentile(contrast[::2, ::2], STRONG_PERCENTILE))
    return np.asarray(contrast > max(RELATIVE_CONTRAST * strong, MIN_LINE_CONTRAST * 255))


def _find_center_line(lines: Mask) -> tuple[int, float]:
    """Return the column of the vertical line at the center, and the share that is visible."""
    rows, columns = lines.shape
    hidden = range(round(rows * (1 - HIDDEN_SHARE) / 2), round(rows * (1 + HIDDEN_SHARE) / 2))
    visible = np.delete(lines, hidden, axis=0).mean(axis=0)
    offset = max(1, round(CENTER_OFFSET * columns))
    first = columns // 2 - offset
    best = first + int(visible[first : first + 2 * offset + 1].argmax())
    return best, float(visible[best])


def _find_ring(lines: Mask, x: int, y: int, aspect: float) -> _Ring:
    """Return the best ring around a point."""
    rows, columns = np.nonzero(lines)
    dx, dy = (columns - x) * aspect, rows - y
    radius = np.hypot(dx, dy)
    angle = ((np.arctan2(dy, dx) / (2 * np.pi) + 0.5) * NUM_ANGLES).astype(int) % NUM_ANGLES
    low, high = (int(r * lines.shape[0]) for r in RADII)
    visible = np.zeros((high + TOLERANCE + 1, NUM_ANGLES), bool)
    inside = radius < high
    visible[radius[inside].astype(int), angle[inside]] = True
    near = visible.copy()
    for shift in range(1, TOLERANCE + 1):
        near[shift:] |= visible[:-shift]
    coverage = near[low:high].mean(axis=1)
    best = low + int(coverage.argmax())
    # The strokes of rings are a few pixels wide, and there can be two of them.
    inner, outer = DIGIT_RADIUS * best, best + LINE_WIDTH
    between = np.count_nonzero((radius > inner) & (radius < best - LINE_WIDTH))
    around = np.count_nonzero(radius > outer)
    area = np.pi * max((best - LINE_WIDTH) ** 2 - inner**2, 1.0)
    rest = max(between / area, around / max(lines.size - np.pi * outer**2, 1.0))
    return _Ring(float(coverage.max()), float(rest))
