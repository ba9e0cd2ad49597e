"""Recognition of title cards and countdowns in single frames."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

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


def test_cross_and_rings_are_a_countdown():
    assert recognize_countdown(make_countdown()) > 0.8
    assert recognize_countdown(make_card()) == 0
    assert all(recognize_countdown(make_picture(seed)) == 0 for seed in range(6))
