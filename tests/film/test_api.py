"""Whole films, with the embedded generator where it matters."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.checks import read_film
from vidcolor.color.ycbcr import Coding, recode
from vidcolor.colorizer import Colorizer
from vidcolor.errors import UsageError
from vidcolor.film.pipeline import colorize_film
from vidcolor.film.plan import default_target
from vidcolor.media.frames import plane_array
from vidcolor.options import ColorizeOptions

TONE = ("-f", "lavfi", "-t", "0.5", "-i", "sine=440:r=48000")


@pytest.fixture(scope="module")
def embedded():
    return Colorizer(device="cpu")


def test_batch_size_makes_no_difference(clip, embedded, tmp_path):
    source = clip("mkv", "ffv1", "gray10le", frames=9)
    results = []
    for batch in (1, 3, 8):
        target = tmp_path / f"batch{batch}.mkv"
        options = ColorizeOptions(purpose="archive", batch=batch)
        colorize_film(source, target, options, colorizer=embedded)
        results.append(planes_of(read_film(target)))
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def planes_of(film):
    """All planes of all frames, as arrays."""
    return [plane_array(p, film.bits).copy() for frame in film.frames for p in frame.planes]


def test_a_film_in_color_beside_its_sound(clip, embedded, tmp_path):
    source = clip("mp4", "libx264", "yuv420p", "-map", "0", "-map", "1", "-c:a", "aac",
                  inputs=TONE)  # fmt: skip
    target = tmp_path / "out.mp4"
    steps = []
    result = colorize_film(source, target, colorizer=embedded, progress=steps.append)
    before, after = read_film(source), read_film(target)
    assert result.num_frames == len(after.frames) == 12
    told = [(stage, n) for stage in ("look", "color", "join") for n in range(1, 13)]
    assert [(s.stage, s.done) for s in steps] == told
    assert {s.total for s in steps} == {12}
    assert after.times == before.times
    assert after.of("audio")[0].packets == before.of("audio")[0].packets
    assert result.provenance.recipe in after.tags["comment"]
    chroma = np.stack([plane_array(p, 8) for f in after.frames for p in f.planes[1:]])
    assert chroma.std() > 0.5, "it is in color"


def test_two_runs_give_equal_files(clip, flat, tmp_path):
    source = clip("mkv", "ffv1", "yuv420p")
    for name in ("a.mkv", "b.mkv"):
        colorize_film(source, tmp_path / name, ColorizeOptions(purpose="archive"), colorizer=flat)
    one, two = (planes_of(read_film(tmp_path / n)) for n in ("a.mkv", "b.mkv"))
    assert all((a == b).all() for a, b in zip(one, two, strict=True))


def test_confidence_is_a_film_in_step(clip, flat, tmp_path):
    source = clip("mp4", "libx264", "yuv420p", vf="setsar=16/15")
    sure = tmp_path / "sure.mp4"
    options = ColorizeOptions(confidence=sure)
    colorize_film(source, tmp_path / "out.mp4", options, colorizer=flat)
    film, before = read_film(sure), read_film(source)
    assert film.times == before.times
    assert film.shape["sar"] == Fraction(16, 15)
    gray = 16 + round(219 * 0.5)
    assert abs(film.luma.astype(int) - gray).max() <= 1


def test_confidence_must_not_hit_the_film(clip, flat, tmp_path):
    source = clip("mp4", "libx264", "yuv420p")
    target = tmp_path / "out.mp4"
    with pytest.raises(UsageError):
        colorize_film(source, target, ColorizeOptions(confidence=source), colorizer=flat)
    assert not list(tmp_path.iterdir())


def test_the_mark_changes_luma_in_its_corner_only(clip, colored):
    # pictures that refer to one another: the mark must not get into the decoder's memory
    source = clip("mp4", "libx264", "yuv420p", "-g", "99", size=(160, 120))
    film = colored(source, purpose="archive", mark=True)
    changed = (film.before.luma != film.after.luma).any(axis=0)
    rows, columns = np.nonzero(changed)
    assert rows.size
    assert rows.min() > 90 and columns.max() < 60


@pytest.mark.parametrize(
    ("suffix", "codec", "sound", "purpose", "named"),
    [
        ("mp4", "libx264", "aac", "delivery", ".color.mp4"),
        ("mkv", "libx264", "flac", "delivery", ".color.mkv"),
        ("avi", "mpeg4", "libmp3lame", "delivery", ".color.mp4"),
        ("wmv", "wmv2", "wmav2", "delivery", ".color.mkv"),
        ("mp4", "libx264", "aac", "editing", ".color.mov"),
        ("mp4", "libx264", "aac", "archive", ".color.mkv"),
    ],
)
def test_where_a_result_goes(clip, suffix, codec, sound, purpose, named):
    source = clip(suffix, codec, "yuv420p", "-map", "0", "-map", "1", "-c:a", sound, inputs=TONE)
    target = default_target(source, ColorizeOptions(purpose=purpose))
    assert target == source.with_name(source.stem + named)


def test_memory_is_bounded_by_the_queues(clip, flat, tmp_path, monkeypatch):
    """However long the film, only so many decoded frames wait at a time."""
    source = clip("mkv", "ffv1", "yuv420p", frames=200, size=(32, 32))
    waiting, most = [0], [0]
    real = flat.chroma

    def count(*args, **kwargs):
        waiting[0] += 1
        most[0] = max(most[0], waiting[0])
        return real(*args, **kwargs)

    def done(_):
        waiting[0] -= 1

    monkeypatch.setattr(flat, "chroma", count)
    colorize_film(source, tmp_path / "out.mkv", ColorizeOptions(), colorizer=flat, progress=done)
    assert most[0] < 40


@pytest.mark.parametrize("wanted", ["keep", "limited", "full"])
@pytest.mark.parametrize("pix_fmt", ["gray", "yuv420p10le"])
def test_range_moves_luma_only_if_asked(clip, colored, pix_fmt, wanted):
    film = colored(clip("mkv", "ffv1", pix_fmt), purpose="archive", range=wanted)
    source = film.result.plan.video.coding
    full = source.full_range if wanted == "keep" else wanted == "full"
    expected = recode(film.before.luma, source, Coding(source.bits, full))
    assert np.array_equal(film.after.luma, expected)
    assert film.after.color["range"] == (2 if full else 1)
    said = any("--range" in w for w in film.result.warnings)
    assert said == (full != source.full_range)


def test_prores_says_the_matrix_that_was_assumed(clip, colored):
    """It writes its header from the picture, not from the stream's tags."""
    film = colored(clip("mkv", "ffv1", "gray10le"), "mov", purpose="editing", range="limited")
    assert all(int(f.colorspace) == film.result.plan.video.matrix.code for f in film.after.frames)


@pytest.mark.parametrize("name", ["Tape1:A.mp4", "Rolle 50% %02d.mp4", "-o ü'\".mp4"])
def test_names_that_ffmpeg_reads_otherwise(clip, flat, tmp_path, monkeypatch, name):
    """A colon is no protocol, a percent sign no sequence, where a film is called so."""
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(clip("mp4", "libx264", "yuv420p").read_bytes())
    result = colorize_film(name, options=ColorizeOptions(), colorizer=flat)
    assert result.num_frames == 12
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([name, result.target.name])


def test_mxf_takes_an_encoder_that_keeps_the_shape(clip, colored):
    source = clip("mpg", "mpeg2video", "yuv420p", size=(256, 128), rate=Fraction(25),
                  vf="setsar=16/15")  # fmt: skip
    film = colored(source, "mxf")
    assert film.after.shape["sar"] == film.before.shape["sar"] != 1
    assert film.after.color["matrix"] in (2, film.result.plan.video.matrix.code)
