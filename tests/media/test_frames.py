"""Luma of the result equals that of the source bit for bit, for every pixel format and codec."""

from __future__ import annotations

import gc
from fractions import Fraction

import av
import numpy as np
import pytest

from tests.helpers.checks import copy_first_plane, raise_depth, read_film
from vidcolor.color.ycbcr import MATRICES
from vidcolor.film import segment
from vidcolor.media.frames import (
    compose_frame,
    get_pixel_layout,
    list_side_data,
    read_luma,
    view_plane,
)

PAL = Fraction(25)
SUBSAMPLINGS = ("420", "422", "444")
PLANAR = [f"yuv{mode}p{depth}" for mode in SUBSAMPLINGS for depth in ("", "10le", "12le", "16le")]
PLANAR += ["yuv410p", "yuv411p", "yuv440p", "yuva420p", "yuva444p10le"]
PLANAR += ["gray", "gray10le", "gray12le", "gray16le"]
CODECS = [
    ("mp4", "libx264", "yuv420p"),
    ("mp4", "libx264", "yuvj420p"),
    ("mkv", "libx264", "yuv422p10le"),
    ("mp4", "libx265", "yuv420p"),
    ("mp4", "libx265", "gray10le"),
    ("mov", "prores_ks", "yuv422p10le"),
    ("mov", "prores_ks", "yuva444p10le"),  # Decodes to 12 bits.
    ("mov", "dnxhd", "yuv422p"),
    ("mov", "cfhd", "yuv422p10le"),
    ("mpg", "mpeg2video", "yuv420p"),
    ("mpg", "mpeg1video", "yuv420p"),
    ("ts", "libx264", "yuv420p"),
    ("ts", "mpeg2video", "yuv420p"),
    ("mxf", "mpeg2video", "yuv422p"),
    ("avi", "mpeg4", "yuv420p"),
    ("avi", "mjpeg", "yuvj422p"),
    ("avi", "utvideo", "yuv420p"),
    ("avi", "huffyuv", "yuv422p"),
    ("avi", "v210", "yuv422p10le"),
    ("avi", "ffvhuff", "gray16le"),
    ("nut", "rawvideo", "yuv420p"),
    ("nut", "rawvideo", "gray14le"),
    ("webm", "libvpx-vp9", "yuv420p"),
    ("webm", "libvpx", "yuv420p"),
    ("mkv", "libsvtav1", "yuv420p10le"),
    ("mkv", "jpeg2000", "yuv420p"),
    ("flv", "flv", "yuv420p"),
    ("wmv", "wmv2", "yuv420p"),
    ("ogv", "libtheora", "yuv420p"),
    ("y4m", "wrapped_avframe", "yuv420p"),
]
OPTIONS = {
    "libx265": ("-x265-params", "log-level=none"),
    "dnxhd": ("-profile:v", "dnxhr_sq"),
}
SIZES = {"dnxhd": (256, 128)}


@pytest.mark.slow
@pytest.mark.parametrize("pix_fmt", PLANAR)
def test_archive_keeps_luma_of_every_planar_format(clip, colored, pix_fmt):
    film = colored(clip("mkv", "ffv1", pix_fmt), purpose="archive")
    film.assert_same_luma()
    film.assert_same_times()
    assert film.after.bits == film.before.bits
    assert film.result.plan.encoder.encoder == "ffv1"


@pytest.mark.slow
@pytest.mark.parametrize(("suffix", "codec", "pix_fmt"), CODECS)
def test_archive_keeps_luma_of_every_codec(clip, colored, suffix, codec, pix_fmt):
    source = clip(suffix, codec, pix_fmt, *OPTIONS.get(codec, ()), size=SIZES.get(codec, (96, 64)),
                  rate=PAL)  # fmt: skip
    film = colored(source, purpose="archive")
    film.assert_same_luma()
    film.assert_same_times(0.0005)


@pytest.mark.parametrize(
    ("pix_fmt", "first", "step"),
    [("nv12", 0, 1), ("yuyv422", 0, 2), ("yvyu422", 0, 2), ("uyvy422", 1, 2), ("ya8", 0, 2)],
)
def test_archive_keeps_luma_of_interleaved_formats(clip, colored, pix_fmt, first, step):
    film = colored(clip("nut", "rawvideo", pix_fmt), purpose="archive")
    lines = []
    for frame in film.before.frames:
        plane = np.frombuffer(frame.planes[0], np.uint8).reshape(frame.height, -1)
        lines.append(plane[:, first : first + step * frame.width : step])
    film.assert_same_luma(np.stack(lines))


@pytest.mark.parametrize("pix_fmt", ["p010le", "p016le", "y210le", "yuv420p10be", "xv30le"])
def test_luma_of_msb_aligned_and_big_endian_formats_is_exact(pix_fmt):
    planar = av.VideoFrame(64, 32, "yuv444p10le" if "16" not in pix_fmt else "yuv444p16le")
    layout = get_pixel_layout(planar.format.name)
    codes = (np.arange(64 * 32).reshape(32, 64) * 31 % (1 << layout.bits)).astype(np.uint16)
    for plane in planar.planes:
        view_plane(plane, layout.bits)[:] = 1 << (layout.bits - 1)
    view_plane(planar.planes[0], layout.bits)[:] = codes
    packed = planar.reformat(format=pix_fmt)
    luma = read_luma(packed, get_pixel_layout(pix_fmt), MATRICES["bt709"])
    np.testing.assert_array_equal(luma, codes)


@pytest.mark.parametrize(
    ("suffix", "codec", "pix_fmt"),
    [
        ("nut", "rawvideo", "rgb24"),
        ("nut", "rawvideo", "rgb48le"),
        ("mkv", "ffv1", "gbrp10le"),
        ("mkv", "ffv1", "gbrp12le"),
        ("mkv", "ffv1", "bgr0"),
        ("mov", "qtrle", "rgb24"),
        ("nut", "rawvideo", "monow"),
        ("avi", "png", "pal8"),
    ],
)
def test_rgb_is_converted_with_one_rounding_at_10_bits_or_more(
    clip, colored, suffix, codec, pix_fmt
):
    """The reference is computed in float64. A tie may round either way."""
    film = colored(clip(suffix, codec, pix_fmt), purpose="archive")
    video = film.result.plan.video
    assert video.coding.full_range
    assert video.coding.bits == film.after.bits >= 10
    for source, result in zip(film.before.frames, film.after.luma, strict=True):
        rgb, white = read_reference_rgb(source)
        matrix = video.matrix
        weights = np.array([matrix.kr, matrix.kg, matrix.kb])
        expected = rgb @ weights * (video.coding.luma_span / white)
        assert np.abs(expected - result).max() < 0.5 + 0.02
    assert film.after.color["matrix"] == video.matrix.code


def read_reference_rgb(frame):
    """Return R'G'B' (H, W, 3) float64 and the maximum code value, without vidcolor."""
    if frame.format.name.startswith("gbrp"):
        green, blue, red = (
            np.frombuffer(p, np.uint16).reshape(p.height, -1)[:, : p.width] for p in frame.planes
        )
        bits = frame.format.components[0].bits
        return np.stack([red, green, blue], -1).astype(np.float64), (1 << bits) - 1
    high_depth = frame.format.components[0].bits > 8
    rgb = frame.to_ndarray(format="rgb48le" if high_depth else "rgb24")
    return rgb.astype(np.float64), 65535 if high_depth else 255


def test_neutral_rgb_becomes_the_same_gray(clip, colored):
    """In an RGB scan of a gray film, an 8-bit code becomes the luma code of the same gray."""
    film = colored(clip("nut", "rawvideo", "rgb24", vf="format=gray"), purpose="archive")
    gray = np.stack([f.to_ndarray(format="rgb24")[..., 0] for f in film.before.frames])
    np.testing.assert_array_equal(film.after.luma, np.rint(gray * (1023 / 255)).astype(np.uint16))


COLOR_TAGS = {
    "bt601": ("smpte170m", "smpte170m", "smpte170m", 6),
    "bt709": ("bt709", "bt709", "bt709", 1),
    "bt2020": ("bt2020nc", "bt2020", "bt2020-10", 9),
    "untagged": None,
}


@pytest.mark.slow
@pytest.mark.parametrize("tags", COLOR_TAGS)
@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize(("suffix", "purpose"), [("mkv", "archive"), ("mp4", "delivery")])
def test_range_and_color_tags_are_kept(clip, colored, tags, full, suffix, purpose):
    film = colored(make_tagged_clip(clip, tags, full), suffix, purpose=purpose)
    before, after = film.before.color, film.after.color
    assert after["range"] == before["range"] == (2 if full else 1)
    assert after["primaries"] == before["primaries"]
    assert after["transfer"] == before["transfer"]
    assumed = MATRICES["smpte170m"].code  # The default of players for untagged SD video.
    assert after["matrix"] == (COLOR_TAGS[tags] or (assumed,))[-1]
    if purpose == "archive":
        film.assert_same_luma()


@pytest.mark.slow
def test_range_that_cannot_be_signaled_is_named_in_a_warning(clip, colored):
    """ProRes in MOV cannot signal full range."""
    for full in (False, True):
        film = colored(make_tagged_clip(clip, "bt709", full), "mov", purpose="editing")
        assert any("full range" in w for w in film.result.warnings) == full


def make_tagged_clip(clip, tags, full):
    vf = "null"
    if COLOR_TAGS[tags]:
        space, primaries, transfer, _ = COLOR_TAGS[tags]
        vf = f"setparams=colorspace={space}:color_primaries={primaries}:color_trc={transfer}"
    return clip("mkv", "ffv1", "yuv422p10le", "-color_range", "pc" if full else "tv", vf=vf)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(101, 77), (2, 2), (1, 1), (3, 1), (1, 64), (350, 2), (16, 16)])
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "gray10le"])
def test_luma_of_odd_and_tiny_sizes_is_exact(clip, colored, size, pix_fmt):
    source = clip("nut", "rawvideo", pix_fmt, size=size)
    film = colored(source, "mkv", purpose="archive")
    film.assert_same_luma()
    assert film.after.properties["size"] == size
    lossless = (("qp", "0"),)
    colored(source, "mp4", encoder="libx264", encoder_options=lossless).assert_same_luma()


LOSSLESS = [
    ("libx264", {"encoder_options": (("qp", "0"),)}),
    ("libx265", {"encoder_options": (("x265-params", "lossless=1"),)}),
    ("libvpx-vp9", {"encoder_options": (("lossless", "1"),)}),
    ("ffv1", {}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("encoder", "options"), LOSSLESS, ids=[e for e, _ in LOSSLESS])
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuvj420p"])
def test_lossless_encoders_keep_luma(clip, colored, encoder, options, pix_fmt):
    source = clip("mp4", "libx264", pix_fmt)
    colored(source, "mp4", encoder=encoder, **options).assert_same_luma()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "suffix", "options", "bits"),
    [
        (("mp4", "libx264", "yuv420p"), "mp4", {}, 8),
        (("mkv", "ffv1", "yuv420p10le"), "mp4", {}, 10),
        (("mp4", "libx264", "yuv420p"), "mov", {"purpose": "editing"}, 10),
        (("mp4", "libx264", "yuvj420p"), "mov", {"purpose": "editing", "range": "source"}, 10),
        (("mkv", "ffv1", "gray"), "webm", {}, 8),
        (("mkv", "ffv1", "yuv420p12le"), "mp4", {}, 12),
        (("mkv", "ffv1", "yuv420p16le"), "mkv", {}, 16),
        (("mov", "prores_ks", "yuva444p10le"), "mkv", {"purpose": "editing"}, 12),
    ],
)
def test_lossy_encoder_receives_exact_luma(
    clip, colored, monkeypatch, source, suffix, options, bits
):
    received = []

    class Spy(segment.VideoWriter):
        def write(self, frame, pts, duration):
            layout = get_pixel_layout(frame.format.name)
            received.append((view_plane(frame.planes[0], layout.bits).copy(), layout.bits))
            super().write(frame, pts, duration)

    monkeypatch.setattr(segment, "VideoWriter", Spy)
    film = colored(clip(*source), suffix, **options)
    coding = film.result.plan.video.coding
    assert {depth for _, depth in received} == {bits}
    raised = raise_depth(film.before.luma, coding.bits, bits, coding.full_range)
    np.testing.assert_array_equal(np.stack([plane for plane, _ in received]), raised)


@pytest.mark.parametrize(
    ("full_range", "codes", "raised"),
    [(False, [16, 128, 235], [64, 512, 940]), (True, [0, 255], [0, 1023])],
    ids=["limited", "full"],
)
def test_8_bit_codes_have_their_standard_10_bit_values(
    clip, colored, full_range, codes, raised, monkeypatch
):
    """ITU-R BT.709 defines black as 16 and 64, and white as 235 and 940."""
    received = []

    class Spy(segment.VideoWriter):
        def write(self, frame, pts, duration):
            received.append(view_plane(frame.planes[0], 10).copy())
            super().write(frame, pts, duration)

    monkeypatch.setattr(segment, "VideoWriter", Spy)
    film = colored(
        clip("mkv", "ffv1", "yuv420p", "-color_range", "pc" if full_range else "tv"),
        "mov",
        purpose="editing",
        range="source",
    )
    luma = film.before.luma
    for code, expected in zip(codes, raised, strict=True):
        assert (luma == code).any()
        assert set(np.stack(received)[luma == code]) == {expected}


def test_composing_does_not_change_the_decoders_reference_frames(clip):
    """The decoder may predict the next frame from a decoded frame."""
    source = clip("mp4", "libx264", "yuv420p", "-g", "99")
    black, gray = np.zeros((64, 96), np.uint8), np.full((32, 48), 128, np.uint8)
    with av.open(str(source)) as container:
        container.streams.video[0].thread_type = "NONE"
        decoded = []
        for frame in container.decode(video=0):
            decoded.append(copy_first_plane(frame))
            compose_frame(frame, "yuv420p", black, (gray, gray))
    np.testing.assert_array_equal(np.stack(decoded), read_film(source).luma)


def test_pix_fmt_with_fewer_bits_rounds_luma_with_a_warning(clip, colored):
    source = clip("mkv", "ffv1", "yuv420p12le")
    film = colored(source, "mkv", encoder="ffv1", pix_fmt="yuv420p10le")
    expected = np.minimum((film.before.luma.astype(np.uint32) + 2) >> 2, 1023)
    np.testing.assert_array_equal(film.after.luma, expected)
    assert any("rounded from 12 to 10" in w for w in film.result.warnings)


def test_predicted_chroma_is_written_in_every_pixel_format(clip, colored):
    means = []
    for pix_fmt in ("yuv420p", "yuv444p"):
        uniform = clip("mkv", "ffv1", pix_fmt, vf="eq=contrast=0")
        # Uniform frames count as blank leader, which stays gray by default.
        film = colored(uniform, purpose="archive", titles="color")
        planes = film.after.frames[3].planes
        means.append([view_plane(plane, 8).mean() for plane in planes[1:]])
    assert means[0] == pytest.approx(means[1], abs=1)
    assert means[0][0] < 125 and means[0][1] > 131, "sepia is between yellow and red"


def test_side_data_is_listed_without_keeping_the_frame():
    def count_frames() -> int:
        return sum(type(item) is av.VideoFrame for item in gc.get_objects())

    gc.collect()
    before = count_frames()
    gc.disable()
    try:
        list_side_data(av.VideoFrame(16, 16, "gray"))
        assert count_frames() == before
    finally:
        gc.enable()
