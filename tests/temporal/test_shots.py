"""Hard cuts are found; flicker, grain, pans, flashes and blank film are not taken for them."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from vidcolor.media.probe import probe
from vidcolor.media.read import FilmReader
from vidcolor.temporal.shots import CutDetector

REEL = Path(__file__).parents[2] / "samples" / "reel.mkv"
REEL_CUTS = [0, 60, 120, 210, 270, 330, 390]


def cuts(frames):
    detector = CutDetector()
    return [n for n, frame in enumerate(frames) if detector.feed(frame.astype(np.float32))]


def world(seed, size=(256, 512)):
    """A landscape of soft shapes, (256, 512) float32, larger than what a camera sees of it."""
    rng = np.random.default_rng(seed)
    picture = cv2.resize(rng.random((9, 17), np.float32), size[::-1], interpolation=cv2.INTER_CUBIC)
    return np.clip(picture, 0, 1)


def still(seed, count):
    return [world(seed)[:144, :192]] * count


def pan(seed, count, speed):
    place = world(seed)
    return [place[40:184, speed * n : speed * n + 192] for n in range(count)]


def worn(frames, seed=0):
    """Flicker (gain, offset, gamma), grain and weave."""
    rng = np.random.default_rng(seed)
    for n, frame in enumerate(frames):
        gain = 1 + 0.25 * np.sin(1.7 * n) + rng.normal(0, 0.05)
        frame = gain * frame ** np.exp(rng.normal(0, 0.1)) + rng.normal(0, 0.02)
        shift = np.float32([[1, 0, rng.normal(0, 1)], [0, 1, rng.normal(0, 1)]])
        frame = cv2.warpAffine(frame, shift, frame.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
        yield np.clip(frame + rng.normal(0, 0.1, frame.shape), 0, 1)


def test_cuts_between_shots_that_stand_and_shots_that_pan():
    film = [*still(1, 5), *pan(2, 20, 6), *still(3, 1), *pan(4, 10, 9), *still(5, 4)]
    assert cuts(film) == [0, 5, 25, 26, 36]


def test_wear_makes_no_cuts_and_hides_none():
    film = [*still(1, 20), *pan(2, 20, 5), *still(3, 20)]
    assert cuts(worn(film)) == [0, 20, 40]


@pytest.mark.parametrize("blank", [0.0, 1.0])
def test_blank_frames_begin_no_shot(blank):
    flash = [np.full((144, 192), blank)] * 2
    assert cuts([*still(1, 6), *flash, *still(1, 6)]) == [0]
    assert cuts([*still(1, 6), *flash, *still(2, 6)]) == [0, 8]
    assert cuts([*flash, *still(2, 6)]) == [0]


def test_the_return_from_a_damaged_frame_is_no_cut():
    assert cuts([*still(1, 6), *still(2, 1), *still(1, 6)]) == [0, 6]


def test_gain_alone_changes_nothing():
    frames = [gain * frame for gain, frame in zip((1, 0.5, 0.9, 0.3, 1), still(1, 5), strict=True)]
    assert cuts(frames) == [0]


def test_tall_pictures():
    frames = [np.ascontiguousarray(f.T) for f in [*still(1, 4), *still(2, 4)]]
    assert cuts(frames) == [0, 4]


@pytest.mark.parametrize("wear", [list, worn])
def test_the_sample_reel(wear):
    video = probe(REEL).video
    frames = (video.coding.luma_to_unit(f.luma) for f in FilmReader(REEL, video).frames())
    small = (cv2.resize(f, (192, 144), interpolation=cv2.INTER_AREA) for f in frames)
    assert cuts(wear(small)) == REEL_CUTS
