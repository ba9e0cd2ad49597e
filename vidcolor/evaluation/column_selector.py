"""Selection of the images of a score sheet while an evaluation runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vidcolor.media.preview import resize_rgb

if TYPE_CHECKING:
    from vidcolor.evaluation.options import Selection
    from vidcolor.imaging.types import Rgb

MAX_PANEL_SIDE = 256
"""Maximum width and height of an image on a sheet, in pixels."""


@dataclass(frozen=True, slots=True)
class Panel:
    """An image as one method colorized it."""

    rgb: Rgb
    """(H, W, 3) uint8."""
    psnr: float
    """PSNR in dB."""


@dataclass(frozen=True, slots=True)
class Column:
    """An image as all methods colorized it."""

    index: int
    """Index of the image among all images, including skipped ones."""
    name: str
    """Name of the image."""
    psnr_gain: float
    """PSNR gain over gray of the first method after gray, in dB."""
    panels: tuple[Panel, ...]
    """One panel for each method."""


class ColumnSelector:
    """Selects the images of a score sheet while an evaluation runs.

    Only the selected images are stored, reduced to the size of the sheet.
    """

    def __init__(self, count: int, total: int, selection: Selection) -> None:
        """Prepare the selection.

        Args:
            count: maximum number of images to select.
            total: number of images of the evaluation, including skipped ones.
            selection: which images to select.
        """
        self._count, self._selection = count, selection
        num_targets = min(count, total)
        self._targets = [(2 * n + 1) * total // (2 * num_targets) for n in range(num_targets)]
        """Evenly spaced indices of images."""
        self._nearest: dict[int, Column] = {}
        """The column with the index nearest to each target."""
        self._ranked: list[Column] = []

    @property
    def columns(self) -> tuple[Column, ...]:
        """The selected images, ordered by index for ``even`` and by PSNR gain otherwise."""
        if self._selection == "even":
            unique = {column.index: column for column in self._nearest.values()}
            return tuple(unique[index] for index in sorted(unique))
        return tuple(self._ranked)

    def offer(self, column: Column) -> None:
        """Add an image if it belongs to the selection of the images so far."""
        if self._selection == "even":
            self._offer_even(column)
            return
        sign = 1 if self._selection == "worst" else -1
        columns = sorted((*self._ranked, column), key=lambda c: sign * c.psnr_gain)[: self._count]
        self._ranked = [c if c.index != column.index else _reduce_column(c) for c in columns]

    def _offer_even(self, column: Column) -> None:
        """Assign an image to each target to which its index is nearer than that of earlier images.

        The nearest image is used, because the image at a target may have been skipped.
        """
        targets = [
            target
            for target in self._targets
            if target not in self._nearest
            or abs(column.index - target) < abs(self._nearest[target].index - target)
        ]
        if targets:
            self._nearest.update(dict.fromkeys(targets, _reduce_column(column)))


def _reduce_column(column: Column) -> Column:
    panels = tuple(Panel(_reduce(panel.rgb), panel.psnr) for panel in column.panels)
    return replace(column, panels=panels)


def _reduce(rgb: Rgb) -> Rgb:
    height, width = rgb.shape[:2]
    factor = MAX_PANEL_SIDE / max(height, width)
    if factor >= 1:
        return rgb.copy()
    return resize_rgb(rgb, (max(1, round(width * factor)), max(1, round(height * factor))))
