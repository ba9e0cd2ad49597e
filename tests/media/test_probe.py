"""Properties of a film that `probe` reports, and the warnings that they cause."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests.helpers.checks import read_film
from vidcolor.film.api import colorize_film
from vidcolor.film.plan import plan_film
from vidcolor.media.preview import DisplayReader
from vidcolor.media.probe import probe
from vidcolor.options import ColorizeOptions

PQ, HLG, BT709 = 16, 18, 1
"""Transfer characteristics in ITU-T H.273."""


@pytest.mark.parametrize(
    ("name", "transfer", "is_hdr"),
    [("smpte2084", PQ, True), ("arib-std-b67", HLG, True), ("bt709", BT709, False)],
)
def test_hdr_film_keeps_its_tags_and_causes_a_warning(clip, colored, name, transfer, is_hdr):
    vf = f"setparams=color_trc={name}:color_primaries=bt2020:colorspace=bt2020nc"
    source = clip("mkv", "ffv1", "yuv420p10le", vf=vf)
    assert probe(source).video.tags.transfer == transfer
    film = colored(source, purpose="archive")
    assert film.after.color["transfer"] == transfer
    assert any("HDR" in w for w in film.result.warnings) == is_hdr


@pytest.mark.parametrize(("pix_fmt", "has_alpha"), [("yuva420p", True), ("yuv420p", False)])
def test_alpha_plane_is_dropped_with_a_warning(clip, colored, pix_fmt, has_alpha):
    vf = f"format={pix_fmt},geq=lum='lum(X,Y)'" + (":a='X'" if has_alpha else "")
    source = clip("mkv", "ffv1", pix_fmt, vf=vf)
    assert probe(source).video.layout.alpha == has_alpha
    film = colored(source, purpose="archive")
    assert film.after.pix_fmt == "yuv420p"
    assert any("alpha plane" in w for w in film.result.warnings) == has_alpha


@pytest.mark.parametrize("largest", [0, 1], ids=["first", "second"])
def test_largest_video_stream_is_colorized_and_the_other_causes_a_warning(clip, colored, largest):
    other_size = "64x48" if largest == 0 else "128x80"
    other = ("-f", "lavfi", "-t", "0.5", "-i", f"color=gray:s={other_size}:r=24")
    source = clip("mkv", "ffv1", "yuv420p", "-map", "0", "-map", "1", inputs=other)
    film = colored(source, "mkv")
    assert film.after.properties["size"] == ((96, 64) if largest == 0 else (128, 80))
    assert not film.after.streams_of("video")
    warnings = [w for w in film.result.warnings if "second video stream" in w]
    assert len(warnings) == 1
    assert f"video stream {1 - largest}" in warnings[0]


def test_rotation_and_pixel_aspect_set_the_displayed_size(clip):
    source = clip("mkv", "ffv1", "yuv420p", vf="setsar=4/3")
    assert probe(source).video.sample_aspect_ratio == Fraction(4, 3)
    assert DisplayReader(source).size == (128, 64)


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [("h264", "libx264"), ("hevc", "libx265"), ("m2v", "mpeg2video"), ("m1v", "mpeg1video")],
)
def test_raw_stream_has_the_rate_of_its_bitstream(clip, flat, tmp_path, suffix, codec):
    rate = Fraction(30000, 1001)
    source, target = clip(suffix, codec, "yuv420p", rate=rate, frames=9), tmp_path / "a.mov"
    result = colorize_film(source, target, ColorizeOptions(), colorizer=flat)
    film = read_film(target)
    assert film.properties["rate"] == rate
    assert film.times == [n / rate for n in range(9)]
    assert not any("frame rate" in text for text in result.warnings)


def test_assumed_rate_of_a_raw_stream_is_named(clip, tmp_path):
    source = clip("mjpg", "mjpeg", "yuvj420p", frames=2)
    warnings = plan_film(source, tmp_path / "a.mov", ColorizeOptions()).warnings
    assert any("states no frame rate; assuming 25" in text for text in warnings)


@pytest.mark.parametrize(
    ("suffix", "codec"), [("mkv", "libx264"), ("ts", "mpeg2video"), ("flv", "flv")]
)
def test_irregular_keyframes_do_not_make_the_rate_variable(clip, suffix, codec):
    options = ("-force_key_frames", "0,0.2,1,1.3")
    video = probe(clip(suffix, codec, "yuv420p", *options, rate=Fraction(25), frames=40)).video
    assert not video.variable_rate
