"""Dispositions say what a stream is for. They are kept, or named before work starts."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from vidcolor.media.containers import CONTAINERS, Container
from vidcolor.media.probe import ROLES, StreamInfo, probe
from vidcolor.media.streams import find_lost_roles

if TYPE_CHECKING:
    from pathlib import Path

WRITTEN = [row for row in CONTAINERS.values() if row.extensions]
CODECS = {"webm": ("libvpx-vp9", "libopus"), "mxf": ("mpeg2video", "pcm_s16le")}
"""Codecs of test files where MPEG-4 and AAC do not fit."""


def stored_roles(container: Container, role: str) -> tuple[str, ...]:
    """Write an audio stream with a disposition and return those that are read back."""
    video_codec, audio_codec = CODECS.get(container.muxer, ("mpeg4", "aac"))
    memory = io.BytesIO()
    with av.open(memory, "w", format=container.muxer) as output:
        video: Any = output.add_stream(video_codec, rate=25)
        video.width = video.height = 64
        audio: Any = output.add_stream(audio_codec, rate=48000, layout="stereo")
        audio.disposition = av.stream.Disposition[role]
        output.mux(video.encode(av.VideoFrame(64, 64, "yuv420p")))
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 9600), np.int16), "s16", "stereo")
        samples.sample_rate = 48000
        for stream, frame in ((audio, samples), (audio, None), (video, None)):
            output.mux(stream.encode(frame))
    memory.seek(0)
    with av.open(memory) as source:
        flags = source.streams.audio[0].disposition
    return tuple(name for name in ROLES if flags & av.stream.Disposition[name])


@pytest.mark.parametrize("container", WRITTEN, ids=lambda row: row.muxer)
def test_roles_of_a_container_are_those_that_ffmpeg_stores(container: Container) -> None:
    stored = [role for role in ROLES if role in stored_roles(container, role)]
    assert sorted(container.roles) == sorted(stored)


@pytest.mark.parametrize(
    ("suffix", "lost"),
    [
        ("mkv", ""),
        ("mp4", "original of audio stream 1"),
        ("mov", "original of audio stream 1, comment of audio stream 2, forced of subtitle "
                "stream 3"),
    ],
)  # fmt: skip
def test_roles_are_kept_or_named_in_a_warning(
    clip: Any, colored: Any, tmp_path: Path, suffix: str, lost: str
) -> None:
    captions = tmp_path / "captions.srt"
    captions.write_text("1\n00:00:00,100 --> 00:00:00,300\nEnde\n")
    source = clip(
        *("mkv", "libx264", "yuv420p", "-map", "0", "-map", "1", "-map", "1", "-map", "2"),
        *("-c:a", "aac", "-disposition:a:0", "original", "-disposition:a:1", "comment"),
        *("-c:s", "copy", "-disposition:s:0", "forced"),
        inputs=("-f", "lavfi", "-t", "0.5", "-i", "sine=440", "-i", str(captions)),
    )
    roles = [stream.roles for stream in probe(source).streams]
    assert [role for stream in roles for role in stream] == ["original", "comment", "forced"]
    film = colored(source, suffix)
    notes = [w for w in film.result.warnings if "dispositions" in w]
    assert notes == ([f"not kept: dispositions that {find_muxer(suffix)} cannot hold: {lost}"]
                     if lost else [])  # fmt: skip
    kept = [role for stream in probe(film.result.target).streams for role in stream.roles]
    assert kept == [role for role in ("original", "comment", "forced") if role not in lost]
    with av.open(str(film.result.target)) as result:
        assert result.streams.video[0].disposition & av.stream.Disposition.default


def test_role_that_mp4_adds_to_another_is_not_missed() -> None:
    roles = stored_roles(CONTAINERS["mp4"], "hearing_impaired")
    assert roles == ("hearing_impaired", "captions")
    stream = StreamInfo(1, "audio", "aac", None, None, roles=roles)
    assert find_lost_roles(stream, CONTAINERS["matroska"]) == []
    assert find_lost_roles(stream, CONTAINERS["mov"]) == list(roles)


def find_muxer(suffix: str) -> str:
    return next(row.muxer for row in WRITTEN if f".{suffix}" in row.extensions)
