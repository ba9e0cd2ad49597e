"""Uploads are deleted when they are no longer needed; files of the command line never are."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.helpers.studio_server import ROOT, StudioApp
from vidcolor.studio import audit
from vidcolor.studio.discovery import Source
from vidcolor.studio.library import register_sources

if TYPE_CHECKING:
    from pathlib import Path

PHOTO = (ROOT / "samples" / "photo.jpg").read_bytes()
FILM = (ROOT / "samples" / "reel.mkv").read_bytes()
HOUR = 3600.0


def finish_jobs(app: StudioApp) -> None:
    """End all jobs, because items with jobs that wait are not deleted."""
    app.services.database.connection.execute("UPDATE jobs SET state = 'done'")


def count_items(app: StudioApp) -> tuple[int, int, int]:
    connection = app.services.database.connection
    queries = ("photos", "films", "uploads WHERE item IS NULL")
    return tuple(
        connection.execute(f"SELECT COUNT(*) FROM {query}").fetchone()[0] for query in queries
    )


def list_files(app: StudioApp) -> list[Path]:
    return [path for path in app.settings.uploads_dir.rglob("*") if path.is_file()]


def test_uploads_are_deleted_after_the_last_visit(studio_app: StudioApp) -> None:
    studio_app.upload("photo.jpg", PHOTO)
    studio_app.upload("film.mkv", FILM)
    studio_app.post("/api/uploads", json={"name": "x.jpg", "size": 10})
    finish_jobs(studio_app)
    retention, now = studio_app.services.retention, time.time()
    assert retention.sweep(now + HOUR - 10) == 0
    assert count_items(studio_app) == (1, 1, 1)
    assert retention.sweep(now + HOUR + 10) == 3
    assert count_items(studio_app) == (0, 0, 0)
    assert list_files(studio_app) == []
    lines = audit.list_lines(studio_app.services.database)
    deleted = sorted((line["event"], line["detail"]) for line in lines if "delet" in line["event"])
    assert [event for event, _ in deleted] == ["film-deleted", "photo-deleted", "upload-deleted"]
    assert all("photo.jpg" not in str(line) for line in lines)


def test_downloaded_photos_are_deleted_soon(studio_app: StudioApp) -> None:
    studio_app.upload("photo.jpg", PHOTO)
    finish_jobs(studio_app)
    now = time.time()
    connection = studio_app.services.database.connection
    connection.execute("UPDATE photos SET downloaded = ?, visited = ?", (now, now + 60))
    assert studio_app.services.retention.sweep(now + 5 * 60 + 30) == 0
    assert studio_app.services.retention.sweep(now + 6 * 60 + 1) == 1
    assert list_files(studio_app) == []


def test_photos_with_jobs_that_wait_stay(studio_app: StudioApp) -> None:
    studio_app.upload("photo.jpg", PHOTO)
    photo = studio_app.services.database.connection.execute("SELECT id FROM photos").fetchone()[0]
    studio_app.services.jobs.submit("photo", photo, {}, studio_app.client_id)
    assert studio_app.services.retention.sweep(time.time() + 2 * HOUR) == 0
    finish_jobs(studio_app)
    assert studio_app.services.retention.sweep(time.time() + 2 * HOUR) == 1


def test_files_of_the_command_line_are_never_deleted(studio_app: StudioApp, tmp_path: Path) -> None:
    photo, film = tmp_path / "a.jpg", tmp_path / "b.mkv"
    photo.write_bytes(PHOTO)
    film.write_bytes(FILM)
    sources = [Source("photo", photo, len(PHOTO)), Source("film", film, len(FILM))]
    register_sources(studio_app.services, sources)
    register_sources(studio_app.services, sources)  # the next start with the same files
    finish_jobs(studio_app)
    assert count_items(studio_app) == (1, 1, 0)
    studio_app.services.retention.sweep(time.time() + 100 * HOUR)
    assert count_items(studio_app) == (1, 1, 0)
    assert photo.read_bytes() == PHOTO
    assert film.read_bytes() == FILM


def test_directories_without_a_row_are_deleted(studio_app: StudioApp) -> None:
    studio_app.upload("photo.jpg", PHOTO)
    orphan = studio_app.settings.uploads_dir / "orphan"
    orphan.mkdir()
    (orphan / "partial").write_bytes(b"x")
    studio_app.services.retention.sweep()
    assert not orphan.exists()
    assert len(list_files(studio_app)) == 1
    line = audit.list_lines(studio_app.services.database)[0]
    assert (line["event"], line["subject"], line["detail"]) == (
        "upload-deleted",
        "orphan",
        "orphan",
    )


def test_finished_uploads_are_forgotten_but_their_photos_stay(studio_app: StudioApp) -> None:
    upload = studio_app.upload("photo.jpg", PHOTO).json()
    connection = studio_app.services.database.connection
    connection.execute("UPDATE uploads SET visited = 0")
    studio_app.services.retention.sweep()
    assert connection.execute("SELECT COUNT(*) FROM uploads").fetchone()[0] == 0
    assert connection.execute("SELECT id FROM photos").fetchone()[0] == upload["id"]
    assert len(list_files(studio_app)) == 1


def test_audit_log_is_bounded(studio_app: StudioApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "MAX_LINES", 10)
    for number in range(30):
        audit.record(studio_app.services.database, "test", str(number))
    audit.remove_old_lines(studio_app.services.database)
    lines = audit.list_lines(studio_app.services.database)
    assert [line["subject"] for line in lines] == [str(n) for n in range(29, 19, -1)]


def test_a_clock_that_is_set_forward_deletes_nothing(
    studio_app: StudioApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = studio_app.upload("a.jpg", PHOTO).json()["id"]
    retention, present = studio_app.services.retention, time.time()
    finish_jobs(studio_app)
    assert retention.follow_clock() == 0
    monkeypatch.setattr(time, "time", lambda: present + 86_400)
    assert retention.follow_clock() == pytest.approx(86_400, abs=60)
    assert retention.sweep() == 0
    assert retention.follow_clock() == 0
    # It expires later, as any other photo.
    assert retention.sweep(present + 86_400 + 60 * studio_app.settings.keep_minutes + 60) == 1
    assert studio_app.get(f"/api/photos/{photo}").status_code == 404


def test_files_that_a_job_leaves_after_a_deletion_are_removed(studio_app: StudioApp) -> None:
    photo = studio_app.upload("a.jpg", PHOTO).json()["id"]
    kept, left = (studio_app.settings.data_dir / "photos" / name for name in (photo, "gone"))
    for directory in (kept, left):
        directory.mkdir(parents=True)
        (directory / "result-1.jpg").write_bytes(PHOTO)
    studio_app.services.retention.sweep()
    assert kept.is_dir() and not left.exists()
