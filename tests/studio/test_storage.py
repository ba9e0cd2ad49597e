"""Disks and databases that fail: each request is answered with one line, and the server goes on."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.studio_photos import encode, make_scene
from vidcolor import cli
from vidcolor.errors import OutputError
from vidcolor.studio import events
from vidcolor.studio.database import SCHEMA_VERSION, Database
from vidcolor.studio.jobs.context import JobContext
from vidcolor.studio.photos.jobs import run_photo
from vidcolor.studio.storage import convert_failure, delete_tree, is_failure

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.studio_server import StudioApp
    from vidcolor.colorizer import Colorizer
    from vidcolor.progress import Progress


def fail(statement: str, setup: str = "") -> sqlite3.Error:
    """Return the exception of a statement."""
    connection = sqlite3.connect(":memory:")
    connection.executescript(setup)
    with pytest.raises(sqlite3.Error) as caught:
        connection.execute(statement)
    connection.close()
    return caught.value


FULL = fail("CREATE TABLE a AS SELECT randomblob(1000000)", "PRAGMA max_page_count = 2")


def make_locked_error(path: Path) -> sqlite3.Error:
    with sqlite3.connect(path) as holder, sqlite3.connect(path, timeout=0) as other:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError) as caught:
            other.execute("BEGIN IMMEDIATE")
    return caught.value


def test_failures_differ_from_faults_of_the_program(tmp_path: Path) -> None:
    cases: list[tuple[Exception, int, str]] = [
        (OSError(errno.ENOSPC, "No space left on device"), 507, "the disk of the server is full"),
        (OSError(errno.EACCES, "Permission denied", "/x"), 507, "(Permission denied)"),
        (FULL, 507, "the disk of the server is full"),
        (make_locked_error(tmp_path / "a.db"), 503, "busy"),
    ]
    for error, status, text in cases:
        assert is_failure(error)
        answer = convert_failure(error)
        assert (answer.status, text in str(answer)) == (status, True)
        assert "/x" not in str(answer)
    constraint = fail(
        "INSERT INTO a VALUES (1)", "CREATE TABLE a (b UNIQUE); INSERT INTO a VALUES (1)"
    )
    assert not is_failure(constraint)
    assert not is_failure(KeyError("a"))


@pytest.mark.parametrize(("error", "status"), [(FULL, 507), (KeyError("secret"), 500)])
def test_request_during_a_failure_is_answered_with_one_line(
    studio_app: StudioApp, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    def refuse(database: Database) -> Any:
        raise error

    monkeypatch.setattr(Database, "transaction", refuse)
    answer = studio_app.post("/api/links")
    assert answer.status_code == status
    assert answer.json()["error"].count("\n") == 0
    assert studio_app.get("/api/photos").json() == []
    monkeypatch.undo()
    assert studio_app.post("/api/links").status_code == 201


def test_session_on_a_disk_that_fails_is_answered_with_one_line(
    studio_app: StudioApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard reads the database before any endpoint."""

    def refuse(token: str) -> str:
        raise FULL

    monkeypatch.setattr(studio_app.services.sessions, "find_client", refuse)
    answer = studio_app.get("/api/info")
    assert (answer.status_code, answer.json()["code"]) == (507, "quota")


def test_photos_can_be_deleted_from_a_full_disk(
    studio_app: StudioApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = studio_app.upload("mill.png", encode(make_scene())).json()["id"]
    (directory,) = studio_app.settings.uploads_dir.iterdir()
    transaction = Database.transaction

    def need_space(database: Database) -> Any:
        if directory.exists():
            raise FULL
        return transaction(database)

    monkeypatch.setattr(Database, "transaction", need_space)
    assert studio_app.post("/api/links").status_code == 507
    assert studio_app.request("DELETE", f"/api/photos/{photo}").status_code == 204
    assert studio_app.get("/api/photos").json() == []


def test_job_of_a_deleted_photo_leaves_no_file(studio_app: StudioApp, flat: Colorizer) -> None:
    services = studio_app.services
    photo = studio_app.upload("mill.png", encode(make_scene())).json()["id"]
    job = services.jobs.store.claim("worker", 1)
    assert job is not None

    class Context(JobContext):
        def report(self, progress: Progress) -> None:
            if progress.done == 0:
                services.photos.delete(photo, "meanwhile")

    with pytest.raises(Exception, match="no such"):
        run_photo(
            Context(studio_app.settings, services.database, services.events, lambda: flat), job
        )
    assert list((studio_app.settings.data_dir / "photos").iterdir()) == []
    # The failure is due to the deletion, so it is not reported.
    assert services.jobs.store.finish(job.id, "worker", "failed", error="x") == "canceled"


def test_directory_is_deleted_while_files_are_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "upload"
    (directory / "segments").mkdir(parents=True)
    rmdir = os.rmdir

    def add_file(path: Any, **options: Any) -> None:
        if directory.exists():
            (directory / "late").touch()
        rmdir(path, **options)

    monkeypatch.setattr(os, "rmdir", add_file)
    delete_tree(directory)
    assert list(tmp_path.iterdir()) == []
    delete_tree(directory)  # it does not exist


def test_events_go_on_after_a_failure(
    studio_app: StudioApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = studio_app.services.events
    read, failures = log._read, [FULL]

    def read_or_fail(after: int, limit: int) -> list[events.Event]:
        if failures:
            raise failures.pop()
        return read(after, limit)

    monkeypatch.setattr(events, "FAILURE_PAUSE_S", 0.0)
    monkeypatch.setattr(log, "_read", read_or_fail)
    log.start()

    async def listen() -> str:
        with log.subscribe(lambda event: True) as subscription:
            log.publish("photo", {"id": "a"})
            event = await subscription.next(10)
            assert event is not None
            return str(event.data["id"])

    assert studio_app.run(listen()) == "a"
    assert failures == []
    asyncio.run(log.close())


@pytest.mark.parametrize("case", ["text", "directory", "newer"])
def test_database_that_cannot_be_used_is_one_line(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "studio.db"
    if case == "text":
        path.write_text("not a database " * 100)
    elif case == "directory":
        path.mkdir()
    else:
        with sqlite3.connect(path) as connection:
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    code = cli.run(["studio", "--no-browser", "--port", "0", "--data", str(tmp_path)])
    text = capsys.readouterr().err
    assert (code, text.count("\n")) == (1, 1)
    assert str(path) in text
    assert ("newer version" if case == "newer" else "cannot be used as the database") in text
    with pytest.raises(OutputError):
        Database(path)
