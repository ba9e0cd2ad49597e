"""Sessions of browsers, and facts about the server."""

from __future__ import annotations

import importlib
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response

from vidcolor import __version__
from vidcolor.studio import audit
from vidcolor.studio.errors import RequestError
from vidcolor.studio.films.exports import list_shot_list_formats
from vidcolor.studio.links import API_CLIENT
from vidcolor.studio.offline import make_offline_worker
from vidcolor.studio.services import ClientDep, Services, ServicesDep
from vidcolor.studio.settings import CHUNK_BYTES

router = APIRouter(tags=["server"])

PAGES = Path(__file__).parent.parent / "pages"
_FORWARD_PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>vidcolor studio</title>'
    '<meta http-equiv="refresh" content="0;url=/"><p><a href="/">Open the studio</a></p></html>'
)


@router.get("/open", include_in_schema=False)
def open_link(
    request: Request, services: ServicesDep, key: Annotated[str, Query(max_length=200)] = ""
) -> Response:
    """Use up a one-time link: set the session cookie, and go to the start page."""
    address = request.state.address
    token = services.sessions.open_link(key)
    if token is None:
        if request.state.client is not None:  # the link was opened twice in the same browser
            return RedirectResponse("/", 303)
        services.rates.count_failure(address)
        return make_locked_page("This link was used already, or is too old.")
    return _make_session_response(request, services, token)


@router.get("/offline-worker.js", include_in_schema=False)
def get_offline_worker() -> Response:
    """Return the script that shows a page in browsers while the server does not answer."""
    # Its scope is the directory that it lies in.
    return Response(
        make_offline_worker(), media_type="text/javascript", headers={"Cache-Control": "no-cache"}
    )


@router.post("/open", include_in_schema=False)
async def log_in(request: Request, services: ServicesDep) -> Response:
    """Open a session with the token, which a person types into the page for visitors."""
    address = request.state.address
    body = await request.body()
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=4)
    except ValueError:
        raise RequestError("the form has too many fields") from None
    token = services.sessions.log_in(fields.get("token", [""])[0].strip())
    if token is None:
        services.rates.count_failure(address)
        return make_locked_page("This token is wrong.")
    services.rates.check_failures(address)
    return _make_session_response(request, services, token)


def _make_session_response(request: Request, services: Services, token: str) -> Response:
    # A browser that follows a link from another site sends no SameSite=Strict cookie with the
    # request that a redirect makes. The page makes a request of its own.
    is_foreign = request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
    response = HTMLResponse(_FORWARD_PAGE) if is_foreign else RedirectResponse("/", 303)
    settings = services.settings
    response.set_cookie(
        settings.cookie_name,
        token,
        max_age=30 * 24 * 3600,
        path="/",
        secure=settings.is_https,
        httponly=True,
        samesite="strict",
    )
    return response


def make_locked_page(problem: str = "") -> HTMLResponse:
    """Return the page for browsers without a session.

    Args:
        problem: one sentence about the link or token that was tried; it is not escaped.
    """
    text = (PAGES / "locked.html").read_text(encoding="utf-8")
    hidden = "" if problem else " hidden"
    return HTMLResponse(text.replace("{hidden}", hidden).replace("{problem}", problem), 401)


@router.post("/api/links", status_code=201)
def create_link(services: ServicesDep) -> dict[str, str]:
    """Make a one-time link for another browser. It is valid for a day."""
    return {"url": services.sessions.make_link()}


@router.delete("/api/session", status_code=204)
def close_session(request: Request, services: ServicesDep) -> Response:
    """End the session of this browser."""
    token = request.cookies.get(services.settings.cookie_name)
    if token:
        services.sessions.close_session(token)
    response = Response(status_code=204)
    response.delete_cookie(services.settings.cookie_name)
    return response


@router.get("/api/info")
def get_info(services: ServicesDep) -> dict[str, Any]:
    """Return version, model and limits of the server."""
    settings = services.settings
    stills, films = list_formats()
    return {
        "version": __version__,
        "model": settings.model,
        "weights": describe_weights(settings.model),
        "device": settings.device,
        "engine": settings.engine,
        "workers": settings.workers,
        "keep_minutes": settings.keep_minutes,
        "keep_downloaded_minutes": settings.keep_downloaded_minutes,
        "limits": {
            "photo_bytes": settings.max_photo_bytes,
            "film_bytes": settings.max_film_bytes,
            "pixels": settings.max_pixels,
            "frame_pixels": settings.max_frame_pixels,
            "seconds": settings.max_seconds,
            "uploads": settings.max_uploads,
            "queue": settings.max_queue,
        },
        "still_formats": stills,
        "film_formats": films,
        "shot_list_formats": list_shot_list_formats(),
        "chunk_bytes": CHUNK_BYTES,
    }


@router.get("/api/audit")
def get_audit(
    services: ServicesDep,
    client: ClientDep,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> dict[str, Any]:
    """Return the newest lines of the audit log: what was uploaded and deleted, when and why.

    A session sees the lines of its own uploads; the token shows all lines.
    """
    viewer = None if client == API_CLIENT else client
    return {"lines": audit.list_lines(services.database, limit, viewer)}


@lru_cache(maxsize=1)
def list_formats() -> tuple[list[str], list[str]]:
    """Return the extensions of photos and of films that can be read."""
    # They import NumPy, which the server does not need at its start.
    containers = importlib.import_module("vidcolor.media.containers").CONTAINERS
    suffixes = importlib.import_module("vidcolor.media.stills.formats").STILL_SUFFIXES
    stills = sorted(suffix for suffix, row in suffixes.items() if not row.missing_module)
    films = {e for c in containers.values() for e in (*c.extensions, *c.read_extensions)}
    return stills, sorted(films | {".gif", ".apng"})


@lru_cache(maxsize=8)
def describe_weights(model: str) -> str | None:
    """Return the start of the SHA-256 of the packaged weights; None for those of other models."""
    import hashlib

    path = Path(__file__).parents[2] / "models" / f"{model}.safetensors"
    if not path.is_file():
        path = Path(__file__).parents[3] / "models" / f"{model}.safetensors"
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


@router.get("/api/docs", include_in_schema=False, response_class=HTMLResponse)
def get_docs() -> Response:
    """Return the page that lists the endpoints."""
    return FileResponse(PAGES / "docs.html", media_type="text/html")


@router.get("/api/openapi.json", include_in_schema=False)
def get_openapi(request: Request) -> JSONResponse:
    """Return the OpenAPI description of the API."""
    return JSONResponse(request.app.openapi())
