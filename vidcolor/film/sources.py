"""How a film's frames are opened: by any process, wherever the source's files lie."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from vidcolor.media.decode import FilmReader, Reader
from vidcolor.media.sequence import ImageSequence, SequenceReader

if TYPE_CHECKING:
    from collections.abc import Callable
    from fractions import Fraction
    from pathlib import Path

    from vidcolor.media.probe import VideoInfo
    from vidcolor.options import GrayFrom


class FrameSource(Protocol):
    """Opens a source; picklable."""

    def __call__(self, start_s: Fraction | None, end_s: Fraction | None) -> Reader:
        """A reader of the frames between two times, in seconds on the source's clock."""
        ...

    @property
    def files(self) -> tuple[Path, ...]:
        """What is read."""
        ...

    def moved(self, place: Callable[[Path], Path]) -> FrameSource:
        """The same for files that lie elsewhere: each where `place` says."""
        ...


@dataclass(frozen=True)
class FilmSource:
    """Opens a film; see `FilmReader`."""

    path: Path
    video: VideoInfo
    gray_from: GrayFrom

    def __call__(self, start_s: Fraction | None, end_s: Fraction | None) -> Reader:
        """See `FrameSource`, as all that follows."""
        return FilmReader(self.path, self.video, self.gray_from, start_s, end_s)

    @property
    def files(self) -> tuple[Path, ...]:
        """The film."""
        return (self.path,)

    def moved(self, place: Callable[[Path], Path]) -> FilmSource:
        """See `FrameSource`."""
        return replace(self, path=place(self.path))


@dataclass(frozen=True)
class SequenceSource:
    """Opens numbered pictures; see `SequenceReader`."""

    sequence: ImageSequence
    video: VideoInfo
    gray_from: GrayFrom
    own_color: bool

    def __call__(self, start_s: Fraction | None, end_s: Fraction | None) -> Reader:
        """See `FrameSource`, as all that follows."""
        return SequenceReader(
            self.sequence, self.video, self.gray_from, start_s, end_s, self.own_color
        )

    @property
    def files(self) -> tuple[Path, ...]:
        """The pictures."""
        return tuple(self.sequence.files.values())

    def moved(self, place: Callable[[Path], Path]) -> SequenceSource:
        """See `FrameSource`."""
        files = {number: place(path) for number, path in self.sequence.files.items()}
        return replace(self, sequence=replace(self.sequence, files=files))
