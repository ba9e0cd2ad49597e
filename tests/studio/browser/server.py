"""A `vidcolor studio` in its own process, and sessions of its visitors."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx

from tests.helpers.studio_server import MUTATION, StudioProcess

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Session:
    """A session that a link opened, for requests beside those of the browser that shares it."""

    def __init__(self, server: StudioProcess) -> None:
        self.server = server
        # What a session uploads belongs to it: others, also the token, do not see it.
        self.client = httpx.Client(base_url=server.base_url, headers=MUTATION, timeout=120)
        assert self.client.get(server.make_link()).is_redirect

    @property
    def cookies(self) -> list[dict[str, str]]:
        """The cookies, as Playwright expects them."""
        return [
            {"name": cookie.name, "value": cookie.value or "", "url": self.server.base_url}
            for cookie in self.client.cookies.jar
        ]

    def get(self, path: str) -> Any:
        """Return the JSON of an endpoint."""
        return self.client.get(path).raise_for_status().json()

    def post(self, path: str, **options: Any) -> Any:
        """Send a POST request and return the JSON of its answer."""
        return self.client.post(path, **options).raise_for_status().json()

    def change(self, item: str, revision: int, **change: Any) -> Any:
        """Change a photo or film, such as ``photos/ID``, and return its new state."""
        headers = {"If-Match": str(revision)}
        return self.post(f"/api/{item}/changes", json=change, headers=headers)

    def add_photo(self, path: Path) -> str:
        """Upload a photo and return its id."""
        answer = self.post("/api/photos", params={"name": path.name}, content=path.read_bytes())
        return str(answer["photo"]["id"])

    def upload(self, path: Path) -> tuple[str, str]:
        """Upload a file in parts, as the page does, and return its kind and id."""
        data = path.read_bytes()
        upload = self.post("/api/uploads", json={"name": path.name, "size": len(data)})
        url, size = f"/api/uploads/{upload['id']}", self.get("/api/info")["chunk_bytes"]
        for offset in range(0, len(data), size):
            headers = {"Upload-Offset": str(offset), "Content-Type": "application/octet-stream"}
            answer = self.client.patch(url, content=data[offset : offset + size], headers=headers)
        state = answer.raise_for_status().json()
        return state["kind"], state["id"]

    def add_film(self, path: Path) -> str:
        """Upload a film, have its shots detected, and return its id."""
        kind, film = self.upload(path)
        assert kind == "film"
        self.open_film(film)
        return film

    def open_film(self, film: str) -> Any:
        """Open a film, wait until its shots are detected, and return it."""
        self.post(f"/api/films/{film}/open")
        return wait_for(lambda: (f := self.get(f"/api/films/{film}")).get("shots") and f)

    def close(self) -> None:
        """Close the connections."""
        self.client.close()


def wait_for(condition: Callable[[], Any], seconds: float = 120) -> Any:
    """Return the first true result of a function."""
    end = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)
    return result
