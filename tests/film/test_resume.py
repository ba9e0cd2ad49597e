"""Interrupted films: finished segments are reused, and the result does not change.

In these tests, every shot is a segment.
"""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import threading
import time
from fractions import Fraction
from pathlib import Path

import pytest

from tests.helpers.checks import read_film
from tests.helpers.cli_runs import spawn_flat
from tests.helpers.films import write_shot_list
from vidcolor.errors import BusyError, OutputError, UsageError
from vidcolor.film import join
from vidcolor.film.api import colorize_film, colorize_sequence
from vidcolor.film.status import find_work_dirs
from vidcolor.film.workdir import WorkDir, work_path
from vidcolor.media.writer import VideoWriter
from vidcolor.options import ColorizeOptions

TONE = ("-f", "lavfi", "-t", "1.4", "-i", "sine=440:r=48000")
STARTS = (0, 8, 16, 21)
FRAMES = 32
DISK_FULL = OSError(errno.ENOSPC, "No space left on device")

pytestmark = pytest.mark.usefixtures("short_segments")


@pytest.fixture
def shots(tmp_path_factory):
    return write_shot_list(tmp_path_factory.mktemp("shots") / "shots.csv", STARTS, FRAMES)


@pytest.fixture
def film(clip):
    return clip("mkv", "libx264", "yuv420p", "-g", "10", "-map", "0", "-map", "1", "-c:a", "aac",
                inputs=TONE, frames=FRAMES)  # fmt: skip


def content(path: Path) -> tuple[object, ...]:
    """Return digests of all decoded frames with their times, and all other packets."""
    film = read_film(path)
    frames = [hashlib.sha256(bytes(p)).hexdigest() for f in film.frames for p in f.planes]
    return film.times, frames, [(s.codec, s.packets) for s in film.streams], film.tags


def interrupt_at(frame: int, stage: str = "colorize"):
    """Return a progress callback that raises KeyboardInterrupt at a frame."""

    def stop(progress):
        if (progress.stage, progress.done) == (stage, frame):
            raise KeyboardInterrupt

    return stop


def interrupt(film, target, options, flat, frame=20, stage="colorize"):
    """Colorize up to a frame, by default until two of four segments are finished."""
    with pytest.raises(KeyboardInterrupt) as interrupted:
        colorize_film(film, target, options, colorizer=flat, progress=interrupt_at(frame, stage))
    return interrupted.value


@pytest.mark.slow
@pytest.mark.parametrize(
    ("suffix", "more"),
    [
        ("mp4", {}),
        ("mkv", {"encoder": "libx265"}),
        ("mkv", {"purpose": "archive"}),
        ("mp4", {"encoder": "ffv1"}),
        ("mov", {"purpose": "editing"}),
        ("mxf", {}),
        ("mxf", {"encoder": "libx264"}),
        ("webm", {}),
        ("mkv", {"encoder": "mpeg4"}),
        ("mp4", {"encoder": "mpeg2video", "encoder_options": (("bf", "2"), ("g", "12"))}),
        ("mov", {"encoder": "mjpeg"}),
    ],
)
def test_segments_of_any_encoder_are_joined_without_loss(colored, film, shots, suffix, more):
    result = colored(film, suffix, shots=shots, **more)
    assert len(result.after.frames) == FRAMES
    # The source rounds to 1 ms. MP4 and MOV get the exact timestamps of its constant rate.
    result.assert_same_times(Fraction(1, 2000))
    if more.get("encoder") == "ffv1" or more.get("purpose") == "archive":
        result.assert_same_luma()
    if suffix in ("mkv", "mp4", "mov"):
        before, after = (f.streams_of("audio")[0] for f in (result.before, result.after))
        assert [data for _, data in after.packets] == [data for _, data in before.packets]


@pytest.mark.slow
def test_segments_of_variable_frame_rate_keep_their_timestamps(colored, clip, shots):
    source = clip("mp4", "libx264", "yuv420p", vf="setpts=PTS+0.013*mod(N\\,3)/TB", frames=FRAMES)
    for suffix in ("mp4", "mov"):
        colored(source, suffix, shots=shots).assert_same_times()


@pytest.mark.slow
@pytest.mark.parametrize("frame", [3, 9, 20, 32])
def test_interrupted_film_is_resumed_after_its_finished_segments(
    film, shots, flat, tmp_path, frame
):
    options = ColorizeOptions(shots=shots)
    uninterrupted = tmp_path / "uninterrupted.mp4"
    colorize_film(film, uninterrupted, options, colorizer=flat)
    target = tmp_path / "out" / "out.mp4"
    interrupted = interrupt(film, target, options, flat, frame)
    work = WorkDir(work_path(target, None))
    num_finished = sum(start <= frame - 1 for start in STARTS) - 1
    assert len(work.finished_segments()) == num_finished
    notes = "".join(getattr(interrupted, "__notes__", []))
    assert ("finished; run the same command to resume" in notes) == bool(num_finished)
    result = colorize_film(film, target, options, colorizer=flat)
    assert result.resumed_frames == STARTS[num_finished]
    assert content(target) == content(uninterrupted)
    assert [p.name for p in target.parent.iterdir()] == ["out.mp4"]


@pytest.mark.slow
def test_image_sequence_and_confidence_film_are_resumed(film, shots, flat, tmp_path):
    def colorize(folder, progress=None):
        options = ColorizeOptions(shots=shots, confidence=folder / "confidence.mkv")
        target = folder / "f_%04d.png"
        return colorize_film(film, target, options, colorizer=flat, progress=progress)

    uninterrupted, out = tmp_path / "uninterrupted", tmp_path / "out"
    uninterrupted.mkdir()
    out.mkdir()
    colorize(uninterrupted)
    with pytest.raises(KeyboardInterrupt):
        colorize(out, interrupt_at(20))
    assert colorize(out).resumed_frames == 16
    names = sorted(p.name for p in out.iterdir())
    assert names == ["confidence.mkv", *(f"f_{n:04d}.png" for n in range(1, FRAMES + 1))]
    assert content(out / "confidence.mkv") == content(uninterrupted / "confidence.mkv")
    for name in names[1:]:
        assert (out / name).read_bytes() == (uninterrupted / name).read_bytes()


def test_interrupted_move_of_images_is_completed(film, shots, flat, tmp_path, monkeypatch):
    options, target, moved = ColorizeOptions(shots=shots), tmp_path / "f_%02d.png", []
    move_image = join.move_image

    def move_some(image, final, force):
        if len(moved) == 20:
            raise KeyboardInterrupt
        moved.append(final)
        move_image(image, final, force)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(join, "move_image", move_some)
        colorize_film(film, target, options, colorizer=flat)
    colorize_film(film, target, options, colorizer=flat)
    assert len(list(tmp_path.iterdir())) == FRAMES


@pytest.mark.slow
def test_published_result_is_left_unchanged_if_only_cleanup_is_missing(
    film, shots, flat, tmp_path, monkeypatch
):
    options, target = ColorizeOptions(shots=shots), tmp_path / "out.mp4"

    def colorize_without_cleanup():
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(WorkDir, "remove", raise_interrupt)
            colorize_film(film, target, options, colorizer=flat)

    def raise_interrupt(self):
        raise KeyboardInterrupt

    colorize_without_cleanup()
    with pytest.raises(UsageError, match="exists"):
        other = ColorizeOptions(shots=shots, saturation=0.5)
        colorize_film(film, target, other, colorizer=flat, progress=interrupt_at(1))
    target.unlink()
    colorize_without_cleanup()
    inode = target.stat().st_ino
    assert colorize_film(film, target, options, colorizer=flat).resumed_frames == FRAMES
    assert target.stat().st_ino == inode
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]


def test_film_interrupted_after_its_confidence_film_is_resumed(film, shots, flat, tmp_path):
    confidence, target = tmp_path / "confidence.mkv", tmp_path / "out.mp4"
    options = ColorizeOptions(shots=shots, confidence=confidence)
    interrupt(film, target, options, flat, 5, "join")
    assert confidence.exists()
    assert not target.exists()
    result = colorize_film(film, target, options, colorizer=flat)
    assert result.resumed_frames == FRAMES
    assert sorted(p.name for p in tmp_path.iterdir()) == ["confidence.mkv", "out.mp4"]


@pytest.mark.slow
def test_interrupted_sequence_is_resumed(film, shots, flat, tmp_path):
    colorize_film(film, tmp_path / "scan" / "s_%03d.png", ColorizeOptions(), colorizer=flat)
    options = ColorizeOptions(shots=shots, fps=Fraction(25), trust=0.5)
    scan, target = tmp_path / "scan", tmp_path / "out.mp4"
    uninterrupted = tmp_path / "uninterrupted.mp4"
    colorize_sequence(scan, uninterrupted, options, colorizer=flat)
    with pytest.raises(KeyboardInterrupt):
        colorize_sequence(scan, target, options, colorizer=flat, progress=interrupt_at(20))
    result = colorize_sequence(scan, target, options, colorizer=flat)
    assert result.resumed_frames == 16
    assert content(target) == content(uninterrupted)


@pytest.mark.slow
def test_work_of_other_options_is_not_reused(film, shots, flat, tmp_path):
    target = tmp_path / "out.mp4"
    interrupt(film, target, ColorizeOptions(shots=shots), flat)
    only = ColorizeOptions(shots=shots, saturation=0.5, resume="only")
    with pytest.raises(UsageError, match=r"does not match .*other options: saturation.*--resume"):
        colorize_film(film, target, only, colorizer=flat)
    assert len(WorkDir(work_path(target, None)).finished_segments()) == 2
    other = ColorizeOptions(shots=shots, saturation=0.5)
    result = colorize_film(film, target, other, colorizer=flat)
    assert result.resumed_frames == 0
    warning = "the finished part of an earlier run is not reused: other options: saturation"
    assert warning in result.warnings


@pytest.mark.slow
def test_resume_never_ignores_finished_work_and_resume_only_requires_it(
    film, shots, flat, tmp_path
):
    target = tmp_path / "out.mp4"
    only = ColorizeOptions(shots=shots, resume="only")
    with pytest.raises(UsageError, match="no unfinished work to resume"):
        colorize_film(film, target, only, colorizer=flat)
    interrupt(film, target, ColorizeOptions(shots=shots), flat)
    never = ColorizeOptions(shots=shots, resume="never")
    assert colorize_film(film, target, never, colorizer=flat).resumed_frames == 0
    interrupt(film, tmp_path / "two.mp4", ColorizeOptions(shots=shots), flat)
    assert colorize_film(film, tmp_path / "two.mp4", only, colorizer=flat).resumed_frames == 16


def test_source_with_new_date_and_same_frames_is_resumed(film, shots, flat, tmp_path):
    source, target = tmp_path / "film.mkv", tmp_path / "out.mp4"
    source.write_bytes(film.read_bytes())
    interrupt(source, target, ColorizeOptions(shots=shots), flat)
    os.utime(source, (1, 1))
    result = colorize_film(source, target, ColorizeOptions(shots=shots), colorizer=flat)
    assert result.resumed_frames == 16


@pytest.mark.slow
def test_source_with_other_frames_is_not_resumed(film, clip, shots, flat, tmp_path):
    source, target = tmp_path / "film.mkv", tmp_path / "out.mp4"
    source.write_bytes(film.read_bytes())
    interrupt(source, target, ColorizeOptions(shots=shots), flat)
    other = clip("mkv", "libx264", "yuv420p", vf="negate", frames=FRAMES)
    source.write_bytes(other.read_bytes())
    result = colorize_film(source, target, ColorizeOptions(shots=shots), colorizer=flat)
    assert result.resumed_frames == 0
    assert any("has changed" in w for w in result.warnings)


@pytest.mark.slow
def test_damaged_segment_is_rendered_again(film, shots, flat, tmp_path):
    options, target = ColorizeOptions(shots=shots), tmp_path / "out.mp4"
    colorize_film(film, tmp_path / "uninterrupted.mp4", options, colorizer=flat)
    interrupt(film, target, options, flat)
    video = work_path(target, None) / "segments" / "00001" / "000" / "video.mp4"
    data = bytearray(video.read_bytes())
    data[len(data) // 2] ^= 1
    video.write_bytes(data)
    result = colorize_film(film, target, options, colorizer=flat)
    assert result.resumed_frames == 8
    assert "segment 1 was damaged on the disk; rendered again" in result.warnings
    assert content(target) == content(tmp_path / "uninterrupted.mp4")


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["{", "[]", '{"fingerprint": {}}', ""])
def test_work_with_a_damaged_plan_is_not_reused(film, shots, flat, tmp_path, damage):
    options, target = ColorizeOptions(shots=shots), tmp_path / "out.mp4"
    interrupt(film, target, options, flat)
    (work_path(target, None) / "plan.json").write_text(damage)
    assert colorize_film(film, target, options, colorizer=flat).resumed_frames == 0
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]


@pytest.mark.slow
def test_locked_work_directory_is_refused(film, shots, flat, tmp_path):
    target = tmp_path / "out.mp4"
    work = WorkDir(work_path(target, None))
    with work.locked(), pytest.raises(BusyError, match="in use by another process"):
        colorize_film(film, target, ColorizeOptions(shots=shots), colorizer=flat)
    assert not work.path.exists()


@pytest.mark.slow
def test_only_one_of_many_concurrent_runs_renders(film, shots, flat, tmp_path):
    target, errors = tmp_path / "out.mp4", []

    def run():
        try:
            colorize_film(film, target, ColorizeOptions(shots=shots), colorizer=flat)
        except (BusyError, UsageError) as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(errors) == 3
    assert len(read_film(target).frames) == FRAMES
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]


@pytest.mark.slow
def test_finished_segments_survive_a_full_disk(film, shots, flat, tmp_path, monkeypatch):
    options, target, count = ColorizeOptions(shots=shots), tmp_path / "out.mp4", 0
    write = VideoWriter.write

    def write_until_full(self, frame, pts, duration):
        nonlocal count
        count += 1
        if count > STARTS[3] + 2:
            raise DISK_FULL
        write(self, frame, pts, duration)

    message = "the disk is full; free some space and run the same command again"
    with monkeypatch.context() as patch, pytest.raises(OutputError, match=message):
        patch.setattr(VideoWriter, "write", write_until_full)
        colorize_film(film, target, options, colorizer=flat)
    assert not target.exists()
    assert colorize_film(film, target, options, colorizer=flat).resumed_frames == STARTS[3]


def test_all_segments_survive_a_full_disk_while_joining(film, shots, flat, tmp_path, monkeypatch):
    options, target = ColorizeOptions(shots=shots), tmp_path / "out.mp4"

    def fail(self, packet, pts, dts, duration):
        raise DISK_FULL

    with monkeypatch.context() as patch, pytest.raises(OutputError, match="the disk is full"):
        patch.setattr(VideoWriter, "write_packet", fail)
        colorize_film(film, target, options, colorizer=flat)
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4.vidcolor"]
    assert colorize_film(film, target, options, colorizer=flat).resumed_frames == FRAMES


@pytest.mark.slow
def test_work_dir_option_holds_the_work_of_all_films(film, shots, flat, tmp_path):
    root = tmp_path / "scratch"
    options = ColorizeOptions(shots=shots, work_dir=root)
    interrupt(film, tmp_path / "a" / "out.mp4", options, flat)
    interrupt(film, tmp_path / "b" / "out.mp4", options, flat)
    assert len(find_work_dirs(root)) == 2
    assert not list((tmp_path / "a").iterdir())
    result = colorize_film(film, tmp_path / "a" / "out.mp4", options, colorizer=flat)
    assert result.resumed_frames == 16
    assert len(find_work_dirs(root)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("num_finished", [2, pytest.param(4, marks=pytest.mark.exhaustive)])
def test_killed_process_is_resumed(clip, flat, tmp_path, num_finished):
    """SIGKILL ends the command while it renders, or about when it joins."""
    film = clip("mp4", "libx264", "yuv420p", "-map", "0", "-map", "1", "-c:a", "aac",
                rate=Fraction(2), frames=168, inputs=("-f", "lavfi", "-t", "84", "-i",
                "sine=440:r=8000"))  # fmt: skip
    shots = write_shot_list(tmp_path / "shots.csv", (0, 42, 84, 126), 168)
    options, uninterrupted = ColorizeOptions(shots=shots), tmp_path / "uninterrupted.mp4"
    colorize_film(film, uninterrupted, options, colorizer=flat)
    target = tmp_path / "out" / "out.mp4"
    target.parent.mkdir()
    command = ("colorize", film, "-o", target, "--shots", shots)
    process = spawn_flat(*command, cwd=tmp_path)
    work = WorkDir(work_path(target, None))
    while process.poll() is None and len(work.finished_segments()) < num_finished:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    try:
        resumed_frames = colorize_film(film, target, options, colorizer=flat).resumed_frames
    except UsageError as error:  # the process had finished before it was killed
        assert "exists" in str(error)
    else:
        assert resumed_frames >= 42 * num_finished
    assert content(target) == content(uninterrupted)
    assert [p.name for p in target.parent.iterdir()] == ["out.mp4"]


@pytest.mark.parametrize(
    "suffix", ["mkv", "mov", "mp4", pytest.param("webm", marks=pytest.mark.slow)]
)
def test_repeated_run_writes_the_same_bytes(film, flat, tmp_path, suffix):
    targets = [tmp_path / f"{name}.{suffix}" for name in "ab"]
    for target in targets:
        colorize_film(film, target, ColorizeOptions(end="0.2"), colorizer=flat)
    first, second = (target.read_bytes() for target in targets)
    assert first == second
