"""Flow chains: the coordinates of a frame's pixels in another frame, many frames away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.imaging.smoothstep import smoothstep
from vidcolor.motion.flow import pixel_grid, sample

if TYPE_CHECKING:
    from vidcolor.imaging.types import FloatArray

FORWARD_BACKWARD_LIMITS = (1.5, 4.0)
"""Forward-backward errors of a chain, in pixels, of full confidence and of none."""
PHOTOMETRIC_LIMITS = (0.8, 1.8)
"""Differences of `FlowInput.normalized`, in local deviations, of full confidence and of none."""
PHOTOMETRIC_SIGMA = 2.0
"""Standard deviation of the Gaussian that smooths photometric differences, in flow grid pixels."""


@dataclass(frozen=True, slots=True)
class FlowChain:
    """The coordinates of each pixel of a source frame in a target frame, with confidence."""

    coords: FloatArray
    """Coordinates in the target frame: (h, w, 2) float32 pixels, x first."""
    confidence: FloatArray
    """(h, w) float32 in [0, 1]: 0 where the pixel is occluded in the target frame."""


def identity_chain(shape: tuple[int, ...]) -> FlowChain:
    """Return the chain from a frame of shape (h, w) to itself."""
    return FlowChain(pixel_grid(shape), np.ones(shape[:2], np.float32))


def compose(first: FlowChain, second: FlowChain) -> FlowChain:
    """Return the chain A → C from the chains A → B (`first`) and B → C (`second`)."""
    return FlowChain(
        sample(second.coords, first.coords),
        sample(second.confidence, first.coords) * first.confidence,
    )


def prepend_flow(flow: FloatArray, confidence: FloatArray, chain: FlowChain) -> FlowChain:
    """Return the chain A → C from the flow A → B and the chain B → C.

    Args:
        flow: (h, w, 2) float32 pixels.
        confidence: confidence of the flow, (h, w) float32 in [0, 1].
        chain: chain from the frame where the flow ends.
    """
    return compose(FlowChain(pixel_grid(flow.shape) + flow, confidence), chain)


def append_flow(chain: FlowChain, flow: FloatArray, confidence: FloatArray) -> FlowChain:
    """Return the chain A → C from the chain A → B and the flow B → C.

    Args:
        chain: chain to the frame where the flow starts.
        flow: (h, w, 2) float32 pixels.
        confidence: confidence of the flow, (h, w) float32 in [0, 1].
    """
    # Samples displacements, not coordinates: the last bits differ from `compose`.
    return FlowChain(
        chain.coords + sample(flow, chain.coords),
        chain.confidence * sample(confidence, chain.coords),
    )


def forward_backward_check(
    chain: FlowChain, reverse: FlowChain, limits: tuple[float, float] = FORWARD_BACKWARD_LIMITS
) -> FlowChain:
    """Lower the confidence where the chain and its reverse do not return to the same pixel.

    The check of each flow pair is not enough: errors below its limits accumulate along a chain, and
    slow objects would drag along the background that they uncover.

    Args:
        chain: chain A → B.
        reverse: chain B → A.
        limits: errors in pixels of full confidence and of none.
    """
    error = sample(reverse.coords, chain.coords) - pixel_grid(chain.coords.shape)
    distance = np.hypot(error[..., 0], error[..., 1])
    return FlowChain(chain.coords, chain.confidence * (1 - smoothstep(distance, *limits)))


def photometric_check(
    chain: FlowChain,
    source: FloatArray,
    target: FloatArray,
    limits: tuple[float, float] = PHOTOMETRIC_LIMITS,
) -> FlowChain:
    """Lower the confidence where the two frames differ in luma.

    Flow errors can accumulate along a chain although each flow pair is consistent.

    Args:
        chain: chain from one frame to another.
        source: `FlowInput.normalized` of the frame where the chain starts, (h, w) float32.
        target: `FlowInput.normalized` of the frame where it ends, (h, w) float32.
        limits: differences of full confidence and of none.
    """
    import cv2

    difference = np.abs(source - sample(target, chain.coords))
    smooth = np.asarray(cv2.GaussianBlur(difference, (0, 0), PHOTOMETRIC_SIGMA), np.float32)
    return FlowChain(chain.coords, chain.confidence * (1 - smoothstep(smooth, *limits)))
