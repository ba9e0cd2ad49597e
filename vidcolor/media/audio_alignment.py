"""Alignment of decoded audio with its timestamps.

Containers store PCM without timestamps, or players ignore them. Gaps and overlaps, as at the cuts
of an edit list, would then shift all later samples.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_DRIFT_S = Fraction(1, 10)
"""Difference between samples and timestamps that is ignored, in seconds. Some containers round
timestamps, and FFmpeg interpolates missing ones. Timestamps in units of a sample are exact."""
_SILENCE_S = 1
"""Maximum duration of an inserted frame, in seconds."""


class AudioAligner:
    """Inserts silence where timestamps leave a gap, and drops samples where they overlap."""

    def __init__(self, start_s: Fraction | None = None) -> None:
        """Prepare for a stream.

        Args:
            start_s: time of the first sample to return, in seconds; None for that of the stream.
        """
        self._start = start_s
        self._next: int | None = None
        """Timestamp of the next sample, in samples; None before the first frame."""
        self._last_pts: int | None = None
        """Timestamp of the previous frame, in its time base."""
        self._has_samples = False
        """Whether a frame was returned."""

    def align(self, frame: av.AudioFrame) -> Iterator[av.AudioFrame]:
        """Yield a frame that continues the previous one, after silence if there is a gap."""
        rate, samples = frame.sample_rate, frame.samples
        timestamp = self._next or 0
        is_exact = not self._has_samples or frame.time_base == Fraction(1, rate)
        # Some RealMedia files repeat the timestamp of the first packet.
        is_repeated = not is_exact and frame.pts == self._last_pts
        self._last_pts = frame.pts
        if frame.pts is not None and frame.time_base and not is_repeated:
            timestamp = round(frame.pts * Fraction(frame.time_base) * rate)
        if self._next is None:
            self._next = timestamp if self._start is None else round(self._start * rate)
        drift = timestamp - self._next
        if not is_exact and abs(drift) <= _MAX_DRIFT_S * rate:
            drift = 0
        if drift > 0:
            yield from self.insert_silence(frame, drift)
            drift = 0
        if -drift < samples:
            yield self._stamp(frame if drift == 0 else _drop_samples(frame, -drift), rate)

    def fill(self, end_s: Fraction, like: av.AudioFrame) -> Iterator[av.AudioFrame]:
        """Yield silence until `end_s`, in seconds, with the format, layout and rate of a frame."""
        if self._next is None:
            self._next = round((self._start or 0) * like.sample_rate)
        yield from self.insert_silence(like, round(end_s * like.sample_rate) - self._next)

    def measure_excess_s(self, end_s: Fraction, rate: int) -> float:
        """Return by how many seconds the samples so far, with this rate, exceed `end_s`."""
        return float(Fraction(self._next or 0, rate) - end_s)

    def insert_silence(self, like: av.AudioFrame, samples: int) -> Iterator[av.AudioFrame]:
        """Yield silence with the format, layout and rate of a frame, after the previous frame."""
        while samples > 0:
            length = min(samples, _SILENCE_S * like.sample_rate)
            yield self._stamp(_make_silence(like, length), like.sample_rate)
            samples -= length

    def _stamp(self, frame: av.AudioFrame, rate: int) -> av.AudioFrame:
        assert self._next is not None, "align has set it"
        self._has_samples = True
        frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), self._next
        self._next += frame.samples
        return frame


def _make_silence(like: av.AudioFrame, samples: int) -> av.AudioFrame:
    value = 128 if like.format.name.startswith("u8") else 0
    silence: Any = np.full(_get_shape(like, samples), value, like.to_ndarray().dtype)
    return av.AudioFrame.from_ndarray(silence, like.format.name, like.layout.name)


def _drop_samples(frame: av.AudioFrame, count: int) -> av.AudioFrame:
    """Return a copy without the first samples."""
    first = _get_shape(frame, count)[1]
    rest: Any = np.ascontiguousarray(frame.to_ndarray()[:, first:])
    return av.AudioFrame.from_ndarray(rest, frame.format.name, frame.layout.name)


def _get_shape(like: av.AudioFrame, samples: int) -> tuple[int, int]:
    """Return the shape of an array with the samples of all channels."""
    channels = like.layout.nb_channels
    return (channels, samples) if like.format.is_planar else (1, samples * channels)
