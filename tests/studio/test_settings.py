"""Settings that have an effect in another process or on another machine than that of the server."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidcolor.options import ColorizeOptions
from vidcolor.studio.compute import sandbox
from vidcolor.studio.films.planning import make_run_options
from vidcolor.studio.jobs import worker
from vidcolor.studio.settings import StudioSettings

DATA = Path("data")


def test_engine_and_device_render_films() -> None:
    local = make_run_options(ColorizeOptions(), StudioSettings(data_dir=DATA, device="cpu"))
    assert (local.engine, local.device) == ("local", "cpu")
    settings = StudioSettings(data_dir=DATA, engine="ray", ray_address="head:6379")
    remote = make_run_options(ColorizeOptions(), settings)
    assert (remote.engine, remote.ray_address) == ("ray", "head:6379")


@pytest.mark.parametrize(("engine", "denied"), [("local", True), ("ray", False)])
def test_only_workers_of_a_cluster_have_network(
    engine: str, denied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    monkeypatch.setattr(worker.os, "nice", lambda step: 0)
    for name in ("limit_memory", "limit_files", "deny_network"):
        monkeypatch.setattr(worker, name, lambda *_, name=name: calls.append(name))
    worker.apply_limits(StudioSettings.model_validate({"data_dir": DATA, "engine": engine}))
    assert ("deny_network" in calls) == denied


def test_memory_follows_the_size_of_photos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "get_total_memory", lambda: 64 * sandbox.GIB)
    small = sandbox.choose_memory_limit(StudioSettings(data_dir=DATA, max_pixels=1_000_000))
    large = sandbox.choose_memory_limit(StudioSettings(data_dir=DATA, max_pixels=200_000_000))
    assert large - small == 199_000_000 * sandbox.BYTES_PER_PIXEL


@pytest.mark.parametrize(
    ("values", "url", "cookie"),
    [
        ({}, "http://127.0.0.1:8765", "vidcolor-8765"),
        ({"host": "::1", "port": 80}, "http://[::1]:80", "vidcolor-80"),
        ({"host": "0.0.0.0"}, "http://127.0.0.1:8765", "vidcolor-8765"),
        ({"proxy": "https://a.example/"}, "https://a.example", "__Host-vidcolor"),
        ({"proxy": "http://a.example"}, "http://a.example", "vidcolor-8765"),
    ],
)
def test_address_and_cookie(values: dict[str, object], url: str, cookie: str) -> None:
    settings = StudioSettings.model_validate({"data_dir": DATA, **values})
    assert (settings.base_url, settings.cookie_name) == (url, cookie)
