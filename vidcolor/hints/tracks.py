"""Hint tracks: hint masks that are carried from hinted frames to all key frames of a shot.

A track follows the mask of one hinted frame from key frame to key frame, in both directions. At
each key frame the pixels vote in luma-bilateral neighborhoods. The vote removes background that
incorrect flow carries along at object edges, and newly visible pixels take the mask of neighbors
with similar luma. Of several hinted frames on one side, the nearest one that shows the object
applies. The two sides are blended by temporal distance.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vidcolor.disk_array import DiskArray
from vidcolor.imaging.smoothstep import smoothstep
from vidcolor.motion.flow import pixel_grid, sample
from vidcolor.motion.flow_chain import FlowChain
from vidcolor.propagation.propagate import HintMask

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from vidcolor.imaging.types import FloatArray

HINT_TRACKS_FILE = "hint_tracks.f16"
"""Name of the file with the hint masks of a film."""
MAX_TRACKS = 4
"""Maximum number of tracks that are carried in one direction at a time; the nearest are kept."""
MIN_ALPHA = 0.02
"""Maximum alpha of a mask below which a track ends."""
LINK_CONFIDENCE_LIMITS = (0.5, 0.95)
"""Flow confidence between key frames that ends a track, and that from which it is not weakened. A
shot has many key frames, so the second limit is high."""
LUMA_BINS = 16
"""Number of luma bins of the vote (a bilateral grid: Chen, Paris & Durand, "Real-time edge-aware
image processing with the bilateral grid", 2007)."""
LUMA_SIGMA = 1.5
"""Standard deviation of the blur before luma is binned, in pixels of the flow grid. Without it,
textured ground would fall into all bins."""
VOTE_SIGMA = 8.0
"""Standard deviation of the voting neighborhood, in pixels of the flow grid."""
TRACK_WEIGHT = 0.35
"""Weight of the carried mask relative to the vote, at full flow confidence."""
ALPHA_LIMITS = (0.3, 0.7)
"""Alpha after the vote that becomes 0, and that which becomes 1. Otherwise edges would blur at each
key frame."""
NEW_PIXEL_PENALTY = 0.35
"""Reduction of alpha for pixels that the previous key frame does not show. Most pixels that become
visible beside an object are background."""
_LINK_PLANES = 7


@dataclass(slots=True)
class HintTracks:
    """The hint masks of a film's key frames: a `HintMaskSource` on disk."""

    masks: DiskArray
    required_keyframes: frozenset[int]
    """Frames that must be key frames."""
    records: dict[int, int] = field(default_factory=dict)
    """Index in `masks` of each key frame, by frame index."""

    def get(self, frame_index: int) -> HintMask | None:
        """Return the hint mask of a key frame, or None if it has none."""
        record = self.records.get(frame_index)
        if record is None:
            return None
        planes: FloatArray = self.masks[record]
        return HintMask(planes[:2], planes[2])

    def close(self) -> None:
        """Close the file."""
        self.masks.close()


@dataclass(frozen=True, slots=True)
class HintTrackIndex:
    """Everything about hint tracks except the masks, which are in `HINT_TRACKS_FILE`."""

    shape: tuple[int, ...]
    count: int
    required_keyframes: frozenset[int]
    records: dict[int, int]

    @classmethod
    def from_tracks(cls, tracks: HintTracks) -> HintTrackIndex:
        """Return the index of tracks."""
        masks = tracks.masks
        return cls(masks.shape, len(masks), tracks.required_keyframes, tracks.records)

    def open(self, folder: Path) -> HintTracks:
        """Open the tracks; the caller closes them.

        Raises:
            OSError: the file is not in `folder`.
        """
        masks = DiskArray.open(folder / HINT_TRACKS_FILE, self.shape, self.count)
        return HintTracks(masks, self.required_keyframes, self.records)

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "shape": self.shape,
            "count": self.count,
            "required_keyframes": sorted(self.required_keyframes),
            "records": [list(pair) for pair in self.records.items()],
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> HintTrackIndex:
        """Parse the result of `to_json`."""
        records = {int(frame): int(record) for frame, record in values["records"]}
        required = frozenset(values["required_keyframes"])
        return cls(tuple(values["shape"]), values["count"], required, records)


@dataclass(frozen=True, slots=True)
class HintKeyframe:
    """A key frame with hints."""

    number: int
    """Number among the key frames of the shot."""
    frame: int
    """Frame index in the film."""
    mask: HintMask


class KeyframeLinks(NamedTuple):
    """The key frames of a shot, with the flow between neighbors."""

    frames: list[int]
    """Frame indices."""
    planes: DiskArray
    """(7, h, w) for each key frame: flow to the previous key frame and its confidence, flow from
    the previous key frame and its confidence, Y'."""

    def backward(self, number: int) -> FlowChain:
        """Return the chain from a key frame to the previous one."""
        return _decode_chain(self.planes[number][:3])

    def forward(self, number: int) -> FlowChain:
        """Return the chain from a key frame to the next one."""
        return _decode_chain(self.planes[number + 1][3:6])

    def luma(self, number: int) -> FloatArray:
        """Return Y' of a key frame: (h, w) float32 in [0, 1]."""
        luma: FloatArray = self.planes[number][6]
        return luma

    def append(
        self, frame: int, luma: FloatArray, chains: tuple[FlowChain, FlowChain] | None
    ) -> None:
        """Append a key frame.

        Args:
            frame: frame index.
            luma: Y': (h, w) float32 in [0, 1].
            chains: chain to the previous key frame, and from there to this one; None for the first.
        """
        self.frames.append(frame)
        if chains is None:
            planes = np.stack([*[np.zeros_like(luma)] * (_LINK_PLANES - 1), luma])
        else:
            grid = pixel_grid(luma.shape)
            links = [
                [*(chain.coords - grid).transpose(2, 0, 1), chain.confidence] for chain in chains
            ]
            planes = np.stack([*links[0], *links[1], luma])
        self.planes.append(planes)


def _decode_chain(planes: FloatArray) -> FlowChain:
    return FlowChain(pixel_grid(planes.shape[1:]) + planes[:2].transpose(1, 2, 0), planes[2])


class HintTrack:
    """Carries the mask of one hinted key frame from key frame to key frame."""

    def __init__(self, keyframe: HintKeyframe) -> None:
        """Start at the hinted key frame."""
        self.keyframe = keyframe
        self.mask = keyframe.mask

    def advance(self, link: FlowChain, luma: FloatArray) -> None:
        """Carry the mask to the next key frame in the direction of the track.

        Args:
            link: chain from that key frame to the current one.
            luma: Y' of that key frame, (h, w) float32 in [0, 1].
        """
        ab, alpha = self.mask
        confidence = smoothstep(link.confidence, *LINK_CONFIDENCE_LIMITS)
        premultiplied = np.dstack([*(ab * alpha), alpha])
        carried = sample(np.ascontiguousarray(premultiplied), link.coords) * confidence[..., None]
        combined = np.float32(TRACK_WEIGHT) * carried + _vote(carried, confidence, luma)
        weight = np.maximum(combined[..., 2:], 1e-6)
        alpha = combined[..., 2] / (np.float32(TRACK_WEIGHT) * confidence + 1)
        self.mask = HintMask(
            np.ascontiguousarray((combined[..., :2] / weight).transpose(2, 0, 1)),
            smoothstep(alpha - np.float32(NEW_PIXEL_PENALTY) * (1 - confidence), *ALPHA_LIMITS),
        )


def _vote(carried: FloatArray, confidence: FloatArray, luma: FloatArray) -> FloatArray:
    """Return the confidence-weighted mean of carried values over neighbors with similar luma.

    Args:
        carried: (h, w, 3) float32, multiplied by confidence.
        confidence: (h, w) float32.
        luma: (h, w) float32.
    """
    import cv2

    half_size = (max(1, luma.shape[1] // 2), max(1, luma.shape[0] // 2))
    luma = np.asarray(cv2.GaussianBlur(luma, (0, 0), LUMA_SIGMA), np.float32)
    low, high = float(luma.min()), float(luma.max())
    position = (luma - low) * ((LUMA_BINS - 1) / max(high - low, 1e-3))
    votes = np.dstack([carried, confidence])
    total = np.zeros_like(votes)
    for luma_bin in range(LUMA_BINS):
        similarity = np.maximum(1 - np.abs(position - luma_bin), 0)[..., None]
        small = cv2.resize(similarity * votes, half_size, interpolation=cv2.INTER_AREA)
        spread = cv2.GaussianBlur(small, (0, 0), VOTE_SIGMA / 2)
        total += similarity * cv2.resize(spread, luma.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(total[..., :3] / (total[..., 3:] + 1e-4), np.float32)


class DirectionalHints(NamedTuple):
    """The hints that a key frame gets from hinted frames on one side in time."""

    ab: FloatArray
    """a*, b*: (2, h, w) float32; undefined where alpha is 0."""
    alpha: FloatArray
    """(h, w) float32 in [0, 1]."""
    distance: FloatArray
    """Distance to the hinted frame, in frames: (h, w) float32."""


def overlay_masks(
    masks: Iterable[tuple[float, HintMask]], shape: Sequence[int]
) -> DirectionalHints:
    """Composite the masks of several tracks of one direction.

    Args:
        masks: distance to the hinted frame, in frames, and the mask; the farthest first.
        shape: (h, w) of the masks.
    """
    ab, alpha = np.zeros((2, *shape), np.float32), np.zeros(tuple(shape), np.float32)
    distance = np.ones(tuple(shape), np.float32)
    for frames_away, mask in masks:
        # The "over" operator: a nearer mask covers the farther ones.
        total = mask.alpha + alpha * (1 - mask.alpha)
        share = mask.alpha / np.maximum(total, 1e-6)
        ab += share * (mask.ab - ab)
        distance += share * (np.float32(max(frames_away, 1e-3)) - distance)
        alpha = total
    return DirectionalHints(ab, alpha, distance)


def blend_directions(earlier: DirectionalHints, later: DirectionalHints) -> HintMask:
    """Blend the hints from both sides in time, linearly from one hinted frame to the next."""
    weight, other = earlier.alpha * later.distance, later.alpha * earlier.distance
    share = other / np.maximum(weight + other, 1e-6)
    ab = earlier.ab + share * (later.ab - earlier.ab)
    return HintMask(ab, np.maximum(earlier.alpha, later.alpha))


def carry_hints(
    links: KeyframeLinks, keyframes: Sequence[HintKeyframe], tracks: HintTracks
) -> None:
    """Carry the masks of hinted key frames to all key frames of a shot.

    Args:
        links: all key frames of the shot.
        keyframes: the hinted ones.
        tracks: the masks are appended here.
    """
    first = len(tracks.masks)
    for number, hints in enumerate(_carry_in_direction(links, keyframes, forward=True)):
        tracks.masks.append(np.stack([*hints.ab, hints.alpha, hints.distance]))
        tracks.records[links.frames[number]] = first + number
    last = len(links.frames) - 1
    for n, later in enumerate(_carry_in_direction(links, keyframes, forward=False)):
        number = last - n
        planes = tracks.masks[first + number]
        mask = blend_directions(DirectionalHints(planes[:2], planes[2], planes[3]), later)
        planes[:2], planes[2] = mask
        tracks.masks[first + number] = planes
        if float(mask.alpha.max()) < MIN_ALPHA:
            del tracks.records[links.frames[number]]


def _carry_in_direction(
    links: KeyframeLinks, keyframes: Sequence[HintKeyframe], forward: bool
) -> Iterator[DirectionalHints]:
    """Yield the hints from earlier (or later) hinted frames for each key frame, in order."""
    hinted = {keyframe.number: keyframe for keyframe in keyframes}
    numbers = range(len(links.frames))
    tracks: list[HintTrack] = []
    for number in numbers if forward else reversed(numbers):
        luma = links.luma(number)
        if tracks:
            link = links.backward(number) if forward else links.forward(number)
            for track in tracks:
                track.advance(link, luma)
        if number in hinted:
            tracks.append(HintTrack(hinted[number]))
        masks = [(abs(links.frames[number] - t.keyframe.frame), t.mask) for t in tracks]
        yield overlay_masks(masks, luma.shape)
        is_alive = [float(mask.alpha.max()) >= MIN_ALPHA for _, mask in masks]
        tracks = list(itertools.compress(tracks, is_alive))[-MAX_TRACKS:]
