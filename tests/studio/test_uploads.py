"""Uploads: in parts, resumable, checked, limited, and invisible until they are complete."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import threading
from typing import TYPE_CHECKING

import pytest

from tests.helpers.studio_server import ROOT, StudioApp
from vidcolor.studio import uploads
from vidcolor.studio.content import detect_content
from vidcolor.studio.names import clean_name
from vidcolor.studio.settings import MIB, StudioSettings

if TYPE_CHECKING:
    from pathlib import Path

PHOTO = (ROOT / "samples" / "photo.jpg").read_bytes()
FILM = (ROOT / "samples" / "reel.mkv").read_bytes()
DIGEST = hashlib.sha256(PHOTO).hexdigest()


def begin(app: StudioApp, data: bytes = PHOTO, **fields: object) -> str:
    body = {"name": "photo.jpg", "size": len(data), **fields}
    return f"/api/uploads/{app.post('/api/uploads', json=body).json()['id']}"


def send(app: StudioApp, url: str, offset: int, data: bytes):
    return app.request("PATCH", url, content=data, headers={"Upload-Offset": str(offset)})


def list_directories(app: StudioApp) -> set[str]:
    return {path.name for path in app.settings.uploads_dir.iterdir()}


def list_audit(app: StudioApp) -> list[tuple[str, str]]:
    lines = app.get("/api/audit").json()["lines"]
    return [(line["event"], line["detail"]) for line in lines]


def test_the_audit_log_shows_a_session_its_own_uploads(studio_app: StudioApp) -> None:
    token = {"Authorization": f"Bearer {studio_app.token}", "Cookie": ""}
    body = {"name": "secret.jpg", "size": len(PHOTO)}
    other = studio_app.post("/api/uploads", json=body, headers=token).json()["id"]
    url = f"/api/uploads/{other}"
    assert studio_app.request("DELETE", url, headers=token).status_code == 204
    own = begin(studio_app)
    studio_app.request("DELETE", own)
    shown = studio_app.get("/api/audit").json()["lines"]
    assert [line["subject"] for line in shown] == [own.rpartition("/")[2]]
    everything = studio_app.get("/api/audit", headers=token).json()["lines"]
    assert {line["event"] for line in everything} == {"session-opened", "upload-deleted"}
    assert other in {line["subject"] for line in everything}


def test_upload_in_parts_becomes_a_photo(studio_app: StudioApp) -> None:
    url = begin(studio_app, sha256=DIGEST)
    half = len(PHOTO) // 2
    assert send(studio_app, url, 0, PHOTO[:half]).json()["received"] == half
    assert studio_app.get(url).json() == {
        "id": url.rpartition("/")[2],
        "received": half,
        "size": len(PHOTO),
    }
    assert studio_app.services.database.connection.execute("SELECT * FROM photos").fetchall() == []
    done = send(studio_app, url, half, PHOTO[half:]).json()
    assert done["kind"] == "photo"
    row = studio_app.services.database.connection.execute("SELECT * FROM photos").fetchone()
    assert row["id"] == done["id"]
    assert (row["name"], row["is_upload"], row["sha256"]) == ("photo.jpg", 1, DIGEST)
    assert (
        studio_app.settings.uploads_dir / url.rpartition("/")[2] / "source.jpg"
    ).read_bytes() == PHOTO
    # A client that did not receive the answer asks again.
    assert studio_app.get(url).json()["kind"] == "photo"
    assert send(studio_app, url, half, PHOTO[half:]).json()["id"] == done["id"]


def test_film_is_recognized_by_its_content(studio_app: StudioApp) -> None:
    done = studio_app.upload("photo.jpg", FILM).json()
    assert done["kind"] == "film"


def test_same_file_is_not_sent_again(studio_app: StudioApp) -> None:
    done = studio_app.upload("photo.jpg", PHOTO, sha256=DIGEST).json()
    body = {"name": "copy.jpg", "size": len(PHOTO), "sha256": DIGEST.upper()}
    again = studio_app.post("/api/uploads", json=body)
    assert again.status_code == 200
    assert again.json() == {"duplicate": {"kind": "photo", "id": done["id"]}}


def test_interrupted_upload_is_found_by_its_hash(studio_app: StudioApp) -> None:
    url = begin(studio_app, sha256=DIGEST)
    send(studio_app, url, 0, PHOTO[:1000])
    body = {"name": "photo.jpg", "size": len(PHOTO), "sha256": DIGEST}
    again = studio_app.post("/api/uploads", json=body)
    assert again.status_code == 200
    assert again.json()["received"] == 1000
    assert url.endswith(again.json()["id"])


def test_part_at_a_wrong_position_is_refused(studio_app: StudioApp) -> None:
    url = begin(studio_app)
    send(studio_app, url, 0, PHOTO[:1000])
    for offset in (0, 500, 1001):
        response = send(studio_app, url, offset, b"x")
        assert response.status_code == 409
        assert response.json()["current"]["received"] == 1000


def test_damaged_upload_is_refused_and_deleted(studio_app: StudioApp) -> None:
    url = begin(studio_app, sha256="0" * 64)
    response = send(studio_app, url, 0, PHOTO)
    assert response.status_code == 400
    assert "differ" in response.json()["error"]
    assert studio_app.get(url).status_code == 404
    assert list_directories(studio_app) == set()
    assert ("upload-deleted", "refused (bad-request)") in list_audit(studio_app)


def test_canceled_upload_is_deleted(studio_app: StudioApp) -> None:
    url = begin(studio_app)
    send(studio_app, url, 0, PHOTO[:10])
    assert studio_app.request("DELETE", url).status_code == 204
    assert list_directories(studio_app) == set()
    assert list_audit(studio_app) == [("upload-deleted", "canceled")]


def test_a_cancellation_waits_for_the_part_that_is_being_written(studio_app: StudioApp) -> None:
    """A page that gives up closes the request with a part, and cancels the upload at once."""
    url = begin(studio_app)
    service = studio_app.services.uploads
    with contextlib.ExitStack() as writing:
        writing.enter_context(service._reserved(url.rpartition("/")[2]))
        timer = threading.Timer(0.1, writing.pop_all().close)
        timer.start()
        assert studio_app.request("DELETE", url).status_code == 204
        timer.join()
    assert list_directories(studio_app) == set()


def test_limits_of_number_and_size(tmp_path: Path) -> None:
    app = StudioApp(
        StudioSettings(data_dir=tmp_path, max_uploads=2, max_photo_bytes=1000, max_film_bytes=9000)
    )
    assert app.post("/api/uploads", json={"name": "a", "size": 9001}).status_code == 413
    body = {"name": "a", "size": 1001, "kind": "photo"}
    assert app.post("/api/uploads", json=body).status_code == 413
    first, _second = begin(app, b"x"), begin(app, b"x")
    third = app.post("/api/uploads", json={"name": "a", "size": 10})
    assert third.status_code == 429
    assert "2 files" in third.json()["error"]
    app.request("DELETE", first)
    assert app.post("/api/uploads", json={"name": "a", "size": 10}).status_code == 201
    app.close()


def test_photo_that_was_announced_as_film_is_refused_by_its_size(tmp_path: Path) -> None:
    app = StudioApp(StudioSettings(data_dir=tmp_path, max_photo_bytes=1000))
    response = app.upload("film.mp4", PHOTO, kind="film")
    assert response.status_code == 413
    assert list_directories(app) == set()
    app.close()


def test_quota_of_the_disk(tmp_path: Path) -> None:
    app = StudioApp(StudioSettings(data_dir=tmp_path, max_disk_bytes=2 * MIB))
    assert app.post("/api/uploads", json={"name": "a", "size": MIB}).status_code == 201
    # The first upload has not arrived yet, but its room is reserved.
    response = app.post("/api/uploads", json={"name": "a", "size": MIB})
    assert response.status_code == 507
    assert response.json()["code"] == "quota"
    app.close()


def test_free_space_of_the_disk_is_kept(tmp_path: Path) -> None:
    app = StudioApp(StudioSettings(data_dir=tmp_path, min_free_bytes=1 << 60))
    assert app.post("/api/uploads", json={"name": "a", "size": 1}).status_code == 507
    assert app.get("/readyz").json()["problems"] == ["the disk is full"]
    app.close()


def test_full_disk_while_a_part_is_written(
    studio_app: StudioApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = begin(studio_app)
    real_open = os.open

    def fail(path: object, *args: object, **kwargs: object) -> int:
        if str(path).endswith("partial"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real_open(path, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(uploads.os, "open", fail)
        response = send(studio_app, url, 0, PHOTO)
    assert response.status_code == 507
    assert "full" in response.json()["error"]
    assert studio_app.get(url).json()["received"] == 0
    assert send(studio_app, url, 0, PHOTO).json()["kind"] == "photo"


def test_crash_before_the_photo_is_recorded(studio_app: StudioApp) -> None:
    """A server that is killed after the last byte finishes the upload when it starts again."""
    url = begin(studio_app, sha256=DIGEST)
    service = studio_app.services.uploads
    upload_id = url.rpartition("/")[2]
    with service._reserved(upload_id):
        service._write(upload_id, 0, PHOTO)
    connection = studio_app.services.database.connection
    connection.execute("UPDATE uploads SET received = size")
    directory = studio_app.settings.uploads_dir / upload_id
    (directory / "partial").rename(directory / "source.jpg")
    service._hashers.clear()
    service.finish_complete()
    row = connection.execute("SELECT * FROM photos").fetchone()
    assert (row["sha256"], row["path"]) == (DIGEST, str(directory / "source.jpg"))
    assert studio_app.get(url).json()["id"] == row["id"]
    # Killed once more, between the photo and the row of the upload.
    connection.execute("UPDATE uploads SET item = NULL")
    service.finish_complete()
    assert connection.execute("SELECT COUNT(*) FROM photos").fetchone()[0] == 1
    assert studio_app.get(url).json()["id"] == row["id"]


def test_complete_film_waits_for_room_in_the_queue(tmp_path: Path) -> None:
    app = StudioApp(StudioSettings(data_dir=tmp_path, max_queue=1))
    job = app.services.jobs.submit("render", "other", {}, "other")
    url = begin(app, FILM)
    refused = send(app, url, 0, FILM)
    assert refused.status_code == 503
    assert refused.json()["code"] == "queue-full"
    app.services.jobs.cancel(job.id)
    done = send(app, url, 0, FILM)  # the client repeats the last part
    assert done.json()["kind"] == "film"
    app.close()


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("mill.jpg", "mill.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\mill.jpg", "mill.jpg"),
        ("a\x00b\nc.jpg", "abc.jpg"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("\ud800.jpg", "jpg"),
        ("...", "unnamed"),
        ("/", "unnamed"),
        ("", "unnamed"),
        ("a" * 300 + ".jpeg", "a" * 195 + ".jpeg"),
        ("--output=x.jpg", "--output=x.jpg"),
        ("Mu\u0308hle.jpg", "Mühle.jpg"),
        ("<script>alert(1)<", "<script>alert(1)<"),
    ],
)
def test_names_are_cleaned(name: str, cleaned: str) -> None:
    assert clean_name(name) == cleaned


@pytest.mark.parametrize(
    ("data", "kind", "suffix"),
    [
        (b"\xff\xd8\xff\xe0" + bytes(100), "photo", ".jpg"),
        (b"II*\x00" + bytes(100), "photo", ".tif"),
        (b"SDPX" + bytes(100), "photo", ".dpx"),
        (b"\x00\x00\x00\x18ftypmp42" + bytes(100), "film", ".mp4"),
        (b"\x00\x00\x00\x14ftypqt  " + bytes(100), "film", ".mov"),
        (b"\x00\x00\x00\x20ftypavif" + bytes(100), "photo", ".avif"),
        (b"RIFF\x00\x00\x00\x00AVI LIST" + bytes(100), "film", ".avi"),
        (b"\x00\x00\x01\xba" + bytes(100), "film", ".mpg"),
        ((b"\x47" + bytes(187)) * 4, "film", ".ts"),
        (b"\x06\x0e\x2b\x34\x02\x05\x01\x01" + bytes(100), "film", ".mxf"),
    ],
)
def test_content_decides_the_kind(data: bytes, kind: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / "partial"
    path.write_bytes(data)
    content = detect_content(path)
    assert (content.kind, content.suffix) == (kind, suffix)


def test_samples_have_the_kind_that_colorize_finds() -> None:
    from vidcolor.media.extensions import is_photo

    for path in sorted((ROOT / "samples").iterdir()):
        if path.suffix in (".jpg", ".png", ".tif", ".mkv", ".mov", ".mp4"):
            content = detect_content(path)
            assert (content.kind == "photo") == is_photo(path)


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp", ".avif"])
@pytest.mark.parametrize("num_frames", [1, 3])
def test_images_with_several_frames_are_films(suffix: str, num_frames: int, tmp_path: Path) -> None:
    from PIL import Image

    frames = [Image.new("RGB", (64, 48), (40 * n, 90, 60)) for n in range(num_frames)]
    path = tmp_path / f"image{suffix}"
    if num_frames == 1:
        frames[0].save(path)
    else:
        frames[0].save(path, save_all=True, append_images=frames[1:], duration=100)
    content = detect_content(path)
    assert content.kind == ("photo" if num_frames == 1 else "film")
    assert content.suffix == (".apng" if (suffix, content.kind) == (".png", "film") else suffix)


@pytest.mark.parametrize("length", [0, 6, 10, 13, 14, 20, 24, 30])
def test_damaged_animations_are_no_error(length: int, tmp_path: Path) -> None:
    from vidcolor.studio.animations import is_animation

    for head in (
        b"GIF89a" + b"\x40\x00\x30\x00\xf7\x00\x00" + b"\x2c\x21" * 20,
        b"\x89PNG\r\n\x1a\n\xff" * 4,
    ):
        path = tmp_path / "image"
        path.write_bytes(head[:length])
        name = "gif" if head.startswith(b"GIF") else "png"
        assert not is_animation(path, head[:length], name)
