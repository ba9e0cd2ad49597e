"""The objects of hints in single frames of a shot, without tracking.

A hinted frame is segmented by clicks. Any other frame attends to the hinted ones, as a key frame
does in `hints.object_tracks`, but without the key frames between them and without optical flow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vidcolor.hints.discs import fill_disc, place_hints
from vidcolor.hints.object_tracks import MAX_HINTED, mask_shape, remove_stray_parts
from vidcolor.hints.objects import (
    CLICK_LIMITS,
    MEMORY_LIMITS,
    HintedObject,
    find_alphas,
    group_discs,
    make_points,
    paint_objects,
    segment_clicks,
)
from vidcolor.imaging.resize import resize_area
from vidcolor.project.recent import Recent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from vidcolor.hints.discs import HintDisc
    from vidcolor.imaging.overlay import ColorOverlay
    from vidcolor.imaging.types import FloatArray
    from vidcolor.options import Hint
    from vidcolor.segmentation.model import EmbeddedImage, SegmentationModel
    from vidcolor.segmentation.network import Memory
    from vidcolor.segmentation.points import Points

    Embed = Callable[[int], EmbeddedImage]
    """Returns the embedding of a frame of the film."""

_MAX_SEGMENTED = 64
"""Maximum number of hinted frames whose masks are kept."""
_MAX_FOUND = 32
"""Maximum number of frames whose objects are kept."""


class FoundObjects(NamedTuple):
    """The objects of the hints of a shot in one of its frames."""

    objects: list[HintedObject]
    """K objects, with the discs of all frames of the shot."""
    hinted: list[tuple[int, ...]]
    """The frames with hints of each object."""
    masks: FloatArray
    """Their alpha: (K, h, w) float32 in [0, 1] on the grid of masks. It is 0 if the object is not
    found."""


def place_shot_hints(
    hints: Sequence[Hint], size: tuple[int, int]
) -> dict[int, tuple[HintDisc, ...]]:
    """Return the discs of each hinted frame of a shot, for a displayed frame of `size` = (H, W).

    Raises:
        UsageError: a hint lies outside the frame.
    """
    frames: dict[int, list[Hint]] = {}
    for hint in hints:
        frames.setdefault(hint.frame or 0, []).append(hint.replace(time=None, frame=None))
    return {frame: place_hints(frames[frame], size) for frame in sorted(frames)}


class ObjectFinder:
    """Finds the hinted objects of a shot in any of its frames.

    The masks of hinted frames are kept, so that the other frames of a shot take less time.
    """

    def __init__(
        self, segmentation: SegmentationModel, embed: Embed, size: tuple[int, int]
    ) -> None:
        """Prepare; `size` is H, W of the displayed frame, in which discs are placed."""
        self._segmentation, self._embed, self._size = segmentation, embed, size
        self._segmented: Recent[FloatArray] = Recent(_MAX_SEGMENTED)
        self._memories: Recent[Memory] = Recent(_MAX_SEGMENTED)
        self._found: Recent[FoundObjects] = Recent(_MAX_FOUND)

    def paint(
        self, frame: int, discs: Mapping[int, Sequence[HintDisc]], proxy_shape: tuple[int, int]
    ) -> ColorOverlay:
        """Return the color of the objects of a shot in an upright frame.

        Args:
            frame: index of the frame.
            discs: the discs of each hinted frame of its shot, in order; see `place_shot_hints`.
            proxy_shape: H, W of the proxy.
        """
        found = self.find_masks(frame, discs, proxy_shape)
        # Where objects overlap, the one with the nearest hint is most likely right.
        distances = [min(abs(n - frame) for n in numbers) for numbers in found.hinted]
        priorities = np.array([1 / (1 + d) for d in distances], np.float32)
        neutral = np.zeros((2, *found.masks.shape[1:]), np.float32)
        return paint_objects(found.objects, found.masks, neutral, priorities)

    def find_masks(
        self, frame: int, discs: Mapping[int, Sequence[HintDisc]], proxy_shape: tuple[int, int]
    ) -> FoundObjects:
        """Find the objects of a shot in an upright frame; arguments are those of `paint`."""
        key = frame, tuple((n, tuple(placed)) for n, placed in discs.items())
        return self._found.get(key, lambda: self._find_masks(frame, discs, proxy_shape))

    def _find_masks(
        self, frame: int, discs: Mapping[int, Sequence[HintDisc]], proxy_shape: tuple[int, int]
    ) -> FoundObjects:
        objects = group_discs([disc for placed in discs.values() for disc in placed])
        shape = mask_shape(np.empty(proxy_shape, np.float32))
        masks = np.zeros((len(objects), *shape), np.float32)
        hinted = [
            tuple(n for n, placed in discs.items() if _select(placed, item)) for item in objects
        ]
        for frames in dict.fromkeys(hinted):
            members = [k for k, numbers in enumerate(hinted) if numbers == frames]
            alphas = self._find(frame, frames, objects, members, discs)
            masks[members] = [resize_area(alpha, shape) for alpha in alphas]
        return FoundObjects(objects, hinted, masks)

    def _find(
        self,
        frame: int,
        hinted: Sequence[int],
        objects: Sequence[HintedObject],
        members: Sequence[int],
        discs: Mapping[int, Sequence[HintDisc]],
    ) -> FloatArray:
        """Return the alpha of the objects with indices `members`: (K, H, W)."""
        nearest = sorted(hinted, key=lambda n: abs(n - frame))[:MAX_HINTED]
        others = [self._remember(n, objects, members, discs[n]) for n in nearest if n != frame]
        clicked = None
        if frame in nearest:
            clicked = self._segment(frame, objects, members, discs[frame])
        if not others:
            assert clicked is not None  # an object has at least one hinted frame
            return clicked
        points = None
        if frame in discs:
            points = self._make_points(objects, members, discs[frame])
        masks = self._segmentation.segment_memory(
            self._embed(frame), self._segmentation.join(others), points
        )
        masks = np.stack([remove_stray_parts(mask, None) for mask in masks])
        alphas = find_alphas([objects[k] for k in members], masks, MEMORY_LIMITS)
        return alphas if clicked is None else np.maximum(alphas, clicked)

    def _segment(
        self,
        frame: int,
        objects: Sequence[HintedObject],
        members: Sequence[int],
        discs: Sequence[HintDisc],
    ) -> FloatArray:
        """Segment the objects of a group in a hinted frame by clicks: (K, H, W) in [0, 1]."""

        def make() -> FloatArray:
            image = self._embed(frame)
            points = self._make_points(objects, members, discs)
            masks = segment_clicks(self._segmentation, image, points)
            alphas = find_alphas([objects[k] for k in members], masks, CLICK_LIMITS)
            for k, alpha in zip(members, alphas, strict=True):
                for disc in _select(discs, objects[k]):  # a disc is always part of its object
                    fill_disc(disc, alpha, self._size)
            return alphas

        return self._segmented.get((frame, tuple(objects), tuple(members)), make)

    def _remember(
        self,
        frame: int,
        objects: Sequence[HintedObject],
        members: Sequence[int],
        discs: Sequence[HintDisc],
    ) -> Memory:
        """Return the memory of the objects of a group in a hinted frame, which others need."""

        def make() -> Memory:
            alphas = self._segment(frame, objects, members, discs)
            return self._segmentation.remember(self._embed(frame), alphas)

        return self._memories.get((frame, tuple(objects), tuple(members)), make)

    def _make_points(
        self, objects: Sequence[HintedObject], members: Sequence[int], discs: Sequence[HintDisc]
    ) -> list[Points]:
        """Return the clicks on the objects of a group in a hinted frame."""
        present = [HintedObject(item.ab, tuple(_select(discs, item))) for item in objects]
        points = make_points(present, self._size)
        return [points[k] for k in members]


def _select(discs: Sequence[HintDisc], item: HintedObject) -> list[HintDisc]:
    """Return the discs of one object."""
    return [disc for disc in discs if disc.ab == item.ab]
