"""Optical flow between two frames, estimated on small copies of their luma.

A flow field holds one vector per pixel of the source frame: pixel p of the source corresponds to
p + flow(p) in the target. Flow is estimated in both directions, and its confidence comes from the
forward-backward check of Sundaram, Brox & Keutzer, "Dense point trajectories by GPU-accelerated
large displacement optical flow", ECCV 2010. Luma is first standardized by its local mean and
standard deviation (local contrast normalization). Brightness constancy then holds in spite of
flicker, uneven light and fades, which would otherwise be mistaken for motion.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from vidcolor.imaging.resize import resize_area
from vidcolor.imaging.smoothstep import smoothstep

if TYPE_CHECKING:
    from vidcolor.imaging.types import FloatArray, Uint8Array

MAX_SHORT_SIDE = 96
"""Maximum short side of the flow grid, in pixels; larger frames are reduced to it. With 128 the
pipeline takes 1.3 times as long, and more false matches offset the better tracking
(benchmarks/README.md)."""
MIN_SIDE = 8
"""Minimum side of the flow grid, in pixels: the patch size of DIS, which rejects smaller images."""
NORMALIZATION_WINDOW = 25
"""Side of the window for the local mean and standard deviation, in pixels of the flow grid."""
DEVIATION_FLOOR = 0.2
"""Fraction of the frame's standard deviation that is added to the local standard deviation. Without
it, noise in a flat sky would be amplified into structure."""
MIN_CONTRAST = 0.006
"""Minimum standard deviation of Y' in [0, 1]. A frame with less is blank: it has no structure to
track."""
CONSISTENCY_LIMITS = (1.0, 3.0)
"""Forward-backward errors of one flow pair, in pixels of the flow grid. Confidence is 1 up to the
first and 0 from the second."""


@dataclass(frozen=True, slots=True)
class FlowInput:
    """One upright frame, prepared for flow estimation."""

    luma: FloatArray
    """Y': (h, w) float32 in [0, 1], short side at most `MAX_SHORT_SIDE`."""
    normalized: FloatArray
    """Y' minus its local mean, divided by its local standard deviation: (h, w) float32."""
    codes: Uint8Array
    """`normalized` as 8-bit codes, the input of DIS: (h, w) uint8, 128 for the local mean."""
    is_blank: bool
    """Whether the frame has no structure to track, such as black film or a white flash."""


@dataclass(frozen=True, slots=True)
class FlowPair:
    """Backward and forward flow between two frames, each with its confidence.

    Flow is (h, w, 2) float32 pixels, x first, and confidence is (h, w) float32 in [0, 1]. It is 0
    where the forward-backward check fails: the pixel is occluded in the target, or leaves it, or
    its flow is wrong.
    """

    backward: FloatArray
    """Flow from the later frame to the earlier frame."""
    backward_confidence: FloatArray
    forward: FloatArray
    """Flow from the earlier frame to the later frame."""
    forward_confidence: FloatArray


class FlowEstimator(Protocol):
    """An optical flow algorithm. Implementations are thread-safe and deterministic."""

    def __call__(self, source: Uint8Array, target: Uint8Array) -> FloatArray:
        """Return the flow between the `FlowInput.codes` of two frames, (h, w) uint8 each.

        It is the vector from each pixel of `source` to its position in `target`: (h, w, 2) float32
        pixels, x first.
        """
        ...


class DisFlow:
    """Dense inverse search (DIS) flow from OpenCV.

    The method is described by Kroeger, Timofte, Dai & Van Gool, "Fast Optical Flow using Dense
    Inverse Search", ECCV 2016. By default the flow is refined down to full resolution: OpenCV's
    presets stop at half the resolution or earlier, and move about ten pixels of background along
    with each object. Fewer variational refinement iterations limit the cost. `preset` selects
    OpenCV's preset "medium" without changes, which is faster.
    """

    def __init__(self, preset: bool = False) -> None:
        self._local, self._preset = threading.local(), preset

    def __call__(self, source: Uint8Array, target: Uint8Array) -> FloatArray:
        """Estimate the flow from `source` to `target`; see `FlowEstimator`."""
        if not hasattr(self._local, "dis"):  # the OpenCV object keeps buffers, so one per thread
            self._local.dis = self._create_dis()
        dis: Any = self._local.dis
        return np.asarray(dis.calc(source, target, None), np.float32)

    def _create_dis(self) -> Any:
        import cv2

        medium = cv2.DISOPTICAL_FLOW_PRESET_MEDIUM
        dis: Any = cv2.DISOpticalFlow_create(medium)  # type: ignore[attr-defined]
        if not self._preset:
            dis.setFinestScale(0)  # 0 is full resolution, n is 1 / 2^n
            dis.setPatchStride(4)
            dis.setGradientDescentIterations(12)
            dis.setVariationalRefinementIterations(2)
        return dis


def make_flow_input(proxy: FloatArray) -> FlowInput:
    """Prepare a frame for flow estimation: its displayed Y', (H, W) float32 in [0, 1].

    The flow grid is at most as large as the proxy, except that no side is below `MIN_SIDE`.
    """
    import cv2

    scale = min(1.0, MAX_SHORT_SIDE / min(proxy.shape))
    height, width = proxy.shape
    shape = max(MIN_SIDE, round(height * scale)), max(MIN_SIDE, round(width * scale))
    luma = resize_area(proxy, shape)
    window = (NORMALIZATION_WINDOW, NORMALIZATION_WINDOW)
    mean = np.asarray(cv2.blur(luma, window))
    mean_square = np.asarray(cv2.blur(luma * luma, window))
    contrast = float(luma.std())
    floor = max(DEVIATION_FLOOR * contrast, MIN_CONTRAST)
    # E[x²] - E[x]² can be slightly negative in float32.
    deviation = np.sqrt(np.maximum(mean_square - mean * mean, 0)) + floor
    normalized = ((luma - mean) / deviation).astype(np.float32)
    # DIS takes 8 bits. This gain keeps three local deviations on either side of the mean.
    codes = np.clip(128 + 40 * normalized, 0, 255).astype(np.uint8)
    return FlowInput(luma, normalized, codes, contrast < MIN_CONTRAST)


def estimate_flow(earlier: FlowInput, later: FlowInput, estimator: FlowEstimator) -> FlowPair:
    """Estimate the flow between two frames of one flow grid in both directions."""
    backward = estimator(later.codes, earlier.codes)
    forward = estimator(earlier.codes, later.codes)
    return FlowPair(
        backward,
        _measure_consistency(backward, forward),
        forward,
        _measure_consistency(forward, backward),
    )


def zero_flow(shape: tuple[int, ...]) -> FlowPair:
    """Return a flow pair of a grid (h, w, ...) without motion and with full confidence."""
    flow, confidence = np.zeros((*shape[:2], 2), np.float32), np.ones(shape[:2], np.float32)
    return FlowPair(flow, confidence, flow, confidence)


def _measure_consistency(flow: FloatArray, reverse: FloatArray) -> FloatArray:
    """Return the (h, w) confidence of the flow A → B by a forward-backward check with B → A."""
    coords = pixel_grid(flow.shape) + flow
    error = sample(reverse, coords)
    error += flow
    (height, width), x, y = flow.shape[:2], coords[..., 0], coords[..., 1]
    # The border is replicated in `sample`, so pixels that leave the frame need their own test.
    inside = (x > -0.5) & (y > -0.5) & (x < width - 0.5) & (y < height - 0.5)
    confidence = 1 - smoothstep(length(error), *CONSISTENCY_LIMITS)
    confidence *= inside
    return confidence


def length(vectors: FloatArray) -> FloatArray:
    """Return the length of each vector of (h, w, 2) float32: (h, w) float32."""
    import cv2

    # cv2.magnitude is not used, because its last bit depends on the alignment of the arrays.
    x, y = (np.asarray(plane, np.float32) for plane in cv2.split(vectors))
    x *= x
    y *= y
    x += y
    return np.sqrt(x, out=x)


@lru_cache(maxsize=8)
def pixel_grid(shape: tuple[int, ...]) -> FloatArray:
    """Return the coordinates of every pixel of (h, w, ...): (h, w, 2) float32, x first, read-only.

    The center of the top left pixel is (0, 0).
    """
    columns, rows = np.meshgrid(
        np.arange(shape[1], dtype=np.float32), np.arange(shape[0], dtype=np.float32)
    )
    grid = np.stack([columns, rows], axis=-1)
    grid.flags.writeable = False
    return grid


def sample(image: FloatArray, coords: FloatArray) -> FloatArray:
    """Sample a float32 image, (h, w) or (h, w, C), bilinearly, with the border replicated.

    The coordinates are (h', w', 2) float32 pixels, x first.
    """
    import cv2

    sampled = cv2.remap(image, coords, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
    return np.asarray(sampled, np.float32)
