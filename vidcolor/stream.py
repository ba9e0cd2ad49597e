"""Colorization of a stream of frames in memory, with the temporal consistency of films.

frames → luma → proxy → shots → propagation → R'G'B'. The stages are those of the film pipeline. If
shots are detected, a frame waits until no boundary before it can be found any more.
"""

from __future__ import annotations

import itertools
import operator
import warnings
from collections import deque
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from vidcolor.arrays import make_image, make_planes, read_image
from vidcolor.colorizer import Colorizer
from vidcolor.concurrency import close_on_exit, map_in_threads, prefetch
from vidcolor.errors import UsageError
from vidcolor.images import compose_image
from vidcolor.imaging.geometry import Geometry
from vidcolor.imaging.resize import resize_area, resize_linear
from vidcolor.options import ColorizeOptions
from vidcolor.propagation.flow_frames import make_analysis_frame
from vidcolor.propagation.shot_colorizer import ShotColorizer
from vidcolor.shots.detector import Shot, ShotDetector, make_shot_finder
from vidcolor.shots.features import get_detection_shape
from vidcolor.shots.shot_list import read_shots
from vidcolor.titles.card import get_card_shape
from vidcolor.titles.shots import SAMPLE_STRIDE, TitleDetector, list_titles, make_title_finder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from vidcolor.arrays import ArrayFormat, Layout, LumaImage
    from vidcolor.color.ycbcr import Coding
    from vidcolor.imaging.types import Plane
    from vidcolor.media.decode import Frame
    from vidcolor.propagation.flow_frames import AnalysisFrame
    from vidcolor.propagation.shot_colorizer import PredictedFrame
    from vidcolor.shots.detector import ShotFinder
    from vidcolor.titles.shots import Title, TitleFinder

QUEUE_FRAMES = 4
"""Number of frames that wait between two stages."""
COMPOSE_THREADS = 2
"""Number of threads that upsample chroma at full size."""
MAX_RECENT_SHOTS = 1024
"""Number of detected shots that are kept. It exceeds the number of frames in the pipeline."""


def colorize_frames(
    frames: Iterable[Any],
    *,
    shots: Sequence[Shot] | Sequence[int] | Path | str | None = None,
    colorizer: Colorizer | None = None,
    saturation: float = 1.0,
    vividness: float | None = None,
    titles: Literal["neutral", "color"] = "neutral",
    layout: Layout | None = None,
    return_confidence: bool = False,
) -> Iterator[Any]:
    """Colorize the frames of a film in memory, with the same temporal consistency as a film.

    Frames come out in order, each exactly once. Memory depends on the frame size only: about 50
    frames of luma are held if `shots` is given, otherwise about 170, because shots are detected
    with a delay. `frames` is iterated in another thread, and closed if the iteration ends early.

    Args:
        frames: images of one size and format: luma or R'G'B', as for `Colorizer.colorize`, but no
            batches. An array may be reused for the next frame.
        shots: the first frame of each shot, counted from 0; or shots of `vidcolor shots`, or the
            path of a shot list; None to detect them.
        colorizer: a colorizer to reuse; None to load the embedded generator.
        saturation: gain of the chroma, 0 to 3.
        vividness: 0 to 1; None for the default of the colorizer.
        titles: ``neutral`` keeps title cards and blank leader gray, ``color`` colorizes them. If
            `shots` is given, the titles are those whose `Shot.kind` is ``title``. Otherwise they
            are recognized in the frames that are held.
        layout: ``hwc`` or ``chw``, as for `Colorizer.colorize`.
        return_confidence: whether to yield pairs of frame and confidence.

    Yields:
        Each frame as R'G'B', as from `Colorizer.colorize`.

    Warns:
        UserWarning: at the end, a shot begins after the last frame.

    Raises:
        UsageError: an option or the shots are invalid; while iterating: a frame is not supported,
            or has another size or format than the first one.
        InputError: the shot list cannot be read.
    """
    if titles not in ("neutral", "color"):  # frames in memory have no tint
        raise UsageError(f"titles must be 'neutral' or 'color', got {titles!r}")
    options = ColorizeOptions(saturation=saturation, vividness=vividness, titles=titles)
    colorizer = colorizer or Colorizer.load()
    colorizer.check_options(options)
    if return_confidence and not colorizer.has_confidence:
        raise UsageError(f"model {colorizer.name!r} does not estimate confidence")
    known = None if shots is None else _read_shots(shots)
    return _colorize(
        _FrameReader(frames, colorizer, layout), colorizer, known, options, return_confidence
    )


@dataclass(frozen=True, slots=True)
class _StreamFrame:
    """A frame of the stream."""

    index: int
    luma: LumaImage


class _FrameReader:
    """Reads the luma of frames of one format."""

    def __init__(self, frames: Iterable[Any], colorizer: Colorizer, layout: Layout | None) -> None:
        self._frames, self._colorizer, self._layout = frames, colorizer, layout
        self.format: ArrayFormat | None = None
        """Format of the frames; None before the first one is read."""
        self.num_frames = 0
        """Number of frames that were read."""

    def read(self) -> Iterator[AnalysisFrame]:
        """Yield the frames for analysis; see `colorize_frames` for the errors."""
        with close_on_exit(self._frames):
            for index, image in enumerate(self._frames):
                try:
                    fmt, lumas = read_image(image, self._layout)
                except UsageError as error:
                    raise UsageError(f"frame {index}: {error}") from None
                if fmt.batch is not None:
                    raise UsageError(f"frame {index}: must be one image, got a batch")
                if fmt != (self.format or fmt):
                    raise UsageError(
                        f"frame {index}: is a {fmt}, and the first frame a {self.format}; all"
                        " frames of a film must have one size and format"
                    )
                self.format = fmt
                geometry = Geometry(width=fmt.size[1], height=fmt.size[0])
                # The caller may reuse the memory of the image.
                luma = lumas[0]._replace(codes=lumas[0].codes.copy())
                proxy = self._colorizer.make_proxy(luma.codes, fmt.coding, geometry)
                self.num_frames += 1
                # Propagation reads only the index.
                yield make_analysis_frame(cast("Frame", _StreamFrame(index, luma)), proxy)


def _colorize(
    reader: _FrameReader,
    colorizer: Colorizer,
    known: Sequence[Shot] | None,
    options: ColorizeOptions,
    return_confidence: bool,
) -> Iterator[Any]:
    detected = _DetectedShots(reader, options.titles != "color")
    find_shot: ShotFinder = detected.find
    find_title: TitleFinder = detected.find_title
    frames = detected.wait(reader.read()) if known is None else reader.read()
    if known is not None:
        find_shot = make_shot_finder(known)
        find_title = make_title_finder(() if options.titles == "color" else list_titles(known))
    first = next(frames, None)
    if first is None:
        return
    assert reader.format is not None
    fmt = reader.format
    geometry = Geometry(width=fmt.size[1], height=fmt.size[0])
    shot_colorizer = ShotColorizer(
        colorizer, find_shot, geometry, options.vividness, find_title=find_title
    )
    analyzed = prefetch(_chain(first, frames), QUEUE_FRAMES)
    predicted = prefetch(shot_colorizer.colorize(analyzed), QUEUE_FRAMES)

    def compose(item: PredictedFrame) -> Any:
        luma = cast("_StreamFrame", item.frame).luma
        rgb, _ = compose_image(colorizer, item.prediction, luma, fmt, options.saturation)
        image = make_image(fmt, [rgb])
        if not return_confidence:
            return image
        return image, make_planes(fmt, [resize_linear(item.prediction.confidence, fmt.size)])

    with closing(map_in_threads(compose, predicted, COMPOSE_THREADS, COMPOSE_THREADS + 1)) as done:
        yield from done
    if known is not None and known[-1].first >= reader.num_frames:
        warnings.warn(
            f"shots: one begins at frame {known[-1].first}, after the last frame "
            f"({reader.num_frames - 1})",
            stacklevel=2,
        )


def _chain(first: AnalysisFrame, frames: Iterator[AnalysisFrame]) -> Iterator[AnalysisFrame]:
    with close_on_exit(frames):
        yield first
        yield from frames


class _DetectedShots:
    """The shots that were detected in the frames so far."""

    def __init__(self, reader: _FrameReader, finds_titles: bool) -> None:
        self._reader, self._detector = reader, ShotDetector()
        self._titles = TitleDetector() if finds_titles else None
        # Another thread reads the tuples, so they are replaced and never modified.
        self._shots: tuple[Shot, ...] = (Shot(0, 0, "start"),)
        self._decisions: tuple[tuple[int, Title | None], ...] = ()
        """The boundary of each shot, and the title that it is."""

    def find(self, index: int) -> Shot:
        """Return the shot of a frame that `wait` has yielded."""
        return next(shot for shot in reversed(self._shots) if shot.first <= index)

    def find_title(self, index: int) -> Title | None:
        """Return the title that a frame which `wait` has yielded belongs to."""
        found = (title for first, title in reversed(self._decisions) if first <= index)
        return next(found, None)

    def wait(self, frames: Iterator[AnalysisFrame]) -> Iterator[AnalysisFrame]:
        """Yield each frame when its shot is final."""
        waiting: deque[AnalysisFrame] = deque()
        with close_on_exit(frames):
            for frame in frames:
                waiting.append(frame)
                fmt, luma = self._reader.format, cast("_StreamFrame", frame.frame).luma
                assert fmt is not None  # it is set by the first frame
                small = resize_area(luma.codes, get_detection_shape(*fmt.size))
                self._update(self._detector.feed(fmt.coding.luma_to_unit(small)))
                self._examine(frame.frame.index, luma.codes, fmt.coding)
                while waiting and waiting[0].frame.index < self._detector.num_final:
                    yield self._decide(waiting.popleft(), frame.frame.index + 1)
            self._update(self._detector.finish())
            for rest in waiting:
                yield self._decide(rest, waiting[-1].frame.index + 1)

    def _examine(self, index: int, codes: Plane, coding: Coding) -> None:
        if self._titles is not None and index % SAMPLE_STRIDE == 0:
            small = resize_area(codes, get_card_shape(*codes.shape))
            self._titles.feed(index, coding.luma_to_unit(small))

    def _decide(self, frame: AnalysisFrame, num_read: int) -> AnalysisFrame:
        """Find out whether a shot is a title when its first frame is yielded; return the frame."""
        index, shot = frame.frame.index, self.find(frame.frame.index)
        if self._titles is None or index != shot.boundary:
            return frame
        # The end of the shot may not be final yet, or not be known.
        end = shot.end or self._detector.next_first or num_read
        found = next(iter(self._titles.find_titles([shot], end)), None)
        decisions = (*self._decisions, (shot.boundary, found))
        self._decisions = decisions[-MAX_RECENT_SHOTS:]
        self._titles.forget(index)
        return frame

    def _update(self, complete: Sequence[Shot]) -> None:
        """Add shots whose end is known, and the one after them."""
        shots = (*self._shots[:-1], *complete, self._detector.current)
        self._shots = shots[-MAX_RECENT_SHOTS:]


def _read_shots(shots: Sequence[Shot] | Sequence[int] | Path | str) -> Sequence[Shot]:
    """Return the shots in order, from frame 0.

    Raises:
        UsageError: they are not in order, or of another type.
    """
    if isinstance(shots, Path | str):
        return read_shots(Path(shots)).shots
    try:
        firsts = [s if isinstance(s, Shot) else Shot(operator.index(s), 0) for s in shots]
    except TypeError:
        raise UsageError(
            "shots must be a list of first frames, which are integers, or the path of a shot list;"
            f" got {shots!r}"
        ) from None
    if any(a.first >= b.first for a, b in itertools.pairwise(firsts)):
        raise UsageError("shots must be in order, each with another first frame")
    if firsts and firsts[0].first < 0:
        raise UsageError(f"the first frame of a shot must be at least 0, got {firsts[0].first}")
    if not firsts or firsts[0].first > 0:
        firsts.insert(0, Shot(0, 0, "start"))
    return firsts
