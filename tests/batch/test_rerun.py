"""Repeated runs: what is done and unchanged is skipped, and changes are named."""

from __future__ import annotations

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.helpers.clips import ClipMaker
from tests.helpers.flat import FlatGenerator
from vidcolor import fileio
from vidcolor.batch.discover import Task, discover
from vidcolor.batch.manifest import read_job_list
from vidcolor.batch.runner import TaskResult, run_tasks
from vidcolor.colorizer import Colorizer
from vidcolor.options import ColorizeOptions

OPTIONS = ColorizeOptions()


class OtherGenerator(FlatGenerator):
    """A generator with other weights."""

    digest = "1" * 64


@pytest.fixture(autouse=True)
def working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write_photo(name: str, code: int = 120) -> Path:
    path = Path(name)
    path.parent.mkdir(exist_ok=True)
    cv2.imwrite(name, np.full((16, 24), code, np.uint8))
    os.utime(path, (1, 1))  # older than the result, although both are written in the same tick
    return path


def run(colorizer: Colorizer, source: Path, target: str, **options: object) -> TaskResult:
    changed = OPTIONS.replace(**options)
    (task,) = discover([source], Path(target), None, changed)
    (result,) = run_tasks([task], changed, colorizer)
    return result


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp", "dpx", "exr", "jp2"])
def test_finished_photo_is_skipped_in_every_format_with_metadata(
    flat: Colorizer, suffix: str
) -> None:
    source, target = write_photo("a.png"), f"out.{suffix}"
    assert run(flat, source, target).error is None
    assert run(flat, source, target).skipped
    assert "--saturation (was 1.0, is 0.5)" in str(run(flat, source, target, saturation=0.5).error)


@pytest.mark.parametrize("force", [False, True])
def test_result_as_its_own_target_is_refused_as_the_source(flat: Colorizer, force: bool) -> None:
    """A message that recommends --force would be wrong, because it is refused, too."""
    assert run(flat, write_photo("a.png"), "out.png").error is None
    before = Path("out.png").read_bytes()
    error = run(flat, Path("out.png"), "out.png", force=force).error
    assert str(error) == "out.png: is the source itself; choose another output"
    assert Path("out.png").read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "webm", "mxf"])
def test_finished_film_is_skipped_in_every_container(
    flat: Colorizer, clip: ClipMaker, suffix: str
) -> None:
    source, target = clip("mkv", frames=3), f"out.{suffix}"
    assert run(flat, source, target).error is None
    os.utime(target, (1, 1))  # as if the source had been copied later
    assert run(flat, source, target).skipped
    changed = run(flat, source, target, saturation=0.5, mark=True)
    assert "--saturation (was 1.0, is 0.5); --mark (was False, is True)" in str(changed.error)


@pytest.mark.slow
def test_finished_sequence_is_skipped_if_no_image_is_missing(flat: Colorizer) -> None:
    for number in (1, 2, 3):
        write_photo(f"s/s_{number}.png")
    for target in ("a.mkv", "out_%d.png"):
        assert run(flat, Path("s"), target).error is None
        assert run(flat, Path("s"), target).skipped
    Path("out_3.png").unlink()
    assert "1 frame is missing" in str(run(flat, Path("s"), "out_%d.png").error)
    write_photo("s/s_4.png")
    assert "made: the source" in str(run(flat, Path("s"), "a.mkv").error)


def test_changes_of_source_model_and_files_are_named(flat: Colorizer) -> None:
    source, hints = write_photo("a.png"), Path("hints.json")
    hints.write_text(json.dumps([{"x": 3, "y": 3, "color": "red"}]))
    assert run(flat, source, "out.png", hints=hints).error is None
    assert run(flat, source, "out.png", hints=hints).skipped
    assert "--hints (left out)" in str(run(flat, source, "out.png").error)
    hints.write_text(json.dumps([{"x": 3, "y": 3, "color": "blue"}]))
    assert "--hints (changed)" in str(run(flat, source, "out.png", hints=hints).error)
    assert run(flat, source, "out.png", hints=hints, force=True).error is None
    other = Colorizer(OtherGenerator())
    assert "the model" in str(run(other, source, "out.png", hints=hints).error)
    another = write_photo("b.png", 90)
    assert "made: the source;" in str(run(flat, another, "out.png", hints=hints).error)


def test_source_with_another_date_is_unchanged(
    flat: Colorizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The digest of the source covers the ends of a large file only."""
    monkeypatch.setattr(fileio, "_DIGEST_BYTES", 64)
    photo = write_photo("a.bmp")
    assert run(flat, photo, "out.png").error is None
    os.utime(photo, (2**31, 2**31))
    assert run(flat, photo, "out.png").skipped
    with photo.open("r+b") as file:
        file.seek(photo.stat().st_size // 2)
        file.write(bytes(8))
    os.utime(photo, (2**31, 2**31))
    assert "made: the source;" in str(run(flat, photo, "out.png").error)


def test_image_of_a_sequence_that_is_newer_is_named(flat: Colorizer) -> None:
    for number in (1, 2, 3):
        write_photo(f"s/s_{number}.png")
    assert run(flat, Path("s"), "a_%d.png").error is None
    os.utime("s/s_2.png", (2**31, 2**31))
    assert "newer than the result" in str(run(flat, Path("s"), "a_%d.png").error)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mxf", "png", "jpg", "jp2", "dpx", "exr"])
def test_truncated_result_is_named(flat: Colorizer, clip: ClipMaker, suffix: str) -> None:
    target = Path(f"out.{suffix}")
    is_film = suffix in ("mp4", "mkv", "mxf")
    source = clip("mkv", frames=3) if is_film else Path("a.png")
    if not is_film:
        cv2.imwrite("a.png", np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8))
        os.utime(source, (1, 1))
    assert run(flat, source, str(target)).error is None
    data = target.read_bytes()
    target.write_bytes(data[: len(data) * 9 // 10])
    assert f"the result (out.{suffix} is truncated)" in str(run(flat, source, str(target)).error)


def test_changes_of_references_are_named(flat: Colorizer, clip: ClipMaker) -> None:
    source = clip("mkv", frames=3, size=(32, 24))
    pixels = np.random.default_rng(0).integers(0, 255, (4, 6, 3), np.uint8)
    cv2.imwrite("a.png", pixels.repeat(10, 0).repeat(10, 1))
    cv2.imwrite("b.png", pixels[::-1].repeat(10, 0).repeat(10, 1))
    assert run(flat, source, "out.mkv", references="a.png").error is None
    assert run(flat, source, "out.mkv", references=["a.png"]).skipped
    assert "--reference (left out)" in str(run(flat, source, "out.mkv").error)
    timed = str(run(flat, source, "out.mkv", references="a.png@0").error)
    assert "--reference @TIME (was not set, is 0)" in timed
    several = str(run(flat, source, "out.mkv", references=["a.png", "b.png"]).error)
    assert "--reference (changed)" in several


def test_option_without_effect_does_not_outdate_a_result(flat: Colorizer) -> None:
    source = write_photo("a.png")
    assert run(flat, source, "out.png", quality=50, fps=18).error is None
    assert run(flat, source, "out.png", quality=60).skipped
    assert run(flat, source, "out.jpg", quality=50).error is None
    assert "--quality (was 50, is 60)" in str(run(flat, source, "out.jpg", quality=60).error)


def test_missing_confidence_map_is_named(flat: Colorizer) -> None:
    source, confidence = write_photo("a.png"), Path("confidence.png")
    assert run(flat, source, "out.png", confidence=confidence).error is None
    assert run(flat, source, "out.png", confidence=confidence).skipped
    confidence.unlink()
    message = str(run(flat, source, "out.png", confidence=confidence).error)
    assert "confidence.png is missing" in message


def test_file_of_another_program_is_not_a_result(flat: Colorizer) -> None:
    source, target = write_photo("a.png"), write_photo("out.png")
    os.utime(target)
    assert "already exists; choose another" in str(run(flat, source, "out.png").error)


def test_damage_is_reported_again(flat: Colorizer) -> None:
    source = Path("a.jpg")
    cv2.imwrite("a.jpg", np.random.default_rng(1).integers(0, 255, (64, 96), np.uint8))
    source.write_bytes(source.read_bytes()[:-200])
    os.utime(source, (1, 1))
    assert run(flat, source, "out.png").is_damaged
    again = run(flat, source, "out.png")
    assert again.skipped and again.is_damaged


def test_finished_rows_of_a_job_list_are_skipped(flat: Colorizer) -> None:
    for number in (1, 2):
        write_photo(f"s_{number}.png")
    write_photo("a.png")
    Path("jobs.csv").write_text("input,output\na.png,\ns_%d.png,s.mkv\n")
    tasks: list[Task] = read_job_list(Path("jobs.csv"), None, OPTIONS)
    assert [r.error for r in run_tasks(tasks, OPTIONS, flat)] == [None, None]
    assert [r.skipped for r in run_tasks(tasks, OPTIONS, flat)] == [True, True]
