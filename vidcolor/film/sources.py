"""Frame sources: films and image sequences that any process can open and read in part."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor.errors import InputError
from vidcolor.film.analysis import compute_frame_checksum
from vidcolor.media.decode import FrameReader, VideoReader
from vidcolor.media.sequence import ImageSequence
from vidcolor.media.sequence_reader import SequenceReader

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from fractions import Fraction

    from vidcolor.film.analysis import FilmAnalysis
    from vidcolor.film.plan import FilmPlan
    from vidcolor.media.decode import Frame
    from vidcolor.media.probe import VideoInfo
    from vidcolor.options import GrayFrom


@dataclass(frozen=True)
class FrameSource:
    """A film or an image sequence that any process can open. Picklable."""

    media: Path | ImageSequence
    video: VideoInfo
    gray_from: GrayFrom
    keeps_color: bool = False
    """True if the frames of a sequence carry the color of the source, for recoloring and for the
    tint of titles."""

    @property
    def sequence(self) -> ImageSequence | None:
        """The image sequence; None for a film."""
        return self.media if isinstance(self.media, ImageSequence) else None

    @property
    def files(self) -> tuple[Path, ...]:
        """All files of the source."""
        return (self.media,) if isinstance(self.media, Path) else tuple(self.media.files.values())

    def open(self, start_s: Fraction | None, end_s: Fraction | None) -> FrameReader:
        """Return a reader of the frames between two times, in seconds on the source's clock."""
        if isinstance(self.media, Path):
            return VideoReader(self.media, self.video, self.gray_from, start_s, end_s)
        return SequenceReader(
            self.media, self.video, self.gray_from, start_s, end_s, self.keeps_color
        )

    def relocate(self, locate: Callable[[Path], Path]) -> FrameSource:
        """Return the same source with every file path replaced by `locate(path)`."""
        if isinstance(self.media, Path):
            return replace(self, media=locate(self.media))
        files = {number: locate(path) for number, path in self.media.files.items()}
        return replace(self, media=replace(self.media, files=files))


class SegmentReader:
    """Reads any range of the frames of a film, and checks them against the analysis.

    A range that starts where the last one ended continues the same stream. Any other range starts
    with a seek. Some formats seek to the wrong frame or restart their timestamps after a seek. If
    the frames after a seek differ from the analyzed ones, the film is read from its beginning
    instead, which is slower but exact.
    """

    def __init__(self, plan: FilmPlan, analysis: FilmAnalysis, source: FrameSource) -> None:
        """Prepare to read; the first call of `frames` opens the source."""
        self._plan, self._analysis, self._source = plan, analysis, source
        self._stream: Iterator[Frame] | None = None
        self._next = 0
        """Number of the next frame of the stream."""
        self._can_seek, self._has_sought = True, False

    def frames(self, first: int, end: int) -> Generator[Frame, None, None]:
        """Yield the frames numbered `first` to `end - 1`, each lasting until the next one starts.

        Raises:
            InputError: the film has changed since the analysis.
        """
        if self._stream is None or self._next != first:
            self._open_at(first)
        pts, end_pts = self._analysis.pts, self._analysis.end_pts
        for number in range(first, end):
            frame = self._read_frame(number)
            frame.index = number
            frame.duration = (pts[number + 1] if number + 1 < len(pts) else end_pts) - frame.pts
            yield frame

    def close(self) -> None:
        """Close the film."""
        close = getattr(self._stream, "close", None)
        if close is not None:
            close()
        self._stream = None

    def _open_at(self, number: int) -> None:
        self.close()
        plan = self._plan
        # Reading from the start needs no seek, which some formats do not support.
        self._has_sought = number > 0 and self._can_seek
        start_s = plan.start_s
        if self._has_sought:
            start_s = self._analysis.pts[number] * plan.video.time_base
        self._stream = self._source.open(start_s, plan.end_s).frames()
        self._next = number if self._has_sought else 0
        while self._next < number:
            self._read_frame(self._next)

    def _read_frame(self, number: int) -> Frame:
        """Return the next frame, which must be the analyzed frame of this number."""
        assert self._stream is not None, "_open_at was not called"
        frame = next(self._stream, None)
        # Checksums are compared after a seek only: a damaged frame may decode differently.
        if self._has_sought and not self._is_expected(frame, number):
            self._can_seek = False
            self._open_at(number)
            return self._read_frame(number)
        if frame is None or frame.pts != self._analysis.pts[number]:
            raise InputError(
                f"{self._plan.info.path}: frame {number} differs from the analyzed one; "
                "the file may have changed, run the command again"
            )
        self._next = number + 1
        return frame

    def _is_expected(self, frame: Frame | None, number: int) -> bool:
        analysis = self._analysis
        if frame is None or frame.pts != analysis.pts[number]:
            return False
        return compute_frame_checksum(frame.luma) == analysis.checksums[number]
