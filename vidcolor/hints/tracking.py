"""Follows a person's hints through their shots, before anything is colored.

Shots with hints are looked through once more: the links between their key frames go to a file
without a name in the work directory, as a shot may be long; then the hints' colors are led along
them, forward and back, and what they make of each key frame takes the links' place.
"""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vidcolor.color.smoothstep import smoothstep
from vidcolor.colorizer import Geometry
from vidcolor.concurrency import closed_after
from vidcolor.disk_array import DiskArray
from vidcolor.film.plan import film_geometry, stream_origin
from vidcolor.hints.color_transfer import transfer_color
from vidcolor.hints.discs import place_hints
from vidcolor.hints.hint_set import HintSet
from vidcolor.hints.io import load_hints
from vidcolor.hints.photo import LEAST_SHOWN
from vidcolor.hints.predict import base_prediction, predict_with_hints
from vidcolor.hints.reference import read_reference, register_reference
from vidcolor.hints.region import hint_region
from vidcolor.hints.registration import shrunk
from vidcolor.hints.timeline import (
    FrameRange,
    HintedFrame,
    Timeline,
    find_hinted_frames,
    merge_hinted_frames,
    sample_range,
    shot_ranges,
)
from vidcolor.hints.tracks import (
    DirectionalHints,
    HintKeyframe,
    HintMask,
    HintTrack,
    both_sides,
    one_side,
)
from vidcolor.imaging.guided_filter import GuidedUpsampler
from vidcolor.motion.flow import DisFlow, pixel_grid
from vidcolor.motion.flow_chain import FlowChain, forward_backward_check, photometric_check
from vidcolor.propagation.analysis_frame import AnalysisFrame, make_analysis_frame, with_flow
from vidcolor.propagation.keyframes import split_intervals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from vidcolor.colorizer import Colorizer, ProxyPrediction
    from vidcolor.film.plan import FilmPlan
    from vidcolor.film.segment_reader import SegmentReader
    from vidcolor.generators.predictor import HintArrays
    from vidcolor.hints.color_transfer import BasePrediction
    from vidcolor.hints.reference import Reference, TransferredColor
    from vidcolor.media.decode import Frame
    from vidcolor.motion.flow import FlowInput
    from vidcolor.options import ColorizeOptions
    from vidcolor.propagation.keyframes import KeyframeInterval
    from vidcolor.shots.detector import Shot

    Array = NDArray[np.float32]

MAX_TRACKS = 4
"""Frames with hints that are followed to one side at a time; the nearest count."""
HINT_TRACKS_FILE = "pins.f16"
NOTICED = (1.0, 4.0)
"""Change of color, in a*b* units, that a reference makes hardly and surely."""
ASTRAY, DIFFERENT = (1.0, 3.0), (0.4, 1.0)
"""Limits of `forward_backward_check` and `photometric_check` for flow between key frames. They are
stricter than elsewhere, because a color given by a person is conspicuous on uncovered ground."""
FORGOTTEN = 0.02
"""Influence below which a hint is followed no further."""


@dataclass(slots=True)
class HintTracks:
    """A person's colors in key frames."""

    spool: DiskArray
    wanted: frozenset[int]
    """Frames that must be key frames."""
    records: dict[int, int] = field(default_factory=dict)
    """Where in the spool each key frame's colors are, by the frame's number."""

    def at(self, frame: int) -> HintMask | None:
        """What is known of a key frame; None if that is nothing."""
        record = self.records.get(frame)
        if record is None:
            return None
        planes: Array = self.spool[record]
        return HintMask(planes[:2], planes[2])

    def close(self) -> None:
        """Let go of the colors."""
        self.spool.close()


@dataclass(frozen=True, slots=True)
class HintTrackIndex:
    """What pins are, but for the colors themselves, which lie in a file: see `HINT_TRACKS_FILE`."""

    shape: tuple[int, ...]
    count: int
    wanted: frozenset[int]
    records: dict[int, int]

    def open(self, folder: Path) -> HintTracks:
        """The pins; whoever opens them closes them.

        Raises:
            OSError: their file is not in `folder`.
        """
        spool = DiskArray.of_file(folder / HINT_TRACKS_FILE, self.shape, self.count)
        return HintTracks(spool, self.wanted, self.records)

    def to_json(self) -> dict[str, Any]:
        """In plain values."""
        records = [list(pair) for pair in self.records.items()]
        wanted = sorted(self.wanted)
        return {"shape": self.shape, "count": self.count, "wanted": wanted, "records": records}

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> HintTrackIndex:
        """What `to_json` wrote."""
        records = {int(frame): int(record) for frame, record in said["records"]}
        return cls(tuple(said["shape"]), said["count"], frozenset(said["wanted"]), records)


class KeyframeLinks(NamedTuple):
    """A shot's key frames, and how each shows the one before."""

    frames: list[int]
    """Their numbers."""
    spool: DiskArray
    """Of each (7, h, w): flow to the key frame before and its trust, flow from that one to this and
    its trust, Y'."""

    def back(self, key: int) -> FlowChain:
        """From a key frame to the one before."""
        return _track(self.spool[key][:3])

    def ahead(self, key: int) -> FlowChain:
        """From a key frame to the one after."""
        return _track(self.spool[key + 1][3:6])

    def luma(self, key: int) -> Array:
        """Y': (h, w) float32 in [0, 1]."""
        luma: Array = self.spool[key][6]
        return luma


def track_hints(
    plan: FilmPlan,
    source: SegmentReader,
    colorizer: Colorizer,
    options: ColorizeOptions,
    folder: Path,
    progress: Callable[[int, int], None],
) -> tuple[HintTrackIndex | None, tuple[str, ...]]:
    """Lead all hints of a film, and its reference, to the key frames of their shots.

    Args:
        plan: of a film that has been looked through.
        source: reads it.
        colorizer: its generator is told of the hints, and asked without them.
        options: hints and reference; those of this film alone.
        folder: the pins' file is left there: `HINT_TRACKS_FILE`.
        progress: told how many frames of how many have been looked through.

    Returns:
        None if there are none; and what is to be said.

    Raises:
        InputError: hints or reference cannot be read.
        UsageError: they do not fit the film.
    """
    hints = load_hints(options)
    if not (hints or options.reference):
        return None, ()
    base, origin = plan.video.time_base, stream_origin(plan.video)
    times = [pts * base for pts in plan.pts]
    since = [time - origin for time in times]
    shots = plan.shots
    clock = Timeline(plan.info.path, since, shots, (plan.start_s or origin) - origin)
    named = str(options.reference)
    time = options.reference_time if options.reference is not None else None
    spoken = find_hinted_frames(hints, time, clock, named)
    reference = None if options.reference is None else read_reference(options.reference)
    follower = HintTracker(plan, shots, colorizer, options.vividness, reference, folder)
    spans = shot_ranges(shots, len(times))

    def frames_of(span: FrameRange) -> Iterator[Frame]:
        return source.frames(span.begin, span.end)

    if reference is not None and time is None:
        spoken = merge_hinted_frames((*spoken, *follower.find(spans, frames_of)))
    told = {span: [s for s in spoken if span.begin <= s.frame < span.end] for span in spans}
    total = sum(span.end - span.begin for span, here in told.items() if here)
    done = 0
    with contextlib.ExitStack() as stack:
        pins = HintTracks(DiskArray(folder, HINT_TRACKS_FILE), frozenset(s.frame for s in spoken))
        stack.callback(pins.close)
        for span, here in told.items():
            if here:
                frames = _counted(frames_of(span), done, lambda n: progress(n, total))
                follower.follow(frames, span, here, pins)
                done += span.end - span.begin
        pins.spool.flush()
        index = HintTrackIndex(pins.spool.shape, len(pins.spool), pins.wanted, pins.records)
    palette_only = reference is not None and follower.most_shown < LEAST_SHOWN
    said = f"{named} shows something else; only its palette is taken over"
    return index, (said,) if palette_only else ()


def _counted(
    frames: Iterator[Frame], done: int, progress: Callable[[int], None]
) -> Iterator[Frame]:
    for number, frame in enumerate(frames, done + 1):
        yield frame
        progress(number)


class HintTracker:
    """Follows hints through one shot after another."""

    def __init__(
        self,
        plan: FilmPlan,
        shots: Sequence[Shot],
        colorizer: Colorizer,
        vividness: float | None,
        reference: Reference | None,
        folder: Path,
    ) -> None:
        """Prepare.

        Args:
            plan: of the film.
            shots: all of its shots.
            colorizer: its generator is told of the hints, and asked without them.
            vividness: see `Colorizer.predict`.
            reference: a colored picture, if some of the frames are shown by one.
            folder: where files without a name may grow.
        """
        self._folder = folder
        self._plan, self._shots, self._colorizer = plan, shots, colorizer
        self._vividness, self._reference = vividness, reference
        self._estimator = DisFlow()
        self._geometry = film_geometry(plan.video)
        self._raise = GuidedUpsampler(radius=4)
        self.most_shown = 0.0
        """The largest share of a frame that the reference was seen to show."""

    def find(
        self, spans: Sequence[FrameRange], frames_of: Callable[[FrameRange], Iterator[Frame]]
    ) -> Iterator[HintedFrame]:
        """Frames that the reference shows, one in each shot at most; else some in every shot."""
        assert self._reference is not None  # or there is nothing to be found
        shown = []
        for span in spans:
            middle = (span.begin + span.end) // 2
            frames = frames_of(FrameRange(middle, span.end))
            with closed_after(frames):
                frame = next(frames, None)
            if frame is None:
                continue
            share = float(register_reference(self._reference, self._luma(frame)).trust.mean())
            if share >= LEAST_SHOWN:
                shown.append(middle)
        if not shown:
            shown = [frame for span in spans for frame in sample_range(span)]
        return (HintedFrame(frame, reference=True) for frame in shown)

    def follow(
        self,
        frames: Iterator[Frame],
        span: FrameRange,
        spoken: Sequence[HintedFrame],
        pins: HintTracks,
    ) -> None:
        """Look through a shot, and pin the colors of its key frames.

        Args:
            frames: the shot's, numbered as in the film.
            span: which frames that is.
            spoken: those of which something is known, in order.
            pins: what is added to.

        Raises:
            UsageError: a hint lies outside of the picture, or names no color.
        """
        links, moments = self._linked(frames, span, {s.frame: s for s in spoken})
        with contextlib.closing(links.spool):
            if moments:
                _pin(links, moments, pins)

    def _linked(
        self, frames: Iterator[Frame], span: FrameRange, spoken: dict[int, HintedFrame]
    ) -> tuple[KeyframeLinks, list[HintKeyframe]]:
        coding, geometry = self._plan.video.coding, self._geometry
        analyzed = (
            make_analysis_frame(frame, self._colorizer.proxy(frame.luma, coding, geometry))
            for frame in frames
        )
        sights = with_flow(analyzed, self._shots, self._estimator)
        wanted = {number - span.begin for number in spoken}
        links, moments = KeyframeLinks([], DiskArray(self._folder)), list[HintKeyframe]()
        before: FlowInput | None = None
        for key, stretch in enumerate(split_intervals(sights, self._estimator, wanted)):
            item = stretch.key.item
            links.frames.append(item.frame.index)
            links.spool.append(_record(stretch, before))
            before = item.look
            if item.frame.index in spoken:
                pinned = self._told(item, spoken[item.frame.index])
                moments.append(HintKeyframe(key, item.frame.index, pinned))
        return links, moments

    def _told(self, item: AnalysisFrame, spoken: HintedFrame) -> HintMask:
        """What becomes of a frame that something is known of."""
        stored = self._plan.video.height, self._plan.video.width
        size = stored if self._geometry.quarter_turns % 2 == 0 else stored[::-1]
        of_picture = [replace(hint, time=None, frame=None) for hint in spoken.hints]
        lent = self._lent(item) if spoken.reference else None
        known = HintSet(size, place_hints(of_picture, size), lent)
        told = predict_with_hints(
            lambda hints: self._predict(item.proxy, hints), known, self._colorizer.accepts_hints
        )
        luma = item.look.luma
        guess, ab = self._raised(told.guess.ab, luma), self._raised(told.color.ab, luma)
        share = self._raised(np.stack([told.share, told.share]), luma)[0]
        scale = luma.shape[0] / size[0], luma.shape[1] / size[1]
        ab, where = hint_region(known.spots, guess, ab, luma, scale)
        if lent is not None:  # it speaks of the whole picture
            changed = np.linalg.norm(ab - guess, axis=0)
            where = np.maximum(where, smoothstep(changed, *NOTICED))
        influence = np.clip(np.maximum(where, share), 0, 1)
        return HintMask(ab, influence)

    def _raised(self, planes: Array, luma: Array) -> Array:
        """(2, h, w) on the generator's grid -> on the flow's."""
        return self._raise(planes, luma, luma)

    def _lent(self, item: AnalysisFrame) -> TransferredColor:
        assert self._reference is not None  # or nothing would be asked of it
        lent, shown = transfer_color(self._reference, self._luma(item.frame), self.guess)
        self.most_shown = max(self.most_shown, shown)
        return lent

    def _luma(self, frame: Frame) -> Array:
        """Y' as displayed, small: (h, w) float32 in [0, 1]."""
        unit = self._plan.video.coding.luma_to_unit(shrunk(frame.luma))
        return np.ascontiguousarray(self._geometry.to_upright(unit))

    def guess(self, luma: Array) -> BasePrediction:
        """What the generator says of an upright picture's Y', (h, w) float32 in [0, 1]."""
        proxy = self._colorizer.proxy_of(luma)
        return base_prediction(self._predict(proxy, None))

    def _predict(self, proxy: Array, hints: HintArrays | None) -> ProxyPrediction:
        upright = Geometry(width=proxy.shape[1], height=proxy.shape[0])
        return self._colorizer.predict([proxy], upright, self._vividness, hints)[0]


def _pin(links: KeyframeLinks, moments: Sequence[HintKeyframe], pins: HintTracks) -> None:
    """Note what moments make of each key frame of a shot."""
    first = len(pins.spool)
    for key, side in enumerate(_sides(links, moments, forward=True)):
        pins.spool.append(np.stack([*side.ab, side.influence, side.away]))
        pins.records[links.frames[key]] = first + key
    last = len(links.frames) - 1
    for n, later in enumerate(_sides(links, moments, forward=False)):
        key = last - n
        planes = pins.spool[first + key]
        pinned = both_sides(DirectionalHints(planes[:2], planes[2], planes[3]), later)
        planes[:2], planes[2] = pinned
        pins.spool[first + key] = planes
        if float(pinned.influence.max()) < FORGOTTEN:
            del pins.records[links.frames[key]]


def _sides(
    links: KeyframeLinks, moments: Sequence[HintKeyframe], forward: bool
) -> Iterator[DirectionalHints]:
    """What moments earlier (or later) than each key frame say of it, from one end to the other."""
    by_key = {moment.key: moment for moment in moments}
    keys = range(len(links.frames))
    chains: list[HintTrack] = []
    for key in keys if forward else reversed(keys):
        luma = links.luma(key)
        if chains:
            link = links.back(key) if forward else links.ahead(key)
            for chain in chains:
                chain.step(link, luma)
        if key in by_key:
            chains.append(HintTrack(by_key[key]))
        carried = [(abs(links.frames[key] - c.moment.frame), c.pinned) for c in chains]
        yield one_side(carried, luma.shape)
        alive = [float(pinned.influence.max()) >= FORGOTTEN for _, pinned in carried]
        chains = list(itertools.compress(chains, alive))[-MAX_TRACKS:]


def _record(stretch: KeyframeInterval[AnalysisFrame], before: FlowInput | None) -> Array:
    """What is kept of a key frame; `before` is the look of the one before."""
    here = stretch.key.look
    if before is None or stretch.back is None:
        return np.stack([*[np.zeros_like(here.luma)] * 6, here.luma])
    there, back = stretch.before[-1], stretch.back
    links = (
        _doubted(there, back, here.pattern, before.pattern),
        _doubted(back, there, before.pattern, here.pattern),
    )
    own = pixel_grid(here.luma.shape)
    planes = [[*(link.places - own).transpose(2, 0, 1), link.trust] for link in links]
    return np.stack([*planes[0], *planes[1], here.luma])


def _doubted(track: FlowChain, reverse: FlowChain, here: Array, there: Array) -> FlowChain:
    track = forward_backward_check(track, reverse, ASTRAY)
    return FlowChain(track.places, photometric_check(track, here, there, DIFFERENT))


def _track(planes: Array) -> FlowChain:
    return FlowChain(pixel_grid(planes.shape[1:]) + planes[:2].transpose(1, 2, 0), planes[2])
