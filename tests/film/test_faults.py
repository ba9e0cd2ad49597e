"""Errors leave the source unchanged and no incomplete file behind (design invariant 7)."""

from __future__ import annotations

import errno
import hashlib
import os
import resource

import av
import pytest

from vidcolor.errors import InputError, OutputError, UsageError, VidcolorError
from vidcolor.film.api import colorize_film
from vidcolor.media import writer
from vidcolor.options import ColorizeOptions

TONE = ("-f", "lavfi", "-t", "1.6", "-i", "sine=440:r=48000")


@pytest.fixture
def source(clip):
    return clip("mkv", "libx264", "yuv420p", "-map", "0", "-map", "1", "-c:a", "flac",
                inputs=TONE, frames=36)  # fmt: skip


@pytest.fixture
def expect_failure(flat, tmp_path):
    """Colorize a film, which must fail; check that no file is left; return the message."""

    def run(source, target, error_type=VidcolorError, **options):
        directory = target.parent
        before = {p.name for p in directory.iterdir()} if directory.is_dir() else set()
        digest = hashlib.sha256(source.read_bytes()).digest() if source.is_file() else None
        with pytest.raises(error_type) as failure:
            colorize_film(source, target, ColorizeOptions(**options), colorizer=flat)
        assert type(failure.value) is error_type
        if digest is not None:
            assert hashlib.sha256(source.read_bytes()).digest() == digest
        if directory.is_dir():
            assert {p.name for p in directory.iterdir()} == before
        message = str(failure.value)
        assert "\n" not in message
        return message

    return run


def test_missing_source_is_reported(tmp_path, expect_failure):
    message = expect_failure(tmp_path / "nope.mp4", tmp_path / "out.mp4", InputError)
    assert "nope.mp4: no such file" in message


def test_existing_output_is_refused(tmp_path, source, expect_failure):
    target = tmp_path / "out.mp4"
    target.write_text("precious")
    assert "--force" in expect_failure(source, target, UsageError)
    assert target.read_text() == "precious"


@pytest.mark.parametrize("alias", ["itself", "symlink", "hardlink", "relative"])
def test_source_is_refused_as_output(tmp_path, source, expect_failure, monkeypatch, alias):
    film = tmp_path / "film.mkv"
    film.write_bytes(source.read_bytes())
    target = tmp_path / "other.mkv"
    if alias == "symlink":
        target.symlink_to(film)
    elif alias == "hardlink":
        os.link(film, target)
    elif alias == "relative":
        monkeypatch.chdir(tmp_path)
        target = tmp_path / "." / "sub" / ".." / "film.mkv"
        (tmp_path / "sub").mkdir()
    else:
        target = film
    assert "is the source itself" in expect_failure(film, target, UsageError, force=True)


@pytest.mark.slow
def test_existing_output_is_replaced_only_by_a_complete_one(tmp_path, source, flat, monkeypatch):
    target = tmp_path / "out.mkv"
    target.write_text("old")
    with monkeypatch.context() as patch, pytest.raises(OutputError):
        patch.setattr(
            writer.VideoWriter, "finish", _raise(OSError(errno.EIO, "Input/output error"))
        )
        colorize_film(source, target, ColorizeOptions(force=True), colorizer=flat)
    assert target.read_text() == "old"
    colorize_film(source, target, ColorizeOptions(force=True), colorizer=flat)
    with av.open(str(target)) as container:
        assert container.streams.video
    assert [p.name for p in tmp_path.iterdir()] == ["out.mkv"]


def _raise(error):
    def fail(*_, **__):
        raise error

    return fail


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_write_beyond_the_file_size_limit_is_reported(tmp_path, source, expect_failure, suffix):
    """A limit of the system makes writes fail, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, hard))
    try:
        message = expect_failure(source, tmp_path / f"out.{suffix}", OutputError)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert f"out.{suffix}: cannot be written" in message


def test_full_disk_is_reported(tmp_path, source, expect_failure, monkeypatch):
    full = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(writer.VideoWriter, "_mux", _raise(full))
    message = expect_failure(source, tmp_path / "out.mp4", OutputError)
    assert "the disk is full; free some space" in message


def test_encoder_failure_is_reported(tmp_path, source, expect_failure, monkeypatch):
    class FailingStream:
        def __init__(self, stream):
            self._stream, self._count = stream, 0

        def __getattr__(self, name):
            return getattr(self._stream, name)

        def encode(self, frame):
            self._count += 1
            if self._count == 20:
                raise av.ExternalError(542398533, "Generic error in an external library")
            return self._stream.encode(frame)

    real = writer.add_video_stream
    monkeypatch.setattr(writer, "add_video_stream", lambda *args: FailingStream(real(*args)))
    message = expect_failure(source, tmp_path / "out.mp4", OutputError)
    assert "out.mp4: libx264" in message


def test_unexpected_exception_leaves_no_file(tmp_path, source, flat, monkeypatch):
    """An exception that is not a VidcolorError is raised unchanged."""
    monkeypatch.setattr(type(flat), "make_chroma", _raise(RuntimeError("out of memory")))
    with pytest.raises(RuntimeError, match="out of memory"):
        colorize_film(source, tmp_path / "out.mp4", ColorizeOptions(), colorizer=flat)
    assert not list(tmp_path.iterdir())


def test_interrupt_before_the_first_segment_leaves_no_file(tmp_path, source, flat):
    def stop(progress):
        if progress.done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        colorize_film(source, tmp_path / "out.mp4", colorizer=flat, progress=stop)
    assert not list(tmp_path.iterdir())


def test_directory_without_write_permission_is_refused(
    tmp_path, source, expect_failure, monkeypatch
):
    target = tmp_path / "sealed" / "out.mp4"
    target.parent.mkdir()
    target.parent.chmod(0o555)
    if os.access(target.parent, os.W_OK):  # root may write anywhere
        monkeypatch.setattr(os, "access", lambda *_: False)
    try:
        message = expect_failure(source, target, OutputError)
    finally:
        target.parent.chmod(0o755)
    assert "sealed: is not writable" in message


def test_unknown_suffix_and_file_as_directory_are_refused(tmp_path, source, expect_failure):
    assert "cannot write video to a .xyz file" in expect_failure(
        source, tmp_path / "out.xyz", UsageError
    )
    file = tmp_path / "file"
    file.write_text("")
    message = expect_failure(source, file / "sub" / "out.mp4", OutputError)
    assert f"{file}: is a file and no directory" in message


def test_empty_time_range_is_refused(tmp_path, source, expect_failure):
    message = expect_failure(source, tmp_path / "out.mp4", InputError, start=100)
    assert "--start" in message


def test_failed_subtitle_conversion_is_reported_before_rendering(
    tmp_path, clip, expect_failure, monkeypatch
):
    lines = tmp_path / "lines.srt"
    lines.write_text("1\n00:00:00,100 --> 00:00:00,600\nHallo\n")
    film = clip("mkv", "libx264", "yuv420p", "-map", "0", "-map", "1", "-c:s", "copy",
                inputs=("-i", str(lines)))  # fmt: skip
    monkeypatch.setattr("vidcolor.media.ffmpeg_cli.find_ffmpeg", lambda: "/bin/false")
    out = tmp_path / "out"
    out.mkdir()
    assert "ffmpeg failed" in expect_failure(film, out / "out.mp4", OutputError)
