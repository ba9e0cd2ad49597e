"""Hint tracks: hint masks that are carried from hinted frames to all key frames of a shot.

A track carries the mask of one hinted frame from key frame to key frame, in both directions. At
each key frame the mask is averaged over neighbors with similar luma. This vote removes background
that incorrect flow carries along at object edges, and gives newly visible pixels the mask of
similar neighbors. If there are several hinted frames on one side in time, the nearest one that
shows the object applies. The two sides are blended by temporal distance.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

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
"""Name of the file with the hint masks of a film, as float16 (see `DiskArray`)."""
MAX_TRACKS = 4
"""Maximum number of tracks that are carried in one direction at a time. Beyond it, the tracks of
the farthest hinted frames end."""
MIN_ALPHA = 0.02
"""Minimum peak alpha of a mask, 0-1. Below it, a track ends, and a key frame has no mask."""
LINK_CONFIDENCE_LIMITS = (0.5, 0.95)
"""Flow confidence between key frames, 0-1. The mask is lost up to the first limit, and kept fully
from the second. The second limit is high, because errors accumulate over the key frames of a
shot."""
LUMA_BINS = 16
"""Number of luma bins of the vote, which is computed on a bilateral grid (Chen, Paris & Durand,
"Real-time edge-aware image processing with the bilateral grid", SIGGRAPH 2007)."""
LUMA_SIGMA = 1.5
"""Standard deviation of the blur before luma is binned, in pixels of the flow grid. Without the
blur, a textured surface would fall into all bins."""
VOTE_SIGMA = 8.0
"""Standard deviation of the voting neighborhood, in pixels of the flow grid."""
TRACK_WEIGHT = 0.35
"""Weight of the carried mask where flow confidence is 1; the vote has a weight of 1."""
ALPHA_LIMITS = (0.3, 0.7)
"""Alpha after the vote, 0-1. It becomes 0 up to the first limit and 1 from the second. Otherwise
the edges of the mask would blur more at each key frame."""
NEW_PIXEL_PENALTY = 0.35
"""Reduction of alpha where flow confidence is 0, because the previous key frame does not show the
pixel. Most pixels that become visible beside an object are background."""
_LINK_PLANES = 7
"""Number of planes in each record of `KeyframeLinks.planes`."""


@dataclass(slots=True)
class HintTracks:
    """The hint masks of a film's key frames: a `HintMaskSource` on disk."""

    masks: DiskArray
    """(4, h, w) for each key frame with a mask: a*, b*, alpha, and the distance to the earlier
    hinted frame, which is used only in `carry_hints`."""
    required_keyframes: frozenset[int]
    """Indices of the frames that must be key frames, because hints belong to them."""
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
    """The index of the masks in `HINT_TRACKS_FILE`."""

    shape: tuple[int, ...]
    """Shape of a record of the file."""
    count: int
    """Number of records."""
    required_keyframes: frozenset[int]
    """Indices of the frames that must be key frames."""
    records: dict[int, int]
    """Record of each key frame with a mask, by frame index."""

    def open(self, folder: Path) -> HintTracks:
        """Open the tracks in a directory for reading. The caller closes them.

        Raises:
            OSError: the file is missing.
        """
        masks = DiskArray((folder / HINT_TRACKS_FILE).open("rb"), self.shape, self.count)
        return HintTracks(masks, self.required_keyframes, self.records)


class KeyframeLinks(NamedTuple):
    """The key frames of a shot, with the flow between neighbors."""

    frames: list[int]
    """Index of each key frame in the film."""
    planes: DiskArray
    """(7, h, w) for each key frame: flow to the previous key frame in pixels (x, y) and its
    confidence; flow from the previous key frame and its confidence; Y'."""

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
        """Append a key frame with its Y', (h, w) float32 in [0, 1].

        `chains` lead to the previous key frame and from it; None for the first key frame.
        """
        self.frames.append(frame)
        if chains is None:
            planes = np.stack([*[np.zeros_like(luma)] * (_LINK_PLANES - 1), luma])
        else:
            # Differences from the grid are stored, because float16 is too coarse for coordinates.
            grid = pixel_grid(luma.shape)
            links = [
                [*(chain.coords - grid).transpose(2, 0, 1), chain.confidence] for chain in chains
            ]
            planes = np.stack([*links[0], *links[1], luma])
        self.planes.append(planes)


def _decode_chain(planes: FloatArray) -> FlowChain:
    """Return the flow chain of three planes of a link: x, y, confidence."""
    return FlowChain(pixel_grid(planes.shape[1:]) + planes[:2].transpose(1, 2, 0), planes[2])


@dataclass(slots=True)
class HintTrack:
    """The mask of one hinted key frame, which is carried from key frame to key frame."""

    number: int
    """Position of the hinted key frame among the key frames of the shot, from 0."""
    frame: int
    """Index of the hinted key frame in the film."""
    mask: HintMask
    """The mask in the current key frame; at first, that of the user's hints."""

    def advance(self, link: FlowChain, luma: FloatArray) -> None:
        """Carry the mask to the next key frame, along the chain from it; `luma` is its Y'."""
        ab, alpha = self.mask
        confidence = smoothstep(link.confidence, *LINK_CONFIDENCE_LIMITS)
        # Premultiplied, so that undefined color with alpha 0 has no influence on its neighbors.
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
    """Return the confidence-weighted mean of carried values over neighbors with similar luma."""
    import cv2

    half_size = (max(1, luma.shape[1] // 2), max(1, luma.shape[0] // 2))
    luma = np.asarray(cv2.GaussianBlur(luma, (0, 0), LUMA_SIGMA), np.float32)
    low, high = float(luma.min()), float(luma.max())
    position = (luma - low) * ((LUMA_BINS - 1) / max(high - low, 1e-3))
    votes = np.dstack([carried, confidence])
    total = np.zeros_like(votes)
    for luma_bin in range(LUMA_BINS):
        similarity = np.maximum(1 - np.abs(position - luma_bin), 0)[..., None]
        # Half resolution saves time, and the blur removes finer detail anyway.
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
    """Composite the masks of all tracks in one direction, each with its distance in frames.

    The farthest mask comes first.
    """
    ab, alpha = np.zeros((2, *shape), np.float32), np.zeros(tuple(shape), np.float32)
    distance = np.ones(tuple(shape), np.float32)
    for frames_away, mask in masks:
        # The "over" operator (Porter & Duff, 1984): a nearer mask covers the farther ones.
        total = mask.alpha + alpha * (1 - mask.alpha)
        share = mask.alpha / np.maximum(total, 1e-6)
        ab += share * (mask.ab - ab)
        distance += share * (np.float32(max(frames_away, 1e-3)) - distance)
        alpha = total
    return DirectionalHints(ab, alpha, distance)


def blend_directions(earlier: DirectionalHints, later: DirectionalHints) -> HintMask:
    """Blend the hints from both sides in time.

    The weight of each side decreases linearly from its hinted frame to that of the other side.
    """
    weight, other = earlier.alpha * later.distance, later.alpha * earlier.distance
    share = other / np.maximum(weight + other, 1e-6)
    ab = earlier.ab + share * (later.ab - earlier.ab)
    return HintMask(ab, np.maximum(earlier.alpha, later.alpha))


def carry_hints(links: KeyframeLinks, hinted: Sequence[HintTrack], tracks: HintTracks) -> None:
    """Carry the masks of hinted key frames to all key frames of a shot; append them to tracks."""
    # The first pass stores the hints from earlier frames, and the second blends the later ones into
    # them. So memory does not depend on the length of the shot.
    first = len(tracks.masks)
    for number, hints in enumerate(_carry_in_direction(links, hinted, forward=True)):
        tracks.masks.append(np.stack([*hints.ab, hints.alpha, hints.distance]))
        tracks.records[links.frames[number]] = first + number
    last = len(links.frames) - 1
    for n, later in enumerate(_carry_in_direction(links, hinted, forward=False)):
        number = last - n
        planes = tracks.masks[first + number]
        mask = blend_directions(DirectionalHints(planes[:2], planes[2], planes[3]), later)
        planes[:2], planes[2] = mask
        tracks.masks[first + number] = planes
        if float(mask.alpha.max()) < MIN_ALPHA:
            del tracks.records[links.frames[number]]


def _carry_in_direction(
    links: KeyframeLinks, hinted: Sequence[HintTrack], forward: bool
) -> Iterator[DirectionalHints]:
    """Yield the hints that each key frame gets from hinted frames on one side in time."""
    starts = {track.number: replace(track) for track in hinted}
    numbers = range(len(links.frames))
    tracks: list[HintTrack] = []
    for number in numbers if forward else reversed(numbers):
        luma = links.luma(number)
        if tracks:
            link = links.backward(number) if forward else links.forward(number)
            for track in tracks:
                track.advance(link, luma)
        if number in starts:
            tracks.append(starts[number])
        frame = links.frames[number]
        yield overlay_masks(((abs(frame - t.frame), t.mask) for t in tracks), luma.shape)
        tracks = [t for t in tracks if float(t.mask.alpha.max()) >= MIN_ALPHA][-MAX_TRACKS:]
