"""Object masks must reach all key frames of a shot, and must not follow a lost object."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from tests.helpers.segmentation import ScriptedSegmentation, numbered_proxy
from vidcolor.disk_array import DiskArray
from vidcolor.hints.discs import HintDisc, place_hints
from vidcolor.hints.object_tracks import LostInterval, ObjectTracker, is_found, mask_shape
from vidcolor.hints.objects import group_discs
from vidcolor.hints.tracks import KeyframeLinks
from vidcolor.imaging.types import FloatArray
from vidcolor.motion.flow_chain import FlowChain, identity_chain
from vidcolor.options import Hint
from vidcolor.segmentation.model import join_memories
from vidcolor.segmentation.network import Memory
from vidcolor.segmentation.points import Points

SIZE = (16, 32)
BAND = 8
"""Width of the object with number n, whose left edge is at n * BAND."""
STEP = 3
"""Distance of the key frames, in frames."""
FIRST = 100
"""Index of the first key frame in the film."""
COLORS = ("crimson", "royalblue", "seagreen")
"""Color of each object."""


def make_links(count: int, breaks: Collection[int] = ()) -> KeyframeLinks:
    """Return `count` key frames with identity flow between them.

    The flow to the key frames `breaks` from those before them has no confidence.
    """
    links = KeyframeLinks([], *(DiskArray(io.BytesIO()) for _ in range(3)))
    identity = identity_chain(SIZE)
    for number in range(count):
        chain = FlowChain(identity.coords, identity.confidence * (number not in breaks))
        chains = (chain, chain) if number else None
        proxy = numbered_proxy(number, SIZE)
        links.append(FIRST + STEP * number, proxy, np.zeros(SIZE, np.float32), chains)
    return links


def band_mask(number: int) -> FloatArray:
    """Return the mask of an object."""
    mask = np.zeros(SIZE, np.float32)
    mask[:, number * BAND : (number + 1) * BAND] = 1
    return mask


def place(*numbers: int) -> tuple[HintDisc, ...]:
    """Return a disc on each of these objects."""
    hints = [
        Hint(x=n * BAND + 4, y=8, radius=1, color=COLORS[n], name=f"hint {n}") for n in numbers
    ]
    return place_hints(hints, SIZE)


@dataclass
class JoiningSegmentation(ScriptedSegmentation):
    """Joins the memories of several frames as `SegmentationModel` does, and records its work."""

    embedded: list[int] = field(default_factory=list)
    """Key frames that were embedded."""
    clicked: list[int] = field(default_factory=list)
    """Key frames that were segmented by clicks."""
    similarity: Callable[[int, int], float] = lambda frame, number: 1
    """Returns how similar an object in a key frame is to those in memory, from both numbers."""
    compared: list[int] = field(default_factory=list)
    """Key frames whose objects were compared with those in memory."""

    def embed(self, image: FloatArray) -> int:
        """Return the number of the key frame."""
        self.embedded.append(super().embed(image))
        return self.embedded[-1]

    def segment_clicks(self, image: int, objects: Sequence[Points]) -> FloatArray:
        """Return the masks of the objects at the first clicks."""
        self.clicked.append(image)
        return super().segment_clicks(image, objects)

    def join(self, memories: Sequence[Memory]) -> Memory:
        """Return one memory with all cells."""
        return join_memories(memories)

    def compare(self, found: Memory, known: Memory) -> FloatArray:
        """Return the similarity of each object."""
        frame = int(found.keys[0, 0])
        self.compared.append(frame)
        return np.array([self.similarity(frame, int(n)) for n in known.masks[:, 0]], np.float32)


@dataclass
class Run:
    """A finished run of the tracker."""

    tracker: ObjectTracker
    segmentation: JoiningSegmentation
    masks: DiskArray
    """The masks of all key frames."""

    def found(self, number: int) -> list[int]:
        """Return the key frames in which an object has its own mask."""
        area = slice(number * BAND // 2, (number + 1) * BAND // 2)
        result = []
        for frame in range(len(self.masks)):
            mask = self.masks[frame][number].copy()
            if mask[:, area].min() > 0.9:
                result.append(frame)
            mask[:, area] = 0
            assert mask.max() == 0, (frame, number)
        return result

    def memory_of(self, frame: int) -> list[tuple[int, ...]]:
        """Return the key frames that were in memory when a key frame was segmented."""
        return [query.memory for query in self.segmentation.queries if query.frame == frame]


def track(
    count: int,
    hinted: Mapping[int, tuple[HintDisc, ...]],
    is_visible: Callable[[int, int], bool | FloatArray] = lambda frame, number: True,
    make_mask: Callable[[int], FloatArray] = band_mask,
    similarity: Callable[[int, int], float] = lambda frame, number: 1,
    breaks: Collection[int] = (),
) -> Run:
    """Track objects through a shot.

    `is_visible` is called with the numbers of a key frame and an object. It may return a mask. The
    other arguments are those of `JoiningSegmentation` and `make_links`.
    """
    segmentation = JoiningSegmentation(
        lambda frame, number: make_mask(number) * is_visible(frame, number),
        lambda point: int(point[0] * SIZE[1] / BAND),
        similarity=similarity,
    )
    objects = group_discs([disc for discs in hinted.values() for disc in discs])
    masks = DiskArray(io.BytesIO())
    links = make_links(count, breaks)
    tracker = ObjectTracker(segmentation, links, objects, hinted, SIZE, masks)  # type: ignore[arg-type]
    tracker.track()
    assert len(masks) == count
    return Run(tracker, segmentation, masks)


def test_a_hinted_frame_is_tracked_forward_and_backward() -> None:
    run = track(7, {3: place(0)})
    assert run.found(0) == list(range(7))
    assert run.memory_of(6) == [(3, 4, 5)], "the hinted frame and the last two"
    assert run.memory_of(0) == [(3, 2, 1)]


def test_objects_that_are_hinted_in_different_frames_are_tracked_side_by_side() -> None:
    run = track(6, {0: place(0, 1), 4: place(2)})
    assert [run.found(number) for number in range(3)] == [list(range(6))] * 3
    assert run.memory_of(5) == [(0, 3, 4), (4,)]


def test_two_hinted_frames_of_one_object_are_both_in_memory_and_clicks_are_repeated() -> None:
    run = track(6, {0: place(0), 4: place(0)})
    assert run.found(0) == list(range(6))
    assert run.memory_of(2) == [(0, 4, 1)]
    assert run.memory_of(5) == [(4, 0)], "what was carried to a hinted frame is forgotten"
    clicked = {query.frame for query in run.segmentation.queries if query.is_clicked}
    assert clicked == {0, 4}


@pytest.mark.parametrize("hinted", [0, 3, 6])
def test_features_of_a_key_frame_and_masks_from_clicks_are_computed_once(hinted: int) -> None:
    run = track(7, {hinted: place(0)})
    assert run.found(0) == list(range(7))
    assert sorted(run.segmentation.embedded) == list(range(7))
    assert run.segmentation.clicked == [hinted]


def test_a_lost_object_is_reported_is_not_remembered_and_is_found_again() -> None:
    run = track(7, {0: place(0)}, lambda frame, number: frame not in (2, 3))
    assert run.found(0) == [0, 1, 4, 5, 6]
    assert run.memory_of(4) == [(0, 1)]
    assert run.memory_of(5) == [(0, 1, 4)]
    shot = range(FIRST, FIRST + 7 * STEP)
    expected = LostInterval("hint 0", FIRST + 2 * STEP, FIRST + 4 * STEP - 1)
    assert list(run.tracker.find_lost(shot)) == [expected]
    assert set(run.segmentation.compared) == {4}, "other key frames need no comparison"


@pytest.mark.parametrize("hinted", [0, 6])
@pytest.mark.parametrize("is_hidden", [False, True])
def test_a_thing_that_looks_alike_is_not_taken_for_a_lost_object(
    hinted: int, is_hidden: bool
) -> None:
    """It is in key frames 2 to 4, after a break of the flow or while the object is hidden."""
    run = track(
        7,
        {hinted: place(0)},
        lambda frame, number: not (is_hidden and frame in (2, 4)),
        similarity=lambda frame, number: 0.6 if frame in (2, 3, 4) else 0.75,
        breaks=() if is_hidden else (2, 5),
    )
    assert run.found(0) == [0, 1, 5, 6]
    assert run.memory_of(3) == [(0, 1) if hinted == 0 else (6, 5)]
    shot = range(FIRST, FIRST + 7 * STEP)
    expected = LostInterval("hint 0", FIRST + 2 * STEP, FIRST + 5 * STEP - 1)
    assert list(run.tracker.find_lost(shot)) == [expected]


def test_a_thing_that_looks_alike_is_compared_object_by_object() -> None:
    run = track(
        4,
        {0: place(0, 1)},
        similarity=lambda frame, number: 0.5 + 0.3 * number,
        breaks=(2,),
    )
    assert [run.found(number) for number in range(2)] == [[0, 1], [0, 1, 2, 3]]


def test_an_object_that_is_too_fast_for_flow_is_kept_where_the_picture_continues() -> None:
    """A dancer looks different in each key frame, but does not leave the picture."""
    run = track(
        4,
        {0: place(0)},
        lambda frame, number: band_mask(frame),
        lambda number: np.ones(SIZE, np.float32),
        similarity=lambda frame, number: 0.4,
    )
    assert all(is_found(run.masks[number][0]) for number in range(4))


def test_a_small_part_that_appears_away_from_the_object_is_removed() -> None:
    corner = np.zeros(SIZE, np.float32)
    corner[:3, -3:] = 1
    run = track(
        5,
        {0: place(0)},
        lambda frame, number: np.float32(1) - corner * (frame < 2),
        lambda number: band_mask(number) + corner,
    )
    assert run.found(0) == list(range(5))


@pytest.mark.parametrize(
    ("hinted", "left", "is_kept"),
    [
        ({0: place(0)}, 24, False),
        ({0: place(0)}, 12, True),  # near the object
        ({0: place(0), 1: place(0)}, 24, True),  # clicks in two frames may mean two things
    ],
)
def test_a_large_part_far_from_the_object_is_another_thing(
    hinted: dict[int, tuple[HintDisc, ...]], left: int, is_kept: bool
) -> None:
    other = np.zeros(SIZE, np.float32)
    other[:12, left : left + 6] = 1

    def shows(frame: int, number: int) -> FloatArray:
        return np.float32(1) - other * (frame < 2)

    run = track(4, hinted, shows, lambda number: np.maximum(band_mask(number), other))
    masks = [run.masks[n][0][2, left // 2 + 1] for n in range(4)]
    assert masks == [0, 0, is_kept, is_kept]


def test_all_parts_of_two_things_of_one_color_are_tracked() -> None:
    hints = place_hints(
        [Hint(x=x, y=8, radius=1, color=COLORS[0], name="flag") for x in (4, 28)], SIZE
    )
    both = band_mask(0) + band_mask(3)
    run = track(
        4,
        {0: hints},
        lambda frame, number: np.float32(1) - band_mask(3) * (frame == 1),
        lambda number: both,
    )
    assert [run.masks[n][0][4, 14] for n in range(4)] == [1, 0, 1, 1], "one of them returns"


def test_an_object_that_leaves_is_lost_up_to_the_last_frame_of_the_shot() -> None:
    run = track(4, {0: place(1), 1: place(0)}, lambda frame, number: number == 0 or frame < 2)
    shot = range(FIRST, FIRST + 3 * STEP + 2)
    lost = list(run.tracker.find_lost(shot))
    assert lost == [LostInterval("hint 1", FIRST + 2 * STEP, shot.stop - 1)]


def test_overlapping_objects_of_two_frames_blend_linearly_over_time() -> None:
    hinted = {0: place(0), 6: place(1)}
    run = track(7, hinted, make_mask=lambda number: np.ones(SIZE, np.float32))
    red, blue = (np.array(hinted[n][0].ab) for n in (0, 6))
    for number, overlay in enumerate(run.tracker.overlays()):
        assert overlay.alpha.min() == pytest.approx(1)
        share = (1 + STEP * number) / (2 + STEP * 6)
        mean = overlay.ab.mean((1, 2))
        assert mean == pytest.approx(red + share * (blue - red), abs=0.6)


def test_a_disc_belongs_to_its_object_even_if_nothing_is_segmented() -> None:
    run = track(1, {0: place(2)}, lambda frame, number: False)
    mask = run.masks[0][0]
    assert mask.max() > 0.5
    assert mask[:, : 2 * BAND // 2].max() == 0


def test_a_mask_without_probable_pixels_counts_as_not_found() -> None:
    mask = np.zeros((100, 100), np.float32)
    mask[:10] = 0.4
    assert not is_found(mask)
    mask[0, :2] = 0.9
    assert is_found(mask)
    assert mask_shape(np.zeros((33, 48), np.float32)) == (17, 24)
