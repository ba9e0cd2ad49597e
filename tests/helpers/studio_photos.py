"""Photos of a studio whose compute process and workers are in the process of a test."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from tests.helpers.flat import flat_colorizer
from tests.helpers.studio_compute import InlineCompute, load_flat
from vidcolor.studio.compute.state import ComputeState
from vidcolor.studio.jobs.context import JobContext
from vidcolor.studio.photos.jobs import run_archive, run_photo


class Photos:
    """An application whose compute process and workers are in the process of the test."""

    def __init__(self, app):
        self.app, self.service = app, app.services.photos
        self.compute = InlineCompute(ComputeState(app.settings, load_flat))
        self.service.pictures._compute = self.compute

    def upload(self, name, data):
        answer = self.app.upload(name, data)
        assert answer.status_code == 200, answer.text
        return answer.json()["id"]

    def get(self, photo, path="", **query):
        return self.app.get(f"/api/photos/{photo}{path}", params=query)

    def change(self, photo, do, revision=None, **values):
        headers = {"If-Match": "*" if revision is None else str(revision)}
        url = f"/api/photos/{photo}/changes"
        return self.app.post(url, json={"do": do, **values}, headers=headers)

    def image(self, photo, **query):
        answer = self.get(photo, "/image", **query)
        assert answer.status_code == 200, answer.text
        with Image.open(io.BytesIO(answer.content)) as image:
            return np.asarray(image.convert("RGB"))

    def run_jobs(self):
        """Run the jobs that wait, as a worker does."""
        jobs, services = self.app.services.jobs, self.app.services
        runs = {"photo": run_photo, "archive": run_archive}
        finished = []
        while (job := jobs.store.claim("test", 1)) is not None:
            context = JobContext(
                services.settings, services.database, services.events, flat_colorizer
            )
            try:
                result = runs[job.kind](context, job)
                jobs.store.finish(job.id, "test", "done", result=result)
            except Exception as error:
                jobs.store.finish(job.id, "test", "failed", error=str(error))
            finished.append(jobs.get(job.id))
        return finished


def encode(pixels, suffix="png", **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, suffix, **options)
    return file.getvalue()


def make_scene(height=60, width=90):
    """Return a gray ramp with a bright square at the top left, (H, W) uint8."""
    scene = np.linspace(60, 120, width).astype(np.uint8)[None].repeat(height, 0)
    scene[height // 6 : height // 2, width // 9 : width // 3] = 220
    return scene
