"""Properties of the encoded video: pixel aspect, rotation, field order, tags and side data."""

from __future__ import annotations

import re
import subprocess
import sys
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.helpers.clips import ffmpeg
from vidcolor.color.ycbcr import MATRICES
from vidcolor.media.ffmpeg_cli import find_ffmpeg
from vidcolor.media.frames import compose_frame, get_pixel_layout, read_luma, view_plane
from vidcolor.media.probe import probe

OUTPUTS = [
    ("mkv", {"purpose": "archive"}),
    ("mp4", {}),
    ("mov", {"purpose": "editing"}),
    ("mkv", {}),
    ("mp4", {"encoder": "libsvtav1"}),
    ("mkv", {"encoder": "libvpx-vp9"}),
]
IDS = [f"{s}-{'-'.join(o.values()) or 'delivery'}" for s, o in OUTPUTS]


@pytest.mark.slow
@pytest.mark.parametrize(("suffix", "options"), OUTPUTS, ids=IDS)
@pytest.mark.parametrize("sar", ["16/15", "64/45"])
def test_pixel_aspect_is_kept(clip, colored, suffix, options, sar):
    film = colored(clip("mp4", "libx264", "yuv420p", vf=f"setsar={sar}"), suffix, **options)
    assert film.before.properties["sar"] == film.after.properties["sar"] == Fraction(sar)
    film.assert_same_times(0.0005)


@pytest.mark.slow
def test_pixel_aspect_in_webm_is_rounded_to_a_whole_display_width(clip, colored):
    """WebM stores the display width in pixels: 96 * 16/15 = 102.4 becomes 102."""
    film = colored(clip("mp4", "libx264", "yuv420p", vf="setsar=16/15"), "webm")
    assert film.after.properties["sar"] == Fraction(102, 96)


@pytest.mark.slow
@pytest.mark.parametrize("rotation", ["90", "180", "270", "mirrored"])
def test_display_matrix_is_kept(clip, colored, tmp_path, rotation):
    flip = ["-display_hflip"] if rotation == "mirrored" else []
    rotated = tmp_path / "rotated.mp4"
    source = clip("mp4", "libx264", "yuv420p")
    degrees = "90" if rotation == "mirrored" else rotation
    ffmpeg("-display_rotation", degrees, *flip, "-i", str(source), "-c", "copy", str(rotated))
    for suffix, options in OUTPUTS[:4]:
        film = colored(rotated, suffix, **options)
        assert film.before.properties["matrix"] is not None
        assert film.after.properties["matrix"] == film.before.properties["matrix"]
        assert film.after.properties["size"] == (96, 64), "stored frames are not rotated"


@pytest.mark.parametrize(
    ("flip", "orientation"),
    [((), "(turned by 90° counterclockwise)"), (("-display_hflip",), "(mirrored, turned by ")],
)
def test_orientation_that_a_container_cannot_hold_is_named(
    clip, colored, tmp_path, flip, orientation
):
    rotated = tmp_path / "rotated.mov"
    source = clip("mp4", "libx264", "yuv420p")
    ffmpeg("-display_rotation", "90", *flip, "-i", str(source), "-c", "copy", str(rotated))
    film = colored(rotated, "mxf", purpose="editing")
    assert orientation in " ".join(film.result.warnings)


@pytest.mark.parametrize("order", ["tff", "bff"])
@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("mkv", {"purpose": "archive"}),
        ("mp4", {}),
        ("mov", {"purpose": "editing"}),  # Not the pixel format of the source.
        ("mkv", {"pix_fmt": "yuv444p"}),
        ("mp4", {"encoder": "mpeg2video"}),
    ],
)
def test_field_order_is_kept(clip, colored, order, suffix, options):
    source = clip("mkv", "ffv1", "yuv420p", vf=f"setfield={order}")
    film = colored(source, suffix, **options)
    assert all(f.interlaced_frame for f in film.after.frames)
    assert read_field_orders(film.path) == read_field_orders(source) == {order[0].upper()}
    film.assert_same_times(0.0005)  # Matroska rounds to 1 ms.
    assert not any("interlaced" in w for w in film.result.warnings)


@pytest.mark.parametrize(("source", "suffix"), [("ts", "mp4"), ("dv", "mp4"), ("dv", "mkv")])
def test_header_states_that_the_bottom_field_is_first(clip, colored, source, suffix):
    """Not only each frame; raw DV itself states it in the frames only."""
    codec, options, size = ("mpeg2video", (), (96, 64))
    if source == "dv":
        codec, options, size = "dvvideo", ("-f", "dv"), (720, 576)
    path = clip(source, codec, "yuv420p", "-flags", "+ilme+ildct", *options, size=size, frames=3,
                rate=Fraction(25), vf="setfield=bff")  # fmt: skip
    film = colored(path, suffix)
    assert read_field_orders(path) == read_field_orders(film.path) == {"B"}
    with av.open(str(film.path)) as container:
        assert int(container.streams.video[0].codec_context.field_order) == 3


def read_field_orders(path):
    """Return the field orders of all frames as a set of T, B and P.

    They come from the log of the ffmpeg command, because PyAV does not return them.
    """
    command = [
        find_ffmpeg(),
        "-v",
        "info",
        "-i",
        str(path),
        "-vf",
        "showinfo",
        "-f",
        "null",
        "-",
    ]
    log = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    return {line.split(" i:")[1][0] for line in log.splitlines() if " i:" in line}


@pytest.mark.parametrize("encoder", ["libx265", "libsvtav1"])
def test_encoder_without_interlacing_flags_is_named_in_a_warning(clip, colored, encoder):
    source = clip("mkv", "ffv1", "yuv420p", vf="setfield=tff")
    film = colored(source, "mp4", encoder=encoder)
    assert any(encoder in w and "interlaced" in w for w in film.result.warnings)


def test_side_data_survives_a_change_of_pixel_format(clip):
    """Captions and timecodes are side data. The clip has x264's user data instead."""
    with av.open(str(clip("mp4", "libx264", "yuv420p"))) as container:
        frame = next(container.decode(video=0))
    luma = read_luma(frame, get_pixel_layout("yuv420p"), MATRICES["bt709"])
    chroma = np.full((64, 48), 512, np.uint16)
    raised = luma.astype(np.uint16) << 2
    composed = compose_frame(frame, "yuv422p10le", raised, (chroma, chroma))
    assert [d.type for d in composed.side_data] == [d.type for d in frame.side_data] != []
    np.testing.assert_array_equal(view_plane(composed.planes[0], 10), raised)
    np.testing.assert_array_equal(view_plane(composed.planes[2], 10), chroma)


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_hevc_has_the_codec_tag_of_apple_devices(clip, colored, suffix):
    film = colored(clip(), suffix, encoder="libx265")
    with av.open(str(film.path)) as container:
        assert container.streams.video[0].codec_context.codec_tag == "hvc1"
    film.assert_same_times(0.0005)  # Matroska rounds to 1 ms.


@pytest.mark.parametrize("orientation", [None, 5])
def test_frames_with_exif_are_colorized(colored, tmp_path, orientation):
    """EXIF is side data without a name in PyAV. Orientation 5 is a rotation of a mirror image."""
    exif = Image.Exif()
    exif[271] = "Scanner"
    if orientation:
        exif[274] = orientation
    gray = np.random.default_rng(0).integers(0, 256, (64, 96), dtype=np.uint8)
    for number in range(3):
        Image.fromarray(np.roll(gray, number)).save(tmp_path / f"{number}.jpg", exif=exif)
    source = tmp_path / "film.avi"
    ffmpeg("-framerate", "18", "-i", str(tmp_path / "%d.jpg"), "-c", "copy", str(source))
    film = colored(source, "mkv", purpose="archive")
    film.assert_same_times(0.0005)
    assert (film.before.properties["matrix"] is not None) == bool(orientation)
    assert film.after.properties["matrix"] == film.before.properties["matrix"]
    assert "not kept: EXIF" in film.result.warnings


@pytest.fixture
def captioned(clip, tmp_path):
    """A film with captions (CEA-608) in all frames except the first."""
    plain = tmp_path / "plain.h264"
    source = clip("mp4", "libx264", "yuv420p", "-bf", "0", "-g", "3", frames=9)
    ffmpeg("-i", str(source), "-c", "copy", "-bsf:v", "h264_mp4toannexb", str(plain))
    caption = b"\xb5\0\x31GA94\x03\x41\xff\xfc\xc8\xe5\xff"
    sei = b"\0\0\0\1\x06\4" + bytes([len(caption)]) + caption + b"\x80"
    first, *pictures = re.split(rb"(?=\x00\x00\x01[\x41\x61\x65])", plain.read_bytes())
    raw = tmp_path / "captioned.h264"
    raw.write_bytes(first + pictures[0] + b"".join(sei + p for p in pictures[1:]))
    film = tmp_path / "captioned.mp4"
    ffmpeg("-r", "25", "-i", str(raw), "-c", "copy", str(film))
    return film


@pytest.mark.slow
@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("mp4", {}),
        ("mkv", {"pix_fmt": "yuv444p"}),
        ("mp4", {"encoder": "libx265"}),
        ("mp4", {"encoder": "mpeg2video"}),
        ("mkv", {"purpose": "archive"}),
        ("mov", {"purpose": "editing"}),
        ("webm", {}),
    ],
)
def test_captions_are_kept_or_named_in_a_warning(captioned, colored, suffix, options):
    film = colored(captioned, suffix, **options)
    before, after = (
        sum(d.type.name == "A53_CC" for f in side.frames for d in f.side_data)
        for side in (film.before, film.after)
    )
    assert before == 8
    warned = any("not kept: closed captions" in w for w in film.result.warnings)
    assert after == (0 if warned else before)
    assert warned == (film.result.plan.encoder.encoder not in ("libx264", "libx265", "mpeg2video"))


DISPLAY = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
HDR_PARAMETERS = f"log-level=none:hdr10=1:max-cll=1000,400:master-display={DISPLAY}"


HDR_SIDE_DATA = ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL")


@pytest.fixture
def graded(clip):
    """A film with static HDR metadata (HDR10)."""
    return clip("mp4", "libx265", "yuv420p10le", "-x265-params", HDR_PARAMETERS)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("mp4", {}),
        ("mkv", {"encoder_options": (("x264-params", "keyint=4"),)}),
        ("mov", {"encoder": "libx265"}),
        ("mkv", {"encoder": "libx265", "encoder_options": (("x265-params", "keyint=4"),)}),
    ],
)
def test_hdr_metadata_is_kept(graded, colored, suffix, options):
    film = colored(graded, suffix, **options)
    assert not any("not kept" in warning for warning in film.result.warnings)
    assert collect_hdr_metadata(film.after.frames) == collect_hdr_metadata(film.before.frames)


def collect_hdr_metadata(frames):
    """Return type and bytes of the HDR metadata. H.264 and H.265 have it in key frames."""
    found = {(d.type.name, bytes(d)) for f in frames for d in f.side_data}
    return {(name, data) for name, data in found if name in HDR_SIDE_DATA}


@pytest.mark.slow
def test_hdr_metadata_is_kept_in_every_segment(graded, colored, short_segments, tmp_path):
    shots = tmp_path / "shots.csv"
    shots.write_text("first_frame\n0\n4\n")
    film = colored(graded, "mp4", shots=shots)
    stored = [{d.type.name for d in f.side_data} for f in film.after.frames]
    assert [n for n, names in enumerate(stored) if names.issuperset(HDR_SIDE_DATA)] == [0, 4]


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_hdr_metadata_is_kept_by_av1_in_its_units(graded, colored, suffix):
    """AV1 has fixed-point numbers with 16, 8 and 14 fractional bits."""
    film = colored(graded, suffix, encoder="libsvtav1")
    assert not any("not kept" in warning for warning in film.result.warnings)
    before, after = probe(graded).video.hdr_metadata, probe(film.path).video.hdr_metadata
    assert after.light_level == before.light_level == (1000, 400)
    display, written = before.mastering_display, after.mastering_display
    for name in ("red", "green", "blue", "white"):
        assert getattr(written, name) == pytest.approx(getattr(display, name), abs=1 / 131072)
    assert written.max_luminance == display.max_luminance == 1000
    assert written.min_luminance == pytest.approx(display.min_luminance, abs=1 / 32768)
    again = colored(film.path, suffix, encoder="libsvtav1")
    assert probe(again.path).video.hdr_metadata == after


def test_loss_of_hdr_metadata_is_named_in_a_warning(graded, colored):
    result = colored(graded, "mkv", purpose="archive").result
    (warning,) = (w for w in result.warnings if "not kept" in w)
    assert "mastering display metadata (HDR10), content light levels (HDR10)" in warning


def test_loss_of_an_incomplete_mastering_display_is_named(clip, colored):
    """The luminances are unknown. The encoders need all values."""
    parameters = HDR_PARAMETERS.replace("L(10000000,1)", "L(0,0)")
    source = clip("mp4", "libx265", "yuv420p10le", "-x265-params", parameters)
    (warning,) = (w for w in colored(source, "mp4").result.warnings if "not kept" in w)
    assert warning == "not kept: mastering display metadata (HDR10)"


@pytest.mark.slow
def test_loss_of_side_data_that_begins_late_is_named(clip, colored, tmp_path):
    """The first frames and those that are sampled have none."""
    parts = [("log-level=none", 80), (HDR_PARAMETERS, 4)]
    path = tmp_path / "joined.ts"
    path.write_bytes(
        b"".join(
            clip("ts", "libx265", "yuv420p10le", "-x265-params", x265, frames=frames).read_bytes()
            for x265, frames in parts
        )
    )
    assert "MASTERING_DISPLAY_METADATA" not in probe(path).video.side_data
    warnings = " ".join(colored(path, "mkv").result.warnings)
    assert "not kept: mastering display metadata (HDR10), content light levels (HDR10)" in warnings


def test_layout_of_stereoscopic_video_is_kept_or_named(clip, colored):
    source = clip("mp4", "libx264", "yuv420p", "-x264-params", "frame-packing=3")
    kept, lost = colored(source, "mp4"), colored(source, "mkv", purpose="archive")
    assert "STEREO3D" in probe(kept.path).video.side_data
    assert not any("stereoscopic" in w for w in kept.result.warnings)
    assert any("not kept: the layout of stereoscopic video" in w for w in lost.result.warnings)


@pytest.mark.slow
def test_frame_rate_of_raw_dv_is_not_its_clock_rate(clip, colored):
    source = clip("dv", "dvvideo", "yuv420p", size=(720, 576), frames=4, rate=Fraction(25))
    film = colored(source, "mov", purpose="editing")
    assert film.after.properties["rate"] == 25
    assert film.after.properties["sar"] == Fraction(16, 15)
    assert film.result.plan.video.interlaced
    film.assert_same_times()


def test_frame_rate_of_gxf_is_not_its_field_rate(clip, colored):
    interlaced = ("-flags", "+ildct+ilme", "-an")
    source = clip("gxf", "mpeg2video", "yuv420p", *interlaced, size=(720, 576), frames=4,
                  rate=Fraction(25), vf="setfield=tff")  # fmt: skip
    film = colored(source, "mkv", purpose="archive")
    assert film.result.plan.video.rate == film.after.properties["rate"] == 25


@pytest.mark.slow
def test_icc_profiles_of_png_do_not_end_the_process(tmp_path):
    """PyAV 18 frees the name of such a profile, which FFmpeg frees as well."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for number in range(2):
        image = Image.new("RGB", (96, 64), (number, 90, 90))
        image.save(tmp_path / f"{number}.png", icc_profile=profile)
    film = tmp_path / "film.mov"
    ffmpeg("-framerate", "25", "-i", str(tmp_path / "%d.png"), "-c", "copy", str(film))
    code = (
        "import gc, sys; from pathlib import Path; from vidcolor.media.probe import probe\n"
        "for _ in range(3):\n"
        "    print(probe(Path(sys.argv[1])).video.side_data); gc.collect()\n"
    )
    command = [sys.executable, "-c", code, str(film)]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (process.returncode, process.stdout) == (0, "('ICC_PROFILE',)\n" * 3)
