"""Segments tile a film and cut no shot; what was seen of a film can be kept."""

from __future__ import annotations

import itertools
import json
from array import array
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from vidcolor.film.analysis import FilmAnalysis
from vidcolor.film.segments import shots_in, split_segments
from vidcolor.media.decode import Damage
from vidcolor.shots.detector import Shot
from vidcolor.shots.shot_list import ShotList

BASE = Fraction(1, 90_000)


@st.composite
def films(draw: st.DrawFn) -> tuple[tuple[Shot, ...], array[int]]:
    """Shots of any length, some of which dissolve in, and rising time stamps."""
    lengths = draw(st.lists(st.integers(1, 30), min_size=1, max_size=12))
    shots, first = [], 0
    for number, length in enumerate(lengths):
        mixed = draw(st.integers(0, length)) if number else 0
        begins = "dissolve" if mixed else "cut" if number else "start"
        shots.append(Shot(first, first + length, begins, mixed))
        first += length
    steps = draw(st.lists(st.integers(1, 9000), min_size=first, max_size=first))
    pts = array("q", [draw(st.integers(-(2**40), 2**40))])
    for step in steps[1:]:
        pts.append(pts[-1] + step)
    return tuple(shots), pts


@given(films(), st.sampled_from([Fraction(0), Fraction(1, 10), Fraction(3)]))
def test_segments_tile_the_film_and_cut_no_shot(film, least):
    shots, pts = film
    segments = split_segments(shots, pts, BASE, least)
    assert [s.number for s in segments] == list(range(len(segments)))
    assert segments[0].first == 0
    assert segments[-1].last == len(pts)
    for before, after in itertools.pairwise(segments):
        assert before.last == after.first
        assert (pts[after.first] - pts[before.first]) * BASE >= least
    walls = {shot.first for shot in shots if not shot.mixed}
    assert {s.first for s in segments} <= walls
    assert tuple(shot for s in segments for shot in shots_in(s, shots)) == shots


@given(films(), st.booleans())
def test_what_was_seen_survives_being_kept(film, damaged):
    shots, pts = film
    prints = array("I", (stamp % 2**32 for stamp in pts))
    damage = Damage(bad_packets=3, notes=["x"]) if damaged else Damage()
    times = (Fraction(1, 3),) * (len(shots) + 1)
    shot_list = ShotList(shots, len(pts), times)
    seen = FilmAnalysis(shot_list, pts, pts[-1] + 7, prints, damage, ("said",))
    assert FilmAnalysis.from_json(json.loads(json.dumps(seen.to_json()))) == seen
