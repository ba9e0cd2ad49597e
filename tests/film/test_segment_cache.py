"""Rendering of a project after a change: only what has changed, with the same bytes."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.projects import CUT, NUM_FRAMES, write_film
from vidcolor.errors import BusyError
from vidcolor.film.api import colorize_film
from vidcolor.film.dry_run import plan_rendering
from vidcolor.film.request import FilmRequest
from vidcolor.film.workdir import work_path
from vidcolor.hints.tracking import HintTracker
from vidcolor.options import ColorizeOptions
from vidcolor.project.api import Project
from vidcolor.project.render import make_render_options
from vidcolor.project.store import cache_path

if TYPE_CHECKING:
    from vidcolor.colorizer import Colorizer
    from vidcolor.progress import Progress

Render = Callable[..., tuple[int, bytes]]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """The project of a film with two shots, in three parts."""
    project = Project.new(write_film(tmp_path / "reel.mkv"))
    project.shots[0].split(6)
    project.set(purpose="archive")
    return project


@pytest.fixture
def render(project: Project, flat: Colorizer, tmp_path: Path) -> Render:
    """Render the project; return the number of reused frames and the content of the result."""

    def run(name: str = "a.mkv", **options: object) -> tuple[int, bytes]:
        target = tmp_path / name
        run_options = ColorizeOptions(force=True, **options)
        result = project.render(target, run_options, colorizer=flat)
        return result.resumed_frames, target.read_bytes()

    return run


@pytest.mark.slow
def test_only_changed_shots_are_rendered_and_the_bytes_are_the_same(
    project: Project, render: Render, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The metadata name the revision, which differs between the changes.
    monkeypatch.setattr(Project, "describe_revision", lambda self: None)

    def render_both() -> tuple[int, bytes]:
        reused, film = render()
        cache = cache_path(project.path)
        cache.rename(cache.with_suffix(".kept"))
        assert render() == (0, film), "a rendering without the cache has the same bytes"
        shutil.rmtree(cache)
        cache.with_suffix(".kept").rename(cache)
        return reused, film

    first = render_both()
    assert first[0] == 0
    assert render() == (NUM_FRAMES, first[1])
    project.shots[1].set(saturation=0.2)
    changed = render_both()
    assert changed[0] == NUM_FRAMES - 6
    assert changed[1] != first[1]
    project.undo()
    assert render() == (NUM_FRAMES, first[1]), "a change that is taken back is not rendered"
    project.shots[2].split(18)
    assert render_both()[0] == CUT
    project.shots[2].merge()
    assert render()[0] == NUM_FRAMES
    project.shots[1].move(8)
    assert render_both()[0] == NUM_FRAMES - CUT
    project.set(saturation=0.7)
    assert render_both()[0] == 0


@pytest.mark.slow
def test_hint_renders_its_shot_only(project: Project, render: Render) -> None:
    _, first = render()
    project.shots[2].hints.add("50%", "50%", "red")
    reused, film = render()
    assert reused == CUT
    assert film != first


@pytest.fixture
def tracked(monkeypatch: pytest.MonkeyPatch) -> list[range]:
    """The shots whose hints are tracked."""
    shots: list[range] = []
    track_shot = HintTracker.track_shot

    def record(self: HintTracker, frames: Any, shot: range, *arguments: Any) -> Any:
        shots.append(shot)
        return track_shot(self, frames, shot, *arguments)

    monkeypatch.setattr(HintTracker, "track_shot", record)
    return shots


@pytest.mark.slow
def test_changed_hint_is_tracked_in_its_shot_only(
    project: Project, render: Render, tracked: list[range], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Project, "describe_revision", lambda self: None)
    first, second, third = range(6), range(6, CUT), range(CUT, NUM_FRAMES)

    def render_tracked() -> tuple[list[range], bytes]:
        tracked.clear()
        _, film = render()
        return list(tracked), film

    for shot in project.shots:
        shot.hints.add("50%", "50%", "red")
    shots, film = render_tracked()
    assert shots == [first, second, third]
    project.shots[1].hints.add("20%", "20%", "blue")
    shots, changed = render_tracked()
    assert shots == [second]
    assert changed != film
    project.undo()
    assert render_tracked() == ([], film)
    project.redo()
    project.shots[2].split(18)
    shots, split = render_tracked()
    assert shots == [range(18, NUM_FRAMES)], "the part without a hint is not tracked"
    project.clean()
    assert render() == (0, split), "a rendering without the cache has the same bytes"
    project.shots[2].merge()
    assert render_tracked() == ([third], changed)
    project.shots[0].set(saturation=0.4)
    assert render_tracked()[0] == [], "hints do not depend on the saturation"


@pytest.mark.slow
def test_damaged_overlays_are_tracked_again(
    project: Project, render: Render, tracked: list[range]
) -> None:
    project.shots[0].hints.add("50%", "50%", "red")
    _, film = render()
    (path,) = (cache_path(project.path) / "hints").iterdir()
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert render() == (NUM_FRAMES, film)
    assert len(tracked) == 2


@pytest.mark.slow
def test_killed_rendering_keeps_its_segments_for_other_hints(
    project: Project, render: Render, flat: Colorizer
) -> None:
    def stop(progress: Progress) -> None:
        if (progress.stage, progress.done) == ("colorize", CUT + 1):
            raise KeyboardInterrupt

    target = project.path.with_name("a.mkv")
    with pytest.raises(KeyboardInterrupt):
        project.render(target, ColorizeOptions(force=True), colorizer=flat, progress=stop)
    project.shots[2].hints.add("50%", "50%", "red")
    reused, film = render()
    assert reused == CUT
    project.clean()
    assert render() == (0, film)


@pytest.mark.slow
def test_full_disk_of_the_cache_is_no_error(
    project: Project, render: Render, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    project.shots[0].hints.add("50%", "50%", "red")
    with monkeypatch.context() as patch:
        patch.setattr("vidcolor.film.segment_cache.shutil.copytree", fail)
        patch.setattr("vidcolor.hints.overlay_cache.atomic_output", fail)
        reused, film = render()
    assert reused == 0
    assert render() == (0, film)
    assert render() == (NUM_FRAMES, film)


@pytest.mark.slow
def test_dry_run_names_what_is_rendered_and_writes_nothing(
    project: Project, render: Render, flat: Colorizer
) -> None:
    def plan() -> list[tuple[range, tuple[str, ...]]]:
        source, options = project.find_source(), ColorizeOptions()
        options = make_render_options(project.path, project.document, options)
        target, cache = project.path.with_name("a.mkv"), cache_path(project.path)
        before = sorted(project.path.parent.rglob("*"))
        dry_run = plan_rendering(FilmRequest(source, target, options, cache=cache), flat)
        assert sorted(project.path.parent.rglob("*")) == before
        return [(s.shots, s.reasons) for s in dry_run.segments if s.reasons]

    assert {reasons for _, reasons in plan()} == {("not rendered before",)}
    render()
    assert plan() == []
    project.shots[1].hints.add("50%", "50%", "red")
    project.shots[2].set(saturation=0.4)
    hint, setting = ("hints or references",), ("settings of the shot",)
    assert plan() == [(range(2, 3), hint), (range(3, 4), setting)]
    project.shots[2].split(18)
    assert plan()[1:] == [(range(n, n + 1), ("boundaries of the shot",)) for n in (3, 4)]
    render()
    assert plan() == []
    project.set(saturation=0.7)
    assert {reasons for _, reasons in plan()} == {("--saturation",)}


@pytest.mark.slow
def test_other_encoder_and_damage_are_noticed(project: Project, render: Render) -> None:
    render()
    project.set(encoder_options="level=1")
    assert render()[0] == 0
    project.undo()
    segments = sorted((cache_path(project.path) / "segments").rglob("video.*"))
    assert len(segments) == 6
    for path in segments:
        data = path.read_bytes()
        path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    project.undo()  # the purpose, so that the container differs
    project.redo()
    assert render()[0] == 0, "damaged segments are rendered again"
    assert render()[0] == NUM_FRAMES, "and replaced in the cache"


@pytest.mark.slow
def test_analysis_is_reused_while_the_shots_are_the_same(
    project: Project, render: Render, monkeypatch: pytest.MonkeyPatch
) -> None:
    render()
    monkeypatch.setattr(
        "vidcolor.film.segment_cache.analyze_film", lambda *_: pytest.fail("decoded again")
    )
    project.shots[0].set(saturation=0.5)
    assert render()[0] == NUM_FRAMES - 6


@pytest.mark.slow
def test_old_segments_are_removed(project: Project, render: Render) -> None:
    for n in range(6):
        project.set(saturation=n / 10)
        render()
    assert len(list((cache_path(project.path) / "segments").iterdir())) == 9
    assert project.clean() > 0
    assert render()[0] == 0


@pytest.mark.slow
def test_interrupted_film_without_cache_is_not_continued_with_other_segments(
    project: Project, render: Render, flat: Colorizer, tmp_path: Path
) -> None:
    options = make_render_options(project.path, project.document, ColorizeOptions())

    def stop(progress: Progress) -> None:
        if progress.stage == "join":
            raise KeyboardInterrupt

    source, target = project.find_source(), tmp_path / "a.mkv"
    with pytest.raises(KeyboardInterrupt):
        colorize_film(source, target, options, colorizer=flat, progress=stop)
    assert work_path(target, None).is_dir()
    reused, film = render()
    assert (reused, film) == (0, render("b.mkv")[1])


@pytest.mark.slow
def test_second_process_ends_and_excerpts_are_rendered_meanwhile(
    project: Project, flat: Colorizer, tmp_path: Path
) -> None:
    outcomes: dict[str, object] = {}

    def interfere(progress: Progress) -> None:
        if progress.stage != "colorize" or outcomes:
            return
        outcomes["part"] = None
        outcomes["part"] = project.render(shots=project.shots[2:], colorizer=flat).num_frames
        with pytest.raises(BusyError) as busy:
            project.render(tmp_path / "b.mkv", colorizer=flat)
        outcomes["error"] = str(busy.value)

    first = project.render(tmp_path / "a.mkv", colorizer=flat, progress=interfere)
    assert outcomes["part"] == NUM_FRAMES - CUT
    assert str(outcomes["error"]).startswith(
        f"{project.path}: process {os.getpid()} has been rendering it to {tmp_path / 'a.mkv'} since"
    )
    assert not (tmp_path / "b.mkv").exists()
    second = project.render(tmp_path / "b.mkv", colorizer=flat)
    assert (first.num_frames, second.resumed_frames) == (NUM_FRAMES, NUM_FRAMES)
    assert (tmp_path / "a.mkv").read_bytes() == (tmp_path / "b.mkv").read_bytes()
    assert not (cache_path(project.path) / "rendering.json").exists()


@pytest.mark.slow
def test_killed_rendering_does_not_lock_the_project(
    project: Project, render: Render, tmp_path: Path
) -> None:
    code = (
        "import os, sys\n"
        "from tests.helpers.flat import flat_colorizer\n"
        "from vidcolor.project.api import Project\n"
        "def kill(progress):\n"
        "    if progress.stage == 'colorize': os._exit(9)\n"
        "project = Project.open(sys.argv[1])\n"
        "project.render(sys.argv[2], colorizer=flat_colorizer(), progress=kill)\n"
    )
    project.save()
    arguments = [sys.executable, "-c", code, project.path, tmp_path / "other.mkv"]
    assert subprocess.run(arguments, cwd=Path(__file__).parents[2], check=False).returncode == 9
    assert (cache_path(project.path) / "rendering.json").exists(), "it was killed while rendering"
    render()
