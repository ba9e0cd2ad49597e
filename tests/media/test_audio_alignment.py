"""Alignment of decoded audio: gaps become silence, overlaps are dropped."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from vidcolor.media.audio_alignment import AudioAligner

RATE = 1000


def make_frame(pts, samples, sample_format="s16", layout="mono", time_base=Fraction(1, RATE)):
    """Return a frame whose samples are 1, 2, 3 and so on in every channel."""
    ramp = np.arange(1, samples + 1)
    channels = 2 if layout == "stereo" else 1
    array = np.tile(ramp, (channels, 1)) if sample_format.endswith("p") else ramp.repeat(channels)
    dtype = {"s16": np.int16, "s32": np.int32, "flt": np.float32, "u8": np.uint8}
    array = array.reshape(-1, array.shape[-1]).astype(dtype[sample_format.removesuffix("p")])
    frame = av.AudioFrame.from_ndarray(array, sample_format, layout)
    frame.sample_rate, frame.time_base, frame.pts = RATE, time_base, pts
    return frame


def align(frames, start_s=None):
    """Return the timestamp of the first sample and the samples of the first channel."""
    aligner = AudioAligner(start_s)
    aligned = [f for frame in frames for f in aligner.align(frame)]
    position = aligned[0].pts
    samples = []
    for frame in aligned:
        assert frame.pts == position + len(samples)
        array = frame.to_ndarray()
        step = 1 if frame.format.is_planar else frame.layout.nb_channels
        samples += array[0, ::step].tolist()
    return position, samples


@pytest.mark.parametrize("layout", ["mono", "stereo"])
@pytest.mark.parametrize("sample_format", ["s16", "s16p", "s32", "fltp", "u8"])
def test_gap_becomes_silence_and_overlap_is_dropped(sample_format, layout):
    frames = [make_frame(pts, 50, sample_format, layout) for pts in (100, 180, 200)]
    ramp, silence = list(range(1, 51)), 128 if sample_format == "u8" else 0
    assert align(frames) == (100, [*ramp, *[silence] * 30, *ramp, *ramp[30:]])


def test_rounded_timestamps_change_no_samples():
    frames = [make_frame(pts, 50, time_base=Fraction(1, 100)) for pts in (0, 6, 9, 16)]
    assert align(frames) == (0, list(range(1, 51)) * 4)


@pytest.mark.parametrize(
    ("start", "expected"), [(-5, [0] * 5 + [1, 2, 3]), (1, [2, 3]), (0, [1, 2, 3])]
)
def test_start_is_exact(start, expected):
    assert align([make_frame(0, 3)], Fraction(start, RATE)) == (start, expected)


def test_frames_before_the_start_are_dropped():
    frames = [make_frame(0, 50), make_frame(50, 50)]
    assert align(frames, Fraction(60, RATE)) == (60, list(range(11, 51)))


def test_silence_fills_the_time_until_the_end():
    aligner = AudioAligner(Fraction(0))
    list(aligner.align(make_frame(0, 50)))
    silence = list(aligner.fill(Fraction(5, 2), make_frame(None, 1)))
    assert [(f.pts, f.samples) for f in silence] == [(50, 1000), (1050, 1000), (2050, 450)]
    assert not any(f.to_ndarray().any() for f in silence)
    assert not list(aligner.fill(Fraction(2), make_frame(None, 1)))


def test_timestamps_that_repeat_drop_no_samples():
    """RealMedia may have the same timestamp in all packets."""
    frames = [make_frame(0, 50, time_base=Fraction(1, 300)) for _ in range(8)]
    assert align(frames) == (0, [*range(1, 51)] * 8)
