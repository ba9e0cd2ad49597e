"""Reading ranges of frames: every range has the analyzed frames."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from vidcolor.errors import InputError
from vidcolor.film.analysis import analyze_film
from vidcolor.film.plan import plan_film
from vidcolor.film.sources import FrameSource, SegmentReader
from vidcolor.options import ColorizeOptions


def open_film(path, **options):
    options = ColorizeOptions(**options)
    plan = plan_film(path, Path("out.mkv"), options)
    source = FrameSource(path, plan.video, "luma")
    analysis = analyze_film(plan, source.open(plan.start_s, plan.end_s), options)
    return plan, analysis, source


CLIPS = {
    "mkv": ("mkv", "libx264", "yuv420p", "-g", "6"),
    "mp4": ("mp4", "libx264", "yuv420p", "-g", "6"),
    "ts": ("ts", "libx264", "yuv420p", "-g", "6"),
    "mpg": ("mpg", "mpeg2video", "yuv420p", "-g", "6", "-bf", "2"),
}


@pytest.mark.parametrize("container", CLIPS)
def test_ranges_in_any_order_have_the_frames_of_a_sequential_read(clip, container):
    path = clip(*CLIPS[container], frames=24, rate=Fraction(25))
    plan, analysis, source = open_film(path, start=Fraction(1, 10))
    expected = list(source.open(plan.start_s, plan.end_s).frames())
    with closing(SegmentReader(plan, analysis, source)) as reader:
        for first, end in ((15, 20), (3, 9), (9, 12), (0, len(expected))):
            frames = list(reader.frames(first, end))
            assert [f.index for f in frames] == list(range(first, end))
            for frame, reference in zip(frames, expected[first:end], strict=True):
                assert frame.pts == reference.pts
                assert np.array_equal(frame.luma, reference.luma)


def test_durations_last_until_the_next_frame(clip):
    path = clip("mp4", "libx264", "yuv420p", vf="setpts=PTS+0.013*mod(N\\,3)/TB")
    plan, analysis, source = open_film(path)
    with closing(SegmentReader(plan, analysis, source)) as reader:
        frames = list(reader.frames(0, 12))
    ends = [*analysis.pts[1:], analysis.end_pts]
    assert [f.pts + f.duration for f in frames] == ends


def test_wrong_seek_falls_back_to_reading_from_the_start(clip):
    """A source that ignores the start time simulates a format that cannot seek."""
    plan, analysis, source = open_film(clip("mkv", "libx264", "yuv420p"))
    opened = []

    class SourceWithoutSeek(FrameSource):
        def open(self, start_s, end_s):
            opened.append(start_s)
            return super().open(None, end_s)

    broken = SourceWithoutSeek(source.media, source.video, source.gray_from)
    with closing(SegmentReader(plan, analysis, broken)) as reader:
        frames = list(reader.frames(6, 9)) + list(reader.frames(2, 4))
    assert [f.pts for f in frames] == [*analysis.pts[6:9], *analysis.pts[2:4]]
    assert opened == [analysis.pts[6] * plan.video.time_base, None, None]


def test_film_that_has_changed_is_refused(clip):
    plan, analysis, source = open_film(clip("mkv", "libx264", "yuv420p"))
    changed = replace(analysis, pts=[pts + 5 for pts in analysis.pts])
    with (
        closing(SegmentReader(plan, changed, source)) as reader,
        pytest.raises(InputError, match="frame 0 differs from the analyzed one"),
    ):
        next(reader.frames(0, 12))
