"""Tracking of hints through a shot, before rendering.

Key frames of the shot and the flow between them are stored in anonymous files in the work
directory, because a shot can be long. Then the masks of hinted objects (see `object_tracks`) and
the color of references (see `tracks`) are carried to all key frames.
"""

from __future__ import annotations

import contextlib
import tempfile
from typing import TYPE_CHECKING, Protocol

from vidcolor.concurrency import close_on_exit
from vidcolor.disk_array import DiskArray
from vidcolor.hints.discs import place_hints
from vidcolor.hints.object_tracks import LostInterval, ObjectTracker, mask_shape
from vidcolor.hints.objects import group_discs
from vidcolor.hints.overlays import OverlayWriter
from vidcolor.hints.reference_masks import ReferenceMasks
from vidcolor.hints.timeline import HintedFrame, middle_frame
from vidcolor.hints.tracks import (
    HintTrack,
    KeyframeLinks,
    carry_references,
    find_similar_color,
    interpolate_overlays,
)
from vidcolor.imaging.geometry import rotate_size
from vidcolor.imaging.overlay import ColorOverlay, composite_overlays, resize_overlay
from vidcolor.motion.flow import DisFlow
from vidcolor.motion.flow_chain import FlowChain, forward_backward_check, photometric_check
from vidcolor.propagation.flow_frames import AnalysisFrame, attach_flow, make_analysis_frame
from vidcolor.propagation.keyframes import split_intervals
from vidcolor.shots.detector import make_shot_finder

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence
    from pathlib import Path

    from vidcolor.colorizer import Colorizer
    from vidcolor.hints.color_transfer import ReferenceImage
    from vidcolor.hints.discs import HintDisc
    from vidcolor.imaging.types import FloatArray
    from vidcolor.media.decode import Frame
    from vidcolor.media.probe import VideoInfo
    from vidcolor.motion.flow import FlowInput
    from vidcolor.propagation.keyframes import KeyframeInterval
    from vidcolor.shots.detector import Shot
    from vidcolor.shots.shot_options import ValueFinder

MASK_INTERVAL = 6
"""Maximum distance between the frames in which objects are segmented, in frames. With 3, tracking
takes nearly twice as long, and no more of the objects is found."""
FORWARD_BACKWARD_LIMITS = (1.0, 3.0)
"""Limits of `forward_backward_check` for flow between key frames, in pixels. They are stricter than
the default, because a color given by the user is conspicuous on uncovered background."""
PHOTOMETRIC_LIMITS = (0.4, 1.0)
"""Limits of `photometric_check` for flow between key frames, in local standard deviations of Y'.
They are stricter than the default for the same reason as `FORWARD_BACKWARD_LIMITS`."""


class FrameRangeReader(Protocol):
    """Reads any range of a film's frames."""

    def frames(self, first: int, last: int) -> Generator[Frame, None, None]:
        """Yield the frames with indices `first` to `last - 1`."""
        ...


class HintTracker:
    """Makes the hint masks of hinted frames, and carries them through their shots."""

    def __init__(
        self,
        video: VideoInfo,
        shots: Sequence[Shot],
        colorizer: Colorizer,
        find_vividness: ValueFinder,
        references: Sequence[ReferenceImage],
        folder: Path,
    ) -> None:
        """Prepare the tracker; `folder` receives anonymous temporary files."""
        self._video, self._colorizer = video, colorizer
        self._find_shot = make_shot_finder(shots)
        self._references, self._folder = references, folder
        self._find_vividness, self._vividness = find_vividness, find_vividness(0)
        self._geometry = video.geometry
        self._estimator = DisFlow()
        self._masks = ReferenceMasks(video, colorizer)
        self.coverage: dict[int, float] = {}
        """Coverage of the reference of each frame that has one, 0-1; see `transfer_color`."""

    def max_coverage(self, reference: int, hinted_frames: Iterable[HintedFrame]) -> float:
        """Return the maximum coverage of the reference of an index over its frames, 0-1."""
        frames = [hinted.frame for hinted in hinted_frames if hinted.reference == reference]
        return max((self.coverage.get(frame, 0.0) for frame in frames), default=0.0)

    def match_references(
        self, indices: Sequence[int], shots: Sequence[range], reader: FrameRangeReader
    ) -> dict[int, list[float]]:
        """Compare references with the middle frame of each shot.

        Returns:
            How well each reference matches each shot, by the index of the reference: the mean
            weight of registered color, 0-1; 0 if it does not match.
        """
        matches = {index: [0.0] * len(shots) for index in indices}
        for number, shot in enumerate(shots):
            # One frame of each shot is compared, because decoding all frames takes long.
            frames = reader.frames(middle_frame(shot), shot.stop)
            with close_on_exit(frames):
                frame = next(frames, None)
            if frame is None:
                continue
            for index, values in matches.items():
                values[number] = self._masks.match(self._references[index], frame)
        return matches

    def track_shot(
        self,
        frames: Iterator[Frame],
        shot: range,
        hinted_frames: Sequence[HintedFrame],
        writer: OverlayWriter,
    ) -> list[LostInterval]:
        """Carry the hints of a shot through it, and append the overlays of its frames.

        The frames have their indices in the film, which are in `shot`.

        Returns:
            The intervals in which objects are not found.

        Raises:
            UsageError: a hint lies outside the frame, or has an invalid color.
        """
        by_index = {hinted.frame: hinted for hinted in hinted_frames}
        self._vividness = self._find_vividness(shot.start)
        with contextlib.ExitStack() as stack:
            stores = [stack.enter_context(self._temporary_array()) for _ in range(5)]
            links = KeyframeLinks([], *stores[:3])
            references = self._link_keyframes(frames, shot, by_index, links)
            if not links.frames:
                return []
            segmentation, shape = self._colorizer.segmentation, mask_shape(links.proxy(0))
            below: Iterator[ColorOverlay] | None = None
            if references:
                carried = carry_references(links, references, stores[3])
                below = (
                    composite_overlays(resize_overlay(carried(number), shape), similar)
                    for number, similar in enumerate(
                        find_similar_color(segmentation, links, references, shape)
                    )
                )
            discs = self._place_discs(links, by_index)
            objects = group_discs([disc for placed in discs.values() for disc in placed])
            tracker = ObjectTracker(segmentation, links, objects, discs, self._size, stores[4])
            tracker.track()
            previous = None
            for number, overlay in enumerate(tracker.overlays()):
                if below is not None:
                    overlay = composite_overlays(overlay, next(below))
                for index, share, *chains in links.interpolated(number):
                    assert previous is not None  # the first key frame has none before it
                    writer.append(index, interpolate_overlays(previous, overlay, share, chains))
                writer.append(links.frames[number], overlay)
                previous = overlay
            return list(tracker.find_lost(shot))

    @contextlib.contextmanager
    def _temporary_array(self) -> Iterator[DiskArray]:
        """Open a list of arrays in an anonymous file."""
        with tempfile.TemporaryFile(dir=self._folder) as file:
            yield DiskArray(file)

    @property
    def _size(self) -> tuple[int, int]:
        """H, W of the displayed frame, in stored pixels."""
        return rotate_size((self._video.height, self._video.width), self._geometry.quarter_turns)

    def _link_keyframes(
        self,
        frames: Iterator[Frame],
        shot: range,
        hinted_frames: dict[int, HintedFrame],
        links: KeyframeLinks,
    ) -> list[HintTrack]:
        """Split a shot into keyframe intervals; return the masks of frames with a reference."""
        # A mask is segmented in key frames only, so there are more of them than for prediction.
        required = {index - shot.start for index in hinted_frames}
        required |= set(range(0, len(shot), MASK_INTERVAL))
        coding, geometry = self._video.coding, self._geometry
        analyzed = (
            make_analysis_frame(frame, self._colorizer.make_proxy(frame.luma, coding, geometry))
            for frame in frames
        )
        with_flow = attach_flow(analyzed, self._find_shot, self._estimator)
        references = list[HintTrack]()
        previous: FlowInput | None = None
        for number, interval in enumerate(split_intervals(with_flow, self._estimator, required)):
            item = interval.keyframe.item
            index = item.frame.index
            for to_previous, to_keyframe in zip(
                interval.to_previous[:-1], interval.to_keyframe[:-1], strict=True
            ):
                links.append_between(to_previous, to_keyframe)
            links.append(index, item.proxy, item.flow_input.luma, _check_chains(interval, previous))
            previous = item.flow_input
            reference = hinted_frames[index].reference if index in hinted_frames else None
            if reference is not None:
                mask, coverage = self._masks.make(
                    self._references[reference], item, self._vividness
                )
                self.coverage[index] = coverage
                references.append(HintTrack(number, index, mask))
        return references

    def _place_discs(
        self, links: KeyframeLinks, hinted_frames: dict[int, HintedFrame]
    ) -> dict[int, tuple[HintDisc, ...]]:
        """Return the discs of each hinted key frame, by its number among the key frames."""
        placed = {}
        for number, index in enumerate(links.frames):
            if index in hinted_frames and hinted_frames[index].hints:
                # `place_hints` refuses hints with a time or frame, as for photos.
                hints = [h.replace(time=None, frame=None) for h in hinted_frames[index].hints]
                placed[number] = place_hints(hints, self._size)
        return placed


def _check_chains(
    interval: KeyframeInterval[AnalysisFrame], previous: FlowInput | None
) -> tuple[FlowChain, FlowChain] | None:
    """Return the chains from a key frame to the previous one and back, with strict checks."""
    forward = interval.previous_to_keyframe
    if previous is None or forward is None:
        return None
    backward = interval.to_previous[-1]
    current, other = interval.keyframe.flow_input.normalized, previous.normalized

    def check(
        chain: FlowChain, reverse: FlowChain, source: FloatArray, target: FloatArray
    ) -> FlowChain:
        chain = forward_backward_check(chain, reverse, FORWARD_BACKWARD_LIMITS)
        return photometric_check(chain, source, target, PHOTOMETRIC_LIMITS)

    return check(backward, forward, current, other), check(forward, backward, other, current)
