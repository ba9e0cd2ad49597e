"""Reference tracks: the color of a reference, carried to all key frames of a shot.

The objects that hints lie on have tracks of their own (see `object_tracks`). A reference applies to
a whole frame. Its track carries the mask of one such frame from key frame to key frame, in both
directions. At each key frame the mask is averaged over neighbors with similar luma. This vote
removes background that incorrect flow carries along at object edges, and gives newly visible pixels
the mask of similar neighbors. If there are several references on one side in time, the nearest one
that shows the pixel applies. The two sides are blended by temporal distance.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vidcolor.hints.overlays import MIN_ALPHA
from vidcolor.imaging.guided_filter import GuidedUpsampler
from vidcolor.imaging.overlay import ColorOverlay
from vidcolor.imaging.resize import resize_area, resize_linear
from vidcolor.imaging.smoothstep import smoothstep
from vidcolor.motion.flow import pixel_grid, sample
from vidcolor.motion.flow_chain import FlowChain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from vidcolor.disk_array import DiskArray
    from vidcolor.imaging.types import FloatArray
    from vidcolor.segmentation.model import SegmentationModel

MAX_TRACKS = 4
"""Maximum number of tracks that are carried in one direction at a time. Beyond it, the tracks of
the farthest hinted frames end."""
LINK_CONFIDENCE_LIMITS = (0.5, 0.95)
"""Flow confidence between key frames, 0-1. The mask is lost up to the first limit, and kept fully
from the second. The second limit is high, because errors accumulate over the key frames of a
shot."""
SIMILARITY_LIMITS = (0.5, 0.7)
"""Cosine similarity to a place in a frame with a reference, up to which a place gets no color from
it, and from which it gets the full color."""
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
BROKEN_LINK, CONTINUED_LINK = 0.4, 0.6
"""Mean confidences of the chains from a frame to the key frames around it, 0-1. If one is below the
first, and the other at least the second, the frame continues only what the latter shows."""
_LINK_PLANES = 7
"""Number of planes in each record of `KeyframeLinks.planes`."""


class KeyframeLinks(NamedTuple):
    """The key frames of a shot, with the flow between neighbors."""

    frames: list[int]
    """Index of each key frame in the film."""
    planes: DiskArray
    """(7, h, w) for each key frame: flow to the previous key frame in pixels (x, y) and its
    confidence; flow from the previous key frame and its confidence; Y'."""
    proxies: DiskArray
    """(H, W) for each key frame: the upright proxy, Y' in [0, 1]."""
    between: DiskArray
    """(6, h, w) for each frame between two key frames: flow to the previous key frame in pixels and
    its confidence; flow to the next key frame and its confidence."""

    def backward(self, number: int) -> FlowChain:
        """Return the chain from a key frame to the previous one."""
        return _decode_chain(self.planes[number][:3])

    def forward(self, number: int) -> FlowChain:
        """Return the chain from a key frame to the next one."""
        return _decode_chain(self.planes[number + 1][3:6])

    def interpolated(self, number: int) -> Iterator[tuple[int, float, FlowChain, FlowChain]]:
        """Yield the frames between a key frame and the previous one.

        Each has its index in the film, its position between both key frames, in (0, 1), and the
        chains to the previous key frame and to this one.
        """
        if number == 0:
            return
        start, end = self.frames[number - 1], self.frames[number]
        first = start - self.frames[0] + 1 - number
        for n in range(end - start - 1):
            planes = self.between[first + n]
            share = (n + 1) / (end - start)
            yield start + n + 1, share, _decode_chain(planes[:3]), _decode_chain(planes[3:])

    def proxy(self, number: int) -> FloatArray:
        """Return the proxy of a key frame: Y', (H, W) float32 in [0, 1]."""
        return self.proxies[number]

    def luma(self, number: int) -> FloatArray:
        """Return Y' of a key frame: (h, w) float32 in [0, 1]."""
        luma: FloatArray = self.planes[number][6]
        return luma

    def append(
        self,
        frame: int,
        proxy: FloatArray,
        luma: FloatArray,
        chains: tuple[FlowChain, FlowChain] | None,
    ) -> None:
        """Append a key frame with its Y' in [0, 1]: the proxy, and on the flow grid, (h, w).

        `chains` lead to the previous key frame and from it; None for the first key frame.
        """
        self.frames.append(frame)
        self.proxies.append(proxy)
        if chains is None:
            planes = np.stack([*[np.zeros_like(luma)] * (_LINK_PLANES - 1), luma])
        else:
            planes = np.stack([*_encode_chain(chains[0]), *_encode_chain(chains[1]), luma])
        self.planes.append(planes)

    def append_between(self, to_previous: FlowChain, to_keyframe: FlowChain) -> None:
        """Append a frame before the next key frame, with the chains to both neighbors."""
        self.between.append(np.stack([*_encode_chain(to_previous), *_encode_chain(to_keyframe)]))


def _encode_chain(chain: FlowChain) -> list[FloatArray]:
    """Return three planes of a flow chain: x, y, confidence."""
    # Differences from the grid are stored, because float16 is too coarse for coordinates.
    offset = chain.coords - pixel_grid(chain.confidence.shape)
    return [*offset.transpose(2, 0, 1), chain.confidence]


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
    mask: ColorOverlay
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
        self.mask = ColorOverlay(
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
    masks: Iterable[tuple[float, ColorOverlay]], shape: Sequence[int]
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


def blend_directions(earlier: DirectionalHints, later: DirectionalHints) -> ColorOverlay:
    """Blend the hints from both sides in time.

    The weight of each side decreases linearly from its hinted frame to that of the other side.
    """
    weight, other = earlier.alpha * later.distance, later.alpha * earlier.distance
    share = other / np.maximum(weight + other, 1e-6)
    ab = earlier.ab + share * (later.ab - earlier.ab)
    return ColorOverlay(ab, np.maximum(earlier.alpha, later.alpha))


def carry_references(
    links: KeyframeLinks, hinted: Sequence[HintTrack], store: DiskArray
) -> Callable[[int], ColorOverlay]:
    """Carry the masks of frames with a reference to all key frames of a shot.

    `store` is an empty list. The result returns the overlay of a key frame, by its number.
    """
    # The first pass stores the hints from earlier frames, and the second blends the later ones into
    # them. So memory does not depend on the length of the shot.
    for hints in _carry_in_direction(links, hinted, forward=True):
        store.append(np.stack([*hints.ab, hints.alpha, hints.distance]))
    last = len(links.frames) - 1
    for n, later in enumerate(_carry_in_direction(links, hinted, forward=False)):
        planes = store[last - n]
        mask = blend_directions(DirectionalHints(planes[:2], planes[2], planes[3]), later)
        planes[:2], planes[2] = mask
        store[last - n] = planes

    def get(number: int) -> ColorOverlay:
        planes = store[number]
        return ColorOverlay(planes[:2], planes[2])

    return get


def find_similar_color(
    segmentation: SegmentationModel,
    links: KeyframeLinks,
    hinted: Sequence[HintTrack],
    shape: tuple[int, int],
) -> Iterator[ColorOverlay]:
    """Yield the color of a reference in each key frame, found by similarity.

    Flow loses what it cannot follow, such as fast motion and objects that return. Here each key
    frame attends to the frames with a reference (Vondrick et al., arXiv:1806.09594). `shape` is
    height and width of the result.
    """
    sources = [segmentation.embed(links.proxy(track.number)) for track in hinted]
    cells = [segmentation.keys(source) for source in sources]
    # Premultiplied, so that undefined color with alpha 0 has no influence on its neighbors.
    maps = [np.stack([*(t.mask.ab * t.mask.alpha), t.mask.alpha]) for t in hinted]
    for number in range(len(links.frames)):
        proxy = links.proxy(number)
        values, similarity = segmentation.transfer(segmentation.embed(proxy), cells, maps)
        yield upsample_similar_color(values, similarity, resize_area(proxy, shape))


def upsample_similar_color(
    values: FloatArray, similarity: FloatArray, guide: FloatArray
) -> ColorOverlay:
    """Return the color that a frame gets from similar places of frames with a reference.

    Args:
        values: premultiplied a*, b* and alpha of these places, (3, h, w); see `transfer`.
        similarity: similarity to them, (h, w) in [-1, 1].
        guide: Y' of the frame on the grid of the result.
    """
    upsample = GuidedUpsampler(radius=4)
    alpha = np.clip(values[2], 0, 1)
    ab = values[:2] / np.maximum(alpha, 1e-3)
    alpha = alpha * smoothstep(similarity, *SIMILARITY_LIMITS)
    planes = upsample(np.stack([alpha, alpha]), guide, guide)[0]
    return ColorOverlay(upsample(ab, guide, guide), np.clip(planes, 0, 1))


def interpolate_overlays(
    previous: ColorOverlay, current: ColorOverlay, share: float, chains: Sequence[FlowChain]
) -> ColorOverlay:
    """Interpolate the overlays of two key frames.

    A frame that continues only one of them gets the overlay of that one: otherwise an object that
    appears or disappears would color what was in its place.

    Args:
        previous, current: overlays of the key frames, of one size.
        share: position between them, 0-1.
        chains: chains to the previous key frame and to the current one, on the flow grid.
    """
    shape = current.alpha.shape
    weights = [
        np.float32(weight) * chain.confidence + np.float32(1e-4)
        for weight, chain in zip((1 - share, share), chains, strict=True)
    ]
    continuity = [float(chain.confidence.mean()) for chain in chains]
    if min(continuity) < BROKEN_LINK and max(continuity) >= CONTINUED_LINK:
        weights[continuity.index(min(continuity))][:] = 0
    total = np.zeros((*shape, 3), np.float32)
    for overlay, chain, weight in zip((previous, current), chains, weights, strict=True):
        # Premultiplied, so that color with alpha 0 has no influence on its neighbors.
        planes = np.dstack([*(overlay.ab * overlay.alpha), overlay.alpha])
        warped = sample(planes, _resize_coords(chain.coords, shape))
        total += resize_linear(weight / (weights[0] + weights[1]), shape)[..., None] * warped
    alpha = total[..., 2]
    ab = total[..., :2] / np.maximum(alpha, 1e-6)[..., None]
    return ColorOverlay(np.ascontiguousarray(ab.transpose(2, 0, 1)), alpha)


def _resize_coords(coords: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Resize the coordinates of a flow chain, (h, w, 2) of x, y in pixels, to another grid."""
    height, width = coords.shape[:2]
    scale = np.array([shape[1] / width, shape[0] / height], np.float32)
    offset = (coords - pixel_grid((height, width))) * scale
    planes = [resize_linear(np.ascontiguousarray(offset[..., n]), shape) for n in range(2)]
    resized: FloatArray = pixel_grid(shape) + np.dstack(planes)
    return resized


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
