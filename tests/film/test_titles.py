"""Titles of films: their color in the result, overrides, reports and resumed runs."""

from __future__ import annotations

import csv
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests.helpers.films import read_lab, read_plane_bytes, write_gray
from tests.helpers.flat import flat_colorizer
from tests.helpers.synthetic_shots import make_pan
from tests.helpers.title_cards import make_card
from vidcolor import ColorizeOptions, colorize_film
from vidcolor.film.shots import detect_film_shots
from vidcolor.media.frames import view_plane
from vidcolor.media.probe import probe

CUTS = (0, 20, 44, 64)
"""First frames of the shots: picture, card, picture; and the number of frames."""


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    cards = [make_card(seed=n, size=(192, 144)) for n in range(24)]
    shots = [*make_pan(1, 20, 1), *cards, *make_pan(2, 20, 1)]
    return [np.rint(255 * np.clip(frame, 0, 1)).astype(np.uint8) for frame in shots]


@pytest.fixture(scope="module")
def source(frames: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gray(tmp_path_factory.mktemp("film") / "film.mkv", frames)


@pytest.fixture(scope="module")
def tinted(frames: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The film in sepia."""
    path = tmp_path_factory.mktemp("film") / "sepia.mkv"
    with av.open(str(path), "w") as film:
        stream = film.add_stream("ffv1", rate=25)
        stream.pix_fmt, stream.width, stream.height = "yuv444p", 192, 144
        for number, luma in enumerate(frames):
            frame = av.VideoFrame(192, 144, "yuv444p")
            planes = (luma // 2 + 40, 128 - luma // 10, 128 + luma // 12)
            for plane, codes in zip(frame.planes, planes, strict=True):
                view_plane(plane, 8)[:] = codes
            frame.pts, frame.time_base = number, Fraction(1, 25)
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))
    return path


def colorize(source: Path, target: Path, **values: object):
    """Return the result of a film, and the mean chroma of the middle frame of each shot."""
    options = ColorizeOptions(purpose="archive", **values)
    result = colorize_film(source, target, options, colorizer=flat_colorizer())
    ab = [lab[..., 1:] for lab in read_lab(result.target)]
    middles = [(first + end) // 2 for first, end in pairwise(CUTS)]
    return result, [float(np.hypot(*np.moveaxis(ab[n], -1, 0)).mean()) for n in middles]


def test_card_is_neutral_and_pictures_are_not(source, frames, tmp_path):
    result, chroma = colorize(source, tmp_path / "out.mkv")
    assert chroma[0] > 10 and chroma[1] < 0.5 and chroma[2] > 10
    (title,) = result.titles
    assert (title.first_frame, title.last_frame) == (20, 43)
    assert (title.start_s, title.end_s) == (Fraction(20, 25), Fraction(44, 25))
    luma = [planes[0] for planes in read_plane_bytes(result.target)]
    assert luma == [frame.tobytes() for frame in frames]


@pytest.mark.parametrize("values", [{"titles": "color"}, {"trust": 0.5}])
def test_card_is_colorized_on_request_and_by_trust(source, tmp_path, values):
    result, chroma = colorize(source, tmp_path / "out.mkv", **values)
    assert result.titles == () and chroma[1] > 5


def test_frames_that_are_colorized_one_by_one_have_neutral_titles(source, tmp_path):
    _, chroma = colorize(source, tmp_path / "out.mkv", per_frame=True)
    assert chroma[0] > 10 and chroma[1] < 0.5


def test_tint_is_that_of_the_source(source, tinted, tmp_path):
    assert probe(tinted).video.tint == "tinted"
    _, gray = colorize(source, tmp_path / "gray.mkv", titles="tint")
    assert gray[1] < 0.5
    result, _ = colorize(tinted, tmp_path / "tint.mkv", titles="tint")
    with av.open(str(tinted)) as film:
        rgb = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)][32]
    expected = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    found = read_lab(result.target)[32]
    bright = found[..., 0] > 40  # the gamut limits the color of darker pixels
    color, tint = found[bright].mean(axis=0)[1:], expected[bright].mean(axis=0)[1:]
    # In this toning chroma rises with luma, so the mean tint is weaker than that of the text.
    assert np.all(color > 0.5 * tint) and np.all(color < 1.1 * tint)
    assert found[bright].std(axis=0)[1:].max() < 2


def test_shot_list_overrides_recognition(source, tmp_path):
    path = tmp_path / "shots.csv"
    shots = detect_film_shots(source, ColorizeOptions(), path)
    assert [shot.kind for shot in shots.shots] == ["picture", "title", "picture"]
    rows = list(csv.DictReader(path.read_text().splitlines()))
    for row, kind in zip(rows, ("title", "picture", ""), strict=True):
        row["kind"] = kind
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    result, chroma = colorize(source, tmp_path / "out.mkv", shots=path)
    assert chroma[0] < 0.5 and min(chroma[1:]) > 5
    assert [(t.first_frame, t.confidence) for t in result.titles] == [(0, 1)]


@pytest.mark.parametrize(("count", "damaged"), [(1, ()), (2, ()), (4, ()), (12, (0,))])
def test_short_film_of_a_card_is_a_title(tmp_path, count, damaged):
    frames = [make_card(seed=n, size=(192, 144)) for n in range(count)]
    for n in damaged:  # a splice
        frames[n][60:84] = 0.9
    path = write_gray(tmp_path / "film.mkv", [np.rint(255 * f).astype(np.uint8) for f in frames])
    shots = detect_film_shots(path, ColorizeOptions()).shots
    assert [shot.kind for shot in shots] == ["title"]
