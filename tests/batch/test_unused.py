"""Options that have no effect are named, and contradictions are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from vidcolor.batch.discover import Task
from vidcolor.batch.unused import find_unused_options
from vidcolor.errors import UsageError
from vidcolor.options import ColorizeOptions

TARGETS = {"photo": "a.jpg", "film": "a.mp4", "sequence": "a_%d.png"}
CONDITIONAL = ("quality", "batch")


def make_task(kind: str, options: ColorizeOptions = ColorizeOptions()) -> Task:  # noqa: B008
    return Task(kind, Path("a"), Path(TARGETS[kind]), options)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", TARGETS)
def test_each_option_of_other_kinds_of_tasks_is_named(kind: str) -> None:
    options = ColorizeOptions()
    given = [name for name in options.options() if name not in CONDITIONAL]
    messages = find_unused_options([make_task(kind)], given, options)
    others = [n for n in given if kind not in options.options()[n].tasks]
    assert [m.split()[0] for m in messages] == [options.flag(name) for name in others]
    assert all("it applies to " in message for message in messages)


def test_options_that_need_another_option_or_format_are_named() -> None:
    options = ColorizeOptions(quality=80, batch=4)
    photo = make_task("photo", options)
    assert find_unused_options([photo], ["quality"], options) == []
    tiff = replace(photo, target=Path("a.tif"))
    assert find_unused_options([photo, tiff], ["quality"], options) == []
    (message,) = find_unused_options([tiff], ["quality"], options)
    assert (
        message == "--quality has no effect: it applies to JPEG, WebP, AVIF and HEIC results only"
    )
    (message,) = find_unused_options([make_task("film", options)], ["batch"], options)
    assert message == "--batch has no effect: it applies to --per-frame and recolor only"
    each = options.replace(per_frame=True)
    assert find_unused_options([make_task("film", each)], ["batch"], each) == []


def test_columns_of_a_job_list_are_named() -> None:
    options = ColorizeOptions()
    task = replace(make_task("photo"), given=("fps", "saturation"))
    assert find_unused_options([task, make_task("sequence")], [], options) == [
        "a: the column fps has no effect: it applies to image sequences only"
    ]


def test_one_shot_list_for_several_films_is_refused() -> None:
    options = ColorizeOptions(shots=Path("s.csv"))
    tasks = [make_task("film", options), make_task("film", options)]
    with pytest.raises(UsageError, match=r"s\.csv lists the shots of one film, but there are 2"):
        find_unused_options(tasks, [], options)
