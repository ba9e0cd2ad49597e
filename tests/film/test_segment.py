"""Segments: their boundaries and their results."""

from __future__ import annotations

import itertools
from array import array
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcolor.film.segment import select_shots, split_segments
from vidcolor.film.workdir import SegmentResult
from vidcolor.schema import dump_json, load_json
from vidcolor.shots.detector import Shot

TIME_BASE = Fraction(1, 90_000)


@st.composite
def films(draw: st.DrawFn) -> tuple[tuple[Shot, ...], array[int]]:
    """Shots of any length, some with dissolves, and strictly increasing timestamps."""
    lengths = draw(st.lists(st.integers(1, 30), min_size=1, max_size=12))
    shots, first = [], 0
    for number, length in enumerate(lengths):
        mixed_frames = draw(st.integers(0, length)) if number else 0
        transition = "dissolve" if mixed_frames else "cut" if number else "start"
        shots.append(Shot(first, first + length, transition, mixed_frames))
        first += length
    steps = draw(st.lists(st.integers(1, 9000), min_size=first, max_size=first))
    pts = array("q", [draw(st.integers(-(2**40), 2**40))])
    for step in steps[1:]:
        pts.append(pts[-1] + step)
    return tuple(shots), pts


@pytest.mark.slow
@given(films(), st.sampled_from([Fraction(0), Fraction(1, 10), Fraction(3)]))
def test_segments_cover_the_film_and_split_no_shot(film, min_duration_s):
    shots, pts = film
    segments = split_segments(shots, pts, TIME_BASE, min_duration_s)
    assert [s.number for s in segments] == list(range(len(segments)))
    assert segments[0].first == 0
    assert segments[-1].end == len(pts)
    assert sum(s.num_frames for s in segments) == len(pts)
    for before, after in itertools.pairwise(segments):
        assert before.end == after.first
        assert (pts[after.first] - pts[before.first]) * TIME_BASE >= min_duration_s
    cuts = {shot.first for shot in shots if not shot.mixed_frames}
    assert {s.first for s in segments} <= cuts
    assert tuple(shot for s in segments for shot in select_shots(s, shots)) == shots


def test_segment_result_is_restored_from_json():
    result = SegmentResult({"video": 2}, {"video.mp4": (9, "ab" * 32)}, ("a warning",), True)
    assert load_json(SegmentResult, dump_json(result)) == result
