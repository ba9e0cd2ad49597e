"""Optical flow between neighboring frames, on small copies that wear does not reach.

Flow is measured both ways and believed where the two agree (the consistency check of Sundaram,
Brox & Keutzer, "Dense point trajectories by GPU-accelerated large displacement optical flow", ECCV
2010). Before that each copy is standardized by its local mean and deviation, so that flicker,
uneven light and fades, which change both and move nothing, are not taken for motion.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from vidcolor.color.smoothstep import smoothstep

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]
    Codes = NDArray[np.uint8]

SHORT_SIDE = 96
"""Of the grid that flow is measured on; the generator's own has 64. 128 costs 1.3 times as much in
all, and what it follows better is lost to what it follows astray (benchmarks/README.md)."""
WINDOW = 25
"""Side of the window of local mean and deviation, in pixels of that grid."""
FLOOR = 0.2
"""Share of the picture's own deviation that is added to the local one, or noise in a blank sky
would be blown up into structure."""
BLANK = 0.006
"""Deviation of Y' below which a frame shows nothing that could be followed."""
SURE, LOST = 1.0, 3.0
"""Pixels that a place may miss itself by on the way there and back: believed fully, not at all."""


@dataclass(frozen=True, slots=True)
class FlowInput:
    """A frame as flow sees it, upright."""

    luma: Array
    """Y': (h, w) float32 in [0, 1], the short side `SHORT_SIDE` at most."""
    pattern: Array
    """Y' less its local mean, over its local deviation: (h, w) float32."""
    codes: Codes
    """The pattern as 8-bit codes: (h, w)."""
    is_blank: bool
    """Whether it shows nothing: black film, a white flash."""


@dataclass(frozen=True, slots=True)
class FlowPair:
    """How the picture moves from one frame to another: the flow, and how far it is believed."""

    back: Array
    """From each pixel of the later frame to its place in the earlier one: (h, w, 2), in pixels."""
    back_trust: Array
    """(h, w) float32 in [0, 1]: 0 where the earlier frame does not show the place."""
    ahead: Array
    """From each pixel of the earlier frame to its place in the later one."""
    ahead_trust: Array


class FlowEstimator(Protocol):
    """What measures flow: a seam for estimators that run elsewhere, such as on a GPU."""

    def __call__(self, here: Codes, there: Codes) -> Array:
        """Flow from `here` to `there`: (h, w, 2) float32 pixels, x first; callable from several
        threads, with the same result in each.
        """
        ...


class DisFlow:
    """Dense inverse search (Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV
    2016) as OpenCV has it, at full resolution: presets stop at half of it at the latest, and drag
    the ground along for ten pixels around what moves. In return it is refined less.
    """

    def __init__(self, preset: bool = False) -> None:
        """Prepare.

        Args:
            preset: as the preset "medium" has it instead.
        """
        self._threads, self._preset = threading.local(), preset

    def __call__(self, here: Codes, there: Codes) -> Array:
        """See `FlowEstimator`."""
        if not hasattr(self._threads, "dis"):  # the object keeps buffers and serves one thread
            self._threads.dis = _dense_inverse_search(self._preset)
        dis: Any = self._threads.dis
        return np.asarray(dis.calc(here, there, None), np.float32)


def _dense_inverse_search(preset: bool) -> Any:
    import cv2

    medium = cv2.DISOPTICAL_FLOW_PRESET_MEDIUM
    dis: Any = cv2.DISOpticalFlow_create(medium)  # type: ignore[attr-defined]
    if not preset:
        dis.setFinestScale(0)
        dis.setPatchStride(4)
        dis.setGradientDescentIterations(12)
        dis.setVariationalRefinementIterations(2)
    return dis


def flow_input(proxy: Array) -> FlowInput:
    """Prepare a frame.

    Args:
        proxy: its Y' as displayed: (H, W) float32 in [0, 1].
    """
    import cv2

    scale = min(1.0, SHORT_SIDE / min(proxy.shape))
    shape = max(8, round(proxy.shape[0] * scale)), max(8, round(proxy.shape[1] * scale))
    luma = np.asarray(cv2.resize(proxy, shape[::-1], interpolation=cv2.INTER_AREA), np.float32)
    mean = np.asarray(cv2.blur(luma, (WINDOW, WINDOW)))
    square = np.asarray(cv2.blur(luma * luma, (WINDOW, WINDOW)))
    contrast = float(luma.std())
    floor = max(FLOOR * contrast, BLANK)
    deviation = np.sqrt(np.maximum(square - mean * mean, 0)) + floor
    pattern = ((luma - mean) / deviation).astype(np.float32)
    codes = np.clip(128 + 40 * pattern, 0, 255).astype(np.uint8)
    return FlowInput(luma, pattern, codes, contrast < BLANK)


def estimate_flow(earlier: FlowInput, later: FlowInput, estimator: FlowEstimator) -> FlowPair:
    """Flow between two frames of one size, both ways."""
    back = estimator(later.codes, earlier.codes)
    ahead = estimator(earlier.codes, later.codes)
    return FlowPair(back, _agreement(back, ahead), ahead, _agreement(ahead, back))


def zero_flow(shape: tuple[int, ...]) -> FlowPair:
    """A step in which nothing moves, believed everywhere."""
    flow, trust = np.zeros((*shape[:2], 2), np.float32), np.ones(shape[:2], np.float32)
    return FlowPair(flow, trust, flow, trust)


def _agreement(flow: Array, reverse: Array) -> Array:
    """How far each pixel comes back to itself: 1 up to `SURE`, 0 from `LOST` on or outside."""
    places = pixel_grid(flow.shape) + flow
    missed = flow + sample(reverse, places)
    height, width = flow.shape[:2]
    x, y = places[..., 0], places[..., 1]
    inside = (x > -0.5) & (y > -0.5) & (x < width - 0.5) & (y < height - 0.5)
    trust: Array = (1 - smoothstep(np.hypot(missed[..., 0], missed[..., 1]), SURE, LOST)) * inside
    return trust


def pixel_grid(shape: tuple[int, ...]) -> Array:
    """Every pixel's own place: (h, w, 2) float32, x first."""
    columns, rows = np.meshgrid(
        np.arange(shape[1], dtype=np.float32), np.arange(shape[0], dtype=np.float32)
    )
    return np.stack([columns, rows], axis=-1)


def sample(image: Array, places: Array) -> Array:
    """Bilinear samples, the border repeated: (h, w[, C]) at (h', w', 2) -> (h', w'[, C])."""
    import cv2

    sampled = cv2.remap(image, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
    return np.asarray(sampled, np.float32)
