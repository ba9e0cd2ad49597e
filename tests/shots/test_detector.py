"""Cuts, dissolves and fades are found; flicker, grain, pans, flashes and blank film are none."""

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidcolor.media.decode import FilmReader
from vidcolor.media.probe import probe
from vidcolor.shots.detector import CutDetector, ShotDetector

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


def shots(frames):
    """What `ShotDetector` finds, as (begins, first, last, mixed)."""
    detector, found = ShotDetector(), []
    for number, frame in enumerate(frames):
        over = detector.feed(np.asarray(frame, np.float32))
        assert all(shot.last <= number + 1 for shot in over)
        found += over
    return [(s.begins, s.first, s.last, s.mixed) for s in [*found, *detector.finish()]]


def beginnings(frames):
    return [(begins, first) for begins, first, _, _ in shots(frames)]


def dissolve(a, b):
    """From the first picture of `a`, `b` (equally many) to the last of them."""
    share = np.linspace(0, 1, len(a) + 2)[1:-1]
    return [(1 - s) * x + s * y for s, x, y in zip(share, a, b, strict=True)]


def fade(frames, to, way):
    """Out (`way` = 1) to black or white, or in (-1)."""
    share = np.linspace(0, 1, len(frames) + 2)[1:-1][::way]
    return [(1 - s) * f + s * to for s, f in zip(share, frames, strict=True)]


START = ("start", 0)


@pytest.mark.parametrize("wear", [list, worn])
def test_cuts_that_hold(wear):
    film = [*still(1, 20), *pan(2, 20, 5), *still(3, 20), *pan(4, 14, 6)]
    assert beginnings(wear(film)) == [START, ("cut", 20), ("cut", 40), ("cut", 60)]


@pytest.mark.parametrize("length", [1, 2, 3])
@pytest.mark.parametrize("light", [0.0, 1.0, "brighter", "another picture"])
def test_what_lasts_up_to_three_frames_begins_no_shot(length, light):
    film = pan(2, 40, 2)
    for n in range(20, 20 + length):
        flashes = {"brighter": np.clip(0.5 + film[n], 0, 1), "another picture": still(9, 1)[0]}
        film[n] = flashes.get(light, np.full_like(film[n], light if light in (0, 1) else 0))
    assert beginnings(film) == [START]


@pytest.mark.parametrize("missing", [2, 5, 8])
def test_a_splice_within_a_shot_is_no_cut(missing):
    film = pan(2, 50, 3)
    assert beginnings([*film[:20], *film[20 + missing :]]) == [START]


def test_something_large_in_front_of_the_camera_begins_no_shot():
    film = pan(2, 60, 1)
    for n in range(20, 40):  # comes from the right, stands for a while, leaves to the left
        left, right = max(0, 150 - 60 * (n - 19)), min(170, 170 - 60 * (n - 37))
        film[n] = film[n].copy()
        film[n][20:, left:right] = world(5)[20, 20]
    assert beginnings(film) == [START]


@pytest.mark.parametrize("wear", [list, worn])
@pytest.mark.parametrize("length", [8, 16, 30, 60])
def test_dissolves(length, wear):
    a, b = still(1, 30 + length), pan(2, 40 + length, 1)
    film = [*a[:30], *dissolve(a[30:], b[:length]), *b[length:]]
    (start, (begins, first, last, mixed)) = shots(wear(film))
    assert (start[1:3], begins, last) == ((0, first), "dissolve", len(film))
    middle = first + (mixed - 1) / 2
    assert abs(middle - (30 + (length - 1) / 2)) <= 2 + length / 6
    assert length / 2 <= mixed <= 1.6 * length + 2


@pytest.mark.parametrize("to", [0.0, 1.0])
@pytest.mark.parametrize(("length", "blank"), [(8, 0), (8, 6), (20, 0), (30, 150)])
def test_fades_begin_in_the_middle_of_the_dark(to, length, blank):
    a, b = still(1, 30 + length), still(2, 30 + length)
    between = [np.full((144, 192), to)] * blank
    film = [*a[:30], *fade(a[30:], to, 1), *between, *fade(b[:length], to, -1), *b[length:]]
    (_, (begins, first, _, mixed)) = shots(film)
    assert (begins, mixed) == ("fade", 0)
    assert abs(first - (30 + length + blank / 2)) <= 3


def test_a_picture_that_fades_and_returns_is_one_shot():
    a = still(1, 80)
    film = [*a[:30], *fade(a[30:40], 0, 1), *fade(a[40:50], 0, -1), *a[50:]]
    assert beginnings(film) == [START]


def test_a_film_may_fade_in_and_out():
    a = still(1, 60)
    black = [np.zeros((144, 192))] * 10
    film = [*black, *fade(a[:10], 0, -1), *a[10:50], *fade(a[50:], 0, 1), *black]
    assert beginnings(film) == [START]


MASKS = {
    "letterbox": np.s_[18:126, :],
    "pillarbox": np.s_[:, 24:168],
    "window": np.s_[14:130, 20:172],
}


@pytest.mark.parametrize("mask", MASKS)
def test_bars_around_the_picture_hide_nothing(mask):
    a, b, c = still(1, 40), pan(2, 80, 1), still(3, 30)
    film = []
    for frame in [*a[:30], *dissolve(a[30:], b[:10]), *b[10:], *c]:
        film.append(np.full_like(frame, 0.03))
        film[-1][MASKS[mask]] = frame[MASKS[mask]]
    (_, dissolved, cut) = beginnings(film)
    assert dissolved[0] == "dissolve"
    assert abs(dissolved[1] - 30) <= 4
    assert cut == ("cut", 110)


def test_bars_that_open_late_count_no_shot_twice():
    narrow = [np.pad(f[:, 40:152], ((0, 0), (40, 40))) for f in still(1, 60) + still(2, 60)]
    film = [*narrow, *still(3, 60)]
    assert beginnings(film) == [START, ("cut", 60), ("cut", 120)]


def test_the_sample_reel_when_looked_ahead():
    video = probe(REEL).video
    frames = (video.coding.luma_to_unit(f.luma) for f in FilmReader(REEL, video).frames())
    small = (cv2.resize(f, (128, 96), interpolation=cv2.INTER_AREA) for f in frames)
    assert beginnings(small) == [START, *(("cut", n) for n in REEL_CUTS[1:])]


@pytest.mark.parametrize("size", [(8, 8), (9, 300), (200, 8), (97, 131)])
def test_proxies_of_any_size(size):
    film = [cv2.resize(f, size) for f in [*still(1, 20), *still(2, 20)]]
    assert beginnings(film) == [START, ("cut", 20)]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 40), st.floats(0, 1)), max_size=6))
def test_shots_tile_any_film(runs):
    film = [light * frame[::4, ::4] for seed, count, light in runs for frame in still(seed, count)]
    found = shots(film)
    ends = [0, *(last for _, _, last, _ in found)]
    assert [first for _, first, _, _ in found] == ends[:-1]
    assert ends[-1] == len(film)
    assert [begins for begins, *_ in found[:1]] == (["start"] if film else [])
    for begins, first, last, mixed in found:
        assert first < last
        assert 0 <= mixed <= last - first
        assert begins == "dissolve" or mixed == 0


def test_shots_come_when_they_are_over_and_memory_does_not_grow():
    detector = ShotDetector()
    sizes = []
    for n in range(900):
        over = detector.feed(still(n // 150, 1)[0][::4, ::4].astype(np.float32))
        assert all(n + 1 - shot.last <= 130 for shot in over)
        if n % 150 == 149:
            sizes.append(len(pickle.dumps(detector)))
    assert max(sizes[2:]) < 1.1 * sizes[1]
