"""A person's colors through a shot: from the frames that they were given for to all key frames.

What hints have made of a frame is led from key frame to key frame, both ways in time. At each step
neighbors of a like luma vote on what belongs to the hinted things: ground that is carried along at
their edges, where flow errs, is outvoted by the ground around it, and a side that turns into sight
is won over by the side beside it. Of several frames with hints the nearest on either side counts
where it shows a thing, and the two sides are blended by how near they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vidcolor.color.smoothstep import smoothstep
from vidcolor.motion.flow import sample

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from vidcolor.motion.flow_chain import FlowChain

    Array = NDArray[np.float32]

DOUBTED, BELIEVED = 0.5, 0.95
"""Trust of a link from key frame to key frame that breaks a chain, and that from which on it costs
the chain nothing: a shot has many links."""
LEVELS = 16
"""Bins of luma in which votes are counted (a bilateral grid: Chen, Paris & Durand, "Real-time
edge-aware image processing with the bilateral grid", 2007)."""
SPECKLE = 1.5
"""Deviation, in pixels of the flow's grid, of what luma is smoothed with before it is told apart:
rough ground has every luma in it."""
NEAR = 8.0
"""Deviation, in pixels of the flow's grid, of the neighborhood that votes."""
OWN = 0.35
"""What a track's word counts for beside the neighbors' vote, where it is believed."""
OUT, IN = 0.3, 0.7
"""Influence, after the vote, that is none, and that is full: or edges would blur step by step."""

STRANGE = 0.35
"""How much more of the vote a place needs that the frame before did not show: most of what comes
into sight beside a thing is not of it."""


class HintMask(NamedTuple):
    """What a person's word makes of a frame, on the flow's grid."""

    ab: Array
    """a*, b*: (2, h, w) float32; anything where influence is 0."""
    influence: Array
    """(h, w) float32 in [0, 1]: 1 where the color is the person's."""


@dataclass(frozen=True, slots=True)
class HintKeyframe:
    """A key frame with hints."""

    key: int
    """Its number among the shot's key frames."""
    frame: int
    """Its number among the film's frames."""
    pinned: HintMask


class HintTrack:
    """Leads a moment's colors from key frame to key frame."""

    def __init__(self, moment: HintKeyframe) -> None:
        """Begin at the moment itself."""
        self.moment = moment
        self.pinned = moment.pinned

    def step(self, link: FlowChain, luma: Array) -> None:
        """Go on by a key frame.

        Args:
            link: leads from it to the one before in the chain.
            luma: its Y', (h, w) float32 in [0, 1].
        """
        ab, influence = self.pinned
        trust = smoothstep(link.trust, DOUBTED, BELIEVED)
        known = np.dstack([*(ab * influence), influence])
        known = sample(np.ascontiguousarray(known), link.places) * trust[..., None]
        voted = _vote(known, trust, luma)
        both = np.float32(OWN) * known + voted
        weight = np.maximum(both[..., 2:], 1e-6)
        share = both[..., 2] / (np.float32(OWN) * trust + 1)
        self.pinned = HintMask(
            np.ascontiguousarray((both[..., :2] / weight).transpose(2, 0, 1)),
            smoothstep(share - np.float32(STRANGE) * (1 - trust), OUT, IN),
        )


def _vote(known: Array, trust: Array, luma: Array) -> Array:
    """The mean of what is known over neighbors of a like luma, by trust.

    Args:
        known: (h, w, 3) float32, times trust.
        trust: (h, w) float32.
        luma: (h, w) float32.
    """
    import cv2

    size = (max(1, luma.shape[1] // 2), max(1, luma.shape[0] // 2))
    luma = np.asarray(cv2.GaussianBlur(luma, (0, 0), SPECKLE), np.float32)
    low, high = float(luma.min()), float(luma.max())
    place = (luma - low) * ((LEVELS - 1) / max(high - low, 1e-3))
    ballots = np.dstack([known, trust])
    total = np.zeros_like(ballots)
    for level in range(LEVELS):
        alike = np.maximum(1 - np.abs(place - level), 0)[..., None]
        small = cv2.resize(alike * ballots, size, interpolation=cv2.INTER_AREA)
        spread = cv2.GaussianBlur(small, (0, 0), NEAR / 2)
        total += alike * cv2.resize(spread, luma.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(total[..., :3] / (total[..., 3:] + 1e-4), np.float32)


class DirectionalHints(NamedTuple):
    """What the moments to one side in time say of a key frame."""

    ab: Array
    influence: Array
    away: Array
    """Frames to the moment that says it: (h, w) float32."""


def one_side(carried: Iterable[tuple[float, HintMask]], shape: Sequence[int]) -> DirectionalHints:
    """Lay moments over each other.

    Args:
        carried: frames to the moment, and what it says; the farthest first.
        shape: of the grid.
    """
    ab, influence = np.zeros((2, *shape), np.float32), np.zeros(tuple(shape), np.float32)
    away = np.ones(tuple(shape), np.float32)
    for distance, pinned in carried:
        # Of what was said before, so much is left as the nearer moment does not cover.
        total = pinned.influence + influence * (1 - pinned.influence)
        share = pinned.influence / np.maximum(total, 1e-6)
        ab += share * (pinned.ab - ab)
        away += share * (np.float32(max(distance, 1e-3)) - away)
        influence = total
    return DirectionalHints(ab, influence, away)


def both_sides(earlier: DirectionalHints, later: DirectionalHints) -> HintMask:
    """Blend what is said from either side in time: evenly from one moment to the next."""
    one, other = earlier.influence * later.away, later.influence * earlier.away
    share = other / np.maximum(one + other, 1e-6)
    ab = earlier.ab + share * (later.ab - earlier.ab)
    return HintMask(ab, np.maximum(earlier.influence, later.influence))
