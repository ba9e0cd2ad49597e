"""Fixtures of the studio: an application in this process, and servers in processes of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.importorskip("fastapi", reason="the extra studio is not installed")

from tests.helpers.studio_server import StudioApp, StudioProcess
from vidcolor.studio.settings import StudioSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    StartStudio = Callable[..., StudioProcess]


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


@pytest.fixture
def start_studio(tmp_path: Path) -> Iterator[StartStudio]:
    """A function that starts a server: ``start_studio(*files, **options)``."""
    started: list[StudioProcess] = []

    def start(*files: Path, **options: object) -> StudioProcess:
        server = StudioProcess(tmp_path / f"data{len(started)}", files, **options)
        started.append(server)
        return server.start()

    yield start
    for server in started:
        server.kill()


@pytest.fixture
def studio_server(start_studio: StartStudio) -> StudioProcess:
    """A server without files."""
    return start_studio()


@pytest.fixture(scope="module")
def shared_studio_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StudioProcess]:
    """A server without files for all tests of a module."""
    server = StudioProcess(tmp_path_factory.mktemp("studio")).start()
    yield server
    server.kill()
