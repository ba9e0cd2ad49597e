"""The API of jobs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.studio_server import StudioApp


def test_api_of_jobs(studio_app: StudioApp) -> None:
    jobs = studio_app.services.jobs
    own = jobs.submit("photo", "a", {}, studio_app.client_id, name="mill.jpg")
    foreign = jobs.submit("photo", "b", {}, "other")
    listed = studio_app.get("/api/jobs").json()
    assert [job["id"] for job in listed] == [own.id]
    assert listed[0] == studio_app.get(f"/api/jobs/{own.id}").json()
    assert set(listed[0]) >= {
        *("id", "kind", "subject", "name", "state", "progress", "error", "result"),
        *("created", "started", "finished", "position", "seconds_left"),
    }
    assert (listed[0]["name"], listed[0]["state"], listed[0]["position"]) == (
        "mill.jpg", "queued", 1,
    )  # fmt: skip
    for url in (f"/api/jobs/{foreign.id}", "/api/jobs/nonsense"):
        for response in (studio_app.get(url), studio_app.post(f"{url}/cancel")):
            assert response.status_code == 404
            assert response.json()["code"] == "not-found"
    assert jobs.get(foreign.id).state == "queued"
    start = time.monotonic()
    assert studio_app.get(f"/api/jobs/{own.id}?wait=0.2").json()["state"] == "queued"
    assert time.monotonic() - start >= 0.2
    assert studio_app.get(f"/api/jobs/{own.id}?wait=1000").status_code == 400
    assert studio_app.post(f"/api/jobs/{own.id}/cancel").json()["state"] == "canceled"
    assert studio_app.post(f"/api/jobs/{own.id}/retry").json()["state"] == "queued"
    conflict = studio_app.post(f"/api/jobs/{own.id}/retry")
    assert (conflict.status_code, conflict.json()["code"]) == (409, "conflict")


def test_api_of_a_full_queue(tmp_path: Path) -> None:
    from tests.helpers.studio_server import StudioApp
    from vidcolor.studio.settings import StudioSettings

    app = StudioApp(StudioSettings(data_dir=tmp_path / "data", max_queue=1))
    jobs = app.services.jobs
    canceled = jobs.cancel(jobs.submit("photo", "a", {}, app.client_id).id)
    jobs.submit("photo", "b", {}, app.client_id)
    response = app.post(f"/api/jobs/{canceled.id}/retry")
    app.close()
    assert response.status_code == 503
    assert response.json()["code"] == "queue-full"
    assert int(response.headers["retry-after"]) == response.json()["retry_after"]
