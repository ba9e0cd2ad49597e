"""Parts of segments: a killed run continues inside a shot, and the result does not change."""

from __future__ import annotations

import itertools
from array import array
from dataclasses import asdict, replace
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.films import read_reel, write_gray
from tests.helpers.flat import FlatGenerator
from vidcolor.colorizer import Colorizer
from vidcolor.film import parts
from vidcolor.film.api import colorize_film
from vidcolor.film.parts import MAX_PART_S, MIN_PART_FRAMES, PART_S, split_parts
from vidcolor.film.workdir import WorkDir, work_path
from vidcolor.options import ColorizeOptions
from vidcolor.shots.detector import Shot
from vidcolor.shots.shot_list import ShotList, write_shots

FRAMES = 66


@pytest.mark.slow
@given(
    st.lists(st.integers(1, 400), min_size=1, max_size=600),
    st.sets(st.integers(0, 600)),
    st.integers(0, 50),
)
def test_parts_cover_the_segment_and_are_short(steps, cuts, first):
    pts = array("q", itertools.accumulate([0] * (first + 1) + steps))
    frames, time_base = range(first, len(pts)), Fraction(1, 1000)
    found = split_parts(frames, cuts, pts, time_base)
    assert [n for part in found for n in part] == list(frames)
    for part in found:
        duration_s = (pts[part.stop - 1] - pts[part.start]) * time_base
        assert duration_s < MAX_PART_S or len(part) <= MIN_PART_FRAMES
    for part in found[:-1]:
        duration_s = (pts[part.stop] - pts[part.start]) * time_base
        assert len(part) >= MIN_PART_FRAMES
        assert duration_s >= PART_S or part.stop in cuts


class VaryingGenerator(FlatGenerator):
    """Predicts another color for each frame, so that the color of a frame depends on its past."""

    def __call__(self, luma, hints=None, vividness=None):
        prediction = super().__call__(luma, hints, vividness)
        offset = 40 * torch.sin(1000 * luma.mean((1, 2, 3), keepdim=True))
        return replace(prediction, ab=prediction.ab + offset)


@pytest.fixture
def colorizer(monkeypatch):
    """Return a colorizer, and make parts short."""
    monkeypatch.setattr(parts, "MAX_PART_S", Fraction(1))
    monkeypatch.setattr(parts, "PART_S", Fraction(8, 10))
    return Colorizer(VaryingGenerator())


@pytest.fixture
def film(tmp_path):
    """Return a film of two shots with a dissolve, and its shot list."""
    film = write_gray(tmp_path / "film.mkv", read_reel(0, FRAMES))
    shots = (Shot(0, 40, "start"), Shot(40, FRAMES, "dissolve", 10))
    write_shots(tmp_path / "shots.csv", ShotList(shots, FRAMES), film.name)
    return film


def content(result):
    return result.target.read_bytes(), [asdict(shot) for shot in result.shot_uncertainty]


@pytest.mark.slow
@pytest.mark.parametrize("more", [{}, {"trust": 0.6}])
def test_killed_run_continues_inside_a_shot_without_a_change(film, tmp_path, colorizer, more):
    options = ColorizeOptions(shots=film.with_name("shots.csv"), **more)

    def colorize(name, stop=None):
        def report(progress):
            if stop is not None and (progress.stage, progress.done) == ("colorize", stop):
                raise KeyboardInterrupt

        target = tmp_path / name
        return colorize_film(film, target, options, colorizer=colorizer, progress=report)

    expected = content(colorize("uninterrupted.mp4"))
    # The last part before each interruption ends in a shot, before a dissolve and inside it.
    for stop in (25, 42, 60):
        with pytest.raises(KeyboardInterrupt):
            colorize("out.mp4", stop)
        assert list(work_path(tmp_path / "out.mp4", None).glob("segments/00000.partial/*"))
    result = colorize("out.mp4")
    assert result.resumed_frames >= 40
    assert content(result)[0] == expected[0]
    assert content(result)[1] == expected[1]


@pytest.mark.slow
def test_damaged_part_is_rendered_again(film, tmp_path, colorizer):
    target = tmp_path / "out.mp4"

    def stop(progress):
        if (progress.stage, progress.done) == ("colorize", 60):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        colorize_film(film, target, colorizer=colorizer, progress=stop)
    work = WorkDir(work_path(target, None))
    folder = work.create_segment_dir(0)
    *_, last = sorted(folder.iterdir())
    (last / "video.mp4").write_bytes(b"")
    result = colorize_film(film, target, colorizer=colorizer)
    assert 0 < result.resumed_frames < 60
    assert "a part of segment 0 was damaged on the disk; rendered again" in result.warnings
    colorize_film(film, tmp_path / "uninterrupted.mp4", colorizer=colorizer)
    assert target.read_bytes() == (tmp_path / "uninterrupted.mp4").read_bytes()
