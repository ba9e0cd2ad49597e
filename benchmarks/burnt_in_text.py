"""Measure how well burnt-in text is recognized in films, and what it costs their pictures.

    python benchmarks/burnt_in_text.py PHOTOS [PHOTOS…]

PHOTOS are folders with photographs. Each film has as many of them as shots, and frames between them
with the same picture, moved. The last row has no text: everything that is found in it is an error.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vidcolor.color.ycbcr import Coding
from vidcolor.imaging.geometry import Geometry
from vidcolor.imaging.resize import resize_area
from vidcolor.titles.burnt_in import BurntInDetector, BurntInText
from vidcolor.titles.burnt_in_paint import remove_text_chroma
from vidcolor.titles.card import get_card_shape

WIDTH, HEIGHT = 640, 480
FRAMES_PER_SHOT = 2
NOISE = 3.0
"""Standard deviation of the grain, in 8-bit code values."""
FULL_RANGE = Coding(8, full_range=True)


class Style(NamedTuple):
    """How text is drawn."""

    name: str
    size: float
    """Size of the font, relative to the height of the frame."""
    box: int | None = None
    """Code value of the box behind the text."""
    outline: int = 0
    """Width of the black outline, in pixels."""
    text: int = 235
    bar: bool = False
    """Whether the frame has bars, and the text is in the lower one."""


class Score(NamedTuple):
    """What was measured in a film."""

    is_found: bool
    text_left: float
    """Share of the chroma of the text that is left."""
    picture_lost: float
    """Share of the picture outside the text and its box that lost more than half of its chroma."""


STYLES = (
    Style("black box", 0.055, box=16),
    Style("white box", 0.055, box=235, text=16),
    Style("outline", 0.055, outline=2),
    Style("plain", 0.055),
    Style("small on a box", 0.035, box=16),
    Style("small, outline", 0.035, outline=1),
    Style("in a bar", 0.055, bar=True),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--shots", type=int, nargs="+", default=[10, 20, 40])
    arguments = parser.parse_args()
    photos = list(_read_photos(arguments.photos))
    print(
        f"{len(photos)} photographs; share of films with the text, chroma left in it, picture lost"
    )
    for count in arguments.shots:
        films = [photos[n : n + count] for n in range(0, len(photos) - count + 1, count)]
        for style in STYLES:
            scores = [_measure(film, style, seed) for seed, film in enumerate(films)]
            found, left, lost = (float(np.mean(v)) for v in zip(*scores, strict=True))
            print(f"{count:4} shots  {style.name:16} {found:6.0%} {left:8.1%} {lost:9.3%}")
        started = time.process_time()
        wrong = sum(bool(_recognize(film, None, seed)) for seed, film in enumerate(films))
        seconds = (time.process_time() - started) / sum(map(len, films)) / FRAMES_PER_SHOT
        print(f"{count:4} shots  without text: {wrong} of {len(films)} films", end="")
        print(f"; {1000 * seconds:.1f} ms of processor time per frame, with drawing")


def _read_photos(folders: list[Path]) -> Iterator[NDArray[np.uint8]]:
    """Yield photographs in gray, a little larger than a frame, in a random order."""
    paths = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    for number in np.random.default_rng(0).permutation(len(paths)):
        image = cv2.imread(str(paths[number]), cv2.IMREAD_GRAYSCALE)
        if image is not None:
            scale = max((WIDTH + 64) / image.shape[1], (HEIGHT + 48) / image.shape[0])
            yield np.asarray(cv2.resize(image, None, fx=scale, fy=scale), np.uint8)


def _draw_film(
    photos: list[NDArray[np.uint8]], style: Style | None, seed: int
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_]]]:
    """Yield frames, with the masks of their text and of all that must not have chroma."""
    rng = np.random.default_rng(seed)
    first = int(rng.integers(90_000))
    for number, photo in enumerate(photos):
        for step in range(FRAMES_PER_SHOT):
            top, left = (int(rng.integers(8 * step, 48)) for _ in range(2))
            frame = photo[top : top + HEIGHT, left : left + WIDTH].copy()
            index = first + 20 * (FRAMES_PER_SHOT * number + step)
            text = other = np.zeros(frame.shape, np.bool_)
            if style is not None:
                frame, text, other = _draw_text(frame, style, index)
            noise = rng.normal(0, NOISE, frame.shape)
            yield np.clip(np.rint(frame + noise), 0, 255).astype(np.uint8), text, other


def _draw_text(
    frame: NDArray[np.uint8], style: Style, index: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_]]:
    """Draw time code."""
    code = f"10:{index // 1500 % 60:02}:{index // 25 % 60:02}:{index % 25:02}"
    path = Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSansMono-Bold.ttf"
    font = ImageFont.truetype(str(path), round(style.size * HEIGHT))
    center = (WIDTH / 2, (0.94 if style.bar else 0.9) * HEIGHT)
    if style.bar:
        frame[: HEIGHT // 8] = frame[-HEIGHT // 8 :] = 16
    image, mask = Image.fromarray(frame), Image.new("L", (WIDTH, HEIGHT))
    draw, draw_mask = ImageDraw.Draw(image), ImageDraw.Draw(mask)
    left, top, right, bottom = draw.textbbox(center, code, font, anchor="mm")
    margin = 0.3 * style.size * HEIGHT
    box = (left - margin, top - margin, right + margin, bottom + margin)
    if style.box is not None:
        draw.rectangle(box, style.box)
        draw_mask.rectangle(box, 255)
    draw.text(center, code, style.text, font, "mm", stroke_width=style.outline, stroke_fill=16)
    draw_mask.text(center, code, 255, font, "mm", stroke_width=style.outline + 2)
    other = np.asarray(mask) > 0
    if style.bar:
        other = other.copy()
        other[: HEIGHT // 8] = other[-HEIGHT // 8 :] = True
    letters = Image.new("L", (WIDTH, HEIGHT))
    ImageDraw.Draw(letters).text(center, code, 255, font, "mm")
    return np.asarray(image, np.uint8), np.asarray(letters) > 128, other


def _recognize(
    photos: list[NDArray[np.uint8]], style: Style | None, seed: int
) -> tuple[BurntInText, ...]:
    detector = BurntInDetector()
    for frame, _, _ in _draw_film(photos, style, seed):
        small = resize_area(frame, get_card_shape(*frame.shape))
        detector.feed(FULL_RANGE.luma_to_unit(small))
    return detector.find()


def _measure(photos: list[NDArray[np.uint8]], style: Style, seed: int) -> Score:
    texts, left, lost = _recognize(photos, style, seed), [], []
    for frame, text, other in _draw_film(photos, style, seed):
        planes = (np.ones(frame.shape, np.float32), np.ones(frame.shape, np.float32))
        geometry = Geometry(width=WIDTH, height=HEIGHT)
        remove_text_chroma(planes, frame, texts, FULL_RANGE, geometry, (0, 0))
        left.append(float(planes[0][text].mean()))
        lost.append(float((planes[0][~other] < 0.5).mean()))
    return Score(bool(texts), float(np.mean(left)), float(np.mean(lost)))


if __name__ == "__main__":
    main()
