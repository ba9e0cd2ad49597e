"""Choice of encoder and pixel format, and rejection of unsupported ones before work starts."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import av
import pytest

from vidcolor.errors import UsageError
from vidcolor.media import encoders
from vidcolor.media.containers import CONTAINERS
from vidcolor.media.encoder_plan import EncoderRequest, plan_encoder
from vidcolor.media.probe import probe
from vidcolor.media.writer import VideoWriter

SUPPORTED = {
    "mp4": {"libx264", "libx265", "ffv1", "libsvtav1", "libvpx-vp9", "mpeg2video", "mpeg4",
            "mjpeg"},
    "mov": {"libx264", "libx265", "prores_ks", "dnxhd", "mpeg2video", "mpeg4", "mjpeg", "v210"},
    "matroska": {"libx264", "libx265", "ffv1", "prores_ks", "libsvtav1", "libvpx-vp9",
                 "mpeg2video", "mpeg4", "mjpeg"},
    "webm": {"libsvtav1", "libvpx-vp9"},
    "mxf": {"libx264", "ffv1", "prores_ks", "dnxhd", "mpeg2video"},
}  # fmt: skip
ENCODERS = sorted(set().union(*SUPPORTED.values()))
SUFFIX = {"matroska": "mkv"}


@pytest.fixture(scope="session")
def small(clip):
    """An 8-bit limited-range BT.709 clip that is large enough for every encoder."""
    vf = "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709"
    return clip("mp4", "libx264", "yuv420p", size=(256, 128), rate=Fraction(25), frames=6, vf=vf)


@pytest.mark.slow
@pytest.mark.parametrize("muxer", SUPPORTED)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_encoder_works_in_every_container_or_is_rejected(small, colored, encoder, muxer):
    if encoder not in SUPPORTED[muxer]:
        with pytest.raises(UsageError) as error:
            colored(small, SUFFIX.get(muxer, muxer), encoder=encoder)
        message = str(error.value)
        assert encoder in message and "\n" not in message
        return
    film = colored(small, SUFFIX.get(muxer, muxer), encoder=encoder)
    film.assert_same_times(0.0005)
    assert film.after.properties["size"] == (256, 128)
    assert film.before.color["matrix"] == 1
    if encoder == "mjpeg":  # JPEG supports BT.601 only.
        assert any("matrix bt709" in w for w in film.result.warnings)
    else:
        assert film.after.color["matrix"] == 1
    assert film.after.color["range"] in (0, 1)
    error = abs(film.after.luma.astype(float) / 2 ** (film.after.bits - 8) - film.before.luma)
    assert error.mean() < 8


REJECTED = [
    ({"encoder": "unknown"}, "unknown encoder 'unknown'"),
    ({"encoder": "aac"}, "encodes audio"),
    ({"encoder": "libx264", "options": (("presett", "fast"),)}, "no option presett"),
    ({"options": (("presett", "fast"),)}, "no option presett"),
    ({"options": (("preset", "fastt"),)}, "fastt"),
    ({"options": (("crf", "abc"),)}, "abc"),
    ({"options": (("x264-params", "foo=1"),)}, "no option foo"),
    ({"encoder": "libx265", "options": (("x265-params", "foo=1"),)}, "no option foo"),
    ({"pix_fmt": "yuv999p"}, "pixel format yuv999p; use one of: yuv420p"),
    ({"encoder": "prores_ks", "pix_fmt": "yuv420p"}, "use one of: yuv422p10le"),
    ({"encoder": "h264_nvenc"}, "h264_nvenc"),
    ({"encoder": "hevc_nvenc"}, "hevc_nvenc"),
    ({"encoder": "h264_qsv"}, "h264_qsv"),
    ({"encoder": "rawvideo"}, "no planar Y'CbCr pixel format"),
    ({"encoder": "utvideo"}, "utvideo is not supported in mp4; choose another --encoder"),
]


@pytest.mark.parametrize(("request_args", "message"), REJECTED)
def test_bad_encoder_request_is_rejected_with_one_line(small, request_args, message, capfd):
    with pytest.raises(UsageError) as error:
        plan_encoder(probe(small).video, CONTAINERS["mp4"], EncoderRequest(**request_args))
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    printed = capfd.readouterr()
    assert printed.out == printed.err == "", "encoders print to stderr directly"


def test_tiny_rate_of_a_damaged_header_has_a_time_base(small):
    video = replace(probe(small).video, rate=Fraction(1, 4000))
    plan = plan_encoder(video, CONTAINERS["mp4"], EncoderRequest())
    assert 0 < plan.time_base <= 1001


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ["libx264", "libx265", "libsvtav1", "libvpx-vp9"])
def test_encoders_print_nothing(small, colored, encoder, capfd):
    colored(small, "mp4", encoder=encoder)
    printed = capfd.readouterr()
    assert printed.out == printed.err == ""


@pytest.mark.parametrize(
    ("bits", "muxer", "purpose", "encoder"),
    [
        (8, "mp4", "delivery", "libx264"),
        (10, "mp4", "delivery", "libx264"),
        (12, "mp4", "delivery", "libx265"),
        (16, "mp4", "delivery", "ffv1"),
        (10, "mov", "editing", "prores_ks"),
        (12, "matroska", "editing", "ffv1"),
        (16, "matroska", "archive", "ffv1"),
        (10, "webm", "delivery", "libsvtav1"),
    ],
)
def test_default_encoder_supports_the_bit_depth(clip, bits, muxer, purpose, encoder):
    pix_fmt = "yuv420p" if bits == 8 else f"yuv420p{bits}le"
    video = probe(clip("mkv", "ffv1", pix_fmt)).video
    plan = plan_encoder(video, CONTAINERS[muxer], EncoderRequest(purpose=purpose))
    assert plan.encoder == encoder
    assert plan.lossless_luma
    replaced = encoder not in ("libx264", "prores_ks", "libsvtav1") and purpose != "archive"
    assert any(f"using {encoder} instead" in w for w in plan.warnings) == replaced


@pytest.mark.parametrize("muxer", ["mov", "mxf"])
@pytest.mark.parametrize("pix_fmt", ["yuv420p12le", "yuv444p16le", "gray16le"])
def test_luma_deeper_than_prores_is_rounded_for_editing(clip, pix_fmt, muxer):
    video = probe(clip("mkv", "ffv1", pix_fmt, "-color_range", "tv")).video
    for encoder in (None, "prores_ks"):
        request = EncoderRequest(purpose="editing", encoder=encoder)
        plan = plan_encoder(video, CONTAINERS[muxer], request)
        assert (plan.encoder, plan.layout.name) == ("prores_ks", "yuv422p10le")
        assert not plan.lossless_luma
        assert any(f"keeps {video.coding.bits} bits" in w for w in plan.warnings)


KEEPS_LEVELS = "all levels stay distinct (--range source keeps full range)"
ROUNDED = "range, which editing programs expect; --range source keeps full range"
EDITING_RANGES = [
    ("mov", {}, "gray", "prores_ks yuv422p10le limited", KEEPS_LEVELS),
    ("mov", {}, "bgr0", "prores_ks yuv422p10le limited", KEEPS_LEVELS),
    ("mov", {}, "yuv420p", "prores_ks yuv422p10le limited", KEEPS_LEVELS),
    ("mxf", {}, "gray", "prores_ks yuv422p10le limited", KEEPS_LEVELS),
    ("mp4", {}, "gray", "ffv1 yuv422p10le limited", KEEPS_LEVELS),
    ("mov", {}, "gray10le", "prores_ks yuv422p10le limited", f"to 10 bits in limited {ROUNDED}"),
    ("mov", {}, "gray16le", "prores_ks yuv422p10le limited", f"to 10 bits in limited {ROUNDED}"),
    ("mov", {}, "gbrp10le", "prores_ks yuv422p10le limited", f"to 10 bits in limited {ROUNDED}"),
    ("matroska", {}, "gray10le", "ffv1 yuv422p12le limited", KEEPS_LEVELS),
    ("mov", {"encoder": "libx264"}, "gray", "libx264 yuv422p10le limited", KEEPS_LEVELS),
    ("mov", {"encoder": "dnxhd"}, "gray", "dnxhd yuv422p10le limited", KEEPS_LEVELS),
    ("mov", {"encoder": "libx265"}, "gray10le", "libx265 yuv422p12le limited", KEEPS_LEVELS),
    # Limited range in 8 bits would merge levels.
    ("mov", {"encoder": "libx264", "pix_fmt": "yuv420p"}, "gray", "libx264 yuv420p full", ""),
    ("mov", {"encoder": "mjpeg"}, "gray", "mjpeg yuvj422p full", ""),
    ("mov", {"range": "source"}, "gray", "prores_ks yuv422p10le full", "cannot signal full range"),
    ("mov", {"range": "limited"}, "gray", "prores_ks yuv422p10le limited", "(--range)"),
    ("mov", {"purpose": "delivery"}, "gray", "libx264 yuv420p full", ""),
    ("matroska", {"purpose": "archive"}, "gray", "ffv1 yuv420p full", ""),
]


@pytest.mark.parametrize(("muxer", "options", "pix_fmt", "expected", "warning"), EDITING_RANGES)
def test_full_range_becomes_limited_range_for_editing(
    clip, muxer, options, pix_fmt, expected, warning
):
    source = clip("mkv", "ffv1", pix_fmt, "-color_range", "pc", size=(256, 128), frames=2,
                  rate=Fraction(25), vf="setparams=range=full")  # fmt: skip
    request = EncoderRequest(**{"purpose": "editing", **options})
    plan = plan_encoder(probe(source).video, CONTAINERS[muxer], request)
    luma_range = "full" if plan.full_range else "limited"
    assert f"{plan.encoder} {plan.layout.name} {luma_range}" == expected
    assert warning in "; ".join(plan.warnings)
    assert bool(warning) == bool(plan.warnings)
    assert plan.lossless_luma == ("to 10 bits" not in warning)


def test_prores_without_subsampling_has_the_tag_of_its_profile(clip, colored):
    """QuickTime expects 4:2:2 behind the tag apch."""
    film = colored(clip(), "mov", purpose="editing", pix_fmt="yuv444p10le")
    with av.open(str(film.path)) as container:
        assert container.streams.video[0].codec_context.codec_tag == "ap4h"


def test_limited_range_is_not_converted_for_editing(clip):
    video = probe(clip("mkv", "ffv1", "yuv420p")).video
    plan = plan_encoder(video, CONTAINERS["mov"], EncoderRequest(purpose="editing"))
    assert (plan.full_range, plan.warnings) == (False, ())


def test_source_deeper_than_a_requested_encoder_is_rejected(clip):
    video = probe(clip("mkv", "ffv1", "yuv420p12le")).video
    with pytest.raises(UsageError, match=r"--pix-fmt yuv422p10le"):
        plan_encoder(video, CONTAINERS["mov"], EncoderRequest(encoder="prores_ks"))


def test_rate_control_of_the_user_replaces_the_default(small):
    """The default `crf` does not override the user's `qp` or bit rate."""
    video = probe(small).video
    plan = plan_encoder(video, CONTAINERS["mp4"], EncoderRequest(options=(("qp", "0"),)))
    assert "crf" not in plan.options
    assert plan.options["qp"] == "0"
    request = EncoderRequest(encoder="mpeg2video", options=(("b", "5000000"),))
    assert plan_encoder(video, CONTAINERS["mp4"], request).options == {"b": "5000000"}


def test_frame_too_small_for_x265_is_rejected(clip):
    video = probe(clip("mkv", "ffv1", "yuv420p", size=(96, 48))).video
    with pytest.raises(UsageError, match="smaller than 64"):
        plan_encoder(video, CONTAINERS["mp4"], EncoderRequest(encoder="libx265"))


def test_frame_types_of_the_source_are_not_forced(clip, colored):
    """All frames of FFV1 are keyframes. The delivery encoder must choose its own frame types."""
    film = colored(clip("mkv", "ffv1", "yuv420p"), "mp4")
    with av.open(str(film.path)) as container:
        keys = [p.is_keyframe for p in container.demux(video=0) if p.size]
    assert keys == [True] + [False] * 11


@pytest.mark.parametrize(("width", "is_limited"), [(320, True), (640, False), (1906, False)])
def test_x264_uses_avx512_with_rows_of_whole_vectors(clip, monkeypatch, width, is_limited):
    monkeypatch.setattr(encoders, "get_cpu_flags", lambda: frozenset({"avx2", "avx512f"}))
    video = probe(clip("mkv", "ffv1", "yuv420p", size=(width, 64), frames=1)).video
    plan = plan_encoder(video, CONTAINERS["mp4"], EncoderRequest(encoder="libx264"))
    assert ("x264-params" in plan.options) == is_limited


@pytest.mark.slow
@pytest.mark.parametrize(
    ("encoder", "size"),
    [
        ("libx264", (320, 240)),
        ("libx264", (384, 288)),
        pytest.param("libx265", (320, 240), marks=pytest.mark.exhaustive),
    ],
)
def test_encoder_output_is_reproducible(clip, tmp_path, encoder, size):
    """x264 with AVX-512 returned different output in each run at 320x240, but not at 384x288."""
    source = clip("mkv", "ffv1", "yuv420p", size=size, frames=30)
    video = probe(source).video
    plan = plan_encoder(video, CONTAINERS["mp4"], EncoderRequest(encoder=encoder))
    films = set()
    for _ in range(4):
        path = tmp_path / "film.mp4"
        with VideoWriter(path, plan, video) as writer, av.open(str(source)) as container:
            for frame in container.decode(video=0):
                writer.write(frame, frame.pts, 0)
            writer.finish()
        films.add(path.read_bytes())
    assert len(films) == 1
