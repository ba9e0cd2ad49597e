"""Rendering of some shots of a project: the same color, the right sound, and one cache."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from tests.helpers.films import read_planes
from tests.helpers.projects import CUT, NUM_FRAMES, write_film
from tests.helpers.sync import find_onsets, make_sync_film
from vidcolor.errors import UsageError
from vidcolor.media.streams import read_content_tags
from vidcolor.options import ColorizeOptions
from vidcolor.project.api import Project
from vidcolor.project.store import cache_path
from vidcolor.provenance import read_settings

if TYPE_CHECKING:
    from vidcolor.colorizer import Colorizer
    from vidcolor.film.request import FilmResult

Render = Callable[..., "FilmResult"]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """The project of a film with shots at frames 0, 6, 12 and 18."""
    project = Project.new(write_film(tmp_path / "reel.mkv"))
    project.shots[0].split(6)
    project.shots[2].split(18)
    project.set(purpose="archive")
    return project


@pytest.fixture
def render(project: Project, flat: Colorizer) -> Render:
    """Render the project, or the shots with the given indices."""

    def run(*indices: int, target: Path | None = None, **options: object) -> FilmResult:
        shots = [project.shots[index] for index in indices] if indices else None
        run_options = ColorizeOptions(force=True, **options)
        return project.render(target, run_options, shots=shots, colorizer=flat)

    return run


def test_excerpt_has_the_pictures_of_the_full_film(project: Project, render: Render) -> None:
    project.shots[1].hints.add("50%", "50%", "red")
    project.shots[2].set(saturation=0.4)
    project.shots[3].hints.add("50%", "50%", "blue")
    excerpt = render(1, 2)
    assert excerpt.target == project.path.with_name("reel.shots-2-3.mkv")
    assert (excerpt.num_frames, excerpt.resumed_frames) == (12, 0)
    full = render()
    assert full.resumed_frames == 12, "the full film reuses the shots of the excerpt"
    pictures = read_planes(full.target)
    assert len(pictures) == NUM_FRAMES
    for shown, expected in zip(read_planes(excerpt.target), pictures[6:18], strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(shown, expected, strict=True))
    again = render(3)
    assert (again.num_frames, again.resumed_frames) == (6, 6), "and an excerpt those of the film"


def test_excerpt_is_not_taken_for_the_film(project: Project, render: Render) -> None:
    result = render(1, 2)
    settings = [read_settings(tag) for tag in read_content_tags(result.target).values()]
    assert [s.shots for s in settings if s is not None] == ["2-3"]
    full = render()
    assert all(
        s is None or s.shots is None
        for s in map(read_settings, read_content_tags(full.target).values())
    )


def test_excerpt_keeps_what_the_film_has_in_the_cache(project: Project, render: Render) -> None:
    render()
    segments = cache_path(project.path) / "segments"
    record = (cache_path(project.path) / "rendered.json").read_bytes()
    before = {path.name for path in segments.iterdir()}
    for value in (0.1, 0.2, 0.3):
        project.shots[0].set(saturation=value)
        render(0)
    assert before <= {path.name for path in segments.iterdir()}
    assert (cache_path(project.path) / "rendered.json").read_bytes() == record
    assert render().resumed_frames == NUM_FRAMES


def test_shots_that_dissolve_into_the_excerpt_are_added(project: Project, render: Render) -> None:
    project.shots[2].set_transition("dissolve", 2)
    result = render(1)
    assert result.target.name == "reel.shots-2-3.mkv"
    assert result.num_frames == 12
    assert "shot 3 is also rendered, because dissolves connect the shots" in result.warnings
    shutil.rmtree(cache_path(project.path))
    assert (
        read_planes(result.target)[0][1].tobytes() == read_planes(render().target)[6][1].tobytes()
    )


def test_shots_must_be_consecutive(project: Project, render: Render) -> None:
    with pytest.raises(UsageError, match=r"reel\.vidcolor\.json: shots 1, 3-4 are not consecutive"):
        render(0, 2, 3)
    assert render(*range(4)).target.name == "reel.color.mkv", "all shots are the film"


def test_unfinished_excerpt_is_not_resumed_as_the_film(
    project: Project, render: Render, tmp_path: Path, flat: Colorizer
) -> None:
    project.shots[0].hints.add("50%", "50%", "red")
    project.shots[3].hints.add("50%", "50%", "blue")
    expected = render(target=tmp_path / "b.mkv").target.read_bytes()
    shutil.rmtree(cache_path(project.path))

    def interrupt(progress: object) -> None:
        if getattr(progress, "stage", "") == "join":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        project.render(
            tmp_path / "a.mkv", shots=project.shots[:2], colorizer=flat, progress=interrupt
        )
    shutil.rmtree(cache_path(project.path))
    result = render(target=tmp_path / "a.mkv")
    assert (result.num_frames, result.target.read_bytes()) == (NUM_FRAMES, expected)


def test_images_of_an_excerpt_have_the_numbers_of_the_film(
    project: Project, render: Render, tmp_path: Path
) -> None:
    render(2, target=tmp_path / "out_%03d.png")
    # The images of a film are numbered from 1.
    names = sorted(path.name for path in tmp_path.glob("out_*.png"))
    assert names == [f"out_{number:03d}.png" for number in range(CUT + 1, 19)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("suffix", "options"),
    [(".mov", ("-c:v", "ffv1", "-c:a", "pcm_s16le")), (".mp4", ("-c:a", "aac"))],
    ids=["pcm", "aac"],
)
def test_sound_of_an_excerpt_is_that_of_its_shots(
    suffix: str, options: tuple[str, ...], tmp_path: Path, flat: Colorizer
) -> None:
    film = make_sync_film(tmp_path / f"reel{suffix}", *options, duration_s=3.6)
    project = Project.new(film)
    for _ in range(len(project.shots) - 1):
        project.shots[0].merge()
    project.shots[0].split(33)
    project.shots[1].split(66)
    for indices, expected in (([0], 1.0), ([1], 2.0 - 33 / 25), ([2], 3.0 - 66 / 25)):
        shots = [project.shots[index] for index in indices]
        result = project.render(run=ColorizeOptions(force=True), shots=shots, colorizer=flat)
        flashes, beeps = find_onsets(result.target)
        assert flashes == pytest.approx([expected], abs=0.001)
        assert beeps == pytest.approx([expected], abs=0.011)
        with av.open(str(result.target)) as opened:
            assert opened.duration is not None
            length = result.num_frames / 25
            assert opened.duration / 1e6 == pytest.approx(length, abs=0.05)
