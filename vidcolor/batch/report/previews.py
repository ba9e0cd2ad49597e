"""Small JPEG images of a result beside its source, for reports."""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor.errors import VidcolorError
from vidcolor.media.film_pair import FilmPair
from vidcolor.media.preview import DisplayReader, resize_rgb
from vidcolor.media.preview_image import read_image_rgb
from vidcolor.media.sequence import find_sequence
from vidcolor.timecode import format_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vidcolor.batch.report.schema import ResultRecord
    from vidcolor.imaging.types import Rgb

_JPEG_QUALITY = 82
_MAX_HEIGHT = 1.4
"""Maximum height of a preview, as a multiple of its width."""
_DEFAULT_FPS = 24


@dataclass(frozen=True, slots=True)
class Preview:
    """A frame or photo of the source and of the result."""

    caption: str
    before: bytes
    """JPEG file of the source."""
    after: bytes
    """JPEG file of the result."""
    size: tuple[int, int]
    """Width and height in pixels."""


def make_previews(record: ResultRecord, count: int, width: int) -> tuple[list[Preview], str | None]:
    """Return previews of a result, and a message if they cannot be made.

    Args:
        record: record of the result; its source and target are read again.
        count: number of previews of a film or sequence.
        width: width of each preview in pixels.
    """
    if record["error"] is not None:
        return [], None
    try:
        return list(_generate_previews(record, count, width)), None
    except (VidcolorError, OSError) as error:
        return [], f"No preview: {error}"


def _generate_previews(record: ResultRecord, count: int, width: int) -> Iterator[Preview]:
    source, target = Path(record["source"]), Path(record["target"])
    if record["kind"] == "photo":
        size = (2 * width, 2 * width)
        yield _preview("", read_image_rgb(source, size), read_image_rgb(target, size), width)
    elif record["kind"] == "film" and target.is_file():
        start = Fraction(record["options"].get("start") or 0)
        pair = FilmPair(source, target, offset=start)
        size = fit_size(pair.a.size, width)
        for time_s in pair.sample_times(count):
            before, after = pair.frames_at(time_s)
            yield _preview(format_time(before.time_s), before.rgb(size), after.rgb(size), width)
    else:
        yield from _generate_sequence_previews(record, source, target, count, width)


def _generate_sequence_previews(
    record: ResultRecord, source: Path, target: Path, count: int, width: int
) -> Iterator[Preview]:
    """Yield previews of a result whose source or target is an image sequence."""
    video = record["video"]
    rate = Fraction((video["frame_rate"] if video else None) or _DEFAULT_FPS)
    first = int(Fraction(record["options"].get("start") or 0) * rate)
    for n in range(count):
        index = (2 * n + 1) * record["num_frames"] // (2 * count)
        before = _read_frame(source, first + index, rate)
        yield _preview(f"frame {first + index}", before, _read_frame(target, index, rate), width)


def _read_frame(path: Path, index: int, rate: Fraction) -> Rgb:
    """Read a frame of a film or sequence by its index, or the nearest frame if it is missing."""
    if path.is_file():
        film = DisplayReader(path)
        return film.frame_at((index + Fraction(1, 2)) / rate).rgb(film.size)
    sequence = find_sequence(path)
    number = sequence.first_number + index
    return read_image_rgb(sequence.files[min(sequence.files, key=lambda n: abs(n - number))])


def _preview(caption: str, before: Rgb, after: Rgb, width: int) -> Preview:
    size = fit_size((before.shape[1], before.shape[0]), width)
    before_jpeg = encode_jpeg(resize_rgb(before, size))
    return Preview(caption, before_jpeg, encode_jpeg(resize_rgb(after, size)), size)


def fit_size(size: tuple[int, int], width: int) -> tuple[int, int]:
    """Scale a size to a width in pixels, or to a smaller width if the image is very tall."""
    factor = min(width / size[0], _MAX_HEIGHT * width / size[1])
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def encode_jpeg(rgb: Rgb) -> bytes:
    """Encode an (H, W, 3) uint8 image as a JPEG file."""
    from PIL import Image

    data = io.BytesIO()
    Image.fromarray(rgb).save(data, format="JPEG", quality=_JPEG_QUALITY, optimize=True)
    return data.getvalue()
