"""Properties of a film that `probe` reports, and the warnings that they cause."""

from __future__ import annotations

from fractions import Fraction

import pytest

from vidcolor.media.preview import DisplayReader
from vidcolor.media.probe import probe

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
