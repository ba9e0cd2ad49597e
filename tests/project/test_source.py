"""The source of a project: its identity, moved and renamed films, and relinking."""

from __future__ import annotations

import shutil
from pathlib import Path

import av
import pytest

from tests.helpers.projects import CUT, NUM_FRAMES, write_film
from vidcolor.errors import InputError, OutputError, UsageError
from vidcolor.options import ColorizeOptions
from vidcolor.project.api import Project
from vidcolor.project.store import cache_path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a film and its project, which has a hint."""
    folder = tmp_path_factory.mktemp("made")
    project = Project.new(write_film(folder / "reel.mkv"), by="anna")
    project.shots[1].hints.add("50%", "50%", "red", evidence="letter")
    project.save()
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of `made`."""
    shutil.copytree(made, tmp_path / "reels")
    return tmp_path / "reels"


def open_project(folder: Path) -> Project:
    return Project.open(folder / "reel.vidcolor.json")


def rewrap(source: Path, target: Path) -> Path:
    """Copy the packets of a film into another container."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
    return target


def test_new_project_has_the_shots_and_the_frame_size(made: Path) -> None:
    project = open_project(made)
    assert [(shot.number, shot.first, shot.end) for shot in project.shots] == [
        (1, 0, CUT),
        (2, CUT, NUM_FRAMES),
    ]
    source = project.document.source
    assert (source.name, source.path, source.num_frames) == ("reel.mkv", "reel.mkv", NUM_FRAMES)
    assert project.hints and source.rate == "25"


def test_project_is_not_overwritten(folder: Path) -> None:
    with pytest.raises(UsageError, match="already exists"):
        Project.new(folder / "reel.mkv")
    with pytest.raises(UsageError, match=r"must be named NAME\.vidcolor\.json"):
        Project.new(folder / "reel.mkv", folder / "reel.json")
    replaced = Project.new(folder / "reel.mkv", force=True)
    assert (replaced.revision, len(replaced.hints)) == (1, 0)


def test_missing_source_and_photo_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        Project.new(tmp_path / "missing.mkv")
    photo = Path(__file__).parents[2] / "samples" / "photo.jpg"
    with pytest.raises(InputError, match="a photo has no shots"):
        Project.new(photo, tmp_path / "p.vidcolor.json")
    assert not list(tmp_path.iterdir())


def test_film_is_found_where_the_project_was_moved_to(folder: Path, tmp_path: Path) -> None:
    moved = tmp_path / "other" / "drive"
    moved.parent.mkdir()
    folder.rename(moved)
    assert open_project(moved).find_source() == moved / "reel.mkv"
    (moved / "reel.mkv").rename(moved / "renamed.mkv")
    assert open_project(moved).find_source() == moved / "renamed.mkv"


def test_film_in_another_folder_is_found_after_both_moved(tmp_path: Path) -> None:
    (tmp_path / "a" / "film").mkdir(parents=True)
    (tmp_path / "a" / "work").mkdir()
    film = write_film(tmp_path / "a" / "film" / "reel.mkv")
    Project.new(film, tmp_path / "a" / "work" / "reel.vidcolor.json")
    (tmp_path / "a").rename(tmp_path / "b")
    project = open_project(tmp_path / "b" / "work")
    assert project.find_source() == tmp_path / "b" / "film" / "reel.mkv"


def test_other_film_of_the_same_name_is_never_used(folder: Path) -> None:
    (folder / "reel.mkv").unlink()
    with pytest.raises(InputError, match=r"its source reel.mkv is missing .* relink"):
        open_project(folder).find_source()
    write_film(folder / "reel.mkv", seed=5)
    with pytest.raises(InputError, match=r"has other content .*vidcolor project relink"):
        open_project(folder).find_source()
    project = open_project(folder)
    with pytest.raises(InputError, match=r"as many frames .* but other pictures"):
        project.relink(folder / "reel.mkv")
    assert not project.has_unsaved_changes


def test_change_of_one_byte_is_noticed(folder: Path) -> None:
    data = bytearray((folder / "reel.mkv").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "reel.mkv").write_bytes(data)
    with pytest.raises(InputError, match="has other content"):
        open_project(folder).find_source()


def test_missing_source_does_not_prevent_decisions(folder: Path) -> None:
    (folder / "reel.mkv").unlink()
    with open_project(folder) as project:
        project.shots[0].hints.add(3, 4, "blue", frame=2)
    assert [hint.color for hint in open_project(folder).hints] == ["blue", "red"]
    assert open_project(folder).document.source.path == "reel.mkv"


def test_relink_accepts_the_same_frames_in_another_container(folder: Path, tmp_path: Path) -> None:
    other = rewrap(folder / "reel.mkv", tmp_path / "copy.mp4")
    (folder / "reel.mkv").unlink()
    with open_project(folder) as project:
        project.shots[0].approve()
        project.relink(other)
        assert project.shots[0].state == "approved"
    project = open_project(folder)
    assert project.find_source() == Path(folder / ".." / "copy.mp4").resolve()
    assert project.document.source.path == "../copy.mp4"
    assert project.analyze().num_frames == NUM_FRAMES
    project.undo()
    assert project.document.source.path == "reel.mkv"


def test_cache_can_be_deleted_at_any_time(folder: Path) -> None:
    project = open_project(folder)
    first = project.analyze()
    assert cache_path(project.path).is_dir()
    project.clean()
    assert not cache_path(project.path).exists()
    assert project.analyze() == first
    (cache_path(project.path) / "analysis.json").write_text("{}")
    assert project.analyze() == first


def test_analysis_has_the_corrected_shots(folder: Path) -> None:
    project = open_project(folder)
    project.shots[0].split(5)
    assert [shot.first for shot in project.analyze().shots] == [0, 5, CUT]
    project.detect_shots()
    assert [shot.first for shot in project.shots] == [0, 5, CUT]


def test_frame_options_are_fixed(folder: Path) -> None:
    project = open_project(folder)
    with pytest.raises(UsageError, match="start is fixed"):
        project.set(start="0.2")
    text = project.path.read_text()
    project.path.write_text(text.replace('"options": {}', '"options": {"start": "1/5"}'))
    with pytest.raises(UsageError, match="options: start is fixed"):
        open_project(folder)


def test_trimmed_film_and_numbered_images_are_supported(folder: Path) -> None:
    trimmed = Project.new(
        folder / "reel.mkv",
        folder / "b.vidcolor.json",
        ColorizeOptions(start="0.2", vividness=0.3, device="cpu"),
    )
    assert trimmed.document.source.num_frames == NUM_FRAMES - 5
    assert trimmed.document.options == {"start": "1/5", "vividness": 0.3}
    samples = Path(__file__).parents[2] / "samples" / "scan"
    scan = folder / "scan"
    scan.mkdir()
    for path in sorted(samples.iterdir())[:3]:
        shutil.copy(path, scan)
    project = Project.new(scan, options=ColorizeOptions(fps=18))
    assert project.path == folder / "scan.vidcolor.json"
    assert (project.document.source.kind, project.document.source.num_frames) == ("sequence", 3)
    assert project.find_source() == scan


def test_unwritable_folder_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vidcolor.project.store.os.access", lambda *_: False)
    project = open_project(folder)
    project.shots[0].write_note("x")
    with pytest.raises(OutputError, match=r"reels is read-only"):
        project.save()
