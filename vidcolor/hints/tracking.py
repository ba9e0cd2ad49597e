"""Tracking of a film's hints through their shots, before rendering.

Only shots with hints are decoded. The flow between their key frames is stored in an anonymous file
in the work directory, because a shot can be long. Then the hint masks are carried along the flow,
forward and backward, to all key frames (see `tracks`).
"""

from __future__ import annotations

import contextlib
import itertools
import tempfile
from typing import TYPE_CHECKING, Protocol

import numpy as np

from vidcolor.concurrency import close_on_exit
from vidcolor.disk_array import DiskArray
from vidcolor.hints.color_transfer import (
    MIN_REFERENCE_COVERAGE,
    palette_only_warning,
    read_reference,
    register_reference,
    transfer_color,
)
from vidcolor.hints.discs import place_hints
from vidcolor.hints.hint_set import HintSet
from vidcolor.hints.io import load_hints
from vidcolor.hints.predict import make_base_prediction, predict_with_hints
from vidcolor.hints.region import find_hint_regions
from vidcolor.hints.registration import downscale
from vidcolor.hints.timeline import (
    HintedFrame,
    find_hinted_frames,
    merge_hinted_frames,
    sample_frames,
    shot_ranges,
)
from vidcolor.hints.tracks import (
    HINT_TRACKS_FILE,
    HintTrack,
    HintTrackIndex,
    HintTracks,
    KeyframeLinks,
    carry_hints,
)
from vidcolor.imaging.geometry import Geometry, rotate_size
from vidcolor.imaging.guided_filter import GuidedUpsampler
from vidcolor.imaging.smoothstep import smoothstep
from vidcolor.motion.flow import DisFlow
from vidcolor.motion.flow_chain import FlowChain, forward_backward_check, photometric_check
from vidcolor.propagation.flow_frames import AnalysisFrame, attach_flow, make_analysis_frame
from vidcolor.propagation.keyframes import split_intervals
from vidcolor.propagation.propagate import HintMask
from vidcolor.shots.detector import make_shot_finder

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from pathlib import Path

    from vidcolor.colorizer import Colorizer, ProxyPrediction
    from vidcolor.generators.predictor import HintArrays
    from vidcolor.hints.color_transfer import BasePrediction, Reference, TransferredColor
    from vidcolor.hints.timeline import Timeline
    from vidcolor.imaging.types import FloatArray
    from vidcolor.media.decode import Frame
    from vidcolor.media.probe import VideoInfo
    from vidcolor.motion.flow import FlowInput
    from vidcolor.options import ColorizeOptions
    from vidcolor.propagation.keyframes import KeyframeInterval
    from vidcolor.shots.detector import Shot

REFERENCE_CHANGE_LIMITS = (1.0, 4.0)
"""Change of color by a reference, in a*b* units. Pixels with a change up to the first limit are not
part of the mask, and pixels from the second limit are fully part of it."""
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


def track_hints(
    timeline: Timeline,
    video: VideoInfo,
    reader: FrameRangeReader,
    colorizer: Colorizer,
    options: ColorizeOptions,
    folder: Path,
    progress: Callable[[int, int], None],
) -> tuple[HintTrackIndex | None, tuple[str, ...]]:
    """Carry all hints of a film, and its reference, to the key frames of their shots.

    Args:
        timeline, video, reader: times, shots, video stream and frames of the film.
        options: options with the hints and the reference of this film.
        folder: directory of `HINT_TRACKS_FILE`, and of temporary files.
        progress: called with the number of decoded frames and the total number.

    Returns:
        The index of the tracks, or None if there are no hints; and warnings.

    Raises:
        InputError: the hint file or the reference cannot be read.
        UsageError: a hint is invalid, or its frame or the reference's frame is not in the film.
    """
    hints = load_hints(options)
    if not (hints or options.reference):
        return None, ()
    time = options.reference_time if options.reference is not None else None
    hinted_frames = find_hinted_frames(hints, time, timeline, str(options.reference))
    reference = None if options.reference is None else read_reference(options.reference)
    tracker = HintTracker(video, timeline.shots, colorizer, options.vividness, reference, folder)
    shots = shot_ranges(timeline.shots, len(timeline.times))
    if reference is not None and time is None:
        matches = tracker.find_reference(reference, shots, reader)
        hinted_frames = merge_hinted_frames((*hinted_frames, *matches))
    by_shot = {shot: [f for f in hinted_frames if f.frame in shot] for shot in shots}
    total = sum(len(shot) for shot, hinted in by_shot.items() if hinted)
    num_done = itertools.count(1)

    def report(frames: Iterator[Frame]) -> Iterator[Frame]:
        for frame in frames:
            yield frame
            progress(next(num_done), total)

    required = frozenset(f.frame for f in hinted_frames)
    tracks = HintTracks(DiskArray((folder / HINT_TRACKS_FILE).open("w+b")), required)
    with contextlib.closing(tracks):
        for shot, hinted in by_shot.items():
            if hinted:
                frames = report(reader.frames(shot.start, shot.stop))
                tracker.track_shot(frames, shot, hinted, tracks)
        tracks.masks.flush()
        masks = tracks.masks
        index = HintTrackIndex(masks.shape, len(masks), required, tracks.records)
    if options.reference is not None and tracker.max_coverage < MIN_REFERENCE_COVERAGE:
        return index, (palette_only_warning(options.reference),)
    return index, ()


class HintTracker:
    """Makes the hint masks of hinted frames, and carries them through their shots."""

    def __init__(
        self,
        video: VideoInfo,
        shots: Sequence[Shot],
        colorizer: Colorizer,
        vividness: float | None,
        reference: Reference | None,
        folder: Path,
    ) -> None:
        """Prepare the tracker; `folder` receives anonymous temporary files."""
        self._video, self._colorizer = video, colorizer
        self._find_shot = make_shot_finder(shots)
        self._vividness, self._reference, self._folder = vividness, reference, folder
        self._geometry = video.geometry
        self._estimator = DisFlow()
        self._upsample = GuidedUpsampler(radius=4)
        self.max_coverage = 0.0
        """Maximum coverage of the reference over all frames, 0-1; see `transfer_color`."""

    def find_reference(
        self, reference: Reference, shots: Sequence[range], reader: FrameRangeReader
    ) -> list[HintedFrame]:
        """Find the shots that a reference shows.

        Returns:
            The middle frames of these shots; if there are none, evenly spaced frames of all shots.
        """
        found = []
        for shot in shots:
            # One frame of each shot is compared, because decoding all frames takes long.
            middle = (shot.start + shot.stop) // 2
            frames = reader.frames(middle, shot.stop)
            with close_on_exit(frames):
                frame = next(frames, None)
            if frame is None:
                continue
            match = register_reference(reference, self._displayed_luma(frame))
            if float(match.weight.mean()) >= MIN_REFERENCE_COVERAGE:
                found.append(middle)
        if not found:
            found = [frame for shot in shots for frame in sample_frames(shot)]
        return [HintedFrame(frame, has_reference=True) for frame in found]

    def track_shot(
        self,
        frames: Iterator[Frame],
        shot: range,
        hinted_frames: Sequence[HintedFrame],
        tracks: HintTracks,
    ) -> None:
        """Carry the hints of a shot to its key frames, and append the masks to `tracks`.

        The frames have their indices in the film, which are in `shot`.

        Raises:
            UsageError: a hint lies outside the frame, or has an invalid color.
        """
        by_index = {hinted.frame: hinted for hinted in hinted_frames}
        links, keyframes = self._link_keyframes(frames, shot, by_index)
        with contextlib.closing(links.planes):
            if keyframes:
                carry_hints(links, keyframes, tracks)

    def _link_keyframes(
        self, frames: Iterator[Frame], shot: range, hinted_frames: dict[int, HintedFrame]
    ) -> tuple[KeyframeLinks, list[HintTrack]]:
        """Split a shot into keyframe intervals, and make the masks of its hinted frames."""
        coding, geometry = self._video.coding, self._geometry
        analyzed = (
            make_analysis_frame(frame, self._colorizer.make_proxy(frame.luma, coding, geometry))
            for frame in frames
        )
        with_flow = attach_flow(analyzed, self._find_shot, self._estimator)
        required = {index - shot.start for index in hinted_frames}
        planes = DiskArray(tempfile.TemporaryFile(dir=self._folder))  # noqa: SIM115 -- closed by the caller
        links, keyframes = KeyframeLinks([], planes), list[HintTrack]()
        previous: FlowInput | None = None
        for number, interval in enumerate(split_intervals(with_flow, self._estimator, required)):
            item = interval.keyframe.item
            index = item.frame.index
            links.append(index, item.flow_input.luma, _check_chains(interval, previous))
            previous = item.flow_input
            if index in hinted_frames:
                mask = self._make_mask(item, hinted_frames[index])
                keyframes.append(HintTrack(number, index, mask))
        return links, keyframes

    def _make_mask(self, item: AnalysisFrame, hinted: HintedFrame) -> HintMask:
        """Predict a frame with its hints, and find the objects that the hints lie on."""
        stored_size = self._video.height, self._video.width
        size = rotate_size(stored_size, self._geometry.quarter_turns)
        # `place_hints` refuses hints with a time or frame, as for photos.
        hints = [hint.replace(time=None, frame=None) for hint in hinted.hints]
        transferred = self._transfer_reference(item) if hinted.has_reference else None
        hint_set = HintSet(size, place_hints(hints, size), transferred)
        prediction = predict_with_hints(
            lambda arrays: self._predict(item.proxy, arrays),
            hint_set,
            self._colorizer.accepts_hints,
        )
        luma = item.flow_input.luma
        base_ab = self._upsample(prediction.base.ab, luma, luma)
        hinted_ab = self._upsample(prediction.hinted.ab, luma, luma)
        # The upsampler takes two planes.
        alpha = self._upsample(np.stack([prediction.alpha, prediction.alpha]), luma, luma)[0]
        scale = luma.shape[0] / size[0], luma.shape[1] / size[1]
        ab, mask = find_hint_regions(hint_set.discs, base_ab, hinted_ab, luma, scale)
        if transferred is not None:  # a reference applies to the whole frame
            change = np.linalg.norm(ab - base_ab, axis=0)
            mask = np.maximum(mask, smoothstep(change, *REFERENCE_CHANGE_LIMITS))
        return HintMask(ab, np.clip(np.maximum(mask, alpha), 0, 1))

    def _transfer_reference(self, item: AnalysisFrame) -> TransferredColor:
        """Transfer the color of the reference to a frame, and update `max_coverage`."""
        assert self._reference is not None  # otherwise no frame has a reference
        luma = self._displayed_luma(item.frame)
        color, coverage = transfer_color(self._reference, luma, self._predict_base)
        self.max_coverage = max(self.max_coverage, coverage)
        return color

    def _displayed_luma(self, frame: Frame) -> FloatArray:
        """Return the downscaled Y' of a frame as displayed: (h, w) float32 in [0, 1]."""
        unit = self._video.coding.luma_to_unit(downscale(frame.luma))
        return np.ascontiguousarray(self._geometry.to_upright(unit))

    def _predict_base(self, luma: FloatArray) -> BasePrediction:
        """Predict without hints, from Y' of an upright frame, (h, w) float32 in [0, 1]."""
        proxy = self._colorizer.make_upright_proxy(luma)
        return make_base_prediction(self._predict(proxy, None))

    def _predict(self, proxy: FloatArray, hints: HintArrays | None) -> ProxyPrediction:
        """Predict from an upright proxy, (h, w) float32 in [0, 1]."""
        upright = Geometry(width=proxy.shape[1], height=proxy.shape[0])
        return self._colorizer.predict([proxy], upright, self._vividness, hints)[0]


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
