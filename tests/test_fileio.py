"""Atomic output, and checks that protect existing files."""

import errno
import os
from pathlib import Path

import pytest

from vidcolor.errors import InputError, OutputError, UsageError
from vidcolor.fileio import (
    atomic_output,
    check_source,
    check_target,
    join_path,
    read_text,
)
from vidcolor.generators.store.weights import read_weights_file
from vidcolor.options import ColorizeOptions


def test_target_appears_only_when_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "film.mp4"
    with atomic_output(target) as partial:
        partial.write_bytes(b"half")
        assert not target.exists()
        assert partial.parent == tmp_path
    assert target.read_bytes() == b"half"
    assert [p.name for p in tmp_path.iterdir()] == ["film.mp4"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, MemoryError])
def test_failure_keeps_the_previous_file(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "film.mp4"
    target.write_bytes(b"earlier")
    with pytest.raises(error), atomic_output(target) as partial:
        partial.write_bytes(b"half")
        raise error
    assert target.read_bytes() == b"earlier"
    assert len(list(tmp_path.iterdir())) == 1


def test_full_disk_is_reported_in_one_line(tmp_path: Path) -> None:
    reported = pytest.raises(OutputError, match=r"film\.mp4: the disk is full")
    with reported, atomic_output(tmp_path / "film.mp4") as partial:
        partial.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert not list(tmp_path.iterdir())


def test_temporary_files_of_dead_processes_are_removed(tmp_path: Path) -> None:
    stale = tmp_path / ".film.mp4.vidcolor999999999.partial"
    active = tmp_path / ".film.mp4.vidcolor1.partial"  # process 1 always runs
    foreign = tmp_path / ".film.mp4.999999999.partial"  # of another program
    for path in (stale, active, foreign):
        path.touch()
    with atomic_output(tmp_path / "film.mp4") as partial:
        partial.touch()
    assert not stale.exists()
    assert active.exists()
    assert foreign.exists()


def test_target_that_another_process_creates_is_not_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "film.mp4"
    with (
        pytest.raises(OutputError, match="was created by another process"),
        atomic_output(target, force=False) as partial,
    ):
        partial.write_bytes(b"new")
        target.write_bytes(b"existing")
    assert target.read_bytes() == b"existing"
    assert len(list(tmp_path.iterdir())) == 1
    with atomic_output(tmp_path / "other.mp4", force=False) as partial:
        partial.write_bytes(b"new")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["film.mp4", "other.mp4"]


@pytest.mark.parametrize("link", ["symlink_to", "hardlink_to", None])
def test_source_is_not_overwritten_through_a_link(tmp_path: Path, link: str | None) -> None:
    source = tmp_path / "film.mp4"
    source.write_bytes(b"source")
    target = source
    if link:
        target = tmp_path / "alias.mp4"
        getattr(target, link)(source)
    with pytest.raises(UsageError, match="is the source itself"):
        check_target(target, [source], force=True)


def test_existing_target_needs_force(tmp_path: Path) -> None:
    target = tmp_path / "film.mp4"
    target.touch()
    with pytest.raises(UsageError, match="--force"):
        check_target(target, [], force=False)
    check_target(target, [], force=True)
    with pytest.raises(UsageError, match="is a directory"):
        check_target(tmp_path, [], force=True)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("k" * 252 + ".mp4", "the name is too long for this file system; choose a shorter"),
        ("file/a.mp4", "file: is a file and no directory"),
        ("file/b/a.mp4", "file: is a file and no directory"),
    ],
)
def test_name_that_cannot_be_created_is_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=message):
        check_target(tmp_path / name, [], force=True)


def test_long_and_undecodable_names_are_supported(tmp_path: Path) -> None:
    for name in ("ü" * 120 + ".mp4", "x" * 251 + ".mp4", "b\udcff.mp4"):
        with atomic_output(tmp_path / name) as partial:
            partial.touch()
        assert (tmp_path / name).exists()
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize(
    "url", ["https://example.org/a.mp4", "RTSP://camera/1", "s3://bucket/reel.mov"]
)
def test_url_is_refused_with_the_remedy(url: str) -> None:
    with pytest.raises(InputError, match="vidcolor reads files; download it first") as error:
        check_source(Path(url))
    assert str(error.value).startswith(url)


def test_url_is_refused_wherever_a_path_is_taken(tmp_path: Path) -> None:
    url = "https://example.org/a.mp4"
    for read in (
        check_source,
        lambda path: read_text(path, "a hint file"),
        lambda path: join_path(tmp_path, str(path)),
    ):
        with pytest.raises(InputError, match=f"{url}: vidcolor reads files"):
            read(Path(url))
    with pytest.raises(UsageError, match=f"{url}: vidcolor writes files; name a path"):
        check_target(Path(url), [], force=True)
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match=r"/b\.mp4: is a URL; name the file by its path"):
        check_source(Path("file:///a/b.mp4"))
    with pytest.raises(InputError, match=f"{url}: vidcolor reads files"):
        check_source(Path(url).absolute())


@pytest.mark.parametrize("name", ["-", "pipe:0", "pipe:", "fd:3"])
def test_standard_input_and_output_are_refused(name: str, tmp_path: Path, monkeypatch) -> None:
    with pytest.raises(InputError, match=f"{name}: vidcolor reads files.* write standard input to"):
        check_source(Path(name))
    with pytest.raises(UsageError, match=f"{name}: vidcolor writes files, not standard output"):
        check_target(Path(name), [], force=True)
    monkeypatch.chdir(tmp_path)
    Path(name).touch()
    check_source(Path(name))


def test_name_that_resembles_a_url_is_a_file(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("take:").mkdir()
    Path("take:/a.mp4").touch()
    check_source(Path("take:/a.mp4"))


def test_devices_and_pipes_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "link.target")
    (tmp_path / "link").symlink_to("link.target")
    for path in (Path("/dev/zero"), tmp_path / "link.target", tmp_path / "link"):
        with pytest.raises(InputError, match="is a pipe, device or socket"):
            check_source(path)
        with pytest.raises(InputError, match="is a pipe, device or socket"):
            read_text(path, "a hint file")
        with pytest.raises(InputError, match="is a pipe, device or socket"):
            ColorizeOptions(shots=path).fingerprint_values()
        with pytest.raises(InputError, match="is a pipe, device or socket"):
            read_weights_file(path)
        with pytest.raises(UsageError, match="is a pipe, device or socket"):
            check_target(path, [], force=True)


def test_text_is_read_from_a_pipe_of_the_shell() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"[]")
    os.close(writer)
    assert read_text(Path(f"/dev/fd/{reader}"), "a job list") == "[]"
    os.close(reader)


def test_folder_without_permission_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "exists", refuse)
    with pytest.raises(InputError, match=r"film\.mkv: cannot be read \(Permission denied\)"):
        check_source(tmp_path / "film.mkv")
