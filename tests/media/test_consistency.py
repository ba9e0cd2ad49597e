"""Changes within a film are refused, and the message states how to colorize both parts."""

from __future__ import annotations

import re

import pytest

from tests.helpers.clips import ffmpeg
from vidcolor.errors import InputError
from vidcolor.media.decode import VideoReader
from vidcolor.media.probe import probe
from vidcolor.timecode import parse_time

ROTATED = ("-bsf:v", "h264_metadata=display_orientation=insert:rotate=90")
# x264 signals limited range only together with other tags.
TAGGED = dict(vf="setparams=colorspace=bt709:color_trc=bt709")
CHANGES = {
    "size": ("libx264", TAGGED, dict(TAGGED, size=(64, 96)), "frame size changes from 96x64 to"),
    "crop": ("libx264", TAGGED, dict(TAGGED, more=("-bsf:v", "h264_metadata=crop_left=6")),
             "frame size changes from 96x64 to 90x64"),
    "depth": ("libx264", TAGGED, dict(TAGGED, pix_fmt="yuv420p10le"),
              "pixel format changes from yuv420p to yuv420p10le"),
    "range": ("libx264", TAGGED, dict(TAGGED, more=("-color_range", "pc")),
              "between limited and full range"),
    "HDR": ("libx264", TAGGED, dict(vf="setparams=colorspace=bt709:color_trc=smpte2084"),
            "between SDR and HDR"),
    "rotation": ("libx264", TAGGED, dict(TAGGED, more=ROTATED), "rotation changes from 0° to 90°"),
    **{f"aspect in {codec}": (codec, dict(vf="setsar=16/15", size=(180, 144)),
                              dict(vf="setsar=64/45", size=(180, 144)),
                              "pixel aspect ratio changes from 16:15 to 64:45")
       for codec in ("libx264", "libx265", "mpeg2video")},
}  # fmt: skip


def join_clips(clip, target, codec, *parts):
    """Append transport streams, as recorders do."""
    joined = b""
    for part in parts:
        options = dict(part)
        pix_fmt, more = options.pop("pix_fmt", "yuv420p"), options.pop("more", ())
        log = ("-x265-params", "log-level=error") if codec == "libx265" else ()
        path = clip("ts", codec, pix_fmt, *more, *log, rate=25, **options)
        joined += path.read_bytes()
    target.write_bytes(joined)
    return target


def read(path, start_s=None, end_s=None):
    video = probe(path, start_s).video
    span = [None if t is None else video.start_s + t for t in (start_s, end_s)]
    return [f.av_frame for f in VideoReader(path, video, "luma", *span).frames()], video


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_change_is_refused_and_both_parts_can_be_read(clip, tmp_path, change):
    codec, *parts, message = CHANGES[change]
    path = join_clips(clip, tmp_path / "joined.ts", codec, *parts)
    with pytest.raises(InputError, match=message) as error:
        read(path)
    assert "at 0:00.480 (frame 12)" in str(error.value)
    end, start = re.findall(r"--(?:end|start) (\S+)", str(error.value))
    first, first_video = read(path, end_s=parse_time(end))
    second, second_video = read(path, start_s=parse_time(start))
    assert len(first) == len(second) == 12
    assert first_video != second_video


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "mpg", "flv", "h264"])
def test_change_of_the_aspect_is_found_in_other_containers(clip, tmp_path, suffix):
    parts = [dict(vf="setsar=16/15"), dict(vf="setsar=64/45")]
    joined = join_clips(clip, tmp_path / "joined.ts", "libx264", *parts)
    path = tmp_path / f"joined.{suffix}"
    ffmpeg("-i", str(joined), "-c", "copy", str(path))
    with pytest.raises(InputError, match=r"from 16:15 to 64:45 at .* \(frame 12\)"):
        read(path)


@pytest.mark.parametrize("suffix", ["dv", "avi"])
def test_dv_changes_its_aspect_at_any_frame(clip, tmp_path, suffix):
    shapes = ("16/15", "64/45")
    parts = [
        clip("dv", "dvvideo", "yuv420p", vf=f"setsar={s}", size=(720, 576), rate=25, frames=3)
        for s in shapes
    ]
    path = tmp_path / "joined.dv"
    path.write_bytes(b"".join(p.read_bytes() for p in parts))
    if suffix != "dv":
        ffmpeg("-i", str(path), "-c", "copy", str(tmp_path / f"joined.{suffix}"))
        path = tmp_path / f"joined.{suffix}"
    with pytest.raises(InputError, match=r"from 16:15 to 64:45 at 0:00.120 \(frame 3\)"):
        read(path)


def test_aspect_of_the_container_overrides_that_of_the_bitstream(clip, tmp_path):
    source = clip("mp4", "libx264", "yuv420p", vf="setsar=16/15")
    path = tmp_path / "stated.mkv"
    ffmpeg("-i", str(source), "-c", "copy", "-aspect", "2", str(path))
    frames, video = read(path)
    assert len(frames) == 12
    assert video.sample_aspect_ratio == pytest.approx(4 / 3)


def test_orientation_that_only_the_first_frame_states_is_no_change(clip):
    frames, video = read(clip("ts", "libx264", "yuv420p", *ROTATED))
    assert len(frames) == 12
    assert video.rotation_degrees == 90


def test_a_start_after_the_end_is_reported_by_the_reader(clip):
    frames, video = read(clip("h264", "libx264", "yuv420p"), start_s=100)
    assert (len(frames), video.width) == (0, 96)
