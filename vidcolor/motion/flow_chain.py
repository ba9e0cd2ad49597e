"""Where the pixels of a frame are in another one, many frames away: flow, chained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.color.smoothstep import smoothstep
from vidcolor.motion.flow import pixel_grid, sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidcolor.motion.flow import FlowPair

    Array = NDArray[np.float32]

DIFFERENT = (0.8, 1.8)
"""Difference of patterns, in local deviations, at which two places are surely the same, surely
not."""
ASTRAY = (1.5, 4.0)
"""Pixels that a track may miss itself by on the way there and back: believed fully, not at all."""
_SMOOTH = 2.0


@dataclass(frozen=True, slots=True)
class FlowChain:
    """Where each pixel of a frame lies in another frame, and how far that is believed."""

    places: Array
    """(h, w, 2) float32 pixels, x first."""
    trust: Array
    """(h, w) float32 in [0, 1]; 0 where the other frame does not show it."""


def identity_chain(shape: tuple[int, ...]) -> FlowChain:
    """Every pixel at its own place."""
    return FlowChain(pixel_grid(shape), np.ones(shape[:2], np.float32))


def one_later(track: FlowChain, step: FlowPair) -> FlowChain:
    """The track of the frame after, to the same other frame; `step` leads from one to the next."""
    return _through(track, step.back, step.back_trust)


def one_earlier(track: FlowChain, step: FlowPair) -> FlowChain:
    """The track of the frame before; `step` leads from it to the frame that the track is of."""
    return _through(track, step.ahead, step.ahead_trust)


def _through(track: FlowChain, flow: Array, trust: Array) -> FlowChain:
    return compose(FlowChain(pixel_grid(flow.shape) + flow, trust), track)


def one_on(track: FlowChain, flow: Array, trust: Array) -> FlowChain:
    """The track of the same frame to a frame that is one further; `flow` leads on from its end."""
    return FlowChain(
        track.places + sample(flow, track.places), track.trust * sample(trust, track.places)
    )


def forward_backward_check(
    track: FlowChain, reverse: FlowChain, limits: tuple[float, float] = ASTRAY
) -> FlowChain:
    """The track, believed where the way back ends where it began.

    Each step may miss by less than can be told and still add up: things that move slowly would drag
    along what they uncover.
    """
    missed = sample(reverse.places, track.places) - pixel_grid(track.places.shape)
    away = np.hypot(missed[..., 0], missed[..., 1])
    return FlowChain(track.places, track.trust * (1 - smoothstep(away, *limits)))


def compose(track: FlowChain, further: FlowChain) -> FlowChain:
    """From a frame to a second one, and from that to a third."""
    return FlowChain(
        sample(further.places, track.places), sample(further.trust, track.places) * track.trust
    )


def photometric_check(
    track: FlowChain, here: Array, there: Array, limits: tuple[float, float] = DIFFERENT
) -> Array:
    """The track's trust where both frames look the same, less where they do not.

    Errors of flow add up along a chain without any single step being inconsistent.

    Args:
        track: from one frame to another.
        here: the pattern of the frame that it is of; see `FrameFeatures`.
        there: the other one's.
        limits: differences of patterns that are no doubt at all, and all doubt.
    """
    import cv2

    differs = np.abs(here - sample(there, track.places))
    smooth = np.asarray(cv2.GaussianBlur(differs, (0, 0), _SMOOTH), np.float32)
    photometric_check: Array = track.trust * (1 - smoothstep(smooth, *limits))
    return photometric_check
