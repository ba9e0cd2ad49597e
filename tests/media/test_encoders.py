"""Which encoder writes what, and that whatever will not do is said in one line beforehand."""

from __future__ import annotations

from fractions import Fraction

import av
import pytest

from vidcolor.errors import UsageError
from vidcolor.media.encoders import EncoderRequest, plan_encoder
from vidcolor.media.probe import probe
from vidcolor.media.writer import FilmWriter

HELD = {
    "mp4": {"libx264", "libx265", "ffv1", "libsvtav1", "libvpx-vp9", "mpeg2video", "mpeg4",
            "mjpeg"},
    "mov": {"libx264", "libx265", "prores_ks", "dnxhd", "mpeg2video", "mpeg4", "mjpeg", "v210"},
    "matroska": {"libx264", "libx265", "ffv1", "prores_ks", "libsvtav1", "libvpx-vp9",
                 "mpeg2video", "mpeg4", "mjpeg"},
    "webm": {"libsvtav1", "libvpx-vp9"},
    "mxf": {"libx264", "ffv1", "prores_ks", "dnxhd", "mpeg2video"},
}  # fmt: skip
ENCODERS = sorted(set().union(*HELD.values()))
SUFFIX = {"matroska": "mkv"}


@pytest.fixture(scope="session")
def small(clip):
    """8 bits, limited, BT.709, large enough for every encoder."""
    vf = "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709"
    return clip("mp4", "libx264", "yuv420p", size=(256, 128), rate=Fraction(25), frames=6, vf=vf)


@pytest.mark.parametrize("muxer", HELD)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_encoder_in_every_container(small, colored, encoder, muxer):
    """Either it is refused beforehand, or the result is a film of so many pictures."""
    if encoder not in HELD[muxer]:
        with pytest.raises(UsageError) as refused:
            colored(small, SUFFIX.get(muxer, muxer), encoder=encoder)
        message = str(refused.value)
        assert encoder in message and "\n" not in message
        return
    film = colored(small, SUFFIX.get(muxer, muxer), encoder=encoder)
    film.expect_same_times(0.0005)
    assert film.after.shape["size"] == (256, 128)
    assert film.before.color["matrix"] == 1
    if encoder == "mjpeg":  # JPEG knows BT.601 alone
        assert any("matrix is bt709" in w for w in film.result.warnings)
    else:
        assert film.after.color["matrix"] == 1
    assert film.after.color["range"] in (0, 1)
    off = abs(film.after.luma.astype(float) / 2 ** (film.after.bits - 8) - film.before.luma)
    assert off.mean() < 8, "lossy, but the same picture"


REFUSED = [
    ({"encoder": "nonsense"}, "no encoder called 'nonsense'"),
    ({"encoder": "aac"}, "encodes audio"),
    ({"encoder": "libx264", "options": (("presett", "fast"),)}, "no option presett"),
    ({"options": (("presett", "fast"),)}, "no option presett"),
    ({"options": (("preset", "fastt"),)}, "fastt"),
    ({"options": (("crf", "abc"),)}, "abc"),
    ({"options": (("x264-params", "foo=1"),)}, "no option foo"),
    ({"encoder": "libx265", "options": (("x265-params", "foo=1"),)}, "no option foo"),
    ({"pix_fmt": "yuv999p"}, "cannot write yuv999p; it takes: yuv420p"),
    ({"encoder": "prores_ks", "pix_fmt": "yuv420p"}, "it takes: yuv422p10le"),
    ({"encoder": "h264_nvenc"}, "h264_nvenc"),
    ({"encoder": "hevc_nvenc"}, "hevc_nvenc"),
    ({"encoder": "h264_qsv"}, "h264_qsv"),
    ({"encoder": "rawvideo"}, "no planar pixel format"),
    ({"encoder": "utvideo"}, "no container that we write does"),
]


@pytest.mark.parametrize(("asked", "said"), REFUSED)
def test_refusals(small, asked, said, capfd):
    with pytest.raises(UsageError) as refused:
        plan_encoder(probe(small).video, "mp4", EncoderRequest(**asked))
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    printed = capfd.readouterr()
    assert printed.out == printed.err == "", "encoders print past every log"


@pytest.mark.parametrize("encoder", ["libx264", "libx265", "libsvtav1", "libvpx-vp9"])
def test_encoders_are_silent(small, colored, encoder, capfd):
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
def test_the_default_encoder_holds_the_depth(clip, bits, muxer, purpose, encoder):
    pix_fmt = "yuv420p" if bits == 8 else f"yuv420p{bits}le"
    video = probe(clip("mkv", "ffv1", pix_fmt)).video
    plan = plan_encoder(video, muxer, EncoderRequest(purpose=purpose))
    assert plan.encoder == encoder
    assert plan.lossless_luma
    replaced = encoder not in ("libx264", "prores_ks", "libsvtav1") and purpose != "archive"
    assert any("used instead" in w for w in plan.warnings) == replaced


def test_no_default_encoder_holds_it(clip):
    video = probe(clip("mkv", "ffv1", "yuv420p12le")).video
    with pytest.raises(UsageError, match=r"--pix-fmt yuv422p10le.*name the output .*\.mkv"):
        plan_encoder(video, "mov", EncoderRequest(purpose="editing"))


def test_the_user_decides_on_the_amount(small):
    """One's own `qp` or bit rate is not overruled by our `crf`."""
    video = probe(small).video
    plan = plan_encoder(video, "mp4", EncoderRequest(options=(("qp", "0"),)))
    assert "crf" not in plan.options
    assert plan.options["qp"] == "0"
    asked = EncoderRequest(encoder="mpeg2video", options=(("b", "5000000"),))
    assert plan_encoder(video, "mp4", asked).options == {"b": "5000000"}


def test_x265_is_not_given_what_it_cannot_take(clip):
    video = probe(clip("mkv", "ffv1", "yuv420p", size=(96, 48))).video
    with pytest.raises(UsageError, match="smaller than 64"):
        plan_encoder(video, "mp4", EncoderRequest(encoder="libx265"))


def test_the_source_does_not_force_its_kinds_of_picture(clip, colored):
    """FFV1 has key frames alone; the delivery copy must not."""
    film = colored(clip("mkv", "ffv1", "yuv420p"), "mp4")
    with av.open(str(film.path)) as container:
        keys = [p.is_keyframe for p in container.demux(video=0) if p.size]
    assert keys == [True] + [False] * 11


@pytest.mark.parametrize("encoder", ["libx264", "libx265"])
def test_an_encoder_repeats_itself(clip, tmp_path, encoder):
    """What AVX-512 made of pictures of this size was another film each time."""
    source = clip("mkv", "ffv1", "yuv420p", size=(320, 240), frames=30)
    video = probe(source).video
    plan = plan_encoder(video, "mp4", EncoderRequest(encoder=encoder))
    films = set()
    for _ in range(4):
        path = tmp_path / "film.mp4"
        with FilmWriter(path, plan, video) as writer, av.open(str(source)) as container:
            for frame in container.decode(video=0):
                writer.write(frame, frame.pts, 0)
            writer.finish()
        films.add(path.read_bytes())
    assert len(films) == 1
