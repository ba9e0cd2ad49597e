"""The public functions: films and image sequences from file to file, and the choice of an engine.

Tests use the embedded generator where the prediction matters.
"""

from __future__ import annotations

import contextlib
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.helpers.checks import read_film
from tests.helpers.films import read_plane_bytes
from vidcolor.colorizer import Colorizer
from vidcolor.errors import UsageError, WeightsError
from vidcolor.film import api
from vidcolor.film.api import colorize_film, colorize_sequence
from vidcolor.film.engines.local import LocalEngine
from vidcolor.media.frames import view_plane
from vidcolor.options import ColorizeOptions

TONE = ("-f", "lavfi", "-t", "0.5", "-i", "sine=440:r=48000")


@pytest.fixture(scope="module")
def embedded():
    return Colorizer.load(device="cpu")


@pytest.mark.slow
def test_result_does_not_depend_on_batch_size(clip, embedded, tmp_path):
    source = clip("mkv", "ffv1", "gray10le", frames=5)
    results = []
    for batch in (1, 2, 8):
        target = tmp_path / f"batch{batch}.mkv"
        options = ColorizeOptions(purpose="archive", batch=batch, per_frame=True)
        colorize_film(source, target, options, colorizer=embedded)
        results.append(read_plane_bytes(target))
    assert results[0] == results[1] == results[2]


@pytest.mark.slow
def test_film_gets_color_and_keeps_timestamps_and_audio(clip, embedded, tmp_path):
    source = clip("mp4", "libx264", "yuv420p", "-map", "0", "-map", "1", "-c:a", "aac",
                  frames=6, inputs=TONE)  # fmt: skip
    target = tmp_path / "out.mp4"
    progress = []
    result = colorize_film(source, target, colorizer=embedded, progress=progress.append)
    before, after = read_film(source), read_film(target)
    assert result.num_frames == len(after.frames) == 6
    expected = [(stage, n) for stage in ("analyze", "colorize", "join") for n in range(1, 7)]
    assert [(p.stage, p.done) for p in progress] == expected
    assert {p.total for p in progress} == {6}
    assert after.times == before.times
    assert after.streams_of("audio")[0].packets == before.streams_of("audio")[0].packets
    assert result.provenance.recipe in after.tags["comment"]
    chroma = np.stack([view_plane(p, 8) for f in after.frames for p in f.planes[1:]])
    assert chroma.std() > 0.5


def test_two_runs_write_equal_frames(clip, flat, tmp_path):
    source = clip("mkv", "ffv1", "yuv420p")
    for name in ("a.mkv", "b.mkv"):
        colorize_film(source, tmp_path / name, ColorizeOptions(purpose="archive"), colorizer=flat)
    assert read_plane_bytes(tmp_path / "a.mkv") == read_plane_bytes(tmp_path / "b.mkv")


def test_confidence_film_has_the_timing_and_shape_of_the_source(clip, flat, tmp_path):
    source = clip("mp4", "libx264", "yuv420p", vf="setsar=16/15")
    confidence = tmp_path / "confidence.mp4"
    options = ColorizeOptions(confidence=confidence)
    colorize_film(source, tmp_path / "out.mp4", options, colorizer=flat)
    film, before = read_film(confidence), read_film(source)
    assert film.times == before.times
    assert film.properties["sar"] == Fraction(16, 15)
    gray = 16 + round(219 * 0.5)
    assert abs(film.luma.astype(int) - gray).max() <= 1


def test_confidence_film_must_not_overwrite_the_source(clip, flat, tmp_path):
    source = clip("mp4", "libx264", "yuv420p")
    target = tmp_path / "out.mp4"
    with pytest.raises(UsageError):
        colorize_film(source, target, ColorizeOptions(confidence=source), colorizer=flat)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_watermark_changes_luma_in_its_corner_only(clip, colored):
    # With one key frame, a watermark that changed the reference frames of the decoder would show in
    # all other frames.
    source = clip("mp4", "libx264", "yuv420p", "-g", "99", size=(160, 120))
    film = colored(source, purpose="archive", mark=True)
    changed = (film.before.luma != film.after.luma).any(axis=0)
    rows, columns = np.nonzero(changed)
    assert rows.size
    assert rows.min() > 90 and columns.max() < 60


@pytest.mark.slow
def test_number_of_waiting_frames_is_bounded(clip, flat, tmp_path, monkeypatch):
    source = clip("mkv", "ffv1", "yuv420p", frames=120, size=(32, 32))
    num_waiting = max_waiting = 0
    make_chroma = flat.make_chroma

    def count_frame(*args, **kwargs):
        nonlocal num_waiting, max_waiting
        num_waiting += 1
        max_waiting = max(max_waiting, num_waiting)
        return make_chroma(*args, **kwargs)

    def progress(_):
        nonlocal num_waiting
        num_waiting -= 1

    monkeypatch.setattr(flat, "make_chroma", count_frame)
    colorize_film(source, tmp_path / "out.mkv", colorizer=flat, progress=progress)
    assert max_waiting < 40


@pytest.mark.parametrize("name", ["Tape1:A.mp4", "Rolle 50% %02d.mp4", "-o ü'\".mp4"])
def test_file_names_with_ffmpeg_syntax_are_read_literally(clip, flat, tmp_path, monkeypatch, name):
    """A colon is not a protocol, and a percent sign is not a pattern, if the file exists."""
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(clip("mp4", "libx264", "yuv420p").read_bytes())
    result = colorize_film(name, options=ColorizeOptions(), colorizer=flat)
    assert result.num_frames == 12
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([name, result.target.name])


def test_mxf_encoder_keeps_the_pixel_aspect_ratio(clip, colored):
    source = clip("mpg", "mpeg2video", "yuv420p", size=(256, 128), rate=Fraction(25),
                  vf="setsar=16/15")  # fmt: skip
    film = colored(source, "mxf")
    assert film.after.properties["sar"] == film.before.properties["sar"] != 1
    assert film.after.color["matrix"] in (2, film.result.plan.video.matrix.code)


# Engines


@pytest.fixture
def opened_engines(monkeypatch, flat):
    """The options with which `open_engine` is called; it opens a local engine instead."""
    opened = []

    @contextlib.contextmanager
    def open_local(options, colorizer):
        opened.append(options)
        yield LocalEngine(flat)

    monkeypatch.setattr(api, "open_engine", open_local)
    return opened


@pytest.fixture
def image_sequence(tmp_path):
    (tmp_path / "scan").mkdir()
    for number in range(3):
        image = np.full((32, 48), 60 * number, np.uint8)
        assert cv2.imwrite(str(tmp_path / "scan" / f"{number}.png"), image)
    return tmp_path / "scan" / "%d.png"


@pytest.mark.parametrize("selected", [{"workers": 2}, {"threads": 1}, {"engine": "ray"}])
def test_options_select_the_engine(clip, image_sequence, flat, tmp_path, opened_engines, selected):
    options = ColorizeOptions(**selected)
    colorize_film(clip(frames=2), tmp_path / "a.mkv", options, colorizer=flat)
    colorize_sequence(image_sequence, tmp_path / "b.mkv", options, colorizer=flat)
    assert opened_engines == [options, options]


def test_loaded_colorizer_renders_in_this_process_by_default(clip, flat, tmp_path, opened_engines):
    colorize_film(clip(frames=2), tmp_path / "a.mkv", colorizer=flat)
    assert not opened_engines


def test_passed_engine_is_used_and_left_open(clip, flat, tmp_path, opened_engines):
    options = ColorizeOptions(workers=2)
    engine = LocalEngine(flat)
    for name in ("a.mkv", "b.mkv"):
        colorize_film(clip(frames=2), tmp_path / name, options, colorizer=flat, engine=engine)
    assert not opened_engines


@pytest.mark.slow
def test_workers_option_starts_processes(clip, flat, tmp_path):
    """The processes load the embedded generator, whose weights differ from those of `flat`."""
    with pytest.raises(WeightsError, match="embedded: the weights of a worker differ"):
        colorize_film(
            clip(frames=2), tmp_path / "out.mp4", ColorizeOptions(workers=2), colorizer=flat
        )
    assert not list(tmp_path.iterdir())
