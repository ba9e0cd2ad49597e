"""Titles among the shots of a film, from examined frames."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tests.helpers.synthetic_shots import make_scene
from tests.helpers.title_cards import make_card, make_countdown
from vidcolor.shots.detector import Shot
from vidcolor.titles.shots import SAMPLE_STRIDE, Title, TitleDetector, make_title_finder

PICTURE = make_scene(3)[:240, :320]


def examine(frames, ab=(0.0, 0.0)):
    """Return a detector that was fed every frame that is due."""
    detector = TitleDetector()
    for index, frame in enumerate(frames):
        if index % SAMPLE_STRIDE == 0:
            detector.feed(index, frame, ab)
    return detector


def make_shots(*bounds, **values):
    """Return shots that start at all bounds but the last one, which is the end."""
    return tuple(Shot(first, end, "cut", **values) for first, end in pairwise(bounds))


def test_shot_of_a_card_is_a_title_and_others_are_not():
    cards = [make_card(seed=n) for n in range(3)]
    frames = [PICTURE] * 30 + [cards[n % 3] for n in range(50)] + [PICTURE] * 40
    (title,) = examine(frames).find_titles(make_shots(0, 30, 80, 120))
    assert (title.first, title.end, title.ab) == (30, 80, (0, 0))
    assert title.confidence > 0.8


def test_fade_into_a_card_is_part_of_the_title():
    fade = [make_card(0.05 * share, 0.8 * share) for share in np.linspace(0, 1, 40)]
    frames = [*fade, *[make_card()] * 60, *fade[::-1]]
    assert len(examine(frames).find_titles(make_shots(0, 140))) == 1


@pytest.mark.parametrize("share", [0.4, 0.8])
def test_shot_with_a_card_and_a_picture_is_no_title(share):
    count = round(120 * share)
    frames = [make_card()] * count + [PICTURE] * (120 - count)
    assert examine(frames).find_titles(make_shots(0, 120)) == ()


def test_title_starts_and_ends_at_the_middle_of_a_dissolve():
    shots = (Shot(0, 40, "start"), Shot(40, 100, "dissolve", 20), Shot(100, 160, "dissolve", 12))
    frames = [PICTURE] * 40 + [PICTURE] * 20 + [make_card()] * 40 + [PICTURE] * 60
    (title,) = examine(frames).find_titles(shots)
    assert (title.first, title.end) == (50, 106)


def test_countdown_is_a_title():
    frames = [make_countdown(digit, seed) for digit in "543" for seed in range(12)]
    assert len(examine(frames).find_titles(make_shots(0, 36))) == 1


def test_less_confidence_is_enough_if_nothing_moves():
    frames = [make_card(0.3, 0.42, 0.035, seed) for seed in range(20)]
    detector = examine(frames)
    (sample,) = detector._samples
    detector._samples[:] = [sample._replace(confidence=0.75)]
    shots = make_shots(0, 20)
    assert detector.find_titles(shots) == ()
    assert len(detector.find_titles(shots, still={0})) == 1


def test_blank_leader_is_a_title():
    noise = np.random.default_rng(0).normal(0.4, 0.01, (240, 320)).astype(np.float32)
    assert len(examine([noise] * 30).find_titles(make_shots(0, 30))) == 1


def test_kind_of_a_shot_list_is_obeyed():
    detector = examine([make_card()] * 30 + [PICTURE] * 30)
    first, second = make_shots(0, 30, 60, kind="title")
    titles = detector.find_titles((first, second))
    assert [(t.first, t.end, t.confidence) for t in titles] == [(0, 30, 1), (30, 60, 1)]
    assert detector.find_titles(make_shots(0, 30, 60, kind="picture")) == ()


def test_title_without_an_examined_frame_is_none_unless_a_shot_list_says_so():
    detector = examine([make_card()] * 24)
    shots = (Shot(0, 2), Shot(2, 9), Shot(9, 24))
    assert [t.first for t in detector.find_titles(shots)] == [0, 9]
    given = (*shots[:1], Shot(2, 9, kind="title"), *shots[2:])
    assert [t.first for t in detector.find_titles(given)] == [0, 2, 9]


def test_title_has_the_mean_tint_of_its_frames():
    (title,) = examine([make_card()] * 40, (6.0, 18.0)).find_titles(make_shots(0, 40))
    assert title.ab == (6, 18)


def test_finder_returns_the_title_of_a_frame():
    titles = (Title(5, 9, 1.0), Title(9, 12, 0.9), Title(20, 21, 0.8))
    find = make_title_finder(titles)
    found = {index: find(index) for index in range(25)}
    assert found == {i: next((t for t in titles if t.first <= i < t.end), None) for i in range(25)}
    assert make_title_finder(())(3) is None
