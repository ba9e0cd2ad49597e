"""Optical flow between two frames, estimated on small copies of their luma.

Flow is estimated in both directions, and its confidence comes from the forward-backward check of
Sundaram, Brox & Keutzer, "Dense point trajectories by GPU-accelerated large displacement optical
flow", ECCV 2010. Luma is standardized by its local mean and deviation first, so that flicker,
uneven light and fades do not look like motion.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from vidcolor.imaging.resize import resize_area
from vidcolor.imaging.smoothstep import smoothstep

if TYPE_CHECKING:
    from vidcolor.imaging.types import FloatArray, Uint8Array

MAX_SHORT_SIDE = 96
"""Maximum short side of the flow grid, in pixels. The embedded generator's grid has 64. At 128 the
pipeline takes 1.3 times as long, and better tracking is offset by more false matches
(benchmarks/README.md)."""
NORMALIZATION_WINDOW = 25
"""Side of the window for the local mean and deviation, in pixels of the flow grid."""
DEVIATION_FLOOR = 0.2
"""Share of the frame's deviation that is added to the local deviation. Without it, noise in a blank
sky would be amplified into structure."""
MIN_CONTRAST = 0.006
"""Minimum standard deviation of Y' in [0, 1]. A frame with less is blank and has no flow."""
CONSISTENCY_LIMITS = (1.0, 3.0)
"""Forward-backward errors, in pixels, of full confidence and of none, for a single flow pair."""


@dataclass(frozen=True, slots=True)
class FlowInput:
    """One upright frame, prepared for flow estimation."""

    luma: FloatArray
    """Y': (h, w) float32 in [0, 1], short side at most `MAX_SHORT_SIDE`."""
    normalized: FloatArray
    """Y' minus its local mean, divided by its local deviation: (h, w) float32."""
    codes: Uint8Array
    """`normalized` as 8-bit codes: (h, w)."""
    is_blank: bool
    """Whether the frame has no structure to track, such as black film or a white flash."""


@dataclass(frozen=True, slots=True)
class FlowPair:
    """Backward and forward flow between two frames, each with its confidence."""

    backward: FloatArray
    """Flow from the later frame to the earlier frame: (h, w, 2) float32 pixels, x first."""
    backward_confidence: FloatArray
    """(h, w) float32 in [0, 1]: 0 where the pixel is occluded in the earlier frame."""
    forward: FloatArray
    """Flow from the earlier frame to the later frame: (h, w, 2) float32 pixels, x first."""
    forward_confidence: FloatArray
    """(h, w) float32 in [0, 1]: 0 where the pixel is occluded in the later frame."""


class FlowEstimator(Protocol):
    """An optical flow algorithm. Other implementations may run on a GPU."""

    def __call__(self, source: Uint8Array, target: Uint8Array) -> FloatArray:
        """Estimate the flow from `source` to `target`.

        Implementations are thread-safe and deterministic.

        Args:
            source: (h, w) uint8, see `FlowInput.codes`.
            target: (h, w) uint8.

        Returns:
            (h, w, 2) float32 pixels, x first.
        """
        ...


class DisFlow:
    """Dense inverse search flow from OpenCV, at full resolution by default.

    Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016. OpenCV's presets stop
    at half the resolution or earlier, and move about ten pixels of background along with each
    object. Here the finest scale is 0, with fewer variational refinement iterations in return.
    """

    def __init__(self, preset: bool = False) -> None:
        """Create the estimator.

        Args:
            preset: use OpenCV's preset "medium" without changes.
        """
        self._local, self._preset = threading.local(), preset

    def __call__(self, source: Uint8Array, target: Uint8Array) -> FloatArray:
        """Estimate the flow from `source` to `target`; see `FlowEstimator`."""
        if not hasattr(self._local, "dis"):  # the OpenCV object keeps buffers, so one per thread
            self._local.dis = _create_dis(self._preset)
        dis: Any = self._local.dis
        return np.asarray(dis.calc(source, target, None), np.float32)


def _create_dis(preset: bool) -> Any:
    import cv2

    medium = cv2.DISOPTICAL_FLOW_PRESET_MEDIUM
    dis: Any = cv2.DISOpticalFlow_create(medium)  # type: ignore[attr-defined]
    if not preset:
        dis.setFinestScale(0)
        dis.setPatchStride(4)
        dis.setGradientDescentIterations(12)
        dis.setVariationalRefinementIterations(2)
    return dis


def make_flow_input(proxy: FloatArray) -> FlowInput:
    """Prepare a frame for flow estimation.

    Args:
        proxy: Y' of the frame as displayed: (H, W) float32 in [0, 1].
    """
    import cv2

    scale = min(1.0, MAX_SHORT_SIDE / min(proxy.shape))
    shape = max(8, round(proxy.shape[0] * scale)), max(8, round(proxy.shape[1] * scale))
    luma = resize_area(proxy, shape)
    window = (NORMALIZATION_WINDOW, NORMALIZATION_WINDOW)
    mean = np.asarray(cv2.blur(luma, window))
    mean_square = np.asarray(cv2.blur(luma * luma, window))
    contrast = float(luma.std())
    floor = max(DEVIATION_FLOOR * contrast, MIN_CONTRAST)
    deviation = np.sqrt(np.maximum(mean_square - mean * mean, 0)) + floor
    normalized = ((luma - mean) / deviation).astype(np.float32)
    codes = np.clip(128 + 40 * normalized, 0, 255).astype(np.uint8)
    return FlowInput(luma, normalized, codes, contrast < MIN_CONTRAST)


def estimate_flow(earlier: FlowInput, later: FlowInput, estimator: FlowEstimator) -> FlowPair:
    """Estimate the flow between two frames of the same size in both directions."""
    backward = estimator(later.codes, earlier.codes)
    forward = estimator(earlier.codes, later.codes)
    return FlowPair(
        backward,
        _measure_consistency(backward, forward),
        forward,
        _measure_consistency(forward, backward),
    )


def zero_flow(shape: tuple[int, ...]) -> FlowPair:
    """Return a flow pair without motion and with full confidence, of shape (h, w)."""
    flow, confidence = np.zeros((*shape[:2], 2), np.float32), np.ones(shape[:2], np.float32)
    return FlowPair(flow, confidence, flow, confidence)


def _measure_consistency(flow: FloatArray, reverse: FloatArray) -> FloatArray:
    """Return the confidence of `flow` from the forward-backward check: (h, w) in [0, 1]."""
    coords = pixel_grid(flow.shape) + flow
    error = flow + sample(reverse, coords)
    height, width = flow.shape[:2]
    x, y = coords[..., 0], coords[..., 1]
    inside = (x > -0.5) & (y > -0.5) & (x < width - 0.5) & (y < height - 0.5)
    distance = np.hypot(error[..., 0], error[..., 1])
    confidence: FloatArray = (1 - smoothstep(distance, *CONSISTENCY_LIMITS)) * inside
    return confidence


def pixel_grid(shape: tuple[int, ...]) -> FloatArray:
    """Return the coordinates of every pixel: (h, w, 2) float32, x first."""
    columns, rows = np.meshgrid(
        np.arange(shape[1], dtype=np.float32), np.arange(shape[0], dtype=np.float32)
    )
    return np.stack([columns, rows], axis=-1)


def sample(image: FloatArray, coords: FloatArray) -> FloatArray:
    """Sample an image bilinearly, with the border replicated.

    Args:
        image: (h, w) or (h, w, C) float32.
        coords: (h', w', 2) float32 pixels, x first.

    Returns:
        (h', w') or (h', w', C) float32.
    """
    import cv2

    sampled = cv2.remap(image, coords, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
    return np.asarray(sampled, np.float32)
