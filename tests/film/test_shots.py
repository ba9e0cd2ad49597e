"""Tests of shot detection on decoded films."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.helpers.clips import ClipMaker
from tests.helpers.films import REEL, REEL_CUTS
from vidcolor.errors import InputError
from vidcolor.film.shots import detect_film_shots, detect_shots
from vidcolor.media.decode import VideoReader
from vidcolor.media.probe import probe
from vidcolor.options import ColorizeOptions
from vidcolor.shots.shot_list import ShotList


@pytest.mark.slow
def test_sample_reel_has_seven_shots() -> None:
    video = probe(REEL).video
    progress: list[int] = []
    found = detect_shots(VideoReader(REEL, video, "luma").frames(), video, progress.append)
    assert [shot.first for shot in found.shots] == list(REEL_CUTS)
    assert [shot.transition for shot in found.shots] == ["start"] + ["cut"] * 6
    assert found.times == tuple(Fraction(n, 25) for n in (*REEL_CUTS, 450))
    assert progress == list(range(1, 451))
    assert found.num_frames == 450


def test_shot_times_are_frame_times_relative_to_the_start_of_the_film(clip: ClipMaker) -> None:
    """The frame rate of the film is variable, and its first timestamp is not 0."""
    video = replace(probe(clip()).video, start_pts=90, time_base=Fraction(1, 100))
    stamps = [90 + 7 * n + n % 2 for n in range(60)]
    luma = np.random.default_rng(0).integers(16, 235, (2, video.height, video.width), np.uint8)
    frames: Any = [
        SimpleNamespace(pts=pts, duration=7, luma=luma[n // 30]) for n, pts in enumerate(stamps)
    ]
    found = detect_shots(frames, video)
    assert [shot.first for shot in found.shots] == [0, 30]
    assert found.times == tuple(Fraction(n, 100) for n in (0, 210, 421))


def test_film_without_frames_has_no_shots(clip: ClipMaker) -> None:
    assert detect_shots([], probe(clip()).video) == ShotList((), 0)


def test_photo_is_rejected() -> None:
    photo = REEL.parent / "photo.jpg"
    with pytest.raises(InputError, match=r"photo\.jpg: a photo has no shots"):
        detect_film_shots(photo, ColorizeOptions())
