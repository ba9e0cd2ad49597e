"""Fixtures of the studio: an application in this process, and servers in processes of their own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("fastapi", reason="the extra studio is not installed")

from tests.helpers.studio_server import StudioApp, StudioProcess
from vidcolor.studio.settings import StudioSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.helpers.studio_films import FilmStudio
    from vidcolor.colorizer import Colorizer


@pytest.fixture
def studio_settings(tmp_path: Path) -> StudioSettings:
    """Settings of a server with its own data directory."""
    return StudioSettings(data_dir=tmp_path / "data")


@pytest.fixture
def studio_app(studio_settings: StudioSettings) -> Iterator[StudioApp]:
    """An application in this process, without workers."""
    app = StudioApp(studio_settings)
    yield app
    app.close()


@pytest.fixture(scope="session")
def shared_studio_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StudioProcess]:
    """A server without files, for all tests. Those that kill it start it again."""
    server = StudioProcess(tmp_path_factory.mktemp("studio")).start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def attacked(shared_studio_server: StudioProcess) -> Iterator[StudioProcess]:
    """The shared server. Afterwards it still answers, and has logged no unexpected error."""
    yield shared_studio_server
    with shared_studio_server.client() as client:
        assert client.get("/api/info").status_code == 200
        assert client.get("/api/uploads/x").status_code == 404
    log = (shared_studio_server.data_dir / "logs" / "studio.log").read_text()
    assert [line for line in log.splitlines() if json.loads(line)["level"] == "error"] == []
    assert not [line for line in shared_studio_server.errors if "Traceback" in line]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a film of two shots and its project, which tests copy."""
    from tests.helpers.projects import write_film
    from vidcolor.project.api import Project

    folder = tmp_path_factory.mktemp("made")
    Project.new(write_film(folder / "reel.mkv"))
    return folder


@pytest.fixture
def studio(tmp_path: Path, flat: Colorizer) -> Iterator[FilmStudio]:
    """A studio with films in this process."""
    from tests.helpers.studio_films import FilmStudio

    studio = FilmStudio(tmp_path / "data", flat)
    yield studio
    studio.close()
