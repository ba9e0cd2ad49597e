"""Reading of image sequences: probing, and frames from images."""

from __future__ import annotations

import contextlib
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

import av
import numpy as np

from vidcolor.color.tint import BLANK_RANGE, combine_tints
from vidcolor.errors import InputError
from vidcolor.imaging.geometry import get_display_matrix, get_quarter_turns
from vidcolor.media.containers import SEQUENCE_MUXER
from vidcolor.media.decode import Frame, FrameReader
from vidcolor.media.frames import MIN_RGB_BITS, get_pixel_layout
from vidcolor.media.probe import (
    FULL_RANGE,
    UNSPECIFIED,
    ColorTags,
    MediaInfo,
    VideoInfo,
)
from vidcolor.media.stills.exif import parse_exif
from vidcolor.media.stills.registry import read_still
from vidcolor.media.tint import NUM_TINT_SAMPLES
from vidcolor.timecode import Timecode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vidcolor.color.tint import Tint
    from vidcolor.media.sequence import ImageSequence
    from vidcolor.media.stills.exif import Directory
    from vidcolor.media.stills.types import Still
    from vidcolor.options import GrayFrom

_MAX_LISTED_GAPS = 8
"""Maximum number of missing frames that a warning lists."""
_MAX_PROBED_FILES = 100
"""Number of files at the start of a sequence of which at least one must be readable."""
_DPX_FILM_FIELDS = (slice(260, 660), slice(1664, 1712), slice(1732, 1864))
"""Fields of a DPX header (SMPTE ST 268-1): project and copyright; manufacturer, type, keycode and
format of the film; frame and slate."""
_BLANK = b"\0\xff "
"""Values of bytes in fields that are not set."""
_KEPT_ATTRIBUTES = (b"timeCode", b"reelName", b"framesPerSecond", b"pixelAspectRatio")
"""Attributes of OpenEXR that are properties of a film, too."""
_TECHNICAL_TAGS = {274, 282, 283, 296, 531, 36864, 37121, 40960, 40961, 40962, 40963}
"""EXIF tags of orientation, resolution, chroma positions, versions, components and size."""
DEFAULT_FPS = Fraction(24)
"""Frame rate of an image sequence whose images have none, in frames per second."""


def probe_sequence(
    sequence: ImageSequence, fps: Fraction | None, gray_from: GrayFrom = "luma"
) -> MediaInfo:
    """Describe a sequence by its first readable image.

    If `fps` is None, the frame rate is that of the image, or else `DEFAULT_FPS`.

    Raises:
        InputError: none of the first images is readable.
    """
    number, still = _read_first_still(sequence, gray_from)
    declared = fps or still.metadata.frame_rate
    fps = declared or DEFAULT_FPS
    numbers = list(sequence.files)
    duration_s = float((numbers[-1] - numbers[0] + 1) / fps)
    height, width = still.luma.shape
    level_bits = still.source_bits or still.bits
    video = VideoInfo(
        index=0,
        codec=still.format,
        width=width,
        height=height,
        layout=get_pixel_layout("gray" if level_bits == 8 else f"gray{level_bits}le"),
        coding=still.coding,
        matrix=still.matrix,
        tags=ColorTags(FULL_RANGE, UNSPECIFIED, UNSPECIFIED, still.matrix.code),
        time_base=1 / fps,
        rate=fps,
        start_pts=0,
        duration_s=duration_s,
        num_frames=len(numbers),
        sample_aspect_ratio=still.metadata.pixel_aspect,
        rotation_degrees=90 * get_quarter_turns(still.orientation),
        display_matrix=get_display_matrix(still.orientation),
        timecode=_move_timecode(still.metadata.timecode, sequence.first_number - number, fps),
        reel=still.metadata.reel,
        tint=_measure_tint(sequence, still),
        is_transparent=_is_transparent(still),
        side_data=tuple(_list_metadata(still)),
    )
    return MediaInfo(
        path=sequence.path,
        container=SEQUENCE_MUXER,
        duration_s=duration_s,
        video=video,
        streams=(),
        num_chapters=0,
        declares_rate=declared is not None,
    )


def _list_metadata(still: Still) -> Iterator[str]:
    """Yield the types of the metadata of an image; see `VideoInfo.side_data`.

    The timecode, the reel name and the frame rate are other properties of the video.
    """
    metadata = still.metadata
    fields = {
        "EXIF": _describes_content(parse_exif(metadata.exif)),
        "ICC_PROFILE": metadata.icc,
        "XMP": metadata.xmp,
        "IPTC": metadata.iptc or metadata.photoshop,
        "DPX_FILM": still.format == "dpx" and _has_film_fields(metadata.extras),
        "EXR_ATTRIBUTES": still.format == "exr"
        and any(name not in _KEPT_ATTRIBUTES for name, _, _ in metadata.extras),
    }
    return (name for name, value in fields.items() if value)


def _describes_content(directory: Directory) -> bool:
    """Return whether EXIF has more than the technical properties of an image."""
    children = directory.children.values()
    has_entries = not directory.entries.keys() <= _TECHNICAL_TAGS
    return has_entries or any(map(_describes_content, children))


def _is_transparent(still: Still) -> bool:
    alpha = still.alpha
    return alpha is not None and bool((alpha < np.iinfo(alpha.dtype).max).any())


def _has_film_fields(header: bytes) -> bool:
    return any(header[field].strip(_BLANK) for field in _DPX_FILM_FIELDS)


def _measure_tint(sequence: ImageSequence, first: Still) -> Tint:
    """Classify a sequence by its first readable image and others at equal distances."""
    paths, stills = list(sequence.files.values()), [first]
    for k in range(1, min(NUM_TINT_SAMPLES, len(paths))):
        with contextlib.suppress(InputError):
            stills.append(read_still(paths[len(paths) * k // NUM_TINT_SAMPLES]))
    detailed = [s for s in stills if np.ptp(s.luma) >= BLANK_RANGE * ((1 << s.bits) - 1)]
    return combine_tints([still.tint for still in detailed or stills])


def _move_timecode(timecode: str | None, frames: int, rate: Fraction) -> str | None:
    if timecode is None or not frames:
        return timecode
    try:
        return str(Timecode.parse(timecode, rate) + frames)
    except ValueError:
        return timecode


def _read_first_still(sequence: ImageSequence, gray_from: GrayFrom) -> tuple[int, Still]:
    """Return the number of the first readable image, and the image."""
    errors = []
    for number, path in list(sequence.files.items())[:_MAX_PROBED_FILES]:
        try:
            return number, _read_still(path, gray_from)[0]
        except InputError as error:
            errors.append(error)
    raise errors[0]


def _read_still(
    path: Path, gray_from: GrayFrom, keep_color: bool = False
) -> tuple[Still, str | None]:
    """Read an image, or the intact part of a damaged one; return it and its damage or None."""
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


class SequenceReader(FrameReader):
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
        """Prepare to read; see `FrameReader`. `keep_color` fills `Frame.source_rgb`."""
        super().__init__(video, gray_from, start_s or Fraction(0), end_s)
        self._sequence, self._keep_color = sequence, keep_color
        missing = [n for n in sequence.missing if self._is_in_trim(n)]
        if missing:
            listed = ", ".join(map(str, missing[:_MAX_LISTED_GAPS]))
            more = "…" if len(missing) > _MAX_LISTED_GAPS else ""
            subject = "frame is" if len(missing) == 1 else "frames are"
            self.damage.messages.append(f"{len(missing)} {subject} missing: {listed}{more}")

    def _read(self) -> Iterator[Frame]:
        index = 0
        for number, path in self._sequence.files.items():
            still = self._read_image(path) if self._is_in_trim(number) else None
            if still is not None:
                # The pipeline uses size and metadata of this frame and replaces its samples.
                format_name = "gray" if still.bits == 8 else "gray16le"
                blank = av.VideoFrame(self._video.width, self._video.height, format_name)
                blank.color_range = FULL_RANGE
                pts = number - self._sequence.first_number
                yield Frame(index, pts, 1, still.luma, blank, still.source_rgb)
                index += 1

    def _is_in_trim(self, number: int) -> bool:
        time = (number - self._sequence.first_number) * self._video.time_base
        return time >= (self._start or 0) and (self._end is None or time < self._end)

    def _read_image(self, path: Path) -> Still | None:
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
        if get_display_matrix(still.orientation) != video.display_matrix:
            raise InputError(
                f"{path}: has the EXIF orientation {still.orientation}, unlike the start of the "
                "sequence; move it to a separate sequence, or correct the orientation"
            )
        return still
