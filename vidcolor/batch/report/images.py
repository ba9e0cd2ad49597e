"""Small JPEG images for reports: previews of results, and outlines of uncertain regions."""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.errors import VidcolorError
from vidcolor.imaging.text import choose_font
from vidcolor.media.film_pair import FilmPair
from vidcolor.media.preview import DisplayReader, resize_rgb
from vidcolor.media.preview_image import read_image_rgb
from vidcolor.media.sequence import find_sequence
from vidcolor.media.sequence_reader import DEFAULT_FPS
from vidcolor.timecode import format_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vidcolor.batch.report.schema import (
        LostHintRecord,
        RegionRecord,
        ResultRecord,
        ShotRecord,
    )
    from vidcolor.imaging.types import Rgb

_JPEG_QUALITY = 82
_MAX_HEIGHT = 1.4
"""Maximum height of an image, as a multiple of its width."""
_OUTLINED_WIDTH = 420
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)


@dataclass(frozen=True, slots=True)
class Jpeg:
    """A JPEG file and its size in pixels."""

    data: bytes
    width: int
    height: int

    @classmethod
    def encode(cls, rgb: Rgb, width: int) -> Jpeg:
        """Resize an (H, W, 3) uint8 image to a width in pixels and encode it."""
        from PIL import Image

        size, data = fit_size((rgb.shape[1], rgb.shape[0]), width), io.BytesIO()
        image = Image.fromarray(resize_rgb(rgb, size))
        image.save(data, format="JPEG", quality=_JPEG_QUALITY, optimize=True)
        return cls(data.getvalue(), *size)


@dataclass(frozen=True, slots=True)
class Preview:
    """A frame or photo of the source and of the result."""

    caption: str
    before: Jpeg
    after: Jpeg

    @property
    def is_tall(self) -> bool:
        """Whether the images are higher than wide."""
        return self.after.height > self.after.width


def make_previews(record: ResultRecord, count: int, width: int) -> tuple[list[Preview], str | None]:
    """Return previews of a result, and a message if its source or target cannot be read again.

    A film or sequence has `count` previews. The width is in pixels.
    """
    if record.error is not None:
        return [], None
    try:
        return [
            Preview(caption, Jpeg.encode(before, width), Jpeg.encode(after, width))
            for caption, before, after in _read_pairs(record, count, width)
        ], None
    except (VidcolorError, OSError) as error:
        return [], f"No preview: {error}"


def _read_pairs(record: ResultRecord, count: int, width: int) -> Iterator[tuple[str, Rgb, Rgb]]:
    """Yield a caption, an image of the source and the same image of the result."""
    source, target = Path(record.source), Path(record.target)
    start = Fraction(record.options.get("start") or 0)
    if record.kind == "photo":
        size = (2 * width, 2 * width)
        yield "", read_image_rgb(source, size, allow_damaged=True), read_image_rgb(target, size)
    elif record.kind == "film" and target.is_file():
        pair = FilmPair(source, target, offset=start)
        size = fit_size(pair.a.size, width)
        for time_s in pair.sample_times(count):
            before, after = pair.frames_at(time_s)
            yield format_time(before.time_s), before.rgb(size), after.rgb(size)
    else:  # the source or the target is an image sequence
        rate = Fraction((record.video.frame_rate if record.video else None) or DEFAULT_FPS)
        first = int(start * rate)
        for n in range(count):
            index = (2 * n + 1) * record.num_frames // (2 * count)
            before_rgb = _read_frame(source, first + index, rate)
            yield f"frame {first + index}", before_rgb, _read_frame(target, index, rate)


def _read_frame(path: Path, index: int, rate: Fraction) -> Rgb:
    """Read a frame of a film or sequence by its index, or the nearest frame if it is missing."""
    if path.is_file():
        film = DisplayReader(path)
        return film.frame_at((index + Fraction(1, 2)) / rate).rgb(film.size)
    sequence = find_sequence(path)
    number = sequence.first_number + index
    nearest = min(sequence.files, key=lambda n: abs(n - number))
    return read_image_rgb(sequence.files[nearest], allow_damaged=True)


def fit_size(size: tuple[int, int], width: int) -> tuple[int, int]:
    """Scale a size to a width in pixels, or to a smaller width if the image is very tall."""
    factor = min(width / size[0], _MAX_HEIGHT * width / size[1])
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def outline_regions(record: ResultRecord, shot: ShotRecord) -> Jpeg | str:
    """Return the result with the outlined regions of a shot, or a message if it cannot be read."""
    try:
        rgb = _read_result(record, shot)
    except (VidcolorError, OSError) as error:
        return f"No image: {error}"
    size = fit_size((rgb.shape[1], rgb.shape[0]), _OUTLINED_WIDTH)
    return Jpeg.encode(draw_outlines(resize_rgb(rgb, size), shot.regions), size[0])


def show_lost_hint(record: ResultRecord, lost: LostHintRecord) -> Jpeg | str:
    """Return the result in the middle of an interval, or a message if it cannot be read."""
    start = float(Fraction(record.options.get("start") or 0))
    try:
        target = Path(record.target)
        if target.is_file():
            film = DisplayReader(target)
            time_s = (lost.start_s + lost.end_s) / 2 - start
            size = fit_size(film.size, _OUTLINED_WIDTH)
            return Jpeg.encode(film.frame_at(Fraction(max(0.0, time_s))).rgb(size), size[0])
        sequence = find_sequence(target)
        number = sequence.first_number + (lost.first_frame + lost.last_frame) // 2
        return Jpeg.encode(read_image_rgb(sequence.files[number]), _OUTLINED_WIDTH)
    except (VidcolorError, OSError) as error:
        return f"No image: {error}"


def _read_result(record: ResultRecord, shot: ShotRecord) -> Rgb:
    """Read the photo or frame of the result in which the regions of a shot were found."""
    target, shots = Path(record.target), record.uncertainty or (shot,)
    if record.kind == "photo":
        return read_image_rgb(target, (2 * _OUTLINED_WIDTH, 2 * _OUTLINED_WIDTH))
    if target.is_file():
        film = DisplayReader(target)
        time_s = Fraction(shot.time_s - shots[0].start_s).limit_denominator(1_000_000)
        size = fit_size(film.size, 2 * _OUTLINED_WIDTH)
        return film.frame_at(max(Fraction(0), time_s)).rgb(size)
    sequence = find_sequence(target)
    return read_image_rgb(sequence.files[sequence.first_number + shot.frame])


def draw_outlines(rgb: Rgb, regions: Sequence[RegionRecord]) -> Rgb:
    """Draw numbered outlines into a copy of an (H, W, 3) image.

    White lines have a black border, so that they are visible on any background.
    """
    import cv2
    from PIL import Image, ImageDraw

    drawn = np.ascontiguousarray(rgb).copy()
    height, width = drawn.shape[:2]
    for region in regions:
        corners = np.rint(np.array(region.outline) * [width - 1, height - 1]).astype(np.int32)
        for color, thickness in ((_BLACK, 4), (_WHITE, 2)):
            cv2.polylines(drawn, [corners], True, color, thickness, cv2.LINE_AA)
    image = Image.fromarray(drawn)
    draw = ImageDraw.Draw(image)
    for number, region in enumerate(regions, start=1):
        x, y = region.point[0] * width, region.point[1] * height
        draw.ellipse((x - 11, y - 11, x + 11, y + 11), fill=_BLACK, outline=_WHITE, width=2)
        font, text = choose_font(str(number), 14)
        draw.text((x, y), text, fill=_WHITE, font=font, anchor="mm")
    return np.asarray(image)
