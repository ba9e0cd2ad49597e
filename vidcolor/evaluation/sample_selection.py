"""Which pictures of an evaluation are kept to be looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vidcolor.media.preview import scale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.evaluation.options import Show
    from vidcolor.media.preview import Rgb

PANEL_SIDE = 256
"""Pixels of the longer side of a kept picture at most."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One row's version of a picture."""

    rgb: Rgb
    psnr: float


@dataclass(frozen=True, slots=True)
class Column:
    """One picture in all rows' versions."""

    index: int
    name: str
    gain: float
    """PSNR of the first judged row less that of gray, in dB."""
    panels: tuple[Panel, ...]


class Showcase:
    """Keeps at most `count` pictures, scaled down, while any number goes by."""

    def __init__(self, count: int, total: int, show: Show) -> None:
        """Prepare for `total` pictures."""
        self._count, self._show = count, show
        number = min(count, total)
        self._places = [(2 * n + 1) * total // (2 * number) for n in range(number)]
        self._nearest: dict[int, Column] = {}
        self._kept: list[Column] = []

    @property
    def columns(self) -> tuple[Column, ...]:
        """In the order of the originals; the worst or the best first if those were asked for."""
        if self._show == "even":
            found = {column.index: column for column in self._nearest.values()}
            return tuple(found[index] for index in sorted(found))
        return tuple(self._kept)

    def offer(self, index: int, name: str, gain: float, panels: Sequence[Panel]) -> None:
        """Keep a picture if it is one of those to be shown.

        Args:
            index: among all originals.
            name: of the original.
            gain: see `Column`.
            panels: one for each row.
        """
        column = Column(index, name, gain, tuple(panels))
        if self._show == "even":
            self._offer_evenly(column)
            return
        sign = 1 if self._show == "worst" else -1
        ordered = sorted((*self._kept, column), key=lambda c: sign * c.gain)[: self._count]
        # Only what stays is scaled; of the rest nothing is held.
        self._kept = [c if c.index != index else _small(c) for c in ordered]

    def _offer_evenly(self, column: Column) -> None:
        """Keep it for the evenly spaced places that no picture so far lies nearer to.

        Those that belong there may be left out of the evaluation and never be offered.
        """
        nearer = [
            place
            for place in self._places
            if place not in self._nearest
            or abs(column.index - place) < abs(self._nearest[place].index - place)
        ]
        if nearer:
            small = _small(column)
            self._nearest.update(dict.fromkeys(nearer, small))


def _small(column: Column) -> Column:
    panels = tuple(Panel(_fitted(p.rgb), p.psnr) for p in column.panels)
    return Column(column.index, column.name, column.gain, panels)


def _fitted(rgb: Rgb) -> Rgb:
    height, width = rgb.shape[:2]
    factor = PANEL_SIDE / max(height, width)
    if factor >= 1:
        return rgb.copy()
    return scale(rgb, (max(1, round(width * factor)), max(1, round(height * factor))))
