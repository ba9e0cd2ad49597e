"""Flow chains: the coordinates of a frame's pixels in another frame, many frames away.

A chain is the composition of the optical flow between consecutive frames. Each flow pair has passed
a forward-backward check (see `vidcolor.motion.flow`), but errors below its limits accumulate along
a chain. Two checks of the whole chain therefore lower its confidence: a forward-backward check and
a comparison of luma (brightness constancy).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.imaging.smoothstep import smoothstep
from vidcolor.motion.flow import length, pixel_grid, sample

if TYPE_CHECKING:
    from vidcolor.imaging.types import FloatArray

FORWARD_BACKWARD_LIMITS = (1.5, 4.0)
"""Forward-backward errors of a chain, in pixels of the flow grid. The confidence is kept up to the
first and is 0 from the second."""
PHOTOMETRIC_LIMITS = (0.8, 1.8)
"""Differences of `FlowInput.normalized`, in local standard deviations of luma. The confidence is
kept up to the first and is 0 from the second."""
PHOTOMETRIC_SIGMA = 2.0
"""Standard deviation of the Gaussian that smooths photometric differences, in pixels of the flow
grid. It prevents grain from lowering the confidence of single pixels."""


@dataclass(frozen=True, slots=True)
class FlowChain:
    """The coordinates of each pixel of a source frame in a target frame, with confidence.

    Both frames have the flow grid of (h, w) pixels.
    """

    coords: FloatArray
    """Coordinates in the target frame: (h, w, 2) float32 pixels, x first."""
    confidence: FloatArray
    """(h, w) float32 in [0, 1]: 0 where the pixel is occluded in the target frame or was lost."""


def identity_chain(shape: tuple[int, ...]) -> FlowChain:
    """Return the chain of a flow grid (h, w, ...) from a frame to itself, with full confidence."""
    return FlowChain(pixel_grid(shape), np.ones(shape[:2], np.float32))


def prepend_flow(flow: FloatArray, confidence: FloatArray, chain: FlowChain) -> FlowChain:
    """Return the chain A → C from the flow A → B with its confidence, and the chain B → C."""
    coords = pixel_grid(flow.shape) + flow
    joined = sample(chain.confidence, coords)
    joined *= confidence
    return FlowChain(sample(chain.coords, coords), joined)


def append_flow(chain: FlowChain, flow: FloatArray, confidence: FloatArray) -> FlowChain:
    """Return the chain A → C from the chain A → B, and the flow B → C with its confidence."""
    # Unlike `prepend_flow`, this samples displacements and not coordinates. The results differ in
    # the last bits, and outside the frame, where `sample` replicates the border.
    return FlowChain(
        chain.coords + sample(flow, chain.coords),
        chain.confidence * sample(confidence, chain.coords),
    )


def forward_backward_check(
    chain: FlowChain, reverse: FlowChain, limits: tuple[float, float] = FORWARD_BACKWARD_LIMITS
) -> FlowChain:
    """Lower the confidence where the chain and its reverse do not return to the same pixel.

    Without this check, slow objects would drag along the background that they uncover: the error of
    each flow pair is too small to be rejected. See `FORWARD_BACKWARD_LIMITS`.
    """
    error = sample(reverse.coords, chain.coords)
    error -= pixel_grid(chain.coords.shape)
    confidence = chain.confidence * (1 - smoothstep(length(error), *limits))
    return FlowChain(chain.coords, confidence)


def photometric_check(
    chain: FlowChain,
    source: FloatArray,
    target: FloatArray,
    limits: tuple[float, float] = PHOTOMETRIC_LIMITS,
) -> FlowChain:
    """Lower the confidence where corresponding pixels differ in luma.

    A chain can be consistent in both directions and still follow the wrong object. `source` and
    `target` are `FlowInput.normalized` of the two frames. See `PHOTOMETRIC_LIMITS`.
    """
    import cv2

    difference = cv2.absdiff(source, sample(target, chain.coords))
    smooth = np.asarray(cv2.GaussianBlur(difference, (0, 0), PHOTOMETRIC_SIGMA), np.float32)
    return FlowChain(chain.coords, chain.confidence * (1 - smoothstep(smooth, *limits)))
