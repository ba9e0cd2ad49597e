"""The hints of one image: input for the generator, blending into its prediction, exact discs.

The generator spreads hints over the objects that they lie on, but its output has a coarse grid and
quantized colors. Therefore the prediction is corrected near each disc. In the finished chroma each
disc gets exactly its color, limited to the gamut.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.color.gamut import ab_to_cbcr, limit_to_gamut
from vidcolor.generators.predictor import HintArrays
from vidcolor.hints.color_transfer import resize_map, resize_transferred
from vidcolor.hints.discs import disc_distance
from vidcolor.hints.spread import REACH, spread_colors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.color.ycbcr import Coding, Matrix
    from vidcolor.hints.color_transfer import BasePrediction, TransferredColor
    from vidcolor.hints.discs import HintDisc
    from vidcolor.imaging.types import FloatArray, Plane

HINTED_REACH = 0.3
"""Reach of `spread_colors` in a prediction with hints, as a fraction of the short side. The
generator has already spread the hints over objects, and a longer reach would color the
surroundings."""
ANCHOR_SPACING = 0.25
"""Distance between neighboring anchors, as a fraction of the short side."""
ANCHOR_DENSITY = 0.1
"""Hint density of an anchor where the confidence of the prediction is 1; see
`HintSet.make_hint_arrays`."""
FEATHER = 2.0
"""Width of the transition around a disc in the finished chroma, in radii of the disc."""
_SUPERSAMPLING = {4: 20, 2: 80}
"""Maximum number of discs for each scale factor of the grid on which discs are spread. With more
discs the factor is 1."""
_MAX_SIDE = 256
"""Maximum short side of the grid on which discs are spread, in pixels. A finer grid does not
improve the result."""
_MAX_TONE_DIFFERENCE = 0.08
"""Difference of Y', in [0, 1], from the mean of the disc at which the transition has ended."""
_MIN_CHROMA_RATIO = 0.9
"""Minimum ratio between the chroma that the gamut allows and the requested chroma. A lower ratio
gives a warning."""
_NEUTRAL_CHROMA = 1e-3
"""Length of the vector (Cb, Cr), each in [-0.5, 0.5], below which a color counts as neutral and
gives no gamut warning."""


@dataclass(frozen=True, slots=True)
class HintSet:
    """All hints of one image, in stored pixels."""

    size: tuple[int, int]
    """H, W of the stored pixels."""
    discs: tuple[HintDisc, ...] = ()
    """Discs given by the user. Where discs overlap, the later one applies."""
    transferred: TransferredColor | None = None
    """Color from a reference image, on any grid."""

    @property
    def is_empty(self) -> bool:
        """Whether there are no hints."""
        return not self.discs and self.transferred is None

    def make_hint_arrays(self, base: BasePrediction, quarter_turns: int = 0) -> HintArrays:
        """Return the input of the generator: hints, and anchors away from them.

        Anchors are hints with the generator's own prediction. Without them, hints also change
        unrelated objects, such as the house behind a bus with a blue hint.

        `base` is the prediction without hints, in the orientation of the stored pixels. The result
        is rotated by `quarter_turns` counterclockwise: ab (1, 2, h, w) and density (1, h, w).
        """
        shape = base.luma.shape
        ab, density = np.zeros((2, *shape), np.float32), np.zeros(shape, np.float32)
        if self.transferred is not None:
            ab, density = resize_transferred(self.transferred, shape)
        for disc in self.discs:
            inside = disc_distance(disc, shape, self._scale(shape)) <= 1
            ab[:, inside], density[inside] = np.array(disc.ab, np.float32)[:, None], 1
        if self.discs and self.transferred is None:
            anchors = self._make_anchors(base)
            ab = np.where(anchors > 0, base.ab, ab)
            density = np.maximum(density, anchors)
        rotated = [np.rot90(array, quarter_turns, axes=(-2, -1)) for array in (ab, density)]
        return HintArrays(*(np.ascontiguousarray(array[None]) for array in rotated))

    def _make_anchors(self, base: BasePrediction) -> FloatArray:
        """Return the hint density of the anchors: (h, w) float32, 0 between them."""
        # Spacing and density were chosen by eye. With more anchors, the objects that the hints lie
        # on would also change less.
        _, weight = spread_colors(self.discs, base.ab, base.luma, self._scale(base.luma.shape))
        spacing = max(1, round(min(weight.shape) * ANCHOR_SPACING))
        lattice = np.zeros_like(weight)
        lattice[spacing // 2 :: spacing, spacing // 2 :: spacing] = ANCHOR_DENSITY
        # No anchors where hints have half of the weight or more.
        return lattice * base.confidence * np.clip(1 - 2 * weight, 0, 1)

    def blend(
        self, ab: FloatArray, proxy: FloatArray, is_hinted: bool
    ) -> tuple[FloatArray, FloatArray]:
        """Blend the hints into a prediction.

        Args:
            ab: predicted a*, b*, in the orientation of the stored pixels: (2, h, w) float32.
            proxy: Y' of the image on a finer grid: (H, W) float32 in [0, 1].
            is_hinted: whether the generator was given the hints.

        Returns:
            a*, b*: (2, h, w) float32; and the weight of the hints: (h, w) float32 in [0, 1].
        """
        shape = ab.shape[1:]
        alpha = np.zeros(shape, np.float32)
        if self.transferred is not None:
            transferred = resize_transferred(self.transferred, shape)
            # A generator that was given the palette has already weighed it against the image. Then
            # only registered color, which has a high weight, is enforced.
            weight = transferred.weight
            alpha = np.maximum(2 * weight - 1, 0) if is_hinted else weight
            ab = ab + alpha * (transferred.ab - ab)
        if self.discs:
            change, weight = self._spread_discs(ab, proxy, HINTED_REACH if is_hinted else REACH)
            ab = ab + change
            alpha = np.maximum(alpha, weight)
        return ab.astype(np.float32), alpha

    def _spread_discs(
        self, ab: FloatArray, proxy: FloatArray, reach: float
    ) -> tuple[FloatArray, FloatArray]:
        """Return the change of a*, b* by the discs, and their weight, on the grid of `ab`."""
        # The discs are spread on a finer grid, because luma edges lie between the cells of `ab`.
        # With many discs the grid is coarser to limit the time, and each disc covers less area.
        shape = ab.shape[1:]
        side, count = min(shape), len(self.discs)
        factors = (
            factor
            for factor, max_count in _SUPERSAMPLING.items()
            if count <= max_count and factor * side <= _MAX_SIDE
        )
        factor = next(factors, 1)
        fine = shape[0] * factor, shape[1] * factor
        upscaled = np.stack([resize_map(plane, fine) for plane in ab])
        luma = resize_map(proxy, fine)
        blended, weight = spread_colors(self.discs, upscaled, luma, self._scale(fine), reach)
        change = np.stack([resize_map(plane, shape) for plane in blended - upscaled])
        return change, resize_map(weight, shape)

    def _scale(self, shape: tuple[int, ...]) -> tuple[float, float]:
        """Return the grid pixels per stored pixel, vertical and horizontal."""
        return shape[0] / self.size[0], shape[1] / self.size[1]


def enforce_discs(
    discs: Sequence[HintDisc],
    cb: FloatArray,
    cr: FloatArray,
    luma: Plane,
    coding: Coding,
    matrix: Matrix,
    saturation: float = 1.0,
) -> tuple[str, ...]:
    """Set discs to exactly their color in finished chroma, in place.

    Args:
        discs: discs in pixels of the planes; where they overlap, the later one applies.
        cb, cr: (H, W) float32 in [-0.5, 0.5].
        luma: (H, W) uint8 or uint16 code values of `coding`.
        saturation: chroma gain, which applies to hints as well.

    Returns:
        Warnings about colors that are out of gamut at their luma and are scaled toward gray.
    """
    warnings: list[str] = []
    # All transitions are drawn before the first disc, so that none changes another disc.
    for draws_disc in (False, True):
        for disc in discs:
            requested, possible = _tabulate_chroma(disc, coding, matrix, saturation)
            rows, columns = _bounding_box(disc, luma.shape)
            codes = luma[rows, columns]
            moved = replace(disc, x=disc.x - columns.start, y=disc.y - rows.start)
            distance = disc_distance(moved, codes.shape)
            inside = distance <= 1
            alpha = inside if draws_disc else _transition_mask(distance, coding.luma_to_unit(codes))
            # Chroma depends on luma, because a*b* are fixed: there is one table entry per code.
            for plane, table in zip((cb, cr), possible, strict=True):
                plane[rows, columns] += alpha * (table[codes] - plane[rows, columns])
            if draws_disc:
                covered = codes[inside]
                full, reduced = (
                    float(np.hypot(*t[:, covered]).mean()) for t in (requested, possible)
                )
                if full >= _NEUTRAL_CHROMA and reduced < _MIN_CHROMA_RATIO * full:
                    warnings.append(
                        f"{disc.name}: {disc.color} is out of gamut at this luma; reduced to "
                        f"{reduced / full:.0%} of its chroma"
                    )
    return tuple(warnings)


def _tabulate_chroma(
    disc: HintDisc, coding: Coding, matrix: Matrix, saturation: float
) -> tuple[FloatArray, FloatArray]:
    """Return Cb, Cr of a disc at every luma code: as requested, and limited to the gamut."""
    unit = coding.luma_to_unit(np.arange(1 << coding.bits, dtype=np.uint16))[None]
    ab = np.broadcast_to(np.array(disc.ab, np.float32).reshape(2, 1, 1), (2, *unit.shape))
    requested = ab_to_cbcr(ab, unit, matrix) * np.float32(saturation)
    possible = requested.copy()
    limit_to_gamut(possible[0], possible[1], unit, matrix)
    return requested[:, 0], possible[:, 0]


def _transition_mask(distance: FloatArray, luma: FloatArray) -> FloatArray:
    """Return the weight of the disc's color: 1 inside, falling to 0 around it and at luma edges."""
    inside = distance <= 1
    near = np.clip((1 + FEATHER - distance) / FEATHER, 0, 1)
    difference = np.abs(luma - luma[inside].mean())
    similar = np.clip(1 - difference / _MAX_TONE_DIFFERENCE, 0, 1)
    return np.where(inside, np.float32(1), (near * near * similar).astype(np.float32))


def _bounding_box(disc: HintDisc, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Return the rows and columns of a disc and its transition; never empty."""
    reach = (1 + FEATHER) * disc.radius + 1
    slices = []
    for center, length in ((disc.y, shape[0]), (disc.x, shape[1])):
        first = min(max(int(center - reach), 0), length - 1)
        slices.append(slice(first, max(min(int(center + reach) + 1, length), first + 1)))
    return slices[0], slices[1]
