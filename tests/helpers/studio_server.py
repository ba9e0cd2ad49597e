"""A studio server in a process of its own, and an application in the process of a test."""

from __future__ import annotations

import asyncio
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx

from vidcolor.studio.app import create_app
from vidcolor.studio.settings import StudioSettings

ROOT = Path(__file__).parents[2]
START_SECONDS = 120
MUTATION = {"X-Vidcolor": "1"}


class StudioProcess:
    """Runs `vidcolor studio`. It may be killed and started again with the same data and port."""

    def __init__(self, data_dir: Path, files: tuple[Path, ...] = (), **options: object) -> None:
        """Prepare a server.

        Args:
            data_dir: directory of its data.
            files: photos and films of the command line.
            options: options of the command, such as ``keep_minutes=1``.
        """
        self.data_dir, self.files, self.options = data_dir, files, options
        self.base_url = self.token = self.link = ""
        self.port = 0
        self.process: subprocess.Popen[str] | None = None
        self.errors: list[str] = []
        """Lines on standard error."""

    def start(self) -> StudioProcess:
        """Start the server, and return when it answers."""
        options = [f"--{name.replace('_', '-')}={value}" for name, value in self.options.items()]
        command = [
            *(sys.executable, "-m", "vidcolor", "studio", "--no-browser", "--json"),
            *("--port", str(self.port), "--data", str(self.data_dir), *options),
            *map(str, self.files),
        ]
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "VIDCOLOR_CONFIG": "", "OMP_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=_read, args=(self.process.stdout, lines.put), daemon=True).start()
        threading.Thread(
            target=_read, args=(self.process.stderr, self.errors.append), daemon=True
        ).start()
        while True:
            line = lines.get(timeout=START_SECONDS)
            if not line:
                self.kill()
                raise AssertionError(f"the server ended: {''.join(self.errors)}")
            event = json.loads(line)
            if event["event"] == "listening":
                break
        self.base_url, self.link, self.token = event["url"], event["link"], event["token"]
        self.port = int(self.base_url.rpartition(":")[2])
        # The link is printed first; a request waits until the server has loaded its libraries.
        httpx.get(f"{self.base_url}/healthz", timeout=START_SECONDS).raise_for_status()
        return self

    def kill(self) -> None:
        """End the server at once, as a crash does."""
        self._end(signal.SIGKILL)

    def stop(self, seconds: float = 60) -> int:
        """Ask the server to stop, and return its exit code."""
        return self._end(signal.SIGTERM, seconds)

    def restart(self) -> StudioProcess:
        """Kill the server and start it again with the same data and port."""
        self.kill()
        return self.start()

    def _end(self, number: int, seconds: float = 60) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(seconds)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        return code

    def client(self, **headers: str) -> httpx.Client:
        """Return a client of the API with the token."""
        authorization = {"Authorization": f"Bearer {self.token}"}
        return httpx.Client(
            base_url=self.base_url, headers={**authorization, **MUTATION, **headers}, timeout=60
        )

    def make_link(self) -> str:
        """Return a new one-time link."""
        with self.client() as client:
            url: str = client.post("/api/links").json()["url"]
            return url


def _read(stream: Any, receive: Any) -> None:
    try:
        for line in stream:
            receive(line)
    except ValueError:  # closed by the test
        pass
    receive("")


class StudioApp:
    """An application in this process, without its compute process and workers."""

    def __init__(self, settings: StudioSettings) -> None:
        """Make the application, and a session of a browser."""
        self.settings = settings
        self.app = create_app(settings)
        self.services = self.app.state.services
        self.token: str = self.services.sessions.token
        self._runner = asyncio.Runner()
        key = self.services.sessions.make_link().partition("key=")[2]
        cookie = self.services.sessions.open_link(key)
        self.client_id: str = self.services.sessions.find_client(cookie)
        transport = httpx.ASGITransport(self.app, client=("127.0.0.1", 50000))
        self._http = httpx.AsyncClient(
            transport=transport,
            base_url=settings.base_url,
            cookies={settings.cookie_name: cookie},
            headers=MUTATION,
        )

    def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        """Send a request with the session of the browser."""
        return self._runner.run(self._http.request(method, url, **options))

    def get(self, url: str, **options: Any) -> httpx.Response:
        """Send a GET request."""
        return self.request("GET", url, **options)

    def post(self, url: str, **options: Any) -> httpx.Response:
        """Send a POST request."""
        return self.request("POST", url, **options)

    def run(self, awaitable: Any) -> Any:
        """Run a coroutine in the event loop of the application."""
        return self._runner.run(awaitable)

    def upload(self, name: str, data: bytes, **fields: Any) -> httpx.Response:
        """Upload a file in one part, and return the last response."""
        response = self.post("/api/uploads", json={"name": name, "size": len(data), **fields})
        if response.status_code not in (200, 201) or "duplicate" in response.json():
            return response
        url = f"/api/uploads/{response.json()['id']}"
        offset = response.json()["received"]
        return self.request(
            "PATCH", url, content=data[offset:], headers={"Upload-Offset": str(offset)}
        )

    def close(self) -> None:
        """Close the client and the event loop."""
        self._runner.run(self._http.aclose())
        self._runner.run(self.services.compute.close())
        self._runner.close()
