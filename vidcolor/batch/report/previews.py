"""Small pictures of a result beside its source, for reports."""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor.errors import VidcolorError
from vidcolor.evaluation.compare_options import CompareOptions
from vidcolor.imaging.text import clock
from vidcolor.media.film_pair import FilmPair
from vidcolor.media.preview import DisplayReader, scale
from vidcolor.media.preview_still import picture_rgb
from vidcolor.media.sequence import find_sequence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vidcolor.batch.report.schema import ResultRecord
    from vidcolor.media.preview import Rgb

_QUALITY = 82
_TALLEST = 1.4
"""A preview's height at most, as a multiple of its width."""


@dataclass(frozen=True, slots=True)
class Preview:
    """One moment, before and after."""

    caption: str
    before: bytes
    """JPEG."""
    after: bytes
    size: tuple[int, int]


def previews(record: ResultRecord, count: int, width: int) -> tuple[list[Preview], str | None]:
    """Moments of a result, or the reason why there are none.

    Args:
        record: what was done; its files are read again.
        count: moments of a film or sequence.
        width: of each picture in pixels.
    """
    if record["error"] is not None:
        return [], None
    try:
        return list(_pairs(record, count, width)), None
    except (VidcolorError, OSError) as error:
        return [], f"No preview: {error}"


def _pairs(record: ResultRecord, count: int, width: int) -> Iterator[Preview]:
    source, target = Path(record["source"]), Path(record["target"])
    if record["kind"] == "photo":
        size = (2 * width, 2 * width)
        yield _preview("", picture_rgb(source, size), picture_rgb(target, size), width)
    elif record["kind"] == "film" and target.is_file():
        start = Fraction(record["options"].get("start") or 0)
        pair = FilmPair(source, target, CompareOptions(offset=start))
        size = fitting(pair.a.size, width)
        for moment in pair.moments(count):
            before, after = pair.at(moment)
            yield _preview(clock(before.time_s), before.rgb(size), after.rgb(size), width)
    else:
        yield from _of_sequence(record, source, target, count, width)


def _of_sequence(
    record: ResultRecord, source: Path, target: Path, count: int, width: int
) -> Iterator[Preview]:
    """Numbered pictures on either side, or a film made from them, or into them."""
    picture = record["picture"]
    rate = Fraction((picture["frame_rate"] if picture else None) or 24)
    first = int(Fraction(record["options"].get("start") or 0) * rate)
    for n in range(count):
        index = (2 * n + 1) * record["num_frames"] // (2 * count)
        before = _frame_of(source, first + index, rate)
        yield _preview(f"frame {first + index}", before, _frame_of(target, index, rate), width)


def _frame_of(path: Path, index: int, rate: Fraction) -> Rgb:
    """A frame by number from the first, of a film or of numbered pictures."""
    if path.is_file():
        film = DisplayReader(path)
        return film.at((index + Fraction(1, 2)) / rate).rgb(film.size)
    sequence = find_sequence(path)
    wanted = sequence.first_number + index
    return picture_rgb(sequence.files[min(sequence.files, key=lambda n: abs(n - wanted))])


def _preview(caption: str, before: Rgb, after: Rgb, width: int) -> Preview:
    size = fitting((before.shape[1], before.shape[0]), width)
    return Preview(caption, jpeg(scale(before, size)), jpeg(scale(after, size)), size)


def fitting(size: tuple[int, int], width: int) -> tuple[int, int]:
    """Width and height, scaled to a width, or narrower where the picture is very tall."""
    factor = min(width / size[0], _TALLEST * width / size[1])
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def jpeg(rgb: Rgb) -> bytes:
    """A picture, (H, W, 3) uint8, as a JPEG file."""
    from PIL import Image

    data = io.BytesIO()
    Image.fromarray(rgb).save(data, format="JPEG", quality=_QUALITY, optimize=True)
    return data.getvalue()
