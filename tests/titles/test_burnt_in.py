"""Text that is burnt into all frames of a film, and the removal of its chroma."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from tests.helpers.burnt_in import BOX, draw_code, make_picture
from vidcolor.color.ycbcr import Coding
from vidcolor.imaging.geometry import Geometry
from vidcolor.titles.burnt_in import MIN_FRAMES, BurntInDetector, BurntInText
from vidcolor.titles.burnt_in_paint import remove_text_chroma

STYLES = {
    "plain": {},
    "outline": {"outline": 2},
    "black box": {"box": 0.05},
    "white box": {"box": 0.9, "text": 0.1},
}
FULL_RANGE = Coding(8, full_range=True)


def find(frames):
    detector = BurntInDetector()
    for frame in frames:
        detector.feed(frame)
    return detector.find()


def make_film(count=12, **style):
    return [draw_code(make_picture(seed), 20 * seed, **style) for seed in range(count)]


@pytest.mark.parametrize("style", STYLES)
def test_time_code_is_found_with_its_box(style):
    (text,) = find(make_film(**STYLES[style]))
    left, top, right, bottom = BOX
    across, down = (0, 0) if "box" in style else (0.075, 0.02)  # distance of the text from the box
    assert np.allclose((text.left, text.right), (left + across, right - across), atol=0.01)
    assert np.allclose((text.top, text.bottom), (top + down, bottom - down), atol=0.01)
    assert text.box_luma == pytest.approx(STYLES[style].get("box"), abs=0.03)


def test_pictures_without_text_have_none():
    assert find(make_picture(seed) for seed in range(60)) == ()


def test_few_pictures_prove_nothing():
    assert find(make_film(MIN_FRAMES - 1)) == ()
    assert len(find(make_film(MIN_FRAMES))) == 1


def test_text_in_a_part_of_the_film_is_left_alone():
    frames = make_film(40)
    assert find([make_picture(n) if n % 2 else frame for n, frame in enumerate(frames)]) == ()
    assert len(find([make_picture(n) if n % 20 == 0 else f for n, f in enumerate(frames)])) == 1


def test_signs_in_front_of_a_camera_at_rest_are_no_burnt_in_text():
    rooms = [draw_code(make_picture(seed), 0) for seed in range(3)]
    rng = np.random.default_rng(0)
    frames = []
    for number in range(60):
        frame = np.clip(rooms[number % 3] * rng.uniform(0.7, 1.1), 0, 1)
        x, y = int(rng.integers(0, 220)), int(rng.integers(0, 120))
        frame[y : y + 90, x : x + 60] = rng.uniform(0, 1)  # a person walks past
        frames.append(frame.astype(np.float32))
    assert find(frames) == ()


def test_time_code_in_a_bar_makes_the_bar_neutral():
    frames = []
    for seed in range(40):
        frame = make_picture(seed)
        frame[:30] = frame[-52:] = 0.02
        frames.append(draw_code(frame, 20 * seed))
    (text,) = find(frames)
    assert (text.left, text.right, text.bottom) == (0, 1, 1)
    assert text.top == pytest.approx(188 / 240, abs=0.01)


def paint(frame, texts, subsampling=(0, 0), turns=0):
    """Return what is left of chroma of 0.2, with the stored frame rotated."""
    luma = np.rint(255 * np.rot90(frame, -turns)).astype(np.uint8)
    geometry = Geometry(luma.shape[1], luma.shape[0], quarter_turns=turns)
    across, down = subsampling
    shape = -(-luma.shape[0] >> down), -(-luma.shape[1] >> across)
    planes = np.full(shape, 0.2, np.float32), np.full(shape, -0.2, np.float32)
    remove_text_chroma(planes, luma, texts, FULL_RANGE, geometry, subsampling)
    assert np.array_equal(planes[0], -planes[1])
    return np.rot90(planes[0], turns) / np.float32(0.2)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("subsampling", [(0, 0), (1, 1)])
def test_chroma_of_text_is_removed_and_that_of_the_picture_stays(style, subsampling):
    texts = find(make_film(**STYLES[style]))
    # The last digits are others than in the frames that were examined.
    picture = np.full((240, 320), 0.5, np.float32)
    frame, letters = draw_code(picture, 123, return_letters=True, **STYLES[style])
    kept = cv2.resize(paint(frame, texts, subsampling), (320, 240), interpolation=cv2.INTER_NEAREST)
    assert kept[letters].mean() < 0.05
    margin = 9 if "box" in style else 2 * (3 << subsampling[0]) + 1
    mask = cv2.dilate(letters.astype(np.uint8), np.ones((margin, margin), np.uint8)) == 0
    if "box" in style:
        mask &= frame == 0.5  # outside the box
    assert np.mean(kept[mask] < 1) < 0.001


def test_frames_without_the_box_keep_their_chroma():
    texts = find(make_film(box=0.05))
    for seed in range(5):
        assert paint(make_picture(seed), texts).min() == 1


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_text_of_a_rotated_film_is_found_upright(turns):
    for style in ({}, {"box": 0.05}):
        texts, frame = find(make_film(**style)), draw_code(make_picture(3), 99, **style)
        upright = paint(frame, texts)
        assert upright.min() < 0.1
        assert np.abs(paint(frame, texts, turns=turns) - upright).mean() < 0.002


def test_text_at_the_edge_of_odd_frames_is_painted():
    text = BurntInText(0.5, 0.9, 1.0, 1.0, 0.9, 0.05)
    frame = np.full((121, 161), 0.05, np.float32)
    kept = paint(frame, [text], (1, 1))
    assert kept.shape == (61, 81)
    assert kept[56:60, 42:80].max() == 0 and kept[:54].min() == 1
    assert paint(frame, [replace(text, box_luma=None)], (1, 1)).min() == 1  # there is no stroke
