"""Plans: default targets, and warnings about what a result loses or changes."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from vidcolor.errors import UsageError
from vidcolor.film.plan import default_film_target, default_sequence_target, plan_film
from vidcolor.options import ColorizeOptions

TONE = ("-f", "lavfi", "-t", "0.5", "-i", "sine=440:r=48000")


@pytest.mark.parametrize(
    ("suffix", "codec", "audio_codec", "purpose", "expected"),
    [
        ("mp4", "libx264", "aac", "delivery", ".color.mp4"),
        ("mkv", "libx264", "flac", "delivery", ".color.mkv"),
        ("avi", "mpeg4", "libmp3lame", "delivery", ".color.mp4"),
        ("wmv", "wmv2", "wmav2", "delivery", ".color.mkv"),
        ("vob", "mpeg2video", "pcm_dvd", "delivery", ".color.mkv"),
        ("mp4", "libx264", "aac", "editing", ".color.mov"),
        ("mp4", "libx264", "aac", "archive", ".color.mkv"),
    ],
)
def test_default_target_depends_on_streams_and_purpose(
    clip, suffix, codec, audio_codec, purpose, expected
):
    source = clip(
        suffix, codec, "yuv420p", "-map", "0", "-map", "1", "-c:a", audio_codec, inputs=TONE
    )
    target = default_film_target(source, ColorizeOptions(purpose=purpose))
    assert target == source.with_name(source.stem + expected)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("scan/reel_%06d.dpx", "scan/reel.color.mp4"),
        ("scan/%06d.dpx", "scan/scan.color.mp4"),
        ("scan", "scan.color.mp4"),
    ],
)
def test_default_target_has_the_name_of_the_sequence_or_its_folder(source, expected):
    assert default_sequence_target(Path(source), ColorizeOptions()) == Path(expected)


def test_default_target_has_the_name_of_the_current_directory(tmp_path, monkeypatch):
    (tmp_path / "reel").mkdir()
    monkeypatch.chdir(tmp_path / "reel")
    options = ColorizeOptions()
    assert default_sequence_target(Path("%d.png"), options) == Path("reel.color.mp4")
    assert default_sequence_target(Path(), options) == Path("../reel.color.mp4")


def plan_warnings(source, name, **options):
    return plan_film(source, Path(name), ColorizeOptions(**options)).warnings


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
def test_hdr_film_is_colorized_as_sdr(clip, transfer):
    source = clip("mkv", "ffv1", "yuv420p10le", frames=2, vf=f"setparams=color_trc={transfer}")
    assert "the film is HDR; it is colorized as SDR, and its HDR tags are kept" in plan_warnings(
        source, "out.mkv"
    )


def test_alpha_plane_is_not_kept(clip):
    opaque = clip("mkv", "ffv1", "yuva420p", frames=2)
    assert not plan_warnings(opaque, "out.mkv")
    vf = "format=yuva420p,geq=lum='lum(X,Y)':a='X'"
    transparent = clip("mkv", "ffv1", "yuva420p", frames=2, vf=vf)
    assert "not kept: the alpha plane" in plan_warnings(transparent, "out.mkv")
    # The decoders of VP8 and VP9 ignore the second layer, which contains the alpha plane.
    layers = clip("webm", "libvpx", "yuva420p", "-auto-alt-ref", "0", frames=2, vf=vf)
    assert "not kept: the alpha plane" in plan_warnings(layers, "out.mkv")


def test_language_of_a_timecode_track_is_not_named(clip):
    source = clip("mov", "libx264", "yuv420p", "-timecode", "01:00:00:00", frames=2)
    assert not [w for w in plan_warnings(source, "out.mxf") if "languages" in w]


def test_title_and_dispositions_of_the_video_are_named(clip):
    described = ("-metadata:s:v", "title=Main feature", "-disposition:v", "default+original")
    source = clip("mkv", "mpeg2video", "yuv422p", *described, frames=2)
    for name, lost in (
        ("a.mxf", ["titles of streams that mxf cannot hold: Main feature of video stream 0",
                   "dispositions that mxf cannot hold: original of video stream 0"]),
        ("a.mov", ["dispositions that mov cannot hold: original of video stream 0"]),
        ("a.mkv", []),
    ):  # fmt: skip
        named = [text for text in plan_warnings(source, name) if "titles" in text or "disp" in text]
        assert named == [f"not kept: {text}" for text in lost]


def test_interlaced_prores_in_mxf_is_named(clip):
    """FFmpeg's muxer describes ProRes as progressive."""
    source = clip("mkv", "ffv1", "yuv422p10le", frames=2, vf="setfield=tff")
    for target, is_named in (("out.mxf", True), ("out.mov", False)):
        warnings = plan_warnings(source, target, purpose="editing")
        assert any("cannot signal interlaced frames" in w for w in warnings) == is_named


def test_second_video_stream_is_not_kept(clip):
    source = clip("mkv", "ffv1", "yuv420p", "-map", "0", "-map", "0", frames=2)
    warnings = plan_warnings(source, "out.mkv")
    assert [w for w in warnings if w.startswith("not kept: video stream 1: ")]


def test_rounded_timestamps_in_matroska_are_announced(clip):
    warning = "Matroska rounds timestamps to 1 ms; mp4 and mov keep them exactly"
    assert warning in plan_warnings(clip("mp4", "libx264", "yuv420p"), "out.mkv")
    assert warning not in plan_warnings(clip("mp4", "libx264", "yuv420p"), "out.mp4")
    even = clip("mp4", "libx264", "yuv420p", rate=Fraction(25))
    assert warning not in plan_warnings(even, "out.mkv")


def test_rounded_luma_is_announced(clip):
    source = clip("mkv", "ffv1", "yuv420p10le", frames=2)
    warnings = plan_warnings(source, "out.mkv", purpose="archive", pix_fmt="yuv420p")
    assert "luma is rounded from 10 to 8 bits (--pix-fmt yuv420p)" in warnings


def test_losses_of_an_image_sequence_are_announced(clip):
    source = clip(
        "mkv", "ffv1", "yuv420p", "-map", "0", "-map", "1", "-c:a", "aac",
        "-metadata", "title=Film", vf="setsar=2/1", inputs=TONE,
    )  # fmt: skip
    assert plan_warnings(source, "out_%03d.png") == (
        "not kept: tags that PNG cannot hold: title",
        "not kept: an image sequence holds no audio, subtitles or chapters",
        "the film has a pixel aspect ratio of 2:1; the images are written with square pixels",
    )


@pytest.mark.parametrize(
    "options", [{"encoder": "ffv1"}, {"pix_fmt": "yuv444p"}, {"range": "full"}]
)
def test_encoder_options_do_not_apply_to_sequences(clip, options):
    with pytest.raises(UsageError, match="apply to films, not to image sequences"):
        plan_warnings(clip(frames=2), "out_%03d.png", **options)


def test_estimated_number_of_frames_covers_the_trimmed_range(clip):
    source = clip("mp4", "libx264", "yuv420p", rate=Fraction(25), frames=25)
    options = ColorizeOptions(start=Fraction(1, 5), end=Fraction(3, 5))
    assert plan_film(source, Path("out.mp4"), options).estimated_num_frames == 10
    assert plan_film(source, Path("out.mp4"), ColorizeOptions()).estimated_num_frames == 25
