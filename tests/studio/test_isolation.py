"""Every endpoint with the ids of another client, and without a session: a table of all of them."""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.helpers.projects import write_film
from tests.helpers.studio_films import FilmStudio
from tests.helpers.studio_photos import encode, make_scene
from tests.helpers.studio_server import MUTATION
from vidcolor.project.api import Project
from vidcolor.studio.app import ROUTERS
from vidcolor.studio.compute.errors import ComputeBusyError
from vidcolor.studio.films.reports import locate_report

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vidcolor.colorizer import Colorizer

PHOTO, FILM = "grandmother.png", "wedding.mkv"
DIGEST = "0" * 64


@dataclass(frozen=True)
class Case:
    """A valid request, and the status of its answer to clients that do not own its subject."""

    status: int = 404
    query: str = ""
    json: Any = None
    content: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    is_public: bool = False
    """Whether it is answered without a session."""


REVISION = {"If-Match": "*"}
FILM_REVISION = {"If-Match": "1"}
PLACE = "x=0.5&y=0.5"
CASES = {
    # The server itself
    "GET /healthz": Case(200, is_public=True),
    "GET /readyz": Case(200, is_public=True),
    "GET /open": Case(303, is_public=True),  # without a session it is refused: 401
    "GET /offline-worker.js": Case(200, is_public=True),
    "POST /open": Case(401, is_public=True),
    "GET /metrics": Case(200),
    "GET /api/info": Case(200),
    "GET /api/docs": Case(200),
    "GET /api/openapi.json": Case(200),
    "GET /api/events": Case(200),
    "GET /api/audit": Case(200),
    "POST /api/links": Case(201),
    "DELETE /api/session": Case(204),
    # Lists and new items, which show and make only what belongs to the client
    "GET /api/photos": Case(200),
    "GET /api/films": Case(200),
    "GET /api/jobs": Case(200),
    "POST /api/uploads": Case(201, json={"name": "copy.png", "size": 9, "sha256": DIGEST}),
    "POST /api/photos": Case(415, query="name=new.png", content=b"no photo"),
    # Items of the owner
    "GET /api/uploads/{upload_id}": Case(),
    "PATCH /api/uploads/{upload_id}": Case(content=b"a", headers={"Upload-Offset": "0"}),
    "DELETE /api/uploads/{upload_id}": Case(),
    "GET /api/photos/{photo_id}": Case(),
    "DELETE /api/photos/{photo_id}": Case(),
    "GET /api/photos/{photo_id}/image": Case(),
    "GET /api/photos/{photo_id}/colors": Case(query=PLACE),
    "GET /api/photos/{photo_id}/region": Case(query=PLACE),
    "GET /api/photos/{photo_id}/suggestions": Case(),
    "POST /api/photos/{photo_id}/changes": Case(
        json={"do": "set", "saturation": 0.5}, headers=REVISION
    ),
    "PUT /api/photos/{photo_id}/reference": Case(content=b"picture", headers=REVISION),
    "DELETE /api/photos/{photo_id}/reference": Case(headers=REVISION),
    "POST /api/photos/{photo_id}/render": Case(json={"format": ".png"}),
    "GET /api/photos/{photo_id}/result": Case(),
    "POST /api/archives": Case(json={"photos": ["{photo_id}"]}),
    "GET /api/archives/{archive_id}": Case(),
    "GET /api/jobs/{job_id}": Case(),
    "POST /api/jobs/{job_id}/cancel": Case(),
    "POST /api/jobs/{job_id}/retry": Case(),
    "GET /api/films/{film_id}": Case(),
    "DELETE /api/films/{film_id}": Case(),
    "POST /api/films/{film_id}/open": Case(),
    "POST /api/films/{film_id}/changes": Case(
        json={"do": "note", "shot": 1, "text": "seen"}, headers=FILM_REVISION
    ),
    "POST /api/films/{film_id}/references": Case(content=b"picture", headers=FILM_REVISION),
    "GET /api/films/{film_id}/log": Case(),
    "GET /api/films/{film_id}/shots.{list_format}": Case(),
    "GET /api/films/{film_id}/project": Case(),
    "POST /api/films/{film_id}/render": Case(json={}),
    "GET /api/films/{film_id}/result": Case(),
    "GET /api/films/{film_id}/report.{report_format}": Case(),
    "GET /api/films/{film_id}/plan": Case(),
    "GET /api/films/{film_id}/review": Case(),
    "GET /api/films/{film_id}/frames/{frame}": Case(query="w=100"),
    "GET /api/films/{film_id}/frames/{frame}/colors": Case(query=PLACE),
    "GET /api/films/{film_id}/frames/{frame}/region": Case(query=PLACE),
    "GET /api/films/{film_id}/shots/{number}/tracks": Case(),
    "POST /api/films/{film_id}/shots/{number}/loop": Case(),
    "GET /api/films/{film_id}/shots/{number}/loop.{suffix}": Case(),
}
REFUSED = (400, 401, 403, 404, 405, 500)
"""Statuses that no request of the owner has, so that the answer to others is due to their client.
"""


class Items:
    """A studio in which one browser, the owner, has an item of each kind."""

    def __init__(self, folder: Path, flat: Colorizer) -> None:
        self.studio = studio = FilmStudio(folder, flat, requests_per_minute=1_000_000)
        services, client = studio.services, studio.client_id

        async def refuse(*_: object, **__: object) -> None:
            raise ComputeBusyError("too many tasks wait; try again")

        services.compute.call = refuse
        services.events.drain()  # streams of events end at once
        directory = studio.settings.uploads_dir / "photo"
        directory.mkdir()
        photo = directory / "source.png"
        photo.write_bytes(encode(make_scene()))
        photo_id = services.photos.add(photo, PHOTO, client, True, 9, DIGEST)
        (directory := studio.settings.uploads_dir / "film").mkdir()
        film = write_film(directory / "source.mkv")
        Project.new(film)
        film_id = studio.upload(film, FILM)
        upload = studio.post("/api/uploads", json={"name": PHOTO, "size": 9}).json()
        archive = studio.post("/api/archives", json={"photos": [photo_id]}).json()
        services.films.table.set_result(film_id, film, 1)
        locate_report(services.films.get(film_id, client), "html").touch()
        row = services.films.get(film_id, client)
        _, rev = services.films.find_shot(row, 1, None)
        loop = services.films.locate_loop(row, rev, "color", ".mp4")
        loop.parent.mkdir(parents=True)
        loop.touch()
        self.values = {
            "upload_id": upload["id"],
            "photo_id": photo_id,
            "archive_id": archive["subject"],
            "job_id": services.jobs.find(photo_id).id,
            "film_id": film_id,
            "frame": "0",
            "number": "1",
            "suffix": "mp4",
            "report_format": "html",
            "list_format": "edl",
        }
        self.ids = {value for name, value in self.values.items() if name.endswith("_id")}

    def open_session(self) -> httpx.AsyncClient:
        """Return a browser with a session of its own."""
        sessions, settings = self.studio.services.sessions, self.studio.settings
        cookie = sessions.open_link(sessions.make_link().partition("key=")[2])
        assert cookie is not None
        return self.connect(cookies={settings.cookie_name: cookie})

    def connect(self, **options: Any) -> httpx.AsyncClient:
        """Return a browser or script that sends cookies or headers."""
        transport = httpx.ASGITransport(self.studio.app, client=("127.0.0.1", 50000))
        return httpx.AsyncClient(
            transport=transport, base_url=self.studio.settings.base_url, **options
        )

    def send(self, client: httpx.AsyncClient, name: str) -> httpx.Response:
        """Send the request of a row of the table."""
        method, path = self.fill(name).split(" ")
        case = CASES[name]
        json = case.json and {
            key: [self.fill(v) for v in value] if isinstance(value, list) else value
            for key, value in case.json.items()
        }
        return self.studio._runner.run(
            client.request(
                method, f"{path}?{case.query}", json=json, content=case.content,
                headers=MUTATION | case.headers,
            )
        )  # fmt: skip

    def fill(self, text: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda match: self.values[match[1]], text)


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory, flat: Colorizer) -> Iterator[Items]:
    """Items that no test may change."""
    items = Items(tmp_path_factory.mktemp("studio"), flat)
    yield items
    items.studio.close()


def list_routes() -> set[str]:
    """Return method and path of every endpoint, also of those without a description."""
    return {
        f"{method} {route.path}"
        for module in ROUTERS
        for route in importlib.import_module(module).router.routes
        for method in route.methods - {"HEAD"}
    }


def test_every_route_is_in_the_table() -> None:
    assert list_routes() == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_without_session_only_public_routes_answer(items: Items, name: str) -> None:
    response = items.send(items.connect(), name)
    if CASES[name].is_public:
        assert response.status_code in (200, 401)
    else:
        assert response.status_code == 401
        assert response.json()["code"] == "forbidden"
    assert_hidden(items, name, response)


@pytest.mark.parametrize("client", ["another session", "the token"])
@pytest.mark.parametrize("name", CASES)
def test_items_of_a_session_are_hidden_from(items: Items, name: str, client: str) -> None:
    services, ids = items.studio.services, items.values
    token = {"Authorization": f"Bearer {items.studio.token}"}
    stranger = items.open_session() if client == "another session" else items.connect(headers=token)
    response = items.send(stranger, name)
    assert response.status_code == CASES[name].status
    # The token shows all lines of the audit log.
    if name != "GET /api/audit" or client != "the token":
        assert_hidden(items, name, response)
    owner = items.studio.client_id
    assert services.photos.get(ids["photo_id"], owner).revision == 0
    assert services.films.read_decisions(services.films.get(ids["film_id"], owner)).document
    assert services.uploads.get(owner, ids["upload_id"]).received == 0
    assert services.jobs.get(ids["job_id"]).state == "queued"


def assert_hidden(items: Items, name: str, response: httpx.Response) -> None:
    """Check that an answer has no name of the owner, and no id that the request does not have."""
    request = items.fill(f"{name} {CASES[name].json}")
    for secret in (PHOTO, FILM, *(text for text in items.ids if text not in request)):
        assert secret not in response.text


def test_the_owner_is_not_refused(tmp_path: Path, flat: Colorizer) -> None:
    items = Items(tmp_path, flat)
    client = items.studio._http
    own = [name for name, case in CASES.items() if case.status == 404]
    for name in sorted(own, key=lambda name: (name.startswith("DELETE"), -len(name))):
        assert items.send(client, name).status_code not in REFUSED, name
    items.studio.close()
