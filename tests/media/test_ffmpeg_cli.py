"""Operations by the ffmpeg command."""

from __future__ import annotations

import av
import pytest

from tests.helpers.clips import ffmpeg
from vidcolor.media.ffmpeg_cli import convert_subtitle


@pytest.mark.parametrize(("codec", "muxer"), [("mov_text", "mp4"), ("subrip", "matroska")])
def test_subtitles_with_long_gaps_keep_their_times(tmp_path, codec, muxer):
    """A silent film may have no subtitle for an hour."""
    source, target = tmp_path / "in.srt", tmp_path / "out"
    source.write_text(
        "1\n00:00:01,000 --> 00:00:02,000\nOne\n\n2\n05:00:00,500 --> 05:00:02,000\nTwo\n"
    )
    convert_subtitle(source, 0, target, codec, muxer)
    with av.open(str(target)) as converted:
        packets = [p for p in converted.demux() if p.size > 2]
        times = [(float(p.pts * p.time_base), float(p.duration * p.time_base)) for p in packets]
    assert times == [(1.0, 1.0), (18000.5, 1.5)]


def test_subtitle_before_zero_does_not_delay_the_others(tmp_path):
    source, target = tmp_path / "in.mkv", tmp_path / "out.mkv"
    (tmp_path / "in.srt").write_text(
        "1\n00:00:00,000 --> 00:00:00,350\nOne\n\n2\n00:00:00,400 --> 00:00:00,900\nTwo\n"
    )
    ffmpeg("-i", str(tmp_path / "in.srt"), "-c:s", "ass", "-output_ts_offset", "-0.4",
           "-avoid_negative_ts", "disabled", str(source))  # fmt: skip
    convert_subtitle(source, 0, target, "subrip", "matroska")
    with av.open(str(target)) as converted:
        times = [p.pts * p.time_base for p in converted.demux() if bytes(p) == b"Two"]
    assert times == [0]
