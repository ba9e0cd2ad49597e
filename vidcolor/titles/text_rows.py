"""Rows of letters among the connected components of a mask.

OpenCV's text detectors need weights that are not part of it. Rows of similar components suffice for
title cards, where little besides text stands out from the background.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vidcolor.imaging.types import FloatArray, Mask

MIN_AREA = 4
"""Minimum area of a component, in pixels. A smaller one is grain or dust."""
MAX_COMPONENTS = 512
"""Maximum number of components. A mask with more is texture."""
LINE_LENGTH = (0.5, 0.6)
"""Height and width, as fractions of those of the frame, from which a component is a line of a
border or the border itself."""
LETTER_HEIGHT = (4.0, 0.33)
"""Minimum height of a letter in pixels, and maximum height as a fraction of the frame."""
MAX_LETTER_WIDTH = 0.55
"""Maximum width of a letter, or of a joined word, as a fraction of the frame."""
MAX_ASPECT = (8.0, 14.0)
"""Maximum ratios of height to width and of width to height of a letter or of a joined word."""
MIN_OVERLAP = 0.6
"""Minimum vertical overlap of neighbors in a row, relative to the smaller one."""
MIN_HEIGHT_RATIO = 0.45
"""Minimum ratio of the heights of neighbors in a row."""
MAX_GAP = 1.6
"""Maximum horizontal distance of neighbors in a row, relative to the taller one."""
MIN_ROW_LETTERS = 3
"""Minimum number of components of a row, unless it has enough strokes."""
MIN_ROW_STROKES = 3
"""Minimum number of strokes along a line of a row of fewer components. The letters of italics,
handwriting and soft copies touch each other, so that a word is one component."""
STROKES_PER_LETTER = 1
"""Typical number of strokes of a letter along a line."""
MIN_ROW_ASPECT = 2.2
"""Minimum ratio of width to height of a row."""
FILL_WEIGHT = 3.0
"""Weight of the difference in fill, relative to that in width."""
JOINED_VARIETY = 0.35
"""Variety of text whose letters touch, which is typical."""
MIRROR_SIZE = 5
"""Maximum size of the difference in shape and position of two halves of an ornament, in pixels."""
AXIS_OFFSET = 0.03
"""Maximum distance of the axis of a border from the middle, as a fraction of the width."""
MIN_SYMMETRY = 0.7
"""Share of the pixels that have a counterpart, from which a component is part of an ornament."""
BASELINE_PERCENTILE = 60
"""Percentile of the distances from the baseline that describes a row. Commas and descenders are the
components beyond it."""


class Components(NamedTuple):
    """Connected components of a mask, without the smallest ones."""

    x: FloatArray
    y: FloatArray
    width: FloatArray
    height: FloatArray
    area: FloatArray
    level: FloatArray
    """Mean value of each component's pixels."""
    strokes: FloatArray
    """Mean number of strokes along a row of pixels of each component."""
    symmetry: FloatArray
    """Share of each component's pixels that have a counterpart on the other side of the frame."""


def transpose(components: Components) -> Components:
    """Return components with columns as rows. Their strokes are not known."""
    x, y, width, height, area, level, strokes, symmetry = components
    return Components(y, x, height, width, area, level, np.zeros_like(strokes), symmetry)


class PixelBox(NamedTuple):
    """A rectangle of pixels; `right` and `bottom` are not part of it."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def area(self) -> int:
        """Number of pixels."""
        return (self.right - self.left) * (self.bottom - self.top)

    def extend(self, margin: int, shape: tuple[int, ...]) -> PixelBox:
        """Return the box with a margin, inside a frame of a height and width."""
        return PixelBox(
            max(0, self.left - margin), max(0, self.top - margin),
            min(shape[1], self.right + margin), min(shape[0], self.bottom + margin),
        )  # fmt: skip


class TextRows(NamedTuple):
    """The rows of letters in a mask."""

    num_letters: int
    share: float
    """Area of the letters relative to all components except borders."""
    level_spread: float
    """Standard deviation of the letters' levels, relative to their mean."""
    baseline_error: float
    """Distance of the letters from the baseline of their row, relative to their height, averaged
    over the rows."""
    width: float
    """Width of the widest row as a fraction of the frame."""
    fill: float
    """Mean share of the letters in their bounding boxes. Windows and lamps fill theirs."""
    variety: float
    """Variation of the letters' widths and fills. Windows, lamps and patterns have less."""


def find_components(mask: Mask, values: FloatArray) -> Components | None:
    """Return the components of an (h, w) mask with their mean values; None if it is texture."""
    import cv2

    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    kept = np.flatnonzero(stats[1:, cv2.CC_STAT_AREA] >= MIN_AREA) + 1
    if len(kept) > MAX_COMPONENTS:
        return None
    sums = np.bincount(labels.ravel(), values.ravel(), count)[kept]
    starts = np.bincount(labels[:, 1:][mask[:, 1:] & ~mask[:, :-1]], minlength=count)[kept]
    mirrored = np.bincount(labels[mask & find_mirror_image(mask)], minlength=count)[kept]
    x, y, width, height, area = stats[kept].T.astype(np.float32)
    parts = (sums / area, starts / height, mirrored / area)
    return Components(x, y, width, height, area, *(part.astype(np.float32) for part in parts))


def find_mirror_image(mask: Mask) -> Mask:
    """Return the pixels whose counterpart on the other side of a mask is set, or near it.

    The axis is near the middle, where most pixels have a counterpart.
    """
    import cv2

    near = cv2.dilate(mask.astype(np.uint8), np.ones((MIRROR_SIZE, MIRROR_SIZE), np.uint8)) > 0
    limit = round(AXIS_OFFSET * mask.shape[1])
    best, best_count = near, -1
    for shift in range(-limit, limit + 1, MIRROR_SIZE - 1):
        flipped = np.zeros_like(near)
        low, high = max(0, shift), near.shape[1] + min(0, shift)
        flipped[:, low:high] = near[:, ::-1][:, low - shift : high - shift]
        count = int(np.count_nonzero(flipped & mask))
        if count > best_count:
            best, best_count = flipped, count
    return best


def find_text_rows(components: Components, shape: tuple[int, ...]) -> TextRows | None:
    """Return the rows of letters in a frame of a height and width; None if there is none."""
    columns, is_line = shape[1], _is_line(components, shape)
    letters, groups = _find_letters(components, is_line, shape)
    if not groups:
        return None
    members = np.concatenate(groups)
    level, area = letters.level[members], float(letters.area[members].sum())
    is_ornament = is_line | (components.symmetry >= MIN_SYMMETRY)
    other = float(components.area[~is_ornament].sum()) - float(
        letters.area[members][letters.symmetry[members] < MIN_SYMMETRY].sum()
    )
    return TextRows(
        num_letters=sum(_count_letters(letters, g) for g in groups),
        share=area / (area + other),
        level_spread=float(level.std() / max(float(level.mean()), 1e-6)),
        baseline_error=float(np.mean([_measure_baseline(letters, g) for g in groups])),
        width=max(_measure_extent(letters, g)[0] for g in groups) / columns,
        fill=float((letters.area / (letters.width * letters.height))[members].mean()),
        variety=_measure_variety(letters, groups),
    )


def find_row_boxes(components: Components, shape: tuple[int, ...]) -> list[PixelBox]:
    """Return the bounding boxes of the rows of letters in a frame of a height and width."""
    letters, groups = _find_letters(components, _is_line(components, shape), shape)
    left, top = letters.x, letters.y
    right, bottom = left + letters.width, top + letters.height
    return [
        PixelBox(
            int(left[group].min()), int(top[group].min()),
            int(right[group].max()), int(bottom[group].max()),
        )
        for group in groups
    ]  # fmt: skip


def _find_letters(
    components: Components, is_line: NDArray[np.bool_], shape: tuple[int, ...]
) -> tuple[Components, list[NDArray[np.intp]]]:
    """Return the letters, and the indices of those of each row."""
    letters = Components(*(v[~is_line & _is_letter(components, shape)] for v in components))
    return letters, _group_rows(letters)


def _is_line(components: Components, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    rows, columns = shape[:2]
    is_tall = components.height > LINE_LENGTH[0] * rows
    return np.asarray(is_tall | (components.width > LINE_LENGTH[1] * columns))


def _is_letter(components: Components, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    rows, columns = shape[:2]
    width, height = components.width, components.height
    is_tall = height > MAX_ASPECT[0] * width
    is_long = width > MAX_ASPECT[1] * height
    fits = (height >= LETTER_HEIGHT[0]) & (height < LETTER_HEIGHT[1] * rows)
    return np.asarray(fits & (width < MAX_LETTER_WIDTH * columns) & ~is_tall & ~is_long)


def _group_rows(letters: Components) -> list[NDArray[np.intp]]:
    """Return the indices of the letters of each row."""
    left, right = letters.x, letters.x + letters.width
    top, bottom = letters.y, letters.y + letters.height
    smaller = np.minimum.outer(letters.height, letters.height)
    larger = np.maximum.outer(letters.height, letters.height)
    overlap = np.minimum.outer(bottom, bottom) - np.maximum.outer(top, top)
    gap = np.maximum.outer(left, left) - np.minimum.outer(right, right)
    linked = (overlap > MIN_OVERLAP * smaller) & (smaller > MIN_HEIGHT_RATIO * larger)
    linked &= (gap < MAX_GAP * larger) & (gap > -0.5 * smaller)
    np.fill_diagonal(linked, True)
    row = _label_connected(linked)
    groups = (np.flatnonzero(row == first) for first in np.unique(row))
    return [group for group in groups if _is_row(letters, group)]


def _label_connected(linked: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the smallest index that each index is connected with."""
    labels = np.arange(len(linked))
    while len(labels):
        new = np.where(linked, labels, len(labels)).min(axis=1)
        new = new[new]
        if np.array_equal(new, labels):
            break
        labels = new
    return labels


def _is_row(letters: Components, group: NDArray[np.intp]) -> bool:
    if len(group) < MIN_ROW_LETTERS and letters.strokes[group].sum() < MIN_ROW_STROKES:
        return False
    width, height = _measure_extent(letters, group)
    return width >= MIN_ROW_ASPECT * height


def _measure_variety(letters: Components, groups: Sequence[NDArray[np.intp]]) -> float:
    members = np.concatenate(groups)
    if len(members) < MIN_ROW_LETTERS:
        return JOINED_VARIETY
    widths = np.concatenate([letters.width[g] / np.median(letters.height[g]) for g in groups])
    fill = (letters.area / (letters.width * letters.height))[members]
    return float(np.hypot(widths.std() / widths.mean(), FILL_WEIGHT * fill.std()))


def _count_letters(letters: Components, group: NDArray[np.intp]) -> int:
    """Return the number of letters of a row, some of which may touch each other."""
    return max(len(group), int(letters.strokes[group].sum() / STROKES_PER_LETTER))


def _measure_extent(letters: Components, group: NDArray[np.intp]) -> tuple[float, float]:
    """Return the width of a row and the median height of its letters."""
    left, right = letters.x[group], letters.x[group] + letters.width[group]
    return float(right.max() - left.min()), float(np.median(letters.height[group]))


def _measure_baseline(letters: Components, group: NDArray[np.intp]) -> float:
    bottom = letters.y[group] + letters.height[group]
    distances = np.abs(bottom - np.median(bottom))
    error = float(np.percentile(distances, BASELINE_PERCENTILE))
    return error / float(np.median(letters.height[group]))
