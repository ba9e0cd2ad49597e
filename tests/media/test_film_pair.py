"""Pairs of films: common time range, matching of frames, and warnings."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests.helpers.tiny_films import make_film
from vidcolor.errors import UsageError
from vidcolor.media.film_pair import FilmPair, has_same_aspect_ratio

FRAME_S = Fraction(1000, 24000)
"""Duration of a frame in seconds."""


def make_gray_film(path, num_frames, **options):
    return make_film(path, [(10 * n,) * 3 for n in range(num_frames)], **options)


@pytest.fixture
def film_a(tmp_path):
    return make_gray_film(tmp_path / "a.mp4", 12)


def list_frame_numbers(pair):
    return [tuple(round(f.time_s / FRAME_S) for f in frames) for frames in pair.frames()]


def test_frames_of_equal_films_match_by_time_since_the_first_frame(film_a, tmp_path):
    film_b = make_gray_film(tmp_path / "b.mp4", 12, first_pts=48000)
    pair = FilmPair(film_a, film_b)
    assert list_frame_numbers(pair) == [(n, n) for n in range(12)]
    assert pair.warnings == ()


def test_offset_aligns_an_excerpt_with_its_film(film_a, tmp_path):
    part = make_gray_film(tmp_path / "b.mp4", 4)
    pair = FilmPair(film_a, part, offset=5 * FRAME_S)
    assert (pair.start_s, pair.end_s) == (5 * FRAME_S, 9 * FRAME_S)
    assert list_frame_numbers(pair) == [(5, 0), (6, 1), (7, 2), (8, 3)]


def test_frame_at_a_lower_frame_rate_is_repeated(film_a, tmp_path):
    film_b = make_gray_film(tmp_path / "b.mp4", 4, pts=[0, 3000, 6000, 9000])
    assert list_frame_numbers(FilmPair(film_a, film_b))[:6] == [
        (0, 0), (1, 0), (2, 0), (3, 3), (4, 3), (5, 3),
    ]  # fmt: skip


def test_start_and_end_limit_the_range(film_a, tmp_path):
    pair = FilmPair(film_a, film_a, start=2 * FRAME_S, end=6 * FRAME_S)
    assert list_frame_numbers(pair) == [(n, n) for n in range(2, 6)]
    assert pair.sample_times(2) == [3 * FRAME_S, 5 * FRAME_S]
    frame_a, frame_b = pair.frames_at(3 * FRAME_S)
    assert frame_a.time_s == frame_b.time_s == 3 * FRAME_S


def test_films_without_common_time_are_rejected(film_a):
    with pytest.raises(UsageError, match="no time in common"):
        FilmPair(film_a, film_a, offset=Fraction(5))


def test_different_duration_and_aspect_ratio_cause_warnings(film_a, tmp_path):
    film_b = make_gray_film(tmp_path / "b.mp4", 4, size=(96, 48))
    duration, aspect = FilmPair(film_a, film_b, remedy="; set an offset").warnings
    assert duration.endswith("only their common time is compared; set an offset")
    assert FilmPair(film_a, film_b).warnings[0].endswith("only their common time is compared")
    assert "B is stretched to the aspect ratio of A" in aspect


def test_aspect_ratios_are_equal_apart_from_rounding():
    assert has_same_aspect_ratio((1920, 1080), (854, 480))
    assert not has_same_aspect_ratio((1920, 1080), (640, 480))
