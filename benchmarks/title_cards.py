"""Draw worn title cards, countdowns, and text over photographs."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import cv2
import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

FONTS = {
    "fit": ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif", "DejaVuSansMono", "cmr10",
            "DejaVuSerif-Italic"),
    "check": ("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "DejaVuSerif-Bold", "cmss10",
              "DejaVuSans-Oblique", "cmti10"),
}  # fmt: skip
"""Fonts of Matplotlib for the cards from which weights are estimated, and for other cards."""
TEXT = (
    "the and of to in his her that with for came night day old house father mother girl young man "
    "train money never again heart love farewell letter morning village captain sheriff bandits "
    "stranger city arrived meanwhile years later directed by produced photographed story scenario "
    "music editor cast presents picture company copyright MCMXXII The End Part Two Reel I cannot "
    "believe it! You must leave at once. What have you done? Mary John Sir William Elizabeth"
)
HEIGHTS = (240, 288, 360, 480, 576)
ASPECTS = (1.2, 4 / 3, 4 / 3, 4 / 3, 1.37, 16 / 9)

Plane = NDArray[np.float32]


class CardPainter:
    """Draws random cards; equal seeds draw equal cards."""

    def __init__(self, seed: int, fonts: tuple[str, ...]) -> None:
        self._rng = np.random.default_rng(seed)
        folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
        self._words = TEXT.split()
        self._fonts = [str(folder / f"{name}.ttf") for name in fonts]

    def draw_card(self) -> NDArray[np.uint8]:
        """Return a card: text, perhaps a border, and a plain, uneven or painted background."""
        uniform, pick = self._rng.uniform, self._pick
        shape = self._choose_shape()
        ink = self._draw_lines(shape, self._choose_lines(), 0.2)
        ink = np.maximum(ink, self._draw_border(shape))
        if uniform() < 0.15:
            ink = self._distort(ink)
        kind = pick(["plain"] * 4 + ["uneven"] * 2 + ["texture", "cloth", "painted"])
        if uniform() < 0.75:  # light text
            low = uniform(0.05, 0.4) if kind in ("texture", "cloth", "painted") else uniform(0, 0.2)
            background, text = low, min(1.0, low + uniform(0.35, 0.75))
        else:
            background, text = uniform(0.6, 1), uniform(0.02, 0.35)
        ground = self._paint_ground(shape, background, kind)
        return self._wear(ground + ink * (np.float32(text) - ground))

    def draw_countdown(self) -> NDArray[np.uint8]:
        """Return a frame of a countdown: a cross, rings, a sector and a digit."""
        uniform, (height, width) = self._rng.uniform, self._choose_shape()
        ground = np.full((height, width), uniform(0.2, 0.7), np.float32)
        if uniform() < 0.7:
            angle = uniform(10, 350)
            sector = np.zeros_like(ground)
            center, axes = (width // 2, height // 2), (width, height)
            cv2.ellipse(sector, center, axes, -90, 0, angle, 1.0, -1)
            ground += sector * np.float32(uniform(-0.15, 0.15))
        image = Image.new("L", (width, height))
        draw, line = ImageDraw.Draw(image), max(1, height // 150)
        x, y = width / 2, height / 2
        draw.line((0, y, width, y), 255, line)
        draw.line((x, 0, x, height), 255, line)
        for share in self._pick([(0.4, 0.45), (0.42,), (0.3, 0.4)]):
            radius = share * height
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), None, 255, 2 * line)
        font = ImageFont.truetype(self._pick(self._fonts), int(height * uniform(0.35, 0.55)))
        draw.text((x, y), str(self._rng.integers(2, 10)), 255, font, anchor="mm")
        ink = np.asarray(image, np.float32) / 255
        level = np.float32(self._pick([uniform(0, 0.1), uniform(0.85, 1)]))
        return self._wear(ground + ink * (level - ground))

    def draw_over(self, photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return a photograph with light text over it."""
        scale = max(1, round(240 / min(photo.shape)))
        large = cv2.resize(photo, None, fx=scale, fy=scale)
        picture = np.asarray(large, np.float32) / np.float32(255)
        lines = self._make_lines(self._pick([1, 1, 2, 2, 3, 5]), self._rng.integers(8, 27))
        ink = self._draw_lines(picture.shape, lines, 0.15)
        return self._wear(picture + ink * (np.float32(self._rng.uniform(0.8, 1)) - picture))

    def _pick(self, choices: Any) -> Any:
        return choices[self._rng.integers(len(choices))]

    def _choose_shape(self) -> tuple[int, int]:
        height = self._pick(HEIGHTS)
        return height, round(height * self._pick(ASPECTS))

    def _choose_lines(self) -> list[str]:
        integers = self._rng.integers
        layout = self._pick(["text"] * 4 + ["end", "credits", "short", "heading"])
        if layout == "end":
            return ["The End"]
        count, columns = {
            "text": (integers(2, 10), integers(14, 35)),
            "credits": (integers(4, 13), integers(18, 35)),
            "short": (integers(1, 3), integers(5, 11)),
            "heading": (integers(1, 4), integers(8, 21)),
        }[layout]
        lines = self._make_lines(count, columns)
        return [line.upper() for line in lines] if self._rng.uniform() < 0.3 else lines

    def _make_lines(self, count: int, columns: int) -> list[str]:
        lines = []
        for _ in range(count):
            length, text = self._rng.integers(max(4, columns // 3), columns + 1), ""
            while len(text) < length:
                text += self._pick(self._words) + " "
            lines.append(text[:columns].strip())
        return lines

    def _draw_lines(self, shape: tuple[int, ...], lines: list[str], max_size: float) -> Plane:
        """Return the coverage of lines of text, which fill at most 70 % of the height."""
        height, width = shape
        columns = max(len(line) for line in lines)
        size = min(height * 0.7 / len(lines) / 1.3, width * 0.8 / columns / 0.55, height * max_size)
        size = max(int(size), int(height * 0.028), 7)
        font = ImageFont.truetype(self._pick(self._fonts), size)
        image = Image.new("L", (width, height))
        draw, step = ImageDraw.Draw(image), size * self._rng.uniform(1.15, 1.6)
        top = (height - step * len(lines)) / 2 + self._rng.uniform(-0.08, 0.08) * height
        is_centered = self._rng.uniform() < 0.75
        for line in lines:
            left = (width - draw.textlength(line, font)) / 2 if is_centered else width * 0.12
            draw.text((left, top), line, 255, font)
            top += step
        ink = np.asarray(image, np.float32) / 255
        return self._blur(ink, 0.5, 1.6) if self._rng.uniform() < 0.3 else ink

    def _draw_border(self, shape: tuple[int, int]) -> Plane:
        (height, width), uniform = shape, self._rng.uniform
        image = Image.new("L", (width, height))
        draw, kind = ImageDraw.Draw(image), self._pick(["none"] * 3 + ["box", "corners", "rules"])
        margin, line = uniform(0.03, 0.09) * height, max(1, round(height * uniform(0.002, 0.01)))
        if kind == "box":
            for inset in (margin, margin + 3 * line + 2):
                draw.rectangle((inset, inset, width - inset, height - inset), None, 255, line)
        if kind == "rules":
            for y in (2 * margin, height - 2 * margin):
                draw.line((0.2 * width, y, 0.8 * width, y), 255, line)
        if kind == "corners":
            for x in (margin, width - margin):
                for y in (margin, height - margin):
                    for radius in (0.03 * height, 0.06 * height, 0.09 * height):
                        box = (x - radius, y - radius, x + radius, y + radius)
                        draw.arc(box, uniform(0, 180), uniform(180, 360), 255, line)
        return np.asarray(image, np.float32) / 255

    def _paint_ground(self, shape: tuple[int, int], level: float, kind: str) -> Plane:
        (height, width), uniform = shape, self._rng.uniform
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
        ground = np.full(shape, level, np.float32)
        if kind in ("uneven", "texture", "cloth"):
            dx, dy = uniform(-0.3, 0.3, 2)
            ground *= 1 - uniform(0.1, 0.5) * ((x - dx) ** 2 + (y - dy) ** 2) / 2
        if kind == "texture":
            ground += self._make_noise(shape, self._pick([3, 6, 12, 30])) * uniform(0.005, 0.03)
        if kind == "cloth":
            waves = np.sin(x * width / uniform(1, 2)) + np.sin(y * height / uniform(1, 2))
            ground += waves * uniform(0.005, 0.02)
        if kind == "painted":
            for _ in range(self._rng.integers(2, 7)):
                corners = self._rng.uniform((0, 0), (width, height), (5, 2)).astype(np.int32)
                patch = np.zeros(shape, np.float32)
                cv2.fillPoly(patch, [corners], 1.0)
                ground += self._blur(patch, 1, 6) * uniform(-0.12, 0.12)
        return ground.astype(np.float32)

    def _make_noise(self, shape: tuple[int, ...], scale: int) -> Plane:
        height, width = shape
        grid = self._rng.standard_normal((height // scale + 2, width // scale + 2), np.float32)
        noise = cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
        return np.asarray(noise / noise.std(), np.float32)

    def _distort(self, ink: Plane) -> Plane:
        """Shift the ink irregularly, as in letters drawn by hand."""
        y, x = np.mgrid[: ink.shape[0], : ink.shape[1]].astype(np.float32)
        dx, dy = (1.2 * self._make_noise(ink.shape, 20) for _ in range(2))
        return np.asarray(cv2.remap(ink, x + dx, y + dy, cv2.INTER_LINEAR), np.float32)

    def _blur(self, plane: Plane, low: float, high: float) -> Plane:
        sigma = self._rng.uniform(low, high)
        return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma), np.float32)

    def _wear(self, frame: Plane) -> NDArray[np.uint8]:
        """Add grain, scratches, dust, a film gate, bars, flicker, blur and JPEG artifacts."""
        (height, width), uniform = frame.shape, self._rng.uniform
        frame = frame.copy()
        if uniform() < 0.7:
            grain = self._rng.standard_normal(frame.shape, np.float32)
            grain = self._blur(grain, 0.5, 1.3) if uniform() < 0.6 else grain
            frame += grain / grain.std() * uniform(0.003, 0.045)
        if uniform() < 0.4:
            for x in self._rng.integers(0, width, self._rng.integers(1, 9)):
                frame[self._rng.integers(height // 2) :, x] += self._pick([-0.2, 0.2, 0.35])
            for x, y in self._rng.integers((0, 0), (width, height), (8, 2)).tolist():
                cv2.circle(frame, (x, y), int(self._rng.integers(1, 4)), uniform(), -1)
        if uniform() < 0.2:
            edge = int(self._rng.integers(2, 11))
            gate = np.zeros_like(frame)
            cv2.rectangle(gate, (edge, edge), (width - edge, height - edge), 1.0, -1)
            frame *= cv2.GaussianBlur(gate, (0, 0), 3)
        if uniform() < 0.2:
            bar = int(self._rng.integers(10, width // 8))
            frame[:, :bar] = frame[:, -bar:] = 0
        if uniform() < 0.3:
            frame *= uniform(0.5, 1)
        if uniform() < 0.3:
            frame = self._blur(frame, 0.4, 1.3)
        codes = np.clip(np.rint(frame * 255), 0, 255).astype(np.uint8)
        if uniform() < 0.6:
            data = io.BytesIO()
            Image.fromarray(codes).save(data, "JPEG", quality=int(self._rng.integers(35, 91)))
            codes = np.array(Image.open(data))
        return codes
