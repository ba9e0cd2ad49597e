"""Concatenation of separately encoded segments."""

from __future__ import annotations

import itertools

import av
import numpy as np
import pytest

from tests.helpers.checks import read_film
from vidcolor.errors import OutputError
from vidcolor.media.concat import (
    EncodedSegment,
    concat_segments,
    measure_reordering,
    plan_segment_encoder,
)
from vidcolor.media.containers import CONTAINERS
from vidcolor.media.encoder_plan import EncoderRequest, plan_encoder
from vidcolor.media.probe import probe
from vidcolor.media.writer import VideoWriter

BOUNDARIES = (0, 7, 8, 20)
"""First frames of the segments, and the number of frames."""
VARIABLE_RATE = "settb=1/90000,setpts='(N+floor(N/3)*2)/24/TB'"


@pytest.fixture(scope="session")
def source(clip):
    return clip("mp4", "libx264", "yuv420p", "-fps_mode", "passthrough", "-enc_time_base",
                "1/90000", "-video_track_timescale", "90000", vf=VARIABLE_RATE,
                frames=BOUNDARIES[-1])  # fmt: skip


def encode_segments(source, directory, plan, video):
    with av.open(str(source)) as container:
        frames = list(container.decode(video=0))
    pts = [f.pts for f in frames]
    segments = []
    for start, end in itertools.pairwise(BOUNDARIES):
        path = directory / f"{start}{plan.container.extensions[0]}"
        with VideoWriter(path, plan, video, shift_pts=pts[start], is_segment=True) as writer:
            for frame in frames[start:end]:
                writer.write(frame, frame.pts, 0)
            writer.finish()
        num_frames, depth = measure_reordering(path)
        assert num_frames == end - start
        segments.append(EncodedSegment(path, start, end, depth))
    return segments, pts


@pytest.mark.parametrize(
    ("muxer", "encoder"),
    [("mp4", "libx264"), ("matroska", "libx265"), ("matroska", "ffv1")],
)
def test_concatenation_keeps_every_frame_and_pts(source, tmp_path, muxer, encoder):
    video = probe(source).video
    plan = plan_encoder(video, CONTAINERS[muxer], EncoderRequest(encoder=encoder))
    segments, pts = encode_segments(source, tmp_path, plan_segment_encoder(plan, video), video)
    path = tmp_path / "film.out"
    with VideoWriter(path, plan, video) as writer:
        counts = list(concat_segments(writer, segments, pts, pts[-1] + 3750))
        writer.finish()
    assert counts == list(range(1, len(pts) + 1))
    film = read_film(path)
    expected = np.concatenate([read_film(s.path).luma for s in segments])
    np.testing.assert_array_equal(film.luma, expected)
    tolerance = 0.0005 if muxer == "matroska" else 0
    for time, timestamp in zip(film.times, pts, strict=True):
        assert abs(time - timestamp * video.time_base) <= tolerance


def test_segment_with_missing_frames_is_rejected(source, tmp_path):
    video = probe(source).video
    plan = plan_encoder(video, CONTAINERS["mp4"], EncoderRequest())
    segments, pts = encode_segments(source, tmp_path, plan_segment_encoder(plan, video), video)
    broken = [EncodedSegment(segments[1].path, 0, 7, 0), *segments[1:]]
    with VideoWriter(tmp_path / "film.mp4", plan, video) as writer:
        with pytest.raises(OutputError, match="expected 7 frames, got 1"):
            list(concat_segments(writer, broken, pts, pts[-1] + 1))
        writer.abort()
