"""The hints of one image: input for the generator, blending of a reference, exact discs.

The color of a hint acts on the object that it lies on (see `objects`). In the finished chroma each
disc gets exactly its color, limited to the gamut.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.color.gamut import ab_to_cbcr, limit_to_gamut
from vidcolor.generators.predictor import HintArrays
from vidcolor.hints.color_transfer import resize_transferred
from vidcolor.hints.discs import disc_distance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.color.ycbcr import Coding, Matrix
    from vidcolor.hints.color_transfer import BasePrediction, TransferredColor
    from vidcolor.hints.discs import HintDisc
    from vidcolor.imaging.types import FloatArray, Plane

CONTEXT_COLORS = (3, 8)
"""Numbers of different hint colors up to which hints have no effect on other objects, and from
which they inform the prediction of the whole image."""
FEATHER = 0.5
"""Width of the transition around a disc in the finished chroma, in radii of the disc."""
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

    @property
    def context_weight(self) -> float:
        """Weight of the hints in the color of everything that they do not lie on, 0-1.

        A few hints say what a person wants, which may be surprising: they have no effect on other
        objects. Many hints of different colors describe the scene, and inform the prediction of
        the rest.
        """
        colors = {disc.ab for disc in self.discs if disc.ab is not None}
        few, many = CONTEXT_COLORS
        return float(np.clip((len(colors) - few) / (many - few), 0, 1))

    def make_hint_arrays(self, base: BasePrediction, quarter_turns: int = 0) -> HintArrays | None:
        """Return the hints for the generator, or None if no hint informs its prediction.

        `base` is the prediction without hints, in the orientation of the stored pixels. The result
        is rotated by `quarter_turns` counterclockwise: ab (1, 2, h, w) and density (1, h, w).
        """
        shape = base.luma.shape
        ab, density = np.zeros((2, *shape), np.float32), np.zeros(shape, np.float32)
        if self.transferred is not None:
            ab, density = resize_transferred(self.transferred, shape)
        for disc in self.discs if self.context_weight > 0 else ():
            inside = disc_distance(disc, shape, self._scale(shape)) <= 1
            color = base.ab[:, inside] if disc.ab is None else np.array(disc.ab)[:, None]
            ab[:, inside], density[inside] = color, 1
        if not density.any():
            return None
        rotated = [np.rot90(array, quarter_turns, axes=(-2, -1)) for array in (ab, density)]
        return HintArrays(*(np.ascontiguousarray(array[None]) for array in rotated))

    def blend_context(
        self, base_ab: FloatArray, ab: FloatArray, is_hinted: bool
    ) -> tuple[FloatArray, FloatArray]:
        """Blend the color of the reference, and what the hints tell about the rest of the image.

        Args:
            base_ab: a*, b* predicted without hints: (2, h, w) float32.
            ab: a*, b* predicted with hints, in the same orientation: (2, h, w) float32.
            is_hinted: whether the generator was given the hints.

        Returns:
            a*, b*: (2, h, w) float32; and the weight of the reference: (h, w) float32 in [0, 1].
        """
        if self.transferred is None:
            weight = np.float32(self.context_weight)
            return base_ab + weight * (ab - base_ab), np.zeros(ab.shape[1:], np.float32)
        transferred = resize_transferred(self.transferred, ab.shape[1:])
        # A generator that was given the palette has already weighed it against the image. Then
        # only registered color, which has a high weight, is enforced.
        alpha = transferred.weight
        alpha = np.maximum(2 * alpha - 1, 0) if is_hinted else alpha
        return (ab + alpha * (transferred.ab - ab)).astype(np.float32), alpha

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
    discs = [disc for disc in discs if disc.ab is not None]
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
    assert disc.ab is not None  # for the type checker
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
