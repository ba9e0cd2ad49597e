"""Whether things keep their color: patches that are followed through a shot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.evaluation.motion import comes_back
from vidcolor.motion.flow import sample

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from vidcolor.evaluation.motion import Motion

    Array = NDArray[np.float32]

SPACING = 8
"""Pixels between the patches that are set out with."""
PATCH = 5
"""Side of a patch in pixels."""


class Patches:
    """Places in a shot, followed from frame to frame along the original's motion.

    A patch is given up as soon as it comes too near the picture's border, or is not led back to
    where it came from (the test of `motion.comes_back`, at every step): those that are left were
    seen all the time.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        """Set patches out.

        Args:
            shape: rows and columns of the pictures.
        """
        self._limits = np.array([shape[1], shape[0]], np.float32) - 1 - PATCH // 2
        rows, columns = (np.arange(SPACING // 2, n - PATCH // 2, SPACING) for n in shape[:2])
        x, y = np.meshgrid(columns, rows)
        self.places: Array = np.stack([x.ravel(), y.ravel()], axis=-1).astype(np.float32)
        """Where they are: (N, 2) pixels, x first."""
        self.kept: NDArray[np.intp] = np.arange(len(self.places))
        """Which of those that were set out they are: (N,)."""

    def step(self, motion: Motion) -> None:
        """Go on to the next frame."""
        flow = _at(motion.ahead, self.places)
        there = self.places + flow
        inside = ((there >= PATCH // 2) & (there <= self._limits)).all(axis=-1)
        kept = inside & comes_back(flow, _at(motion.back, there))
        self.places, self.kept = there[kept], self.kept[kept]

    def colors(self, lab: Array) -> Array:
        """The mean color of each patch: (H, W, 3) L*a*b* -> (N, 3)."""
        import cv2

        return _at(np.asarray(cv2.blur(lab, (PATCH, PATCH)), np.float32), self.places)


def _at(image: Array, places: Array) -> Array:
    """Bilinear samples of (H, W, C) at (N, 2) -> (N, C)."""
    if not len(places):
        return np.zeros((0, image.shape[-1]), np.float32)
    return sample(image, places[:, None, :]).reshape(len(places), -1)


@dataclass(frozen=True, slots=True)
class Span:
    """Some seconds of a shot, and how far the colors of things went astray over them."""

    first: int
    """Index of its first frame."""
    last: int
    """Index of its last frame."""
    num_patches: int
    """How many were seen all the time."""
    drift: dict[str, float]
    """By version: mean over patches of CIEDE2000 between their colors at both ends."""


class DriftMeter:
    """Follows patches over one span, and compares their colors at both ends."""

    def __init__(self, first: int, labs: Mapping[str, Array]) -> None:
        """Begin.

        Args:
            first: index of the frame.
            labs: by version, the original among them: L*a*b*, (H, W, 3) float32.
        """
        self._first = first
        self._patches = Patches(next(iter(labs.values())).shape)
        self._began = {name: self._patches.colors(lab) for name, lab in labs.items()}

    def step(self, motion: Motion) -> None:
        """Go on by a frame."""
        self._patches.step(motion)

    def end(self, last: int, labs: Mapping[str, Array]) -> Span | None:
        """Compare; None if no patch was seen all the time.

        Args:
            last: index of the frame that the steps have led to.
            labs: its versions, the same as at the beginning.
        """
        kept = self._patches.kept
        if not len(kept):
            return None
        drift = {
            name: float(_delta_e(self._began[name][kept], self._patches.colors(lab)).mean())
            for name, lab in labs.items()
        }
        return Span(self._first, last, len(kept), drift)


def _delta_e(start: Array, end: Array) -> Array:
    """CIEDE2000 of (N, 3) colors -> (N,)."""
    import torch

    from vidcolor.color.metrics import delta_e_2000

    pair = (torch.from_numpy(np.ascontiguousarray(lab)) for lab in (start, end))
    return np.asarray(delta_e_2000(*pair).numpy())[:, 0]
