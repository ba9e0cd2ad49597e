"""Colorization of a stream of frames in memory, with the temporal consistency of films.

frames → luma → proxy → shots → propagation → R'G'B'. The stages are those of the film pipeline. If
shots are detected, a frame waits until no boundary before it can be found any more.
"""

from __future__ import annotations

import itertools
import operator
from collections import deque
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

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

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from vidcolor.arrays import ArrayFormat, Layout, LumaImage
    from vidcolor.media.decode import Frame
    from vidcolor.propagation.flow_frames import AnalysisFrame
    from vidcolor.propagation.shot_colorizer import PredictedFrame

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
        layout: ``hwc`` or ``chw``, as for `Colorizer.colorize`.
        return_confidence: whether to yield pairs of frame and confidence.

    Yields:
        Each frame as R'G'B', as from `Colorizer.colorize`.

    Raises:
        UsageError: an option or the shots are invalid; while iterating: a frame is not supported,
            or has another size or format than the first one.
        InputError: the shot list cannot be read.
    """
    options = ColorizeOptions(saturation=saturation, vividness=vividness)
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
                # Propagation reads only the index.
                yield make_analysis_frame(cast("Frame", _StreamFrame(index, luma)), proxy)


def _colorize(
    reader: _FrameReader,
    colorizer: Colorizer,
    known: Sequence[Shot] | None,
    options: ColorizeOptions,
    return_confidence: bool,
) -> Iterator[Any]:
    detected = _DetectedShots(reader)
    frames = reader.read() if known is not None else detected.wait(reader.read())
    find_shot = detected.find if known is None else make_shot_finder(known)
    first = next(frames, None)
    if first is None:
        return
    assert reader.format is not None
    fmt = reader.format
    geometry = Geometry(width=fmt.size[1], height=fmt.size[0])
    shot_colorizer = ShotColorizer(colorizer, find_shot, geometry, options.vividness)
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


def _chain(first: AnalysisFrame, frames: Iterator[AnalysisFrame]) -> Iterator[AnalysisFrame]:
    with close_on_exit(frames):
        yield first
        yield from frames


class _DetectedShots:
    """The shots that were detected in the frames so far."""

    def __init__(self, reader: _FrameReader) -> None:
        self._reader, self._detector = reader, ShotDetector()
        # Another thread reads the tuple, so it is replaced and never modified.
        self._shots: tuple[Shot, ...] = (Shot(0, 0, "start"),)

    def find(self, index: int) -> Shot:
        """Return the shot of a frame that `wait` has yielded."""
        return next(shot for shot in reversed(self._shots) if shot.first <= index)

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
                while waiting and waiting[0].frame.index < self._detector.num_final:
                    yield waiting.popleft()
            self._update(self._detector.finish())
            yield from waiting

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
