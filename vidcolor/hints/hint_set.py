"""What is known of one picture's colors: told to the generator, and kept in what comes of it.

The generator spreads hints over the objects that they lie on, but answers on a coarse grid and in
steps of its bins. So its answer is settled near each disc, and in the finished chroma the discs get
exactly their color, as far as luma permits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vidcolor.color.gamut import ab_to_cbcr, limit_to_gamut
from vidcolor.generators.predictor import HintArrays
from vidcolor.hints.discs import disc_distance
from vidcolor.hints.reference import resized, scaled
from vidcolor.hints.spread import REACH, spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vidcolor.color.ycbcr import Coding, Matrix, Plane
    from vidcolor.hints.color_transfer import BasePrediction
    from vidcolor.hints.discs import HintDisc
    from vidcolor.hints.reference import TransferredColor

    Array = NDArray[np.float32]

NEAR = 0.3
"""The reach where the generator has spread the hints itself; longer, color would leave objects."""
_FINER = {4: 20, 2: 80}
"""How much finer than the generator's grid color is spread, for how many hints at most."""
_FINEST = 256
"""Short side beyond which nothing is gained by that."""
ANCHOR_STEP = 0.25
"""Between anchors, in short sides."""
ANCHOR_DENSITY = 0.1
"""Of an anchor that the generator is sure of; see `HintSet.for_generator`."""
FEATHER = 2.0
"""Radii over which the exact color of a disc passes into the color around it."""
_TONE = 0.08
"""Difference of Y' from the disc's at which that passage ends."""
_IMPOSSIBLE = 0.9
"""Share of a color's chroma; less than that under the given luma is worth a word."""
_FAINT = 1e-3
"""Of Cb, Cr: a neutral color."""


@dataclass(frozen=True, slots=True)
class HintSet:
    """Known color of one picture, in its stored pixels."""

    size: tuple[int, int]
    """H, W of the stored pixels."""
    spots: tuple[HintDisc, ...] = ()
    """From a person. Where discs overlap, the later one holds."""
    lent: TransferredColor | None = None
    """From a reference picture, on any grid."""

    @property
    def is_nothing(self) -> bool:
        """Whether nothing is known."""
        return not self.spots and self.lent is None

    def for_generator(self, guess: BasePrediction, quarter_turns: int = 0) -> HintArrays:
        """As a generator takes it, with anchors in its own guess far from what is known.

        Args:
            guess: what it says on its own, in the orientation of the stored pixels.
            quarter_turns: counter-clockwise, by which the picture is turned for the generator.

        Returns:
            ab (1, 2, h, w) and density (1, h, w), turned.
        """
        shape = guess.luma.shape
        ab, density = np.zeros((2, *shape), np.float32), np.zeros(shape, np.float32)
        if self.lent is not None:
            ab, density = resized(self.lent, shape)
        for spot, inside in zip(self.spots, self._discs(shape), strict=True):
            ab[:, inside], density[inside] = np.array(spot.ab, np.float32)[:, None], 1
        if self.spots and self.lent is None:
            anchors = self._anchors(guess)
            ab = np.where(anchors > 0, guess.ab, ab)
            density = np.maximum(density, anchors)
        turned = [np.rot90(array, quarter_turns, axes=(-2, -1)) for array in (ab, density)]
        return HintArrays(*(np.ascontiguousarray(array[None]) for array in turned))

    def _anchors(self, guess: BasePrediction) -> Array:
        """Density of hints in the generator's own guess: (h, w).

        Without them a hint reaches all that nobody spoke of: the house behind a bus that was said
        to be blue. Their number and density were chosen by looking: more of them would hold the
        object itself back.
        """
        _, share = spread(self.spots, guess.ab, guess.luma, self._scale(guess.luma.shape))
        step = max(1, round(min(share.shape) * ANCHOR_STEP))
        lattice = np.zeros_like(share)
        lattice[step // 2 :: step, step // 2 :: step] = ANCHOR_DENSITY
        return lattice * guess.confidence * np.clip(1 - 2 * share, 0, 1)

    def settle(self, ab: Array, proxy: Array, seen: bool) -> tuple[Array, Array]:
        """Blend what is known into what a generator says.

        Args:
            ab: a*, b* on its grid, in the orientation of the stored pixels: (2, h, w) float32.
            proxy: Y' of the picture, finer than that: (H, W) float32 in [0, 1].
            seen: whether it was given the hints, and so has spread them over objects itself.

        Returns:
            a*, b*: (2, h, w) float32; and how far they are known: (h, w) float32 in [0, 1].
        """
        shape = ab.shape[1:]
        known = np.zeros(shape, np.float32)
        if self.lent is not None:
            lent = resized(self.lent, shape)
            # What is merely suggested is the generator's to weigh, if it can.
            known = _sure(lent.trust) if seen else lent.trust
            ab = ab + known * (lent.ab - ab)
        if self.spots:
            # On a finer grid, as edges lie between cells; of many hints each has less ground.
            side, count = min(shape), len(self.spots)
            finer = (t for t, most in _FINER.items() if count <= most and t * side <= _FINEST)
            times = next(finer, 1)
            fine = shape[0] * times, shape[1] * times
            raised = np.stack([scaled(plane, fine) for plane in ab])
            luma, reach = scaled(proxy, fine), NEAR if seen else REACH
            blended, share = spread(self.spots, raised, luma, self._scale(fine), reach)
            ab = ab + np.stack([scaled(plane, shape) for plane in blended - raised])
            known = np.maximum(known, scaled(share, shape))
        return ab.astype(np.float32), known

    def _scale(self, shape: tuple[int, ...]) -> tuple[float, float]:
        return shape[0] / self.size[0], shape[1] / self.size[1]

    def _discs(self, shape: tuple[int, ...]) -> list[NDArray[np.bool_]]:
        return [disc_distance(spot, shape, self._scale(shape)) <= 1 for spot in self.spots]


def enforce_discs(
    spots: Sequence[HintDisc],
    cb: Array,
    cr: Array,
    luma: Plane,
    coding: Coding,
    matrix: Matrix,
    saturation: float = 1.0,
) -> tuple[str, ...]:
    """Give discs exactly their color in finished chroma, in place.

    Args:
        spots: in the pixels of the planes; of discs that overlap the later one holds.
        cb: (H, W) float32.
        cr: (H, W) float32.
        luma: (H, W) code values.
        coding: what they mean.
        matrix: of all three.
        saturation: gain of the chroma, which hints share with all else.

    Returns:
        What is to be said: colors that their luma does not permit, which are drawn toward gray
        as far as it takes.
    """
    said: list[str] = []
    for exactly in (False, True):  # so that no disc's passage reaches into another disc
        for spot in spots:
            table = _table(spot, coding, matrix, saturation)
            rows, columns = _window(spot, luma.shape)
            codes = luma[rows, columns]
            away = disc_distance(_moved(spot, -columns.start, -rows.start), codes.shape)
            share = away <= 1 if exactly else _passage(away, coding.luma_to_unit(codes))
            for plane, colors in zip((cb, cr), table.possible, strict=True):
                plane[rows, columns] += share * (colors[codes] - plane[rows, columns])
            if exactly and (text := table.says(codes[away <= 1])):
                said.append(f"{spot.name}: {spot.color} {text}")
    return tuple(said)


class _Table(NamedTuple):
    """Cb, Cr of one color under every code of luma: (2, n) each."""

    wanted: Array
    possible: Array

    def says(self, codes: Plane) -> str | None:
        """What is to be said if the color cannot be had under these codes of luma: (n,)."""
        wanted, possible = (float(np.hypot(*t[:, codes]).mean()) for t in self)
        if wanted < _FAINT or possible >= _IMPOSSIBLE * wanted:
            return None
        share = possible / wanted
        return f"is not possible under this luma; clamped to {share:.0%} of its chroma"


def _table(spot: HintDisc, coding: Coding, matrix: Matrix, saturation: float) -> _Table:
    unit = coding.luma_to_unit(np.arange(1 << coding.bits, dtype=np.uint16))[None]
    ab = np.broadcast_to(np.array(spot.ab, np.float32).reshape(2, 1, 1), (2, *unit.shape))
    wanted = ab_to_cbcr(ab, unit, matrix) * np.float32(saturation)
    possible = wanted.copy()
    limit_to_gamut(possible[0], possible[1], unit, matrix)
    return _Table(wanted[:, 0], possible[:, 0])


def _passage(away: Array, luma: Array) -> Array:
    """1 in the disc, falling to 0 around it, and nowhere over an edge."""
    inside = away <= 1
    near = np.clip((1 + FEATHER - away) / FEATHER, 0, 1)
    alike = np.clip(1 - np.abs(luma - luma[inside].mean()) / _TONE, 0, 1)
    return np.where(inside, np.float32(1), (near * near * alike).astype(np.float32))


def _sure(trust: Array) -> Array:
    """Trust above one half, stretched to begin at 0."""
    return np.maximum(2 * trust - 1, 0)


def _window(spot: HintDisc, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns that a disc and its passage may touch; never empty."""
    reach = (1 + FEATHER) * spot.radius + 1
    spans = []
    for middle, length in ((spot.y, shape[0]), (spot.x, shape[1])):
        first = min(max(int(middle - reach), 0), length - 1)
        spans.append(slice(first, max(min(int(middle + reach) + 1, length), first + 1)))
    return spans[0], spans[1]


def _moved(spot: HintDisc, x: float, y: float) -> HintDisc:
    return replace(spot, x=spot.x + x, y=spot.y + y)
