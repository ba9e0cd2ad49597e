"""Image sequences: films stored as numbered image files, one file per frame."""

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
from vidcolor.imaging.geometry import get_quarter_turns
from vidcolor.media.containers import SEQUENCE_MUXER
from vidcolor.media.decode import DamageReport, Frame
from vidcolor.media.frames import MIN_RGB_BITS, get_pixel_layout, read_chroma, read_luma
from vidcolor.media.probe import FULL_RANGE, UNSPECIFIED, ColorTags, MediaInfo, VideoInfo
from vidcolor.media.stills.registry import STILL_SUFFIXES, read_still, write_still
from vidcolor.media.stills.types import Still
from vidcolor.watermark import draw_watermark

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vidcolor.imaging.types import FloatArray, Plane
    from vidcolor.media.encode import EncoderPlan
    from vidcolor.options import ColorizeOptions, GrayFrom
    from vidcolor.provenance import Provenance

_NUMBER_FIELD = re.compile(r"%(0?)(\d*)d")
"""A number field of a pattern: ``%d`` or ``%06d``."""
_NUMBERED_NAME = re.compile(r"^(.*?)(\d+)(\.[^.]+)$")
"""Prefix, frame number and extension of a numbered file."""
_MIN_FRAMES = 2
"""Minimum number of files of one name that form a sequence in a folder with other images."""
_MAX_LISTED_GAPS = 8
"""Maximum number of missing frames that a warning lists."""
_MAX_PROBED_FILES = 100
"""Number of files at the start of a sequence of which at least one must be readable."""
_PROGRESSIVE = 1
"""FFmpeg's `AVFieldOrder` code of progressive."""
DEFAULT_FPS = Fraction(24)
"""Default frame rate of an image sequence, in frames per second."""


def is_sequence_pattern(path: Path) -> bool:
    """Return whether a path is a pattern of numbered images, such as ``scan_%06d.dpx``."""
    return bool(_NUMBER_FIELD.search(path.name)) and path.suffix.lower() in STILL_SUFFIXES


@dataclass(frozen=True, slots=True)
class ImageSequence:
    """The numbered image files of one film."""

    path: Path
    """Pattern or folder of the files."""
    files: dict[int, Path]
    """Files by frame number, in rising order."""

    @property
    def first_number(self) -> int:
        """The lowest frame number."""
        return next(iter(self.files))

    @property
    def missing(self) -> list[int]:
        """The frame numbers without a file between the first and the last."""
        numbers = list(self.files)
        return sorted(set(range(numbers[0], numbers[-1] + 1)) - set(numbers))


def find_sequence(path: Path) -> ImageSequence:
    """Find the files of a pattern (``scan_%06d.dpx``) or a folder. Numbers may be missing.

    FFmpeg's image2 demuxer is not used, because it ends a sequence at a gap without a warning.

    Raises:
        InputError: there are no files, or the folder contains more than one sequence.
    """
    files = _find_in_folder(path) if path.is_dir() else _find_by_pattern(path)
    if not files:
        if path.is_dir():
            raise InputError(f"{path}: no images with numbered names such as scan_000001.dpx")
        raise InputError(
            f"{path}: no file matches this pattern; %06d stands for six or more digits, "
            "%d for any number"
        )
    return ImageSequence(path, dict(sorted(files.items())))


def _find_by_pattern(pattern: Path) -> dict[int, Path]:
    match = _NUMBER_FIELD.search(pattern.name)
    if match is None or not pattern.parent.is_dir():
        return {}
    # Like in printf, %06d is a minimum width: number 1000000 has seven digits.
    digits = rf"\d{{{int(match[2])},}}" if match[1] and match[2] else r"\d+"
    prefix, suffix = pattern.name[: match.start()], pattern.name[match.end() :]
    file_name = re.compile(f"^{re.escape(prefix)}({digits}){re.escape(suffix)}$")
    files: dict[int, Path] = {}
    for path in sorted(pattern.parent.iterdir()):
        if found := file_name.match(path.name):
            _add_file(files, int(found[1]), path)
    return files


def _add_file(files: dict[int, Path], number: int, path: Path) -> None:
    """Add the file of a frame. ``scan_1`` and ``scan_01`` cannot both be frame 1."""
    other = files.setdefault(number, path)
    if other != path:
        raise InputError(f"{path}: has the same frame number as {other.name}; remove one of them")


def _find_in_folder(folder: Path) -> dict[int, Path]:
    groups: dict[tuple[str, str], dict[int, Path]] = {}
    for path in sorted(folder.iterdir()):
        match = _NUMBERED_NAME.match(path.name)
        if match and path.suffix.lower() in STILL_SUFFIXES and not path.name.startswith("."):
            group = groups.setdefault((match[1], match[3].lower()), {})
            _add_file(group, int(match[2]), path)
    # A single numbered image is a sequence only if the folder has no longer one.
    sequences = {k: v for k, v in groups.items() if len(v) >= _MIN_FRAMES} or groups
    if len(sequences) > 1:
        names = ", ".join(sorted(f"{prefix}%d{suffix}" for prefix, suffix in sequences))
        raise InputError(f"{folder}: contains several sequences ({names}); give one of these names")
    return next(iter(sequences.values()), {})


def probe_sequence(
    sequence: ImageSequence, fps: Fraction, gray_from: GrayFrom = "luma"
) -> MediaInfo:
    """Describe a sequence by its first readable image.

    Args:
        sequence: the sequence.
        fps: its frame rate.
        gray_from: the channel that luma is read from.

    Raises:
        InputError: none of the first images is readable.
    """
    still = _read_first_still(sequence, gray_from)
    numbers = list(sequence.files)
    duration_s = float((numbers[-1] - numbers[0] + 1) / fps)
    height, width = still.luma.shape
    quarter_turns = get_quarter_turns(still.orientation)
    video = VideoInfo(
        index=0,
        codec=still.format,
        width=width,
        height=height,
        layout=get_pixel_layout("gray" if still.bits == 8 else f"gray{still.bits}le"),
        coding=still.coding,
        matrix=still.matrix,
        tags=ColorTags(FULL_RANGE, UNSPECIFIED, UNSPECIFIED, still.matrix.code),
        time_base=1 / fps,
        rate=fps,
        start_pts=0,
        duration_s=duration_s,
        declared_end_s=None,
        variable_rate=False,
        num_frames=len(numbers),
        sample_aspect_ratio=still.pixel_aspect,
        rotation_degrees=90 * quarter_turns,
        display_matrix=None,
        field_order=_PROGRESSIVE,
        interlaced=False,
        timecode=still.timecode,
        tint=still.tint,
    )
    return MediaInfo(sequence.path, SEQUENCE_MUXER, duration_s, video, (), num_chapters=0)


def _read_first_still(sequence: ImageSequence, gray_from: GrayFrom) -> Still:
    first_error: InputError | None = None
    for path in list(sequence.files.values())[:_MAX_PROBED_FILES]:
        try:
            return _read_still(path, gray_from)[0]
        except InputError as error:
            first_error = first_error or error
    raise first_error or InputError(f"{sequence.path}: no images; give another pattern or folder")


def _read_still(
    path: Path, gray_from: GrayFrom, keep_color: bool = False
) -> tuple[Still, str | None]:
    """Read an image, or the intact part of a damaged one.

    Returns:
        The image, and a description of its damage or None.

    Raises:
        InputError: no part of the image is readable.
    """
    read = partial(
        read_still, path, gray_from, min_rgb_bits=MIN_RGB_BITS, with_source_rgb=keep_color
    )
    try:
        return read(), None
    except InputError as error:
        try:
            still = read(allow_damaged=True)
        except InputError:
            raise error from None
        return still, still.warnings[0] if still.warnings else "damaged"


class SequenceReader:
    """Reads the images of a sequence as frames. The frame number gives the PTS."""

    def __init__(
        self,
        sequence: ImageSequence,
        video: VideoInfo,
        gray_from: GrayFrom = "luma",
        start_s: Fraction | None = None,
        end_s: Fraction | None = None,
        keep_color: bool = False,
    ) -> None:
        """Prepare to read the images.

        Args:
            sequence: the sequence.
            video: its description by `probe_sequence`.
            gray_from: the channel that luma is read from.
            start_s: time of the first frame to keep, in seconds.
            end_s: time of the first frame to drop again, in seconds.
            keep_color: whether to fill `Frame.source_rgb`.
        """
        self.damage = DamageReport()
        self.warnings: dict[str, None] = {}
        """Warnings about single images, each once."""
        self._sequence, self._video, self._gray_from = sequence, video, gray_from
        self._start, self._end = start_s or Fraction(0), end_s
        self._keep_color = keep_color
        missing = [n for n in sequence.missing if self._is_in_trim(n)]
        if missing:
            listed = ", ".join(map(str, missing[:_MAX_LISTED_GAPS]))
            more = "…" if len(missing) > _MAX_LISTED_GAPS else ""
            subject = "frame is" if len(missing) == 1 else "frames are"
            self.damage.messages.append(f"{len(missing)} {subject} missing: {listed}{more}")

    def frames(self) -> Iterator[Frame]:
        """Yield a frame for each image in the order of numbers. A missing number leaves a time gap.

        Raises:
            InputError: size or bit depth of an image differ from the first image's.
        """
        # The duration of a frame is known when the number of the next one is known.
        pending: Frame | None = None
        files = ((n, path) for n, path in self._sequence.files.items() if self._is_in_trim(n))
        index = -1
        for number, path in files:
            still = self._read(path)
            if still is None:
                continue
            index += 1
            pts = number - self._sequence.first_number
            av_frame = _make_blank_frame(still.luma, self._video.coding.bits)
            frame = Frame(index, pts, 1, still.luma, av_frame, still.source_rgb)
            if pending is not None:
                pending.duration = frame.pts - pending.pts
                yield pending
            pending = frame
        if pending is not None:
            yield pending

    def _is_in_trim(self, number: int) -> bool:
        time = (number - self._sequence.first_number) * self._video.time_base
        return time >= self._start and (self._end is None or time < self._end)

    def _read(self, path: Path) -> Still | None:
        """Read an image and record its damage. Return None if no part of it is readable."""
        try:
            still, damage = _read_still(path, self._gray_from, self._keep_color)
        except InputError as error:
            reason = str(error).removeprefix(f"{path}: ")
            self.damage.messages.append(f"{path.name} cannot be read ({reason})")
            return None
        if damage:
            self.damage.messages.append(f"{path.name}: {damage}")
        else:
            self.warnings.update(dict.fromkeys(still.warnings))
        video, height, width = self._video, *still.luma.shape
        if (width, height) != (video.width, video.height) or still.bits != video.coding.bits:
            raise InputError(
                f"{path}: has {width}x{height} pixels with {still.bits} bits, but the sequence "
                f"starts with {video.width}x{video.height} and {video.coding.bits} bits; "
                "move it to a separate sequence"
            )
        return still


def _make_blank_frame(luma: Plane, bits: int) -> av.VideoFrame:
    """Return a gray frame of the same size as `luma`, with undefined samples.

    The pipeline uses its size and metadata, and replaces its samples.
    """
    frame = av.VideoFrame(luma.shape[1], luma.shape[0], "gray" if bits == 8 else "gray16le")
    frame.color_range = FULL_RANGE
    return frame


class SequenceWriter:
    """Writes frames as numbered image files. Each file is published when it is complete."""

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
        """Prepare to write the images.

        Args:
            pattern: the output pattern, such as ``out_%06d.png``. Its extension sets the format.
            plan: an encoder plan with a 4:4:4 pixel format.
            video: the source's video.
            provenance: the provenance that is written into images, if their format supports it.
            source: the source of numbers, luma and metadata; None if the source is a film, whose
                frames are numbered from 1.
            options: the options of the task. `gray_from`, `mark` and `quality` are used.
            first: index of the first frame to write, if the source is a film.
        """
        self._pattern, self._plan, self._video = pattern, plan, video
        self._provenance, self._source, self._options = provenance, source, options
        self._count = first
        self.warnings: dict[str, None] = {}
        """Warnings about single images, each once."""

    def write(self, frame: av.VideoFrame, pts: int, duration: int) -> None:
        """Write one frame as an image.

        Args:
            frame: the colorized frame in the plan's pixel format.
            pts: its offset from the first frame number, if the source is a sequence.
            duration: unused; images have no duration.
        """
        self._count += 1
        cb, cr = read_chroma(frame, self._plan.layout, self._video.coding.full_range)
        if self._source is None:
            path = format_frame_path(self._pattern, self._count)
            still = self._make_still(frame, path)
        else:
            number = self._source.first_number + pts
            path = format_frame_path(self._pattern, number)
            still = self._read_source_still(self._source.files[number], cb, cr)
        warnings = write_still(
            path, still, cb, cr, provenance=self._provenance, quality=self._options.quality
        )
        self.warnings.update(dict.fromkeys(warnings))

    def finish(self) -> None:
        """Do nothing: `write` has published every image."""

    def _read_source_still(self, source: Path, cb: FloatArray, cr: FloatArray) -> Still:
        """Read the source's image again with its metadata, and draw the watermark on request."""
        still = read_still(source, self._options.gray_from, allow_damaged=True)
        if not self._options.mark:
            return still
        luma = draw_watermark(still.luma, cb, cr, still.coding, still.matrix)
        # The watermark changes luma, so the compressed luma of a JPEG cannot be copied.
        return replace(still, luma=luma, jpeg_data=None)

    def _make_still(self, frame: av.VideoFrame, path: Path) -> Still:
        """Convert a frame of a film to a full-range image of the same bit depth."""
        layout, full_range = self._plan.layout, self._video.coding.full_range
        luma = read_luma(frame, layout, self._video.matrix)
        if not full_range:
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


def format_frame_path(pattern: Path, number: int) -> Path:
    """Insert a frame number into a pattern: ``out_%06d.png`` and 12 give ``out_000012.png``.

    Raises:
        InputError: the pattern has no number field.
    """
    match = _NUMBER_FIELD.search(pattern.name)
    if match is None:
        raise InputError(f"{pattern}: no number field in the file name; add one such as %06d")
    width = int(match[2] or 0) if match[1] else 0
    name = f"{pattern.name[: match.start()]}{number:0{width}d}{pattern.name[match.end() :]}"
    return pattern.with_name(name)
