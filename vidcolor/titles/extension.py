"""Comparison of the frames of a film: extension of titles, and shots in which nothing moves.

Titles are extended over frames that a late or early shot boundary assigns to another shot.

The boundary of a dissolve or fade between a picture and a grainy title can be found some frames
away from the first or last frame that shows only the title. These frames would have color.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vidcolor.imaging.resize import resize_area

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidcolor.imaging.types import FloatArray
    from vidcolor.titles.shots import Title

SIGNATURE_SHAPE = (4, 4)
"""Rows and columns of the blocks of a frame whose means are its signature."""
SIGNATURE_SIZE = SIGNATURE_SHAPE[0] * SIGNATURE_SHAPE[1]
"""Size of a signature in bytes."""
MAX_DIFFERENCE = 4
"""Maximum difference between the signatures of frames that show the same title, of 255. Grain and
gate weave change the means of blocks less."""
GAINS = (0.8, 1.25)
"""Minimum and maximum gain by which flicker may distinguish these frames."""
STILL_SHARE = 0.8
"""Minimum share of the frames of a still shot that show the same as most of them."""
MAX_EXTENSION = 24
"""Maximum number of frames by which a title is extended in each direction."""


def compute_signature(frame: FloatArray) -> bytes:
    """Return the signature of a frame, Y' (h, w) float32 in [0, 1] of any size."""
    means = resize_area(frame, SIGNATURE_SHAPE)
    return np.rint(np.clip(means, 0, 1) * 255).astype(np.uint8).tobytes()


def is_still(signatures: bytes, first: int, end: int) -> bool:
    """Return whether nothing moves in a shot, from its first frame to the one before `end`.

    `signatures` are those of all frames, without gaps.
    """
    means = _get_means(signatures)[first:end]
    if not len(means):
        return False
    return bool(np.mean(_are_similar(means, np.median(means, axis=0))) >= STILL_SHARE)


def extend_titles(titles: Sequence[Title], signatures: bytes) -> tuple[Title, ...]:
    """Extend titles, in order, over the frames before and after them that show the same.

    `signatures` are those of all frames, without gaps. Titles do not overlap in the result.
    """
    means = _get_means(signatures)
    extended: list[Title] = []
    for number, title in enumerate(titles):
        low = extended[-1].end if extended else 0
        high = titles[number + 1].first if number + 1 < len(titles) else len(means)
        before = means[max(low, title.first - MAX_EXTENSION) : title.first][::-1]
        after = means[title.end : min(high, title.end + MAX_EXTENSION)]
        first = title.first - _count_similar(before, means[title.first])
        end = title.end + _count_similar(after, means[title.end - 1])
        extended.append(replace(title, first=first, end=end))
    return tuple(extended)


def _get_means(signatures: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(signatures, np.uint8).reshape(-1, SIGNATURE_SIZE)


def _count_similar(frames: NDArray[np.uint8], reference: NDArray[np.uint8]) -> int:
    """Return how many frames from the first one on are similar to a reference."""
    differs = ~_are_similar(frames, reference)
    return int(differs.argmax()) if differs.any() else len(frames)


def _are_similar(frames: NDArray[Any], reference: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which frames show the same as a reference, perhaps lighter or darker."""
    frames, reference = frames.astype(np.float32), reference.astype(np.float32)
    gain = frames @ reference / max(float(reference @ reference), 1.0)
    expected = np.clip(gain, *GAINS)[:, None] * reference
    return np.asarray(np.abs(frames - expected).max(axis=1) <= MAX_DIFFERENCE)
