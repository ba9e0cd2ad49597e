"""Hostile values for every endpoint: each is refused with one line, none is an internal error."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.studio_server import ROOT, StudioApp
from vidcolor.studio.compute.errors import ComputeBusyError
from vidcolor.studio.settings import StudioSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

IDS = [
    "x",
    "0",
    "-1",
    "a" * 200,
    "' OR '1'='1",
    "%s%n",
    "\u202e",
    "null",
    "{id}",
    "AAAAAAAAAAAAAAAAAAAAAA",
]
BODIES: list[Any] = [
    None,
    [],
    {},
    "text",
    {"do": "rm -rf"},
    {"do": "add-hint", "x": float("nan"), "y": 0.5, "color": "#aabbcc"},
    {"do": "add-hint", "x": 1e308, "y": 0.5, "color": "#aabbcc"},
    {"do": "add-hint", "x": -0.1, "y": 0.5, "color": "#aabbcc"},
    {"do": "add-hint", "x": 0.5, "y": 0.5, "color": "url(http://evil.example)"},
    {"do": "add-hint", "x": 0.5, "y": 0.5, "color": "\ud800"},
    {"do": "add-hint", "x": 0.5, "y": 0.5, "color": "#aabbcc", "radius": -1},
    {"do": "add-hint", "x": {"$gt": 0}, "y": 0.5, "color": "#aabbcc"},
    {"do": "remove-hint", "id": "../../x"},
    {"do": "move-hint", "id": 10**400, "x": 0.5, "y": 0.5},
    {"do": "set", "vividness": 1e9},
    {"do": "set", "saturation": -1},
    {"do": "set", "__class__": "x", "saturation": 0.5},
    {"photos": ["../../x"], "format": "../../etc/passwd"},
    {"format": "exe", "quality": 10**9},
]
QUERIES = [
    "",
    "x=nan&y=nan",
    "x=inf&y=-inf&radius=nan&color=%23aabbcc",
    "x=2&y=-1",
    "x=0.5&y=0.5&radius=1e300&color=red",
    "x=0.5&y=0.5&radius=0.1&color=%00",
    "w=-5",
    "w=99999999999999999999999999",
    "w=abc&rev=abc&view=../../x&format=svg",
    "w=100&format=php",
    "limit=-1",
    "limit=1e9",
    "wait=1e9",
    "rev=" + "9" * 4000,
    "x=0.5&x=0.6&y=0.5;DROP",
    "name=..%2F..%2Fetc%2Fpasswd%00",
]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StudioApp]:
    """An application with a photo and a film, whose compute process is always busy."""
    data_dir = tmp_path_factory.mktemp("studio")
    app = StudioApp(StudioSettings(data_dir=data_dir, requests_per_minute=1_000_000))
    for name in ("photo.jpg", "reel.mkv"):
        data = (ROOT / "samples" / name).read_bytes()
        assert app.upload(name, data).status_code == 200

    async def refuse(*_: object, **__: object) -> None:
        raise ComputeBusyError("too many tasks wait; try again")

    app.services.compute.call = refuse
    yield app
    app.close()


def list_operations(app: StudioApp) -> list[tuple[str, str]]:
    paths = app.get("/api/openapi.json").json()["paths"]
    return [(method.upper(), path) for path, methods in paths.items() for method in methods]


def fill(path: str, value: str) -> str:
    parts = [value if part.startswith("{") else part for part in path.split("/")]
    return "/".join(parts).replace("{suffix}", "mp4")


def check(response: Any) -> None:
    """Check that a request was answered without an internal error, on one line."""
    assert response.status_code not in (500, 501, 502), response.text
    if response.status_code >= 400 and response.request.method != "HEAD":
        values = response.json()
        assert values["error"]
        assert "\n" not in values["error"]
        assert str(ROOT) not in values["error"]


def test_ids_that_do_not_exist(app: StudioApp) -> None:
    count = 0
    for method, path in list_operations(app):
        if "{" not in path:
            continue
        for value in IDS:
            response = app.request(method, fill(path, value), json={}, headers={"If-Match": "0"})
            check(response)
            # Collections without an id, such as a list that is empty, are no success either.
            assert response.status_code >= 400, (method, path, value)
            count += 1
    assert count > 200


def find_ids(app: StudioApp) -> dict[str, str]:
    connection = app.services.database.connection
    return {
        kind: connection.execute(f"SELECT id FROM {kind}").fetchone()[0]
        for kind in ("photos", "films")
    }


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body)[:60])
def test_invalid_changes(app: StudioApp, body: Any) -> None:
    content = json.dumps(body).encode("utf-8", "surrogatepass")
    headers = {"If-Match": "0", "Content-Type": "application/json"}
    for kind, item in find_ids(app).items():
        url = f"/api/{kind}/{item}/changes"
        response = app.post(url, content=content, headers=headers)
        check(response)
        assert response.status_code >= 400
    check(app.post("/api/archives", content=content, headers=headers))


@pytest.mark.parametrize("revision", ["x", "-1", "1e5", "99999", "9" * 400, "0x0", "\u0661"])
def test_invalid_revisions(app: StudioApp, revision: str) -> None:
    body = {"do": "set", "saturation": 0.5}
    for kind, item in find_ids(app).items():
        headers = {"If-Match": revision.encode()}
        response = app.post(f"/api/{kind}/{item}/changes", json=body, headers=headers)
        check(response)
        assert response.status_code >= 400


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query[:40])
def test_invalid_queries(app: StudioApp, query: str) -> None:
    ids = find_ids(app)
    paths = [f"/api/photos/{ids['photos']}/{name}" for name in ("colors", "region")]
    paths += [f"/api/films/{ids['films']}/frames/0/{name}" for name in ("colors", "region")]
    for path in paths:
        response = app.get(f"{path}?{query}")
        check(response)
        assert response.status_code >= 400
    for path in ("/api/jobs/x", "/api/audit", "/api/photos", "/api/films", "/api/jobs"):
        check(app.get(f"{path}?{query}"))
    for width in ("-5", "abc", "99999999999999999999"):
        for kind in (f"photos/{ids['photos']}/image", f"films/{ids['films']}/frames/0"):
            response = app.get(f"/api/{kind}?w={width}")
            check(response)
            assert response.status_code >= 400
