"""Files of photos: what cannot be read, results, references, archives, deletion."""

from __future__ import annotations

import io
import stat
import time
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.helpers.flat import flat_colorizer
from tests.helpers.stills import XMP, make_exif
from tests.helpers.studio_photos import Photos, encode, make_scene
from vidcolor.media.stills import types as still_types
from vidcolor.media.stills.registry import read_still, read_still_xmp
from vidcolor.studio import audit
from vidcolor.studio.jobs.context import JobContext
from vidcolor.studio.photos.decisions import SetOptions
from vidcolor.studio.photos.files import make_unique
from vidcolor.studio.photos.jobs import run_photo
from vidcolor.studio.photos.rows import Revision


@pytest.fixture
def photos(studio_app):
    yield Photos(studio_app)
    still_types.limit_pixels(still_types.MAX_PIXELS)


def test_a_damaged_photo_has_one_line_that_says_so(photos):
    photo = photos.upload("mill.png", encode(make_scene())[:60])
    found = photos.get(photo).json()
    assert found["error"].startswith("mill.png: ") and found["width"] is None
    assert str(photos.app.settings.data_dir) not in found["error"]
    answer = photos.get(photo, "/image")
    assert answer.status_code == 422 and answer.json()["error"] == found["error"]
    (job,) = photos.run_jobs()
    assert job.state == "failed" and job.error == found["error"]
    assert photos.get(photo, "/result").status_code == 422


def test_too_many_pixels_are_refused_before_they_are_decoded(photos):
    bomb = encode(np.zeros((3000, 3000), np.uint8))
    still_types.limit_pixels(1_000_000)
    photo = photos.upload("bomb.png", bomb)
    assert "exceeds 1 million pixels" in photos.get(photo).json()["error"]


def test_a_photo_in_color_says_so(photos):
    ramp = np.linspace(0, 255, 90).astype(np.uint8)
    rgb = np.stack([np.tile(ramp, (60, 1)), np.tile(ramp[::-1], (60, 1)), make_scene()], axis=-1)
    photo = photos.upload("color.png", encode(rgb))
    found = photos.get(photo).json()
    assert found["is_color"] and "already in color" in found["notice"]
    gray = photos.get(photos.upload("gray.png", encode(make_scene()))).json()
    assert gray["is_color"] is False and gray["notice"] is None


def test_a_result_keeps_the_metadata_and_is_downloaded_under_a_clear_name(photos):
    exif, icc = make_exif(), ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = encode(make_scene(), "jpeg", exif=b"Exif\0\0" + exif, icc_profile=icc, xmp=XMP)
    photo = photos.upload("harbor.jpg", data)
    assert photos.get(photo, "/result").json()["code"] == "stale"
    (job,) = photos.run_jobs()
    assert job.state == "done", job.error
    answer = photos.get(photo, "/result")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == 'attachment; filename="harbor.color.jpg"'
    path = photos.app.settings.data_dir / "downloaded.jpg"
    path.write_bytes(answer.content)
    still = read_still(path)
    assert still.tint != "gray" and still.orientation == 6
    assert b"A. Photographer" in still.metadata.exif and still.metadata.icc == icc
    assert b"vidcolor" in read_still_xmp(path)
    shown = photos.get(photo).json()
    assert shown["result"] == {
        "revision": 0,
        "bytes": len(answer.content),
        "name": "harbor.color.jpg",
    }
    assert shown["expires"] <= time.time() + 60 * photos.app.settings.keep_downloaded_minutes
    # A change makes the result stale, and the photo stays.
    photos.change(photo, "set", saturation=0)
    assert photos.get(photo, "/result").json()["code"] == "stale"
    assert photos.get(photo).json()["expires"] > shown["expires"]
    photos.run_jobs()
    assert photos.get(photo, "/result").status_code == 200


def test_options_of_the_result_make_the_last_one_stale(photos):
    photo = photos.upload("mill.png", encode(make_scene()))
    photos.run_jobs()
    url = f"/api/photos/{photo}/render"
    assert photos.app.post(url, json={"format": "mp4"}).status_code == 400
    answer = photos.app.post(url, json={"format": "tif", "mark": True})
    assert answer.status_code == 202 and answer.json()["kind"] == "photo"
    assert photos.get(photo, "/result").json()["code"] == "stale"
    photos.run_jobs()
    answer = photos.get(photo, "/result")
    assert answer.content[:2] in (b"II", b"MM")
    with Image.open(io.BytesIO(answer.content)) as image:
        assert image.size == (90, 60)
    assert photos.get(photo).json()["result"]["name"] == "mill.color.tif"


def test_a_small_view_is_made_from_the_finished_result(photos):
    photo = photos.upload("mill.png", encode(make_scene(600, 900)))
    photos.run_jobs()
    result = photos.service.table.get(photo).result_path
    Image.new("RGB", (900, 600), (10, 200, 30)).save(result)
    assert photos.image(photo, w=300).mean(axis=(0, 1)) == pytest.approx((10, 200, 30), abs=3)
    assert photos.image(photo, w=800).mean(axis=(0, 1))[1] < 150
    result.unlink()
    assert photos.image(photo, w=300).shape == (200, 300, 3)


def test_a_reference_must_have_color_and_can_be_undone(photos):
    photo = photos.upload("mill.png", encode(make_scene()))
    url = f"/api/photos/{photo}/reference"
    gray = photos.app.request("PUT", url, params={"name": "x.png"}, content=encode(make_scene()))
    assert gray.status_code == 422 and "x.png: has no color" in gray.json()["error"]
    rgb = np.zeros((60, 90, 3), np.uint8)
    rgb[...] = np.array([200, 60, 30])
    color = photos.app.request("PUT", url, params={"name": "print.png"}, content=encode(rgb))
    assert color.json()["reference"] == {"name": "print.png"} and color.json()["revision"] == 1
    storage, settings = photos.service.pictures._storage, photos.app.settings
    storage._settings = settings.model_copy(update={"max_disk_bytes": 1})
    full = photos.app.request("PUT", url, params={"name": "print.png"}, content=encode(rgb))
    assert full.status_code == 507
    storage._settings = settings
    plain = photos.change(photo, "undo").json()
    assert plain["reference"] is None
    assert photos.change(photo, "redo").json()["reference"] == {"name": "print.png"}
    photos.run_jobs()
    assert photos.get(photo, "/result").status_code == 200
    removed = photos.app.request("DELETE", url, headers={"If-Match": "3"})
    assert removed.json()["reference"] is None


def test_a_reference_for_another_revision_is_refused_and_not_stored(photos, monkeypatch):
    photo = photos.upload("mill.png", encode(make_scene()))
    rgb = np.full((60, 90, 3), [200, 60, 30], np.uint8)

    def put(revision):
        return photos.app.request(
            "PUT", f"/api/photos/{photo}/reference", params={"name": "print.png"},
            headers={"If-Match": str(revision)}, content=encode(rgb),
        )  # fmt: skip

    assert put(7).status_code == 409
    receive = photos.service.pictures.receive_reference

    async def receive_slowly(row, name, body):
        change = SetOptions(do="set", saturation=0.5)  # of another person, who was faster
        photos.service.change(photo, row.viewer, None, change)
        return await receive(row, name, body)

    with monkeypatch.context() as patch:
        patch.setattr(photos.service.pictures, "receive_reference", receive_slowly)
        assert put(0).json()["current"]["revision"] == 1
    assert not list(photos.app.settings.data_dir.rglob("reference-*"))
    assert put(1).status_code == 200


def test_a_photo_is_uploaded_in_one_request(photos):
    query = {"name": "mill.png", "saturation": 1.5}
    answer = photos.app.post("/api/photos", params=query, content=encode(make_scene()))
    assert answer.status_code == 202
    found = answer.json()
    assert found["photo"]["saturation"] == 1.5 and found["job"]["state"] == "queued"
    (job,) = photos.run_jobs()
    assert job.id == found["job"]["id"] and job.result["revision"] == 1
    refused = photos.app.post("/api/photos", params={"name": "a.svg"}, content=b"<svg></svg>")
    assert refused.status_code == 415
    assert len(photos.app.get("/api/photos").json()) == 1


def test_an_archive_has_unique_names_and_stored_files(photos):
    ids = [photos.upload(name, encode(make_scene(60, 90 + n))) for n, name in
           enumerate(("a.png", "A.png", "../a.png", "broken.png"))]  # fmt: skip
    source = photos.service.table.get(ids[3]).path
    source.write_bytes(source.read_bytes()[:60])
    photos.app.post("/api/archives", json={"photos": ["nothing"]})
    answer = photos.app.post("/api/archives", json={"photos": ids})
    assert answer.status_code == 202
    archive = answer.json()["subject"]
    assert photos.app.get(f"/api/archives/{archive}").json()["code"] == "stale"
    job = next(job for job in photos.run_jobs() if job.kind == "archive")
    assert job.state == "done", job.error
    assert [failed["id"] for failed in job.result["failed"]] == [ids[3]]
    answer = photos.app.get(f"/api/archives/{archive}")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as file:
        assert file.testzip() is None
        names = file.namelist()
        assert names == ["a.color.png", "A.color (2).png", "a.color (3).png"]
        assert {entry.compress_type for entry in file.infolist()} == {zipfile.ZIP_STORED}
        assert stat.S_IMODE(file.infolist()[0].external_attr >> 16) == 0o644
    other = {"Authorization": f"Bearer {photos.app.token}", "Cookie": ""}
    assert photos.app.get(f"/api/archives/{archive}", headers=other).status_code == 404
    # The copies in an archive do not outlive the photos.
    photos.service.delete(ids[0], "by the client")
    assert photos.app.get(f"/api/archives/{archive}").status_code == 404
    assert not list((photos.app.settings.data_dir / "archives").iterdir())


def test_archives_expire(photos):
    photo = photos.upload("a.png", encode(make_scene()))
    archive = photos.app.post("/api/archives", json={"photos": [photo]}).json()["subject"]
    photos.run_jobs()
    assert photos.service.delete_expired_archives(time.time()) == 0
    late = time.time() + 60 * photos.app.settings.keep_minutes + 1
    assert photos.service.delete_expired_archives(late) == 1
    assert photos.app.get(f"/api/archives/{archive}").status_code == 404


def test_names_in_an_archive_differ_in_more_than_case():
    assert make_unique(["a.jpg", "A.JPG", "a.jpg", "b.jpg"]) == [
        *("a.jpg", "A (2).JPG", "a (3).jpg", "b.jpg")
    ]


def test_deleting_removes_uploads_and_leaves_files_of_the_command_line(photos, tmp_path):
    uploaded = photos.upload("mill.png", encode(make_scene()))
    path = tmp_path / "print.png"
    path.write_bytes(encode(make_scene()))
    named = photos.service.add(path, path.name, "api", False, path.stat().st_size, "")
    photos.service.render(photos.service.table.get(named))
    photos.run_jobs()
    data = photos.app.settings.data_dir
    assert sorted(p.name for p in (data / "photos").iterdir()) == sorted([uploaded, named])
    assert photos.app.request("DELETE", f"/api/photos/{named}").status_code == 400
    source = photos.service.table.get(uploaded).path
    assert photos.app.request("DELETE", f"/api/photos/{uploaded}").status_code == 204
    assert not source.exists() and not (data / "photos" / uploaded).exists()
    photos.service.delete(named, "left out")
    assert path.read_bytes() == encode(make_scene())
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith("print")] == ["print.png"]
    lines = audit.list_lines(photos.app.services.database)
    events = {(line["event"], line["subject"], line["detail"]) for line in lines}
    assert ("photo-deleted", uploaded, "by the client") in events
    assert ("photo-forgotten", named, "left out") in events


def test_a_deleted_photo_leaves_no_result_of_a_job_that_still_runs(photos, monkeypatch):
    photo = photos.upload("mill.png", encode(make_scene()))
    row = photos.service.table.get(photo)
    job = photos.app.services.jobs.store.claim("test", 1)
    photos.service.delete(photo, "by the client")
    table = type(photos.service.table)
    monkeypatch.setattr(table, "get", lambda *_: replace(row))
    monkeypatch.setattr(table, "get_revision", lambda *_: Revision())
    row.path.parent.mkdir(parents=True)
    row.path.write_bytes(encode(make_scene()))
    services = photos.app.services
    context = JobContext(services.settings, services.database, services.events, flat_colorizer)
    with pytest.raises(Exception, match="deleted"):
        run_photo(context, job)
    assert not (services.settings.data_dir / "photos" / photo).exists()


def test_damage_is_named(photos):
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 60), np.uint8)).save(
        file, "JPEG"
    )
    photo = photos.upload("mill.jpg", file.getvalue()[:-900])
    photos.run_jobs()
    assert "damaged" in photos.get(photo).json()["notice"]
    whole = photos.upload("whole.jpg", file.getvalue())
    photos.run_jobs()
    assert photos.get(whole).json()["notice"] is None
