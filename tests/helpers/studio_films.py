"""A studio with films in the process of a test: its compute process and its jobs run inline."""

from __future__ import annotations

import asyncio
import io
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from tests.helpers.studio_server import StudioApp
from vidcolor.studio.compute.state import ComputeState
from vidcolor.studio.films import jobs as film_jobs
from vidcolor.studio.films.tasks import TASKS
from vidcolor.studio.jobs.context import JobContext
from vidcolor.studio.links import API_CLIENT
from vidcolor.studio.settings import StudioSettings

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from vidcolor.colorizer import Colorizer
    from vidcolor.imaging.types import Rgb

RUN = {
    "analyze": film_jobs.run_analyze,
    "render": film_jobs.run_render,
    "loop": film_jobs.run_loop,
}


class FilmStudio(StudioApp):
    """An application of which one thread does the work of the compute process."""

    def __init__(self, folder: Path, colorizer: Colorizer, **options: Any) -> None:
        """Make a studio with its data in a folder."""
        super().__init__(StudioSettings(data_dir=folder, **options))
        self.colorizer = colorizer
        self.state = ComputeState(self.settings, lambda _: colorizer)
        self.tasks: list[str] = []
        """Names of the tasks that were run, in order."""
        self._thread = ThreadPoolExecutor(1)
        self.services.compute.call = self._call

    async def _call(
        self, task: str, payload: dict[str, Any], *, priority: int = 0, key: str | None = None
    ) -> Any:
        self.tasks.append(task)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, TASKS[task], self.state, payload)

    def rest(self, seconds: float) -> None:
        """Let the tasks of the event loop work for a time, in seconds."""
        self._runner.run(asyncio.sleep(seconds))

    def close(self) -> None:
        """End the thread and the application."""
        self._runner.run(self._cancel_tasks())
        self._thread.shutdown(cancel_futures=True)
        super().close()

    async def _cancel_tasks(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def add(self, path: Path, project: Path | None = None) -> str:
        """Add a film of the command line; return its id."""
        return str(self.services.films.add(path, path.name, API_CLIENT, False, 0, "", project))

    def upload(self, path: Path, name: str, client: str | None = None) -> str:
        """Add a film as an upload, whose directory is that of the file."""
        client = client or self.client_id
        size = path.stat().st_size
        return str(self.services.films.add(path, name, client, True, size, "0" * 64))

    def run(self, kind: str, film_id: str) -> dict[str, Any]:
        """Run the newest job of a kind, as a worker does."""
        services = self.services
        job = services.jobs.find(film_id, kind)
        assert job is not None
        context = JobContext(
            self.settings, services.database, services.events, lambda: self.colorizer
        )
        result = RUN[kind](context, job)
        services.database.connection.execute(
            "UPDATE jobs SET state = 'done' WHERE id = ?", (job.id,)
        )
        return result

    def analyze(self, film_id: str) -> dict[str, Any]:
        """Analyze a film and return it."""
        self.request("POST", f"/api/films/{film_id}/open")
        self.run("analyze", film_id)
        return self.film(film_id)

    def film(self, film_id: str) -> dict[str, Any]:
        """Return a film as the API describes it."""
        response = self.get(f"/api/films/{film_id}")
        assert response.status_code == 200, response.text
        film: dict[str, Any] = response.json()
        return film

    def change(self, film: dict[str, Any], **values: Any) -> httpx.Response:
        """Change a film that was read before."""
        headers = {"If-Match": str(film["revision"])}
        url = f"/api/films/{film['id']}/changes"
        return self.request("POST", url, json=values, headers=headers)

    def apply(self, film: dict[str, Any], **values: Any) -> dict[str, Any]:
        """Change a film, and return it as it is then."""
        response = self.change(film, **values)
        assert response.status_code == 200, response.text
        changed: dict[str, Any] = response.json()
        return changed

    def still(self, film_id: str, frame: int, **query: Any) -> httpx.Response:
        """Return the response with a still."""
        response = self.get(f"/api/films/{film_id}/frames/{frame}", params=query)
        assert response.status_code == 200, response.text
        return response


def read_picture(data: bytes) -> Rgb:
    """Decode a still, (H, W, 3) uint8."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))
