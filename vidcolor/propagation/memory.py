"""Memory of earlier key frames of a shot: what leaves the picture and returns keeps its color.

Flow carries color only to parts that stay visible. A new part of a key frame is therefore searched
in remembered key frames. A key frame is remembered if it shows much that the memory does not hold;
the first key frame of a shot always is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vidcolor.motion.flow import FlowInput
from vidcolor.propagation.correspondence import find_translation, match_frame

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from vidcolor.imaging.types import FloatArray, Mask
    from vidcolor.motion.flow import FlowEstimator
    from vidcolor.motion.flow_chain import FlowChain

MAX_KEYFRAMES = 8
"""Maximum number of remembered key frames, which bounds memory and time."""
MIN_NOVELTY = 0.15
"""Sum of the new shares of the key frames since the last remembered one, from which a key frame is
remembered."""
MIN_NEW_SHARE = 0.02
"""Minimum fraction of new pixels of a key frame for a search in the memory."""

INPUT_ARRAYS = ("luma", "normalized", "codes")
"""Names of the arrays of a `FlowInput`."""


class RememberedKeyframe(NamedTuple):
    """A key frame with its propagated color, on the flow grid."""

    flow_input: FlowInput
    color: FloatArray
    """a*, b*, confidence: (h, w, 3) float32."""
    weight: FloatArray
    """Weight of the color in the mean of predictions: (h, w) float32."""
    novelty: float
    """`KeyframeMemory.novelty` after this key frame."""


class KeyframeMemory(NamedTuple):
    """Key frames of a shot, the first one and later ones with new content. Immutable."""

    keyframes: tuple[RememberedKeyframe, ...] = ()
    novelty: float = 0.0
    """Sum of the new shares, each 0 to 1, of all key frames of the shot so far."""

    def remember(
        self, flow_input: FlowInput, color: FloatArray, weight: FloatArray, new_share: float
    ) -> KeyframeMemory:
        """Return the memory after the next key frame; see `RememberedKeyframe`.

        `new_share` is the fraction of its pixels that are new and not recalled.
        """
        novelty, keyframes = self.novelty + new_share, self.keyframes
        if not keyframes or novelty - keyframes[-1].novelty >= MIN_NOVELTY:
            keyframes += (RememberedKeyframe(flow_input, color, weight, novelty),)
        if len(keyframes) > MAX_KEYFRAMES:
            # The one whose neighbors are most similar is forgotten.
            gaps = [
                after.novelty - before.novelty
                for before, after in zip(keyframes[:-2], keyframes[2:], strict=True)
            ]
            forgotten = 1 + gaps.index(min(gaps))
            keyframes = keyframes[:forgotten] + keyframes[forgotten + 1 :]
        return KeyframeMemory(keyframes, novelty)

    def recall(
        self, flow_input: FlowInput, is_new: Mask, estimator: FlowEstimator
    ) -> tuple[RememberedKeyframe, FlowChain] | None:
        """Find the new pixels of a key frame, (h, w), in a remembered key frame.

        Returns:
            The remembered key frame, and the coordinates of all pixels in it, with confidence;
            None if the new pixels are not found.
        """
        if not self.keyframes or float(is_new.mean()) < MIN_NEW_SHARE:
            return None
        inputs = [keyframe.flow_input for keyframe in self.keyframes]
        found = find_translation(flow_input, is_new, inputs)
        if found is None:
            return None
        remembered = self.keyframes[found.target]
        chain = match_frame(flow_input, is_new, remembered.flow_input, found.offset, estimator)
        return None if chain is None else (remembered, chain)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the memory as arrays, which restore it without a change of any bit."""
        novelties = [*(keyframe.novelty for keyframe in self.keyframes), self.novelty]
        arrays: dict[str, NDArray[Any]] = {"novelty": np.array(novelties, np.float64)}
        for number, (flow_input, color, weight, _) in enumerate(self.keyframes):
            values = {**input_to_arrays(flow_input), "color": color, "weight": weight}
            arrays |= {f"{name}_{number}": value for name, value in values.items()}
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> KeyframeMemory:
        """Restore a memory from `to_arrays`."""
        *novelties, total = (float(value) for value in arrays["novelty"])
        keyframes = []
        for number, novelty in enumerate(novelties):
            flow_input = input_from_arrays({n: arrays[f"{n}_{number}"] for n in INPUT_ARRAYS})
            color, weight = arrays[f"color_{number}"], arrays[f"weight_{number}"]
            keyframes.append(RememberedKeyframe(flow_input, color, weight, novelty))
        return cls(tuple(keyframes), total)


def input_to_arrays(flow_input: FlowInput) -> dict[str, NDArray[Any]]:
    """Return the arrays of a frame that is not blank, by `INPUT_ARRAYS`."""
    return {name: getattr(flow_input, name) for name in INPUT_ARRAYS}


def input_from_arrays(arrays: Mapping[str, NDArray[Any]]) -> FlowInput:
    """Restore a frame from `input_to_arrays`."""
    luma, normalized, codes = (arrays[name] for name in INPUT_ARRAYS)
    return FlowInput(luma, normalized, codes, is_blank=False)
