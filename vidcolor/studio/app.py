"""The application: services, routers, static files, and what every request passes through."""

from __future__ import annotations

import contextlib
import importlib
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.staticfiles import StaticFiles

from vidcolor import __version__
from vidcolor.errors import VidcolorError
from vidcolor.studio.api.session import PAGES, make_locked_page
from vidcolor.studio.database import Database
from vidcolor.studio.library import register_sources
from vidcolor.studio.links import Sessions
from vidcolor.studio.metrics import Metrics
from vidcolor.studio.observe import ObserveMiddleware
from vidcolor.studio.responses import make_error_response, make_status_response
from vidcolor.studio.retention import Retention
from vidcolor.studio.security.guard import GuardMiddleware
from vidcolor.studio.security.rates import RateLimits
from vidcolor.studio.services import Services
from vidcolor.studio.storage import Storage
from vidcolor.studio.uploads import UploadService
from vidcolor.studio.versioned_files import load_page_files

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from vidcolor.studio.discovery import Source
    from vidcolor.studio.settings import StudioSettings

ROUTERS = (
    "vidcolor.studio.api.session",
    "vidcolor.studio.api.uploads",
    "vidcolor.studio.api.photos",
    "vidcolor.studio.api.films",
    "vidcolor.studio.api.jobs",
    "vidcolor.studio.api.events",
    "vidcolor.studio.api.health",
)
"""Modules with a `router`."""
_PLACES = ("body", "query", "path", "header")
"""Where FastAPI says that a field was, which people do not need to know."""
_DESCRIPTION = (
    "Colorizes photos and films. The pages of the studio use these endpoints and nothing else. "
    "Requests need the token (`Authorization: Bearer TOKEN`) or a session, and requests that "
    "change something need the header `X-Vidcolor: 1`. Positions are fractions of the displayed "
    "picture."
)


class RevalidatedFiles(StaticFiles):
    """Static files that browsers keep, but ask for changes (ETag) at every use."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """Return a file, or status 304."""
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "no-cache"
        return response


def create_app(settings: StudioSettings, sources: Sequence[Source] = ()) -> FastAPI:
    """Return the application.

    Args:
        settings: those of the server, with its final port.
        sources: photos and films of the command line.
    """
    services = make_services(settings)

    @contextlib.asynccontextmanager
    async def run_services(app: FastAPI) -> AsyncIterator[None]:
        async with running(services):
            yield

    app = FastAPI(
        title="vidcolor studio",
        version=__version__,
        description=_DESCRIPTION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=run_services,
        middleware=[
            Middleware(ObserveMiddleware, metrics=services.metrics),
            Middleware(
                GuardMiddleware,
                settings=settings,
                sessions=services.sessions,
                rates=services.rates,
            ),
        ],
    )
    app.state.services = services
    for module in ROUTERS:
        app.include_router(importlib.import_module(module).router)
    _add_pages(app)
    _add_error_handlers(app, settings.data_dir)
    register_sources(services, sources)
    return app


def make_services(settings: StudioSettings) -> Services:
    """Return the services of a server, which `running` starts."""
    from vidcolor.studio.compute.client import ComputeClient
    from vidcolor.studio.events import EventLog
    from vidcolor.studio.films.service import FilmService
    from vidcolor.studio.jobs.queue import JobQueue
    from vidcolor.studio.photos.service import PhotoService

    settings.uploads_dir.mkdir(parents=True, exist_ok=True)
    database = Database(settings.database_path)
    events = EventLog(database)
    jobs = JobQueue(settings, database, events)
    compute = ComputeClient(settings)
    photos = PhotoService(settings, database, events, jobs, compute)
    films = FilmService(settings, database, events, jobs, compute)
    uploads = UploadService(settings, database, events, photos, films)
    return Services(
        settings=settings,
        database=database,
        sessions=Sessions(settings, database),
        rates=RateLimits(settings),
        metrics=Metrics(database, Storage(settings, database), events, jobs, compute),
        events=events,
        jobs=jobs,
        compute=compute,
        uploads=uploads,
        photos=photos,
        films=films,
        retention=Retention(settings, database, uploads, photos, films),
    )


@contextlib.asynccontextmanager
async def running(services: Services) -> AsyncIterator[None]:
    """Start the services, and stop them in the opposite order."""
    services.events.start()
    services.compute.start()
    services.jobs.start()
    services.films.start()
    services.retention.start()
    try:
        yield
    finally:
        services.begin_draining()
        await services.retention.close()
        await services.films.close()
        await services.jobs.close()
        await services.compute.close()
        await services.events.close()


def _add_pages(app: FastAPI) -> None:
    """Add the start page and the static files."""
    router = APIRouter(include_in_schema=False)
    files = load_page_files()

    @router.get("/")
    async def get_start_page(request: Request) -> Response:
        if request.state.client is None:
            return make_locked_page()
        return HTMLResponse(files.start_page, headers={"Cache-Control": "no-cache"})

    @router.get("/static/{version}/{name:path}")
    async def get_static_file(version: str, name: str) -> Response:
        return files.make_response(version, name)

    app.include_router(router)
    app.mount("/pages", RevalidatedFiles(directory=PAGES))


def _add_error_handlers(app: FastAPI, data_dir: Path) -> None:
    """Answer every error with one line of JSON, without paths in the data directory."""

    @app.exception_handler(VidcolorError)
    def handle_error(request: Request, error: VidcolorError) -> JSONResponse:
        return make_error_response(error, data_dir)

    @app.exception_handler(RequestValidationError)
    def handle_invalid_request(request: Request, error: RequestValidationError) -> JSONResponse:
        return make_status_response(400, describe_fault(error))

    @app.exception_handler(HTTPException)
    def handle_status(request: Request, error: HTTPException) -> JSONResponse:
        response = make_status_response(error.status_code, str(error.detail))
        response.headers.update(error.headers or {})
        return response


def describe_fault(error: RequestValidationError) -> str:
    """Return the first fault of a request on one line, such as "x: should be at most 1"."""
    fault = error.errors()[0]
    place = ".".join(str(part) for part in fault["loc"] if part not in _PLACES)
    message = " ".join(str(fault["msg"]).split())[:200]
    return f"{place}: {message}" if place else message
