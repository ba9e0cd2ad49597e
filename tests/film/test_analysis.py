"""The analysis of a film: frame checksums, shot lists, and its JSON form."""

from __future__ import annotations

from array import array
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.film.test_segment import films
from tests.helpers.films import write_shot_list
from vidcolor.errors import InputError
from vidcolor.film.analysis import FilmAnalysis, analyze_film, compute_frame_checksum
from vidcolor.film.plan import plan_film
from vidcolor.media.decode import VideoReader
from vidcolor.media.demux import DamageReport
from vidcolor.options import ColorizeOptions
from vidcolor.schema import dump_json, load_json
from vidcolor.shots.shot_list import ShotList


@settings(max_examples=50)
@given(films(), st.booleans())
def test_analysis_is_restored_from_json(film, is_damaged):
    shots, pts = film
    checksums = array("I", (stamp % 2**32 for stamp in pts))
    damage = DamageReport(bad_packets=3, messages=["x"]) if is_damaged else DamageReport()
    times = (Fraction(1, 3),) * (len(shots) + 1)
    shot_list = ShotList(shots, len(pts), times)
    analysis = FilmAnalysis(shot_list, pts, pts[-1] + 7, checksums, damage, ("a warning",))
    copy = load_json(FilmAnalysis, dump_json(analysis))
    assert copy == analysis
    assert copy.has_same_frames(analysis)


def test_checksum_covers_every_eighth_sample():
    luma = np.zeros((20, 20), np.uint16)
    before = compute_frame_checksum(luma)
    luma[1, 1] = 9
    assert compute_frame_checksum(luma) == before
    luma[8, 16] = 9
    assert compute_frame_checksum(luma) != before


def analyze(source, shots):
    options = ColorizeOptions(shots=shots)
    plan = plan_film(source, Path("out.mkv"), options)
    return analyze_film(plan, VideoReader(source, plan.video), options)


def test_shot_list_replaces_detection(clip, tmp_path):
    shots = write_shot_list(tmp_path / "shots.csv", (0, 5, 7), 12)
    analysis = analyze(clip(), shots)
    assert [(shot.first, shot.end) for shot in analysis.shots] == [(0, 5), (5, 7), (7, 12)]
    assert analysis.num_frames == len(analysis.checksums) == 12
    assert not analysis.warnings


def test_shot_list_of_another_length_is_fitted_with_a_warning(clip, tmp_path):
    shots = write_shot_list(tmp_path / "shots.csv", (0, 5), 20)
    analysis = analyze(clip(), shots)
    assert analysis.shots[-1].end == 12
    assert "lists 20 frames, and " in analysis.warnings[0]


@pytest.mark.parametrize(("end", "warns"), [(None, False), (1, False), (2, False), (3, True)])
def test_end_after_the_end_of_the_film_is_a_warning(clip, end, warns):
    source = clip(frames=50, rate=Fraction(25))
    options = ColorizeOptions(end=end)
    plan = plan_film(source, Path("out.mkv"), options)
    reader = VideoReader(source, plan.video, "luma", plan.start_s, plan.end_s)
    warning = "--end 0:03.000 is later than the end of the film at 0:02.000"
    assert analyze_film(plan, reader, options).warnings == ((warning,) if warns else ())


def test_shot_list_beyond_the_end_is_refused(clip, tmp_path):
    shots = write_shot_list(tmp_path / "shots.csv", (0, 15), 20)
    with pytest.raises(InputError, match="make the list with the same --start and --end"):
        analyze(clip(), shots)
