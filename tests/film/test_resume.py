"""What is finished is finished: films go on where they stopped, and come out the same."""

from __future__ import annotations

import hashlib
import os
import random
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
from vidcolor.film.pipeline import colorize_film
from vidcolor.film.sequence import colorize_sequence
from vidcolor.film.workdir import WorkDir, find_work_dirs, work_path
from vidcolor.media.writer import FilmWriter
from vidcolor.options import ColorizeOptions

TONE = ("-f", "lavfi", "-t", "2", "-i", "sine=440:r=48000")
STARTS = (0, 12, 24, 31)
FRAMES = 48


pytestmark = pytest.mark.usefixtures("short_segments")


@pytest.fixture
def shots(tmp_path_factory):
    return write_shot_list(tmp_path_factory.mktemp("shots") / "shots.csv", STARTS, FRAMES)


@pytest.fixture
def film(clip):
    return clip("mkv", "libx264", "yuv420p", "-g", "10", "-map", "0", "-map", "1", "-c:a", "aac",
                inputs=TONE, frames=FRAMES)  # fmt: skip


def content(path: Path) -> tuple[object, ...]:
    """Every decoded frame with its time, and every other packet."""
    seen = read_film(path)
    frames = [hashlib.sha256(bytes(p)).hexdigest() for f in seen.frames for p in f.planes]
    return seen.times, frames, [(c.codec, c.packets) for c in seen.company], seen.tags


def stop_at(frame: int, stage: str = "color"):
    """Ctrl-C at a frame."""

    def progress(step):
        if (step.stage, step.done) == (stage, frame):
            raise KeyboardInterrupt

    return progress


def stopped(film, target, options, flat, frame=30, stage="color"):
    with pytest.raises(KeyboardInterrupt) as stop:
        colorize_film(film, target, options, colorizer=flat, progress=stop_at(frame, stage))
    return stop.value


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
def test_parts_join_into_one_film(colored, film, shots, suffix, more):
    """Whatever encodes them: all frames, their times, their luma, the sound."""
    outcome = colored(film, suffix, shots=shots, **more)
    assert len(outcome.after.frames) == FRAMES
    tolerance = Fraction(1, 2000) if suffix in ("mkv", "webm", "mxf") else Fraction(0)
    outcome.expect_same_times(tolerance)
    if more.get("encoder") == "ffv1" or more.get("purpose") == "archive":
        outcome.expect_same_luma()
    if suffix in ("mkv", "mp4", "mov"):
        assert [p for _, p in outcome.after.of("audio")[0].packets] == [
            p for _, p in outcome.before.of("audio")[0].packets
        ]


def test_parts_of_a_variable_rate(colored, clip, shots):
    source = clip("mp4", "libx264", "yuv420p", vf="setpts=PTS+0.013*mod(N\\,3)/TB", frames=FRAMES)
    for suffix in ("mp4", "mov"):
        colored(source, suffix, shots=shots).expect_same_times()


@pytest.mark.parametrize("frame", [5, 13, 30, 48])
def test_a_film_goes_on_where_it_stopped(film, shots, flat, tmp_path, frame):
    options = ColorizeOptions(shots=shots)
    whole = tmp_path / "whole.mp4"
    colorize_film(film, whole, options, colorizer=flat)
    target = tmp_path / "out" / "out.mp4"
    stop = stopped(film, target, options, flat, frame)
    work = WorkDir(work_path(target, None))
    kept = sum(begin <= frame - 1 for begin in STARTS) - 1
    assert len(work.recorded()) == kept
    assert ("goes on from there" in "".join(getattr(stop, "__notes__", []))) == bool(kept)
    result = colorize_film(film, target, options, colorizer=flat)
    assert result.resumed_frames == STARTS[kept]
    assert content(target) == content(whole)
    assert [p.name for p in target.parent.iterdir()] == ["out.mp4"]


def test_numbered_pictures_and_confidence_go_on(film, shots, flat, tmp_path):
    def color(folder, progress=None):
        options = ColorizeOptions(shots=shots, confidence=folder / "sure.mkv")
        target = folder / "f_%04d.png"
        return colorize_film(film, target, options, colorizer=flat, progress=progress)

    for name in ("whole", "out"):
        (tmp_path / name).mkdir()
    color(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        color(tmp_path / "out", stop_at(30))
    assert color(tmp_path / "out").resumed_frames == 24
    names = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert names == [*(f"f_{n:04d}.png" for n in range(1, FRAMES + 1)), "sure.mkv"]
    assert content(tmp_path / "out" / "sure.mkv") == content(tmp_path / "whole" / "sure.mkv")
    for name in names[:-1]:
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_pictures_that_were_moved_already(film, shots, flat, tmp_path, monkeypatch):
    """Stopped between two pictures: some have their names, some have not."""
    from vidcolor.film import join

    options, target, moved = ColorizeOptions(shots=shots), tmp_path / "f_%02d.png", []
    move = join._move

    def some(made, final, force):
        if len(moved) == 20:
            raise KeyboardInterrupt
        moved.append(final)
        move(made, final, force)

    monkeypatch.setattr(join, "_move", some)
    with pytest.raises(KeyboardInterrupt):
        colorize_film(film, target, options, colorizer=flat)
    monkeypatch.setattr(join, "_move", move)
    colorize_film(film, target, options, colorizer=flat)
    assert len(list(tmp_path.iterdir())) == FRAMES


def test_stopped_between_naming_and_tidying_up(film, shots, flat, tmp_path, monkeypatch):
    """The result has its name: it stays as it is, and the rest is removed."""
    options, target, remove = ColorizeOptions(shots=shots), tmp_path / "out.mp4", WorkDir.remove

    def stop(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(WorkDir, "remove", stop)
    with pytest.raises(KeyboardInterrupt):
        colorize_film(film, target, options, colorizer=flat)
    monkeypatch.setattr(WorkDir, "remove", remove)
    with pytest.raises(UsageError, match="exists already"):
        other = ColorizeOptions(shots=shots, saturation=0.5)
        colorize_film(film, target, other, colorizer=flat, progress=stop_at(1))
    monkeypatch.setattr(WorkDir, "remove", stop)
    target.unlink()
    with pytest.raises(KeyboardInterrupt):
        colorize_film(film, target, options, colorizer=flat)
    monkeypatch.setattr(WorkDir, "remove", remove)
    named = target.stat().st_ino
    assert colorize_film(film, target, options, colorizer=flat).resumed_frames == FRAMES
    assert target.stat().st_ino == named
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]


def test_stopped_when_one_of_two_films_has_its_name(film, shots, flat, tmp_path):
    sure, target = tmp_path / "sure.mkv", tmp_path / "out.mp4"
    options = ColorizeOptions(shots=shots, confidence=sure)
    stopped(film, target, options, flat, 5, "join")
    assert sure.exists()
    assert not target.exists()
    result = colorize_film(film, target, options, colorizer=flat)
    assert result.resumed_frames == FRAMES
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.mp4", "sure.mkv"]


def test_a_sequence_goes_on(film, shots, flat, tmp_path):
    colorize_film(film, tmp_path / "scan" / "s_%03d.png", ColorizeOptions(), colorizer=flat)
    options = ColorizeOptions(shots=shots, fps=Fraction(25), trust=0.5)
    whole, target = tmp_path / "whole.mp4", tmp_path / "out" / "out.mp4"
    colorize_sequence(tmp_path / "scan", whole, options, colorizer=flat)
    with pytest.raises(KeyboardInterrupt):
        colorize_sequence(tmp_path / "scan", target, options, colorizer=flat, progress=stop_at(30))
    result = colorize_sequence(tmp_path / "scan", target, options, colorizer=flat)
    assert result.resumed_frames == 24
    assert content(target) == content(whole)


def test_other_options_begin_anew(film, shots, flat, tmp_path):
    target = tmp_path / "out.mp4"
    stopped(film, target, ColorizeOptions(shots=shots), flat)
    other = ColorizeOptions(shots=shots, saturation=0.5)
    with pytest.raises(UsageError, match=r"other options: saturation.*--resume"):
        colorize_film(film, target, ColorizeOptions(shots=shots, saturation=0.5, resume="only"),
                      colorizer=flat)  # fmt: skip
    assert len(WorkDir(work_path(target, None)).recorded()) == 2, "a refusal costs nothing"
    result = colorize_film(film, target, other, colorizer=flat)
    assert result.resumed_frames == 0
    assert any("2 finished segments are not used: other options" in w for w in result.warnings)


def test_never_and_only(film, shots, flat, tmp_path):
    target = tmp_path / "out.mp4"
    with pytest.raises(UsageError, match="no unfinished work"):
        colorize_film(film, target, ColorizeOptions(shots=shots, resume="only"), colorizer=flat)
    stopped(film, target, ColorizeOptions(shots=shots), flat)
    never = ColorizeOptions(shots=shots, resume="never")
    assert colorize_film(film, target, never, colorizer=flat).resumed_frames == 0
    stopped(film, tmp_path / "two.mp4", ColorizeOptions(shots=shots), flat)
    only = ColorizeOptions(shots=shots, resume="only")
    result = colorize_film(film, tmp_path / "two.mp4", only, colorizer=flat)
    assert result.resumed_frames == 24


def test_a_source_with_another_date_shows_the_same(film, shots, flat, tmp_path):
    source, target = tmp_path / "film.mkv", tmp_path / "out.mp4"
    source.write_bytes(film.read_bytes())
    stopped(source, target, ColorizeOptions(shots=shots), flat)
    os.utime(source, (1, 1))
    result = colorize_film(source, target, ColorizeOptions(shots=shots), colorizer=flat)
    assert result.resumed_frames == 24


def test_a_source_that_has_changed_is_begun_anew(film, clip, shots, flat, tmp_path):
    source, target = tmp_path / "film.mkv", tmp_path / "out.mp4"
    source.write_bytes(film.read_bytes())
    stopped(source, target, ColorizeOptions(shots=shots), flat)
    other = clip("mkv", "libx264", "yuv420p", vf="negate", frames=FRAMES)
    source.write_bytes(other.read_bytes())
    result = colorize_film(source, target, ColorizeOptions(shots=shots), colorizer=flat)
    assert result.resumed_frames == 0
    assert any("has changed" in w for w in result.warnings)


def test_a_damaged_segment_is_made_anew(film, shots, flat, tmp_path):
    options, target = ColorizeOptions(shots=shots), tmp_path / "out.mp4"
    colorize_film(film, tmp_path / "whole.mp4", options, colorizer=flat)
    stopped(film, target, options, flat)
    part = work_path(target, None) / "segments" / "00001" / "picture.mp4"
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.write_bytes(data)
    result = colorize_film(film, target, options, colorizer=flat)
    assert result.resumed_frames == 12
    assert any("segment 1 was damaged on the disk" in w for w in result.warnings)
    assert content(target) == content(tmp_path / "whole.mp4")


@pytest.mark.parametrize("damage", ["{", "[]", '{"settings": {}}', ""])
def test_a_damaged_plan_is_begun_anew(film, shots, flat, tmp_path, damage):
    options, target = ColorizeOptions(shots=shots), tmp_path / "out.mp4"
    stopped(film, target, options, flat)
    (work_path(target, None) / "plan.json").write_text(damage)
    assert colorize_film(film, target, options, colorizer=flat).resumed_frames == 0
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]


def test_two_runs_do_not_meet(film, shots, flat, tmp_path):
    target = tmp_path / "out.mp4"
    work = WorkDir(work_path(target, None))
    with work.claimed(), pytest.raises(BusyError, match="another vidcolor is at work"):
        colorize_film(film, target, ColorizeOptions(shots=shots), colorizer=flat)
    assert not work.path.exists()


def test_of_many_at_once_one_does_it(film, shots, flat, tmp_path):
    """The others say that it is being done, or that it is there."""
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


def test_no_room_for_the_last_segment(film, shots, flat, tmp_path, monkeypatch):
    """What was finished is kept, and the film goes on when there is room."""
    options, target, count = ColorizeOptions(shots=shots), tmp_path / "out.mp4", 0
    write = FilmWriter.write

    def full(self, picture, pts, duration):
        nonlocal count
        count += 1
        if count > STARTS[3] + 2:
            raise OSError(28, "No space left on device")
        write(self, picture, pts, duration)

    monkeypatch.setattr(FilmWriter, "write", full)
    with pytest.raises(OutputError, match="the disk is full; make room and run the same"):
        colorize_film(film, target, options, colorizer=flat)
    assert not target.exists()
    monkeypatch.setattr(FilmWriter, "write", write)
    assert colorize_film(film, target, options, colorizer=flat).resumed_frames == STARTS[3]


def test_no_room_for_the_result(film, shots, flat, tmp_path, monkeypatch):
    options, target = ColorizeOptions(shots=shots), tmp_path / "out.mp4"
    copy = FilmWriter.copy

    def full(self, packet, pts, dts, duration):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(FilmWriter, "copy", full)
    with pytest.raises(OutputError, match="the disk is full"):
        colorize_film(film, target, options, colorizer=flat)
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4.vidcolor"]
    monkeypatch.setattr(FilmWriter, "copy", copy)
    assert colorize_film(film, target, options, colorizer=flat).resumed_frames == FRAMES


def test_work_lies_where_it_is_wanted(film, shots, flat, tmp_path):
    root = tmp_path / "scratch"
    options = ColorizeOptions(shots=shots, work_dir=root)
    stopped(film, tmp_path / "a" / "out.mp4", options, flat)
    stopped(film, tmp_path / "b" / "out.mp4", options, flat)
    assert len(find_work_dirs(root)) == 2, "results of one name do not meet"
    assert not list((tmp_path / "a").iterdir())
    result = colorize_film(film, tmp_path / "a" / "out.mp4", options, colorizer=flat)
    assert result.resumed_frames == 24
    assert len(find_work_dirs(root)) == 1


def test_killed_at_any_moment(clip, tmp_path):
    """SIGKILL in planning, rendering, joining, tidying up; then the same command."""
    film = clip("mp4", "libx264", "yuv420p", "-map", "0", "-map", "1", "-c:a", "aac",
                rate=Fraction(2), frames=168, inputs=("-f", "lavfi", "-t", "84", "-i",
                "sine=440:r=8000"))  # fmt: skip
    shots = tmp_path / "shots.csv"
    shots.write_text("first_frame,last_frame\n0,41\n42,83\n84,125\n126,167\n")

    def begin(folder):
        folder.mkdir(exist_ok=True)
        words = ("colorize", film, "-o", "out.mp4", "--shots", shots)
        return spawn_flat(*words, cwd=folder)

    began = time.monotonic()
    whole = begin(tmp_path / "whole")
    whole.communicate()
    assert whole.returncode == 0
    took = time.monotonic() - began
    wanted, dice = content(tmp_path / "whole" / "out.mp4"), random.Random(5)
    for n, share in enumerate((0.7, 0.95)):
        folder = tmp_path / f"killed{n}"
        process = begin(folder)
        time.sleep(took * share * dice.uniform(0.9, 1.0))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        _, said = begin(folder).communicate(timeout=60)
        assert said == "" or "exists already" in said
        assert content(folder / "out.mp4") == wanted
        assert [p.name for p in folder.iterdir()] == ["out.mp4"]
