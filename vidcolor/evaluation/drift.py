"""Color drift: how much the color of tracked patches changes over some seconds of a shot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.evaluation.temporal_metrics import is_consistent
from vidcolor.motion.flow import sample

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from vidcolor.evaluation.temporal_metrics import BidirectionalFlow
    from vidcolor.imaging.types import FloatArray

PATCH_SPACING = 8
"""Distance between patches in the first frame, in pixels."""
PATCH_SIDE = 5
"""Side of a patch in pixels."""


class PatchTracker:
    """Tracks a grid of patches from frame to frame along the flow of the ground truth.

    A patch is dropped when it reaches the border of the frame or fails the forward-backward check
    (`temporal_metrics.is_consistent`). The remaining patches were visible in every frame.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        """Place the patches.

        Args:
            shape: (H, W, …) of the frames.
        """
        self._max_position = np.array([shape[1], shape[0]], np.float32) - 1 - PATCH_SIDE // 2
        rows, columns = (
            np.arange(PATCH_SPACING // 2, n - PATCH_SIDE // 2, PATCH_SPACING) for n in shape[:2]
        )
        x, y = np.meshgrid(columns, rows)
        self.positions: FloatArray = np.stack([x.ravel(), y.ravel()], axis=-1).astype(np.float32)
        """Centers of the tracked patches: (N, 2) pixels, x first."""
        self.indices: NDArray[np.intp] = np.arange(len(self.positions))
        """Indices of the tracked patches in the first frame: (N,)."""

    def advance(self, flow: BidirectionalFlow) -> None:
        """Track the patches to the next frame.

        Args:
            flow: flow of the ground truth from the current frame to the next one.
        """
        forward = _sample_at(flow.forward, self.positions)
        positions = self.positions + forward
        is_inside = (positions >= PATCH_SIDE // 2) & (positions <= self._max_position)
        is_tracked = is_inside.all(axis=-1) & is_consistent(
            forward, _sample_at(flow.backward, positions)
        )
        self.positions, self.indices = positions[is_tracked], self.indices[is_tracked]

    def sample_colors(self, lab: FloatArray) -> FloatArray:
        """Return the mean color of each tracked patch: (H, W, 3) L*a*b* -> (N, 3)."""
        import cv2

        # All means are computed first, so that patches can be sampled between pixels.
        means = np.asarray(cv2.blur(lab, (PATCH_SIDE, PATCH_SIDE)), np.float32)
        return _sample_at(means, self.positions)


def _sample_at(image: FloatArray, positions: FloatArray) -> FloatArray:
    """Return bilinear samples of (H, W, C) at (N, 2): (N, C)."""
    if not len(positions):
        return np.zeros((0, image.shape[-1]), np.float32)
    return sample(image, positions[:, None, :]).reshape(len(positions), -1)


@dataclass(frozen=True, slots=True)
class DriftMeasurement:
    """The color drift over a range of frames of one shot."""

    first: int
    """Index of the first frame."""
    drift: dict[str, float]
    """Mean CIEDE2000 between the colors of a patch in the first and the last frame, by version."""


class DriftMeter:
    """Measures the color drift over one range of frames."""

    def __init__(self, first: int, labs: Mapping[str, FloatArray]) -> None:
        """Place patches in the first frame and record their colors.

        Args:
            first: index of the frame in the film.
            labs: L*a*b* of the frame by version, with the ground truth: (H, W, 3) float32.
        """
        self._first = first
        self._tracker = PatchTracker(next(iter(labs.values())).shape)
        self._colors = {name: self._tracker.sample_colors(lab) for name, lab in labs.items()}

    def advance(self, flow: BidirectionalFlow) -> None:
        """Track the patches to the next frame."""
        self._tracker.advance(flow)

    def measure(self, labs: Mapping[str, FloatArray]) -> DriftMeasurement | None:
        """Compare the current frame with the first one.

        Args:
            labs: L*a*b* of the current frame, for the same versions as in the first frame.

        Returns:
            The drift; None if no patch was visible in every frame.
        """
        indices = self._tracker.indices
        if not len(indices):
            return None
        drift = {
            name: float(
                _compute_delta_e(
                    self._colors[name][indices], self._tracker.sample_colors(lab)
                ).mean()
            )
            for name, lab in labs.items()
        }
        return DriftMeasurement(self._first, drift)


def _compute_delta_e(first: FloatArray, last: FloatArray) -> FloatArray:
    """Return CIEDE2000 of (N, 3) colors: (N,)."""
    import torch

    from vidcolor.color.metrics import delta_e_2000

    pair = (torch.from_numpy(np.ascontiguousarray(lab)) for lab in (first, last))
    return np.asarray(delta_e_2000(*pair).numpy())[:, 0]
