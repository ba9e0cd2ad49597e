"""Invariant 2, the still half: aspect, rotation, fields and captions survive."""

from __future__ import annotations

import subprocess
from fractions import Fraction

import av
import numpy as np
import pytest

from tests.helpers.clips import ffmpeg
from vidcolor.color.ycbcr import MATRICES
from vidcolor.media.ffmpeg_cli import ffmpeg_command
from vidcolor.media.frames import luma_plane, picture_with_chroma, pixel_layout, plane_array

OUTPUTS = [
    ("mkv", {"purpose": "archive"}),
    ("mp4", {}),
    ("mov", {"purpose": "editing"}),
    ("mkv", {}),
    ("mp4", {"encoder": "libsvtav1"}),
    ("mkv", {"encoder": "libvpx-vp9"}),
]
IDS = [f"{s}-{'-'.join(o.values()) or 'delivery'}" for s, o in OUTPUTS]


@pytest.mark.parametrize(("suffix", "options"), OUTPUTS, ids=IDS)
@pytest.mark.parametrize("sar", ["16/15", "64/45"])
def test_pixel_aspect(clip, colored, suffix, options, sar):
    film = colored(clip("mp4", "libx264", "yuv420p", vf=f"setsar={sar}"), suffix, **options)
    assert film.before.shape["sar"] == film.after.shape["sar"] == Fraction(sar)
    film.expect_same_times(0.0005)


def test_pixel_aspect_in_webm_is_as_near_as_whole_pixels_get(clip, colored):
    """WebM states the width for display in pixels: 96 * 16/15 = 102.4 becomes 102."""
    film = colored(clip("mp4", "libx264", "yuv420p", vf="setsar=16/15"), "webm")
    assert film.after.shape["sar"] == Fraction(102, 96)


@pytest.mark.parametrize("turn", ["90", "180", "270", "mirrored"])
def test_rotation(clip, colored, tmp_path, turn):
    flip = ["-display_hflip"] if turn == "mirrored" else []
    turned = tmp_path / "turned.mp4"
    source = clip("mp4", "libx264", "yuv420p")
    degrees = "90" if turn == "mirrored" else turn
    ffmpeg("-display_rotation", degrees, *flip, "-i", str(source), "-c", "copy", str(turned))
    for suffix, options in OUTPUTS[:4]:
        film = colored(turned, suffix, **options)
        assert film.before.shape["matrix"] is not None
        assert film.after.shape["matrix"] == film.before.shape["matrix"]
        assert film.after.shape["size"] == (96, 64), "the stored picture is not turned"


@pytest.mark.parametrize("order", ["tff", "bff"])
@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("mkv", {"purpose": "archive"}),
        ("mp4", {}),
        ("mov", {"purpose": "editing"}),  # another pixel format than the source's
        ("mkv", {"pix_fmt": "yuv444p"}),
        ("mp4", {"encoder": "mpeg2video"}),
    ],
)
def test_fields(clip, colored, order, suffix, options):
    source = clip("mkv", "ffv1", "yuv420p", vf=f"setfield={order}")
    film = colored(source, suffix, **options)
    assert all(f.interlaced_frame for f in film.after.frames)
    assert _field_orders(film.path) == _field_orders(source) == {order[0].upper()}
    film.expect_same_times()
    assert not any("interlaced" in w for w in film.result.warnings)


def _field_orders(path):
    """T, B or P for each frame, by ffmpeg's own word: PyAV does not tell top from bottom."""
    command = [
        ffmpeg_command(),
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
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    return {line.split(" i:")[1][0] for line in said.splitlines() if " i:" in line}


@pytest.mark.parametrize("encoder", ["libx265", "libsvtav1"])
def test_an_encoder_that_cannot_mark_fields_is_named(clip, colored, encoder):
    source = clip("mkv", "ffv1", "yuv420p", vf="setfield=tff")
    film = colored(source, "mp4", encoder=encoder)
    assert any(encoder in w and "interlaced" in w for w in film.result.warnings)


def test_what_rides_on_a_picture_survives_a_change_of_format(clip):
    """Captions and time codes are side data; x264's own note is as good an example."""
    with av.open(str(clip("mp4", "libx264", "yuv420p"))) as container:
        frame = next(container.decode(video=0))
    luma = luma_plane(frame, pixel_layout("yuv420p"), MATRICES["bt709"])
    chroma = np.full((64, 48), 512, np.uint16)
    raised = luma.astype(np.uint16) << 2
    picture = picture_with_chroma(frame, "yuv422p10le", raised, (chroma, chroma))
    assert [d.type for d in picture.side_data] == [d.type for d in frame.side_data] != []
    np.testing.assert_array_equal(plane_array(picture.planes[0], 10), raised)
    np.testing.assert_array_equal(plane_array(picture.planes[2], 10), chroma)


def test_raw_dv_states_its_clock_and_not_its_rate(clip, colored):
    source = clip("dv", "dvvideo", "yuv420p", size=(720, 576), frames=4, rate=Fraction(25))
    film = colored(source, "mov", purpose="editing")
    assert film.after.shape["rate"] == 25
    assert film.after.shape["sar"] == Fraction(16, 15)
    assert film.result.plan.video.interlaced
    film.expect_same_times()
