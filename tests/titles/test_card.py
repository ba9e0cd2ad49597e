"""Recognition of title cards and countdowns in single frames."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from tests.helpers.synthetic_shots import make_scene
from tests.helpers.title_cards import draw_text, make_card, make_countdown
from vidcolor.color.ycbcr import Coding
from vidcolor.imaging.geometry import Geometry
from vidcolor.imaging.types import FloatArray
from vidcolor.titles.card import MIN_IMAGE_CONFIDENCE, recognize_card, recognize_image
from vidcolor.titles.countdown import recognize_countdown


def make_picture(seed: int) -> FloatArray:
    """Return a soft landscape with hard-edged objects, (240, 320)."""
    rng = np.random.default_rng(seed)
    picture = np.ascontiguousarray(cv2.resize(make_scene(seed), (320, 240)), np.float32)
    for _ in range(12):
        corners = rng.integers(0, 320, 2) + rng.integers(-40, 40, (4, 2))
        cv2.fillConvexPoly(picture, cv2.convexHull(corners.astype(np.int32)), rng.uniform())
    return picture


@pytest.mark.parametrize(
    ("background", "text", "grain"),
    [(0.05, 0.8, 0.02), (0.9, 0.1, 0.02), (0.3, 0.7, 0.04), (0.02, 0.25, 0.01)],
)
def test_text_on_an_even_background_is_a_card(background, text, grain):
    assert recognize_card(make_card(background, text, grain)) > MIN_IMAGE_CONFIDENCE


def test_card_with_bars_border_and_vignette_is_a_card():
    card = make_card(0.75, 0.1, size=(240, 240))
    y, x = np.mgrid[-1:1:240j, -1:1:240j]
    card = (card * (1 - 0.2 * (x**2 + y**2))).astype(np.float32)
    cv2.rectangle(card, (10, 10), (229, 229), 0.1, 2)
    assert recognize_card(np.pad(card, ((0, 0), (40, 40)))) > MIN_IMAGE_CONFIDENCE


def draw_on(ground: float, draw) -> FloatArray:
    """Return a frame, (240, 320), that a function draws white on a plain ground."""
    image = Image.new("L", (320, 240))
    draw(ImageDraw.Draw(image))
    ink = np.asarray(image, np.float32) / 255
    noise = np.random.default_rng(0).normal(0, 0.01, ink.shape)
    return np.asarray(ground + ink * (0.9 - ground) + noise, np.float32)


def draw_joined_word(draw: ImageDraw.ImageDraw) -> None:
    """Draw a word whose letters touch, as those of italics and handwriting."""
    draw.text((160, 120), "Farewell", 255, ImageFont.load_default(28), "mm")
    draw.line((115, 129, 205, 129), 255, 3)


def draw_ornaments(draw: ImageDraw.ImageDraw) -> None:
    """Draw a short title between ornaments that are larger than it."""
    draw.text((160, 120), "At the ball", 255, ImageFont.load_default(20), "mm")
    for x in (40, 280):
        for y in (40, 80, 120, 160, 200):
            draw.regular_polygon((x, y, 13), 5, fill=255)


def draw_columns(draw: ImageDraw.ImageDraw) -> None:
    """Draw characters below each other, in three columns."""
    for x in (220, 160, 100):
        for y, letters in enumerate("AKREWBS"):
            draw.text((x, 50 + 22 * y), letters, 255, ImageFont.load_default(20), "mm")


@pytest.mark.parametrize("draw", [draw_joined_word, draw_ornaments, draw_columns])
def test_words_borders_and_columns_are_recognized(draw):
    assert recognize_card(draw_on(0.05, draw)) > MIN_IMAGE_CONFIDENCE


def draw_windows(draw: ImageDraw.ImageDraw) -> None:
    for x in range(40, 280, 26):
        for y in (80, 120):
            draw.rectangle((x, y, x + 12, y + 16), fill=255)


def draw_lamps(draw: ImageDraw.ImageDraw) -> None:
    for x in range(40, 280, 24):
        draw.ellipse((x, 110, x + 12, 122), fill=255)


@pytest.mark.parametrize("draw", [draw_windows, draw_lamps])
def test_equal_shapes_are_no_letters(draw):
    assert recognize_card(draw_on(0.03, draw)) == 0


def test_card_on_a_panel_is_recognized():
    card = np.full((240, 320), 0.6, np.float32)
    card[30:210, 40:280] = make_card(size=(240, 180))
    assert recognize_card(card) > MIN_IMAGE_CONFIDENCE


@pytest.mark.parametrize("seed", range(6))
def test_picture_is_no_card_with_and_without_text_over_it(seed):
    picture = make_picture(seed)
    assert recognize_card(picture) < 0.2
    text = draw_text()
    assert recognize_card(picture + text * (0.95 - picture)) < 0.5


def test_blank_and_tiny_frames_are_no_cards():
    noise = np.random.default_rng(0).normal(0.5, 0.01, (240, 320)).astype(np.float32)
    assert recognize_card(np.full((240, 320), 0.5, np.float32)) == 0
    assert recognize_card(noise) < 0.5
    assert recognize_card(np.eye(8, dtype=np.float32)) == 0


def test_image_is_recognized_upright():
    card = np.rint(make_card(size=(960, 720)) * 219 + 16).astype(np.uint8)
    stored, coding = np.ascontiguousarray(np.rot90(card)), Coding(8, full_range=False)
    turned = Geometry(720, 960, quarter_turns=3)
    assert recognize_image(stored, coding, turned) > MIN_IMAGE_CONFIDENCE
    assert np.array_equal(turned.to_upright(stored), card)


def draw_ring(draw: ImageDraw.ImageDraw) -> None:
    draw.ellipse((90, 50, 230, 190), outline=255, width=5)


def draw_digit_in_a_ring(draw: ImageDraw.ImageDraw) -> None:
    draw_ring(draw)
    draw.text((160, 120), "5", 255, ImageFont.load_default(70), "mm")


def draw_wheel(draw: ImageDraw.ImageDraw) -> None:
    draw_ring(draw)
    for angle in np.arange(12) * np.pi / 6 + 0.1:
        draw.line((160, 120, 160 + 70 * np.cos(angle), 120 + 70 * np.sin(angle)), 255, 3)


@pytest.mark.parametrize(("draw", "minimum"), [(draw_digit_in_a_ring, 0.9), (draw_wheel, 0)])
def test_digit_in_a_ring_is_a_countdown_and_a_wheel_is_none(draw, minimum):
    confidence = recognize_countdown(draw_on(0.1, draw))
    assert confidence > minimum if minimum else confidence == 0


def test_cross_and_rings_are_a_countdown():
    assert recognize_countdown(make_countdown()) > 0.8
    assert recognize_countdown(make_card()) == 0
    assert all(recognize_countdown(make_picture(seed)) == 0 for seed in range(6))
