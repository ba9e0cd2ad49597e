"""Image sequences: a film as numbered pictures, read and written one file a frame."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

import av
import numpy as np

from vidcolor.color.ycbcr import Coding
from vidcolor.errors import InputError
from vidcolor.media.decode import Damage, Frame
from vidcolor.media.frames import MIN_RGB_BITS, chroma_arrays, luma_plane, pixel_layout
from vidcolor.media.probe import FULL_RANGE, UNSPECIFIED, ColorTags, MediaInfo, VideoInfo
from vidcolor.media.stills import STILL_SUFFIXES, Still, read_still, write_still
from vidcolor.media.stills.exif import turns_of_orientation
from vidcolor.watermark import draw_watermark

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from vidcolor.color.ycbcr import Plane
    from vidcolor.media.encoders import EncoderPlan
    from vidcolor.options import ColorizeOptions, GrayFrom
    from vidcolor.provenance import Provenance

_NUMBER_FIELD = re.compile(r"%(0?)(\d*)d")
_NUMBERED = re.compile(r"^(.*?)(\d+)(\.[^.]+)$")
_FEWEST_FRAMES = 2
_SHOWN_GAPS = 8
_TRIED = 100
"""Pictures at the beginning of which one must be readable."""
_PROGRESSIVE = 1
"""FFmpeg's code of a field order."""
SEQUENCE_MUXER = "image2"
"""What an `EncoderPlan` names as its container when single pictures are written."""


def is_pattern(path: Path) -> bool:
    """Whether a path names numbered pictures, as ``scan_%06d.dpx``; a film may be called so."""
    return bool(_NUMBER_FIELD.search(path.name)) and path.suffix.lower() in STILL_SUFFIXES


@dataclass(frozen=True, slots=True)
class ImageSequence:
    """Numbered pictures of one film."""

    path: Path
    """As the user named it: a pattern or a folder."""
    files: dict[int, Path]
    """By frame number, in order."""

    @property
    def first_number(self) -> int:
        """The lowest frame number."""
        return next(iter(self.files))

    @property
    def missing(self) -> list[int]:
        """Frame numbers that are skipped between the first and the last."""
        numbers = list(self.files)
        return sorted(set(range(numbers[0], numbers[-1] + 1)) - set(numbers))


def find_sequence(path: Path) -> ImageSequence:
    """The files that a pattern (``scan_%06d.dpx``) or a folder names, gaps and all.

    FFmpeg's own reader ends a sequence at the first missing number without a word; this does not.

    Raises:
        InputError: there are none, or a folder holds more than one sequence.
    """
    files = _only_sequence_in(path) if path.is_dir() else _files_of_pattern(path)
    if not files:
        if path.is_dir():
            raise InputError(f"{path}: holds no numbered pictures, such as scan_000001.dpx")
        raise InputError(f"{path}: no such frames; %06d stands for six digits or more, %d for any")
    return ImageSequence(path, dict(sorted(files.items())))


def _files_of_pattern(pattern: Path) -> dict[int, Path]:
    match = _NUMBER_FIELD.search(pattern.name)
    if match is None or not pattern.parent.is_dir():
        return {}
    digits = rf"\d{{{int(match[2])},}}" if match[1] and match[2] else r"\d+"
    before, after = pattern.name[: match.start()], pattern.name[match.end() :]
    named = re.compile(f"^{re.escape(before)}({digits}){re.escape(after)}$")
    files: dict[int, Path] = {}
    for path in sorted(pattern.parent.iterdir()):
        if found := named.match(path.name):
            _add(files, int(found[1]), path)
    return files


def _add(files: dict[int, Path], number: int, path: Path) -> None:
    """Note a frame; ``scan_1`` and ``scan_01`` cannot both be frame 1."""
    other = files.setdefault(number, path)
    if other != path:
        raise InputError(f"{path}: has the same frame number as {other.name}; remove one of them")


def _only_sequence_in(folder: Path) -> dict[int, Path]:
    groups: dict[tuple[str, str], dict[int, Path]] = {}
    for path in sorted(folder.iterdir()):
        match = _NUMBERED.match(path.name)
        if match and path.suffix.lower() in STILL_SUFFIXES and not path.name.startswith("."):
            _add(groups.setdefault((match[1], match[3].lower()), {}), int(match[2]), path)
    long = {k: v for k, v in groups.items() if len(v) >= _FEWEST_FRAMES} or groups
    if len(long) > 1:
        names = ", ".join(sorted(f"{before}%d{after}" for before, after in long))
        raise InputError(f"{folder}: holds several sequences ({names}); name one of them")
    return next(iter(long.values()), {})


def probe_sequence(
    sequence: ImageSequence, fps: Fraction, gray_from: GrayFrom = "luma"
) -> MediaInfo:
    """Describe a sequence by its first picture that can be read.

    Raises:
        InputError: none can.
    """
    still = _first_readable(sequence, gray_from)
    numbers = list(sequence.files)
    duration_s = float((numbers[-1] - numbers[0] + 1) / fps)
    height, width = still.luma.shape
    turns = turns_of_orientation(still.orientation)
    video = VideoInfo(
        index=0,
        codec=still.format,
        width=width,
        height=height,
        layout=pixel_layout("gray" if still.bits == 8 else f"gray{still.bits}le"),
        coding=still.coding,
        matrix=still.matrix,
        tags=ColorTags(FULL_RANGE, UNSPECIFIED, UNSPECIFIED, still.matrix.code),
        time_base=1 / fps,
        rate=fps,
        start_pts=0,
        duration_s=duration_s,
        stated_end_s=None,
        variable_rate=False,
        num_frames=len(numbers),
        sample_aspect_ratio=still.pixel_aspect,
        rotation_degrees=90 * turns,
        display_matrix=None,
        field_order=_PROGRESSIVE,
        interlaced=False,
        timecode=still.timecode,
        tint=still.tint,
    )
    return MediaInfo(sequence.path, SEQUENCE_MUXER, duration_s, video, (), num_chapters=0)


def _first_readable(sequence: ImageSequence, gray_from: GrayFrom) -> Still:
    refusal: InputError | None = None
    for path in list(sequence.files.values())[:_TRIED]:
        try:
            return _read(path, gray_from)[0]
        except InputError as error:
            refusal = refusal or error
    raise refusal or InputError(f"{sequence.path}: holds no pictures")


def _read(path: Path, gray_from: GrayFrom, own_color: bool = False) -> tuple[Still, str | None]:
    """A picture, whole or as much as there is of it, and what is wrong with it.

    Raises:
        InputError: nothing of it can be read.
    """
    read = partial(read_still, path, gray_from, least_rgb_bits=MIN_RGB_BITS, own_color=own_color)
    try:
        return read(), None
    except InputError as error:
        try:
            still = read(allow_damaged=True)
        except InputError:
            raise error from None
        return still, still.warnings[0] if still.warnings else "it is damaged"


class SequenceReader:
    """Reads the pictures of a sequence, each as a frame at its number's time."""

    def __init__(
        self,
        sequence: ImageSequence,
        video: VideoInfo,
        gray_from: GrayFrom = "luma",
        start_s: Fraction | None = None,
        end_s: Fraction | None = None,
        own_color: bool = False,
    ) -> None:
        """Prepare to read; the arguments are those of `FilmReader`.

        With `own_color` frames also carry the color that their pictures came with.
        """
        self.damage = Damage()
        self.warnings: dict[str, None] = {}
        """What pictures' own reader had to say, each sentence once."""
        self._sequence, self._video, self._gray_from = sequence, video, gray_from
        self._start, self._end = start_s or Fraction(0), end_s
        self._own_color = own_color
        missing = [n for n in sequence.missing if self._is_wanted(n)]
        if missing:
            shown = ", ".join(map(str, missing[:_SHOWN_GAPS]))
            more = "…" if len(missing) > _SHOWN_GAPS else ""
            are = "frame is" if len(missing) == 1 else "frames are"
            self.damage.notes.append(f"{len(missing)} {are} missing: {shown}{more}")

    def frames(self) -> Iterator[Frame]:
        """Yield every picture, in the order of the numbers; a gap leaves its time empty.

        Raises:
            InputError: a picture has another size than the first.
        """
        waiting: Frame | None = None
        wanted = ((n, path) for n, path in self._sequence.files.items() if self._is_wanted(n))
        index = -1
        for number, path in wanted:
            still = self._still(path)
            if still is None:
                continue
            index += 1
            pts = number - self._sequence.first_number
            picture = _blank(still.luma, self._video.coding.bits)
            frame = Frame(index, pts, 1, still.luma, picture, still.own_color)
            if waiting is not None:
                waiting.duration = frame.pts - waiting.pts
                yield waiting
            waiting = frame
        if waiting is not None:
            yield waiting

    def _is_wanted(self, number: int) -> bool:
        time = (number - self._sequence.first_number) * self._video.time_base
        return time >= self._start and (self._end is None or time < self._end)

    def _still(self, path: Path) -> Still | None:
        """A picture, or None where nothing of it can be read."""
        try:
            still, fault = _read(path, self._gray_from, self._own_color)
        except InputError as error:
            reason = str(error).removeprefix(f"{path}: ")
            self.damage.notes.append(f"{path.name} cannot be read ({reason})")
            return None
        if fault:
            self.damage.notes.append(f"{path.name}: {fault}")
        else:
            self.warnings.update(dict.fromkeys(still.warnings))
        video, height, width = self._video, *still.luma.shape
        if (width, height) != (video.width, video.height) or still.bits != video.coding.bits:
            raise InputError(
                f"{path}: is {width}x{height} with {still.bits} bits, while the sequence began "
                f"with {video.width}x{video.height} and {video.coding.bits}; sort the frames first"
            )
        return still


def _blank(luma: Plane, bits: int) -> av.VideoFrame:
    """A frame of that size for the color to be put on; it carries nothing else."""
    frame = av.VideoFrame(luma.shape[1], luma.shape[0], "gray" if bits == 8 else "gray16le")
    frame.color_range = FULL_RANGE
    return frame


class SequenceWriter:
    """Writes frames as numbered pictures; each appears under its name only when complete."""

    def __init__(
        self,
        pattern: Path,
        plan: EncoderPlan,
        video: VideoInfo,
        provenance: Provenance,
        source: ImageSequence | None,
        options: ColorizeOptions,
        first: int = 0,
    ) -> None:
        """Prepare to write.

        Args:
            pattern: ``out_%06d.png``: its suffix decides the format.
            plan: with a 4:4:4 pixel format.
            video: the source's picture.
            provenance: written into every picture that can hold it.
            source: where numbers, luma and metadata come from; None for a film, numbered from 1.
            options: `gray_from`, `mark` and `quality` are used.
            first: how many of a film's frames come before the first that is written here.
        """
        self._pattern, self._plan, self._video = pattern, plan, video
        self._provenance, self._source, self._options = provenance, source, options
        self._count = first
        self.warnings: dict[str, None] = {}

    def write(self, picture: av.VideoFrame, pts: int, duration: int) -> None:
        """Write one picture; the `pts` of a sequence counts its frames."""
        self._count += 1
        cb, cr = chroma_arrays(picture, self._plan.layout, self._video.coding.full_range)
        if self._source is None:
            path = frame_path(self._pattern, self._count)
            still = self._still_of_film(picture, path)
        else:
            number = self._source.first_number + pts
            path = frame_path(self._pattern, number)
            still = self._still_of_source(self._source.files[number], cb, cr)
        said = write_still(
            path, still, cb, cr, mark=self._provenance, quality=self._options.quality
        )
        self.warnings.update(dict.fromkeys(said))

    def finish(self) -> None:
        """Nothing is left to do: every picture is on the disk."""

    def _still_of_source(
        self, source: Path, cb: NDArray[np.float32], cr: NDArray[np.float32]
    ) -> Still:
        """The source's picture, read again with all its metadata."""
        still = read_still(source, self._options.gray_from, allow_damaged=True)
        if not self._options.mark:
            return still
        luma = draw_watermark(still.luma, cb, cr, still.coding, still.matrix)
        return replace(still, luma=luma, jpeg=None)

    def _still_of_film(self, picture: av.VideoFrame, path: Path) -> Still:
        """A film's frame as a picture: full range, the film's depth."""
        layout, full = self._plan.layout, self._video.coding.full_range
        luma = luma_plane(picture, layout, self._video.matrix)
        if not full:
            unit = Coding(layout.bits, full_range=False).luma_to_unit(luma)
            luma = Coding(layout.bits, full_range=True).unit_to_luma(unit)
        return Still(
            path=path,
            luma=np.ascontiguousarray(luma),
            bits=layout.bits,
            matrix=self._video.matrix,
            tint="gray",
            format=STILL_SUFFIXES[path.suffix.lower()],
        )


def frame_path(pattern: Path, number: int) -> Path:
    """``out_%06d.png`` and 12 -> ``out_000012.png``."""
    match = _NUMBER_FIELD.search(pattern.name)
    if match is None:
        raise InputError(f"{pattern}: has no number field such as %06d")
    width = int(match[2] or 0) if match[1] else 0
    name = f"{pattern.name[: match.start()]}{number:0{width}d}{pattern.name[match.end() :]}"
    return pattern.with_name(name)
