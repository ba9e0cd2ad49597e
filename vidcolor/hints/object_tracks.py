"""Object tracks: the masks of hinted objects, carried through the key frames of a shot.

The masks of hinted frames come from clicks. Other key frames attend to these frames and to the last
frames before them (memory attention; see `segmentation.network`). Attention finds an object again
after it was hidden or has left the frame, which optical flow cannot. Flow decides which small parts
belong to the object, and keeps the color from other things that look alike. A mask that flow does
not lead to is compared with the known masks: if it looks different, the object counts as not found.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vidcolor.hints.discs import fill_disc
from vidcolor.hints.objects import (
    CLICK_LIMITS,
    MEMORY_LIMITS,
    find_alphas,
    label_parts,
    make_points,
    paint_objects,
    segment_clicks,
)
from vidcolor.imaging.resize import resize_area, resize_linear
from vidcolor.motion.flow import sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from vidcolor.disk_array import DiskArray
    from vidcolor.hints.discs import HintDisc
    from vidcolor.hints.objects import HintedObject
    from vidcolor.hints.tracks import KeyframeLinks
    from vidcolor.imaging.overlay import ColorOverlay
    from vidcolor.imaging.types import FloatArray, Mask
    from vidcolor.motion.flow_chain import FlowChain
    from vidcolor.segmentation.model import EmbeddedImage, SegmentationModel
    from vidcolor.segmentation.network import Memory
    from vidcolor.segmentation.points import Points

MASK_STRIDE = 2
"""Stride of the grid of masks, in pixels of the proxy: that of the segmentation network."""
NUM_RECENT = 2
"""Number of key frames before the current one that it attends to, besides the hinted ones."""
MAX_HINTED = 6
"""Maximum number of hinted frames that a key frame attends to: the nearest ones."""
MIN_PART = 0.2
"""Minimum area of a separate part of an object that flow does not lead to, relative to its largest
part."""
MAX_GAP = 0.5
"""Maximum distance of such a part of a connected object from the parts that flow leads to, relative
to the square root of their area. Parts further away are other things that look alike."""
MIN_LED = 0.5
"""Minimum area of the parts that flow leads to, relative to the whole mask, for `MAX_GAP`. Below
it, flow may have followed something else, or the object returns into view."""
MIN_SUPPORT = 0.5
"""Minimum share of a mask that flow leads to. Below it, the mask may be another thing."""
MIN_CONTINUITY = 0.5
"""Minimum mean confidence of the flow from the last key frame, 0-1, in a picture that continues. An
object that was in such a picture is likely to be still there, even if it is too fast for flow."""
MIN_SIMILARITY = 0.66
"""Minimum similarity of a mask that may be another thing to a known mask of the object, -1 to 1;
see `compare_objects`. In eight film clips with inserted frames of others, things that look alike
had 0.1 to 0.65, and objects that return 0.71 to 0.91, but those that look different 0.57 to 0.6."""
MIN_AREA = 1e-4
"""Minimum area of a mask, as a share of the frame. Below it, the object counts as not found."""
FOUND_THRESHOLD = 0.5
"""Value of a mask, 0-1, above which a pixel counts for its area."""


class LostInterval(NamedTuple):
    """Frames of a shot in which a hinted object is not found."""

    hint: str
    """Name of the first hint of the object."""
    first: int
    """Index of the first frame."""
    last: int
    """Index of the last frame."""


@dataclass(slots=True)
class _Group:
    """Objects that are hinted in the same key frames, which are tracked together."""

    members: list[int]
    """Indices of the objects."""
    hinted: list[int]
    """Numbers of these key frames, in order."""
    clicked: dict[int, FloatArray] = field(default_factory=dict)
    """Alpha of the objects in each hinted key frame, from clicks: (K, H, W)."""
    connected: list[bool] = field(default_factory=list)
    """Whether each object is known to be one connected thing: it is clicked on in one key frame
    only, where its mask is connected. Clicks in several frames may mean separate things."""
    memories: dict[int, Memory] = field(default_factory=dict)
    """Memory of each hinted key frame."""
    first: FloatArray | None = None
    """Alpha of the objects in the first hinted key frame, from clicks and memory: (K, H, W)."""
    recent: deque[Memory] = field(default_factory=lambda: deque(maxlen=NUM_RECENT))
    """Memories of the last key frames."""
    alphas: FloatArray | None = None
    """Alpha of the objects in the last key frame: (K, H, W)."""


class ObjectTracker:
    """Tracks all hinted objects of one shot."""

    def __init__(
        self,
        segmentation: SegmentationModel,
        keyframes: KeyframeLinks,
        objects: Sequence[HintedObject],
        hinted: Mapping[int, Sequence[HintDisc]],
        size: tuple[int, int],
        masks: DiskArray,
    ) -> None:
        """Prepare tracking.

        Args:
            objects: the K objects of the shot.
            hinted: discs in each hinted key frame, by its number among the key frames.
            size: H, W of the frame in which the discs are placed.
            masks: an empty list for the masks of all key frames.
        """
        self._segmentation, self._keyframes = segmentation, keyframes
        self._objects, self._hinted, self._size = objects, hinted, size
        self._masks = masks
        self._groups = self._make_groups()
        self._embedded: tuple[int, EmbeddedImage] | None = None

    def _make_groups(self) -> list[_Group]:
        groups: dict[tuple[int, ...], list[int]] = {}
        for k, item in enumerate(self._objects):
            numbers = [n for n, discs in self._hinted.items() if _select(discs, item)]
            groups.setdefault(tuple(sorted(numbers)), []).append(k)
        return [_Group(members, list(numbers)) for numbers, members in groups.items()]

    def track(self) -> None:
        """Segment all key frames, and store the masks."""
        count = len(self._keyframes.frames)
        for number in sorted(self._hinted):
            image = self._embed(number)
            for group in self._groups:
                if number in group.hinted:
                    masks = self._segment_clicks(group, number, image)
                    group.clicked[number] = masks
                    group.connected = [len(group.hinted) == 1 and is_connected(m) for m in masks]
                    group.memories[number] = self._segmentation.remember(image, masks)
        shape = mask_shape(self._keyframes.proxy(0))
        empty = np.zeros((len(self._objects), *shape), np.float32)
        for _ in range(count):
            self._masks.append(empty)
        # Key frames from the first hinted one on are tracked forward, the others backward.
        self._track_range(range(count), forward=True)
        self._track_range(range(count - 1, -1, -1), forward=False)

    def _embed(self, number: int) -> EmbeddedImage:
        """Embed a key frame, or return the embedding that was made last."""
        if self._embedded is None or self._embedded[0] != number:
            self._embedded = number, self._segmentation.embed(self._keyframes.proxy(number))
        return self._embedded[1]

    def _track_range(self, numbers: range, forward: bool) -> None:
        for group in self._groups:
            group.recent.clear()
            group.alphas = None if forward else group.first
        for number in numbers:
            groups = [g for g in self._groups if _is_due(g, number, forward)]
            if not groups:
                continue
            image = self._embed(number)
            record = self._masks[number]
            for group in groups:
                alphas = self._advance(group, number, image, forward)
                record[group.members] = [resize_area(alpha, record.shape[1:]) for alpha in alphas]
                if number == group.hinted[0]:
                    group.first = alphas
            self._masks[number] = record

    def _advance(
        self, group: _Group, number: int, image: EmbeddedImage, forward: bool
    ) -> FloatArray:
        """Segment the next key frame of a group; return the alpha of its objects, (K, H, W)."""
        link = None
        if group.alphas is not None:
            link = self._keyframes.backward(number) if forward else self._keyframes.forward(number)
        nearest = sorted(group.hinted, key=lambda n: abs(n - number))[:MAX_HINTED]
        memories = [group.memories[n] for n in nearest if n != number]
        memories += group.recent
        points = self._points(group, number) if number in self._hinted else None
        clicked = group.clicked.get(number)
        alphas = clicked
        if memories:
            carried = None if link is None or group.alphas is None else _carry(group.alphas, link)
            memory = self._segmentation.join(memories)
            masks = self._segmentation.segment_memory(image, memory, points)
            expected = [None] * len(masks) if carried is None else carried
            masks = np.stack(list(map(remove_stray_parts, masks, expected, group.connected)))
            alphas = find_alphas(self._members(group), masks, MEMORY_LIMITS)
            if clicked is not None:  # a new hint may lie on a part that was lost
                alphas = np.maximum(alphas, clicked)
            else:
                assert carried is not None  # the neighboring key frame has been segmented
                assert link is not None
                assert group.alphas is not None
                uncertain = _find_uncertain(alphas, carried, group.alphas, link)
                self._remove_other_things(alphas, uncertain, image, memories)
        assert alphas is not None  # the first key frame of a group is a hinted one
        group.alphas = alphas
        if number in group.hinted:
            group.recent.clear()  # the hints of this frame are better than what was carried to it
        elif all(is_found(alpha) for alpha in alphas):
            group.recent.append(self._segmentation.remember(image, alphas))
        return alphas

    def _remove_other_things(
        self,
        alphas: FloatArray,
        uncertain: Sequence[bool],
        image: EmbeddedImage,
        memories: Sequence[Memory],
    ) -> None:
        """Clear the alpha of objects, (K, H, W), in place, that is on things that look alike.

        `uncertain` says for which of the K objects this is possible. Their masks are compared with
        the frames in memory, of which the most similar one counts: an object changes over time.
        """
        if not any(uncertain):
            return
        found = self._segmentation.remember(image, alphas)
        similarity = np.max([self._segmentation.compare(found, m) for m in memories], axis=0)
        alphas[np.array(uncertain) & (similarity < MIN_SIMILARITY)] = 0

    def _members(self, group: _Group) -> list[HintedObject]:
        return [self._objects[k] for k in group.members]

    def _points(self, group: _Group, number: int) -> list[Points]:
        """Return the clicks on the objects of a group in a key frame.

        Objects without a hint in it have the hints of other objects as negative clicks.
        """
        discs = self._hinted.get(number, ())
        items = [replace(item, discs=tuple(_select(discs, item))) for item in self._objects]
        points = make_points(items, self._size)
        return [points[k] for k in group.members]

    def _segment_clicks(self, group: _Group, number: int, image: EmbeddedImage) -> FloatArray:
        """Return the alpha of the objects that are clicked on."""
        masks = segment_clicks(self._segmentation, image, self._points(group, number))
        alphas = find_alphas(self._members(group), masks, CLICK_LIMITS)
        self._fill_discs(group, number, alphas)
        return alphas

    def _fill_discs(self, group: _Group, number: int, masks: FloatArray) -> None:
        """Make discs a part of their objects, in place."""
        for k, mask in zip(group.members, masks, strict=True):
            for disc in _select(self._hinted[number], self._objects[k]):
                fill_disc(disc, mask, self._size)

    def overlays(self) -> Iterator[ColorOverlay]:
        """Yield the color of the objects in each key frame, on the grid of the masks."""
        frames = self._keyframes.frames
        nearest = [
            np.array([frames[n] for n in self._group_of(k).hinted])
            for k in range(len(self._objects))
        ]
        for number, frame in enumerate(frames):
            masks = self._masks[number]
            # Where objects overlap, the one with the nearest hint is most likely right.
            distances = [float(np.abs(hinted - frame).min()) for hinted in nearest]
            priorities = np.array([1 / (1 + d) for d in distances], np.float32)
            neutral = np.zeros((2, *masks.shape[1:]), np.float32)
            yield paint_objects(self._objects, masks, neutral, priorities)

    def _group_of(self, k: int) -> _Group:
        return next(group for group in self._groups if k in group.members)

    def find_lost(self, shot: range) -> Iterator[LostInterval]:
        """Yield the intervals of a shot in which objects are not found."""
        frames = self._keyframes.frames
        ends = [*frames[1:], shot.stop]
        for k, item in enumerate(self._objects):
            hinted = self._group_of(k).hinted
            found = [n in hinted or is_found(self._masks[n][k]) for n in range(len(frames))]
            first: int | None = None
            for n, (frame, end) in enumerate(zip(frames, ends, strict=True)):
                if not found[n]:
                    first = frame if first is None else first
                if first is not None and (found[n] or end == shot.stop):
                    last = frame - 1 if found[n] else end - 1
                    yield LostInterval(item.discs[0].name, first, last)
                    first = None


def mask_shape(proxy: FloatArray) -> tuple[int, int]:
    """Return h, w of the masks of frames with a proxy, (H, W)."""
    height, width = proxy.shape
    return -(-height // MASK_STRIDE), -(-width // MASK_STRIDE)


def is_found(mask: FloatArray) -> bool:
    """Return whether a mask, (h, w) float32 in [0, 1], shows an object."""
    return float((mask > FOUND_THRESHOLD).mean()) >= MIN_AREA


def is_connected(mask: FloatArray) -> bool:
    """Return whether a mask, (H, W) in [0, 1], has one part, besides small ones."""
    areas = label_parts(mask, FOUND_THRESHOLD)[1][1:]
    return int((areas >= MIN_PART * areas.max(initial=0)).sum()) == 1


def remove_stray_parts(
    mask: FloatArray, carried: FloatArray | None, connected: bool = False
) -> FloatArray:
    """Remove parts of a mask that flow does not lead to; all of it if nothing is found.

    Small parts are places that look like the object by chance. Large ones far from a connected
    object are other things that look alike, such as the hat of another person.

    Args:
        mask: (H, W) float32 in [0, 1].
        carried: the mask that flow carries from the neighboring key frame, (h, w); None without.
        connected: whether the object is one connected thing.
    """
    if not is_found(mask):  # faint color must not stay where an object was
        return np.zeros_like(mask)
    labels, areas = label_parts(mask, MEMORY_LIMITS[0])
    kept = areas >= MIN_PART * areas[1:].max()
    if carried is not None:
        expected = resize_linear(carried, mask.shape) > MEMORY_LIMITS[1]
        is_led = np.isin(np.arange(len(areas)), labels[expected])
        is_led[0] = False
        if connected and areas[is_led].sum() >= MIN_LED * areas[1:].sum():
            kept &= _find_near_parts(labels, is_led)
        kept |= is_led
    kept[0] = True
    return mask * kept[labels] if len(areas) > 2 else mask


def _find_near_parts(labels: NDArray[np.int32], is_led: Mask) -> Mask:
    """Return which parts of a mask lie within `MAX_GAP` of the parts that flow leads to.

    `labels` are the numbers of the parts, (H, W); `is_led` has one value for each of them.
    """
    import cv2

    led = is_led[labels]
    distance = cv2.distanceTransform((~led).astype(np.uint8), cv2.DIST_L2, 5)
    near = labels[distance <= MAX_GAP * np.sqrt(led.sum())]
    return np.isin(np.arange(len(is_led)), near)


def _find_uncertain(
    alphas: FloatArray, carried: FloatArray, last: FloatArray, link: FlowChain
) -> list[bool]:
    """Return for which of K objects in a key frame the mask may be on another thing.

    Args:
        alphas: their alpha, (K, H, W).
        carried: alpha that flow carries from the last key frame, (K, h, w).
        last: alpha in the last key frame, (K, H, W).
        link: the chain to the last key frame.
    """
    continues = float(link.confidence.mean()) >= MIN_CONTINUITY
    return [
        is_found(alpha)
        and not (continues and is_found(previous))
        and float(np.minimum(alpha, resize_linear(flow, alpha.shape)).sum())
        < MIN_SUPPORT * float(alpha.sum())
        for alpha, flow, previous in zip(alphas, carried, last, strict=True)
    ]


def _is_due(group: _Group, number: int, forward: bool) -> bool:
    """Return whether a pass over the key frames segments the objects of a group in one of them."""
    return number >= group.hinted[0] if forward else number < group.hinted[0]


def _select(discs: Sequence[HintDisc], item: HintedObject) -> list[HintDisc]:
    """Return the discs of one object."""
    return [disc for disc in discs if disc.ab == item.ab]


def _carry(masks: FloatArray, link: FlowChain) -> FloatArray:
    """Carry masks along a chain from the next key frame: (K, h, w) on the flow grid."""
    shape = link.confidence.shape
    small = (resize_area(mask, shape) for mask in masks)
    return np.stack([sample(mask, link.coords) * link.confidence for mask in small])
