"""Targets of confidence maps."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidcolor.batch.confidence import assign_confidence_targets
from vidcolor.batch.discover import Task
from vidcolor.errors import UsageError
from vidcolor.options import ColorizeOptions


def assign(confidence: Path, *targets: str, folder: Path | None = None) -> list[str]:
    options = ColorizeOptions(confidence=confidence)
    tasks = [
        Task("photo" if t.endswith(("png", "jpg")) else "film", Path(t), Path(t), options,
             folder=folder)
        for t in targets
    ]  # fmt: skip
    return [Path(t.options.confidence or "").as_posix() for t in assign_confidence_targets(tasks)]


def test_one_input_has_a_file_and_several_have_a_directory(tmp_path: Path) -> None:
    assert assign(Path("c.png"), "out/a.png") == ["c.png"]
    assert assign(tmp_path, "out/a.png") == [(tmp_path / "a.confidence.png").as_posix()]
    assert assign(Path("maps"), "out/a.png", "out/b/c.mp4", "out/a.jpg", "out/f_%04d.dpx") == [
        "maps/a.confidence.png",
        "maps/b/c.confidence.mp4",
        "maps/a.jpg.confidence.png",
        "maps/f.confidence.mp4",
    ]
    assert assign(Path("maps"), "out/a.png", folder=Path("in")) == ["maps/a.confidence.png"]


def test_one_file_for_several_inputs_is_refused() -> None:
    with pytest.raises(UsageError, match=r"c\.png names one file; name a directory"):
        assign(Path("c.png"), "a.png", "b.png")
    with pytest.raises(UsageError, match="in the folder of the sources"):
        assign(Path("in/maps"), "a.png", "b.png", folder=Path("in"))
