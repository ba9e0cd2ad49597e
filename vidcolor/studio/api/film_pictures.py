"""The endpoints of films that return pictures, and what the generator knows about them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from starlette.concurrency import run_in_threadpool

from vidcolor.studio.compute.client import PRIORITY_PREFETCH
from vidcolor.studio.compute.http import answer
from vidcolor.studio.errors import NotFoundError, RequestError
from vidcolor.studio.films.describe import make_source_rev
from vidcolor.studio.films.paths import LoopView
from vidcolor.studio.films.pictures import (
    DEFAULT_SAMPLES,
    MAX_SAMPLES,
    MAX_WIDTH,
    PREFETCHED,
    StillFormat,
    StillRequest,
    StillView,
)
from vidcolor.studio.responses import IMMUTABLE, REVALIDATE
from vidcolor.studio.services import ClientDep, ServicesDep

if TYPE_CHECKING:
    from vidcolor.project.document import ProjectDocument

router = APIRouter(prefix="/api/films", tags=["films"])
MAX_PLACES = 200
_Fraction = Annotated[float, Query(ge=0, le=1, allow_inf_nan=False)]


@router.get("/{film_id}/frames/{frame}")
async def get_still(
    film_id: str,
    frame: int,
    request: Request,
    services: ServicesDep,
    client: ClientDep,
    w: Annotated[int, Query(ge=0, le=MAX_WIDTH)] = 0,
    view: StillView = "color",
    rev: Annotated[str | None, Query(max_length=40)] = None,
    format: StillFormat = "webp",
    prefetch: bool = False,
) -> Response:
    """Return the still of a frame, by its ordinal among the decoded frames.

    With the current `rev` of its shot, or the `source_rev` of the film for the gray view, browsers
    keep it for ever. `w` is the maximum length of the longest side; 0 for the displayed size.
    """
    films = services.films
    row = await run_in_threadpool(films.get, film_id, client)
    decisions = await run_in_threadpool(films.read_decisions, row)
    document, revs = decisions.document, decisions.revs
    current = _find_rev(document, revs, frame, view)
    still_request = StillRequest(frame, w, view, format)
    still = await answer(
        request,
        films.pictures.get_still(
            row, still_request, current, PRIORITY_PREFETCH if prefetch else None
        ),
    )
    if not prefetch and w != 0:
        neighbors = {
            n: _find_rev(document, revs, n, view)
            for n in (frame + offset for offset in PREFETCHED)
            if 0 <= n < document.source.num_frames
        }
        films.pictures.prefetch(row, still_request, neighbors)
    headers = {
        "Cache-Control": IMMUTABLE if rev == still.rev else REVALIDATE,
        "ETag": f'"{still.rev}-{w}-{view}-{format}"',
        "X-Revision": still.rev,
    }
    return Response(still.data, media_type=f"image/{format}", headers=headers)


def _find_rev(document: ProjectDocument, revs: list[str], frame: int, view: str) -> str:
    """Return the revision of a still.

    Raises:
        NotFoundError: the film has no such frame.
    """
    if not 0 <= frame < document.source.num_frames:
        raise NotFoundError(
            f"frame {frame} does not exist; the film has {document.source.num_frames} frames"
        )
    if view == "gray":
        return make_source_rev(document.source)
    return revs[document.find_shot(frame)]


@router.get("/{film_id}/frames/{frame}/colors")
async def get_colors(
    film_id: str, frame: int, request: Request, x: _Fraction, y: _Fraction,
    services: ServicesDep, client: ClientDep,
) -> dict[str, Any]:  # fmt: skip
    """Return the likely colors at a place, its current color, and the confidence there."""
    row = await run_in_threadpool(services.films.get, film_id, client)
    return await answer(request, services.films.pictures.find_colors(row, frame, x, y))


@router.get("/{film_id}/frames/{frame}/region")
async def get_region(
    film_id: str,
    frame: int,
    request: Request,
    services: ServicesDep,
    client: ClientDep,
    x: _Fraction | None = None,
    y: _Fraction | None = None,
    radius: Annotated[float | None, Query(gt=0, le=1)] = None,
    color: Annotated[str | None, Query(max_length=40)] = None,
    hint: Annotated[int | None, Query(ge=1)] = None,
) -> dict[str, Any]:
    """Return the outline of what a hint at a place would color, or of what a hint colors here.

    A hint that does not exist colors nothing.
    """
    if hint is None and (x is None or y is None):
        raise RequestError("give x and y, or the number of a hint")
    row = await run_in_threadpool(services.films.get, film_id, client)
    values = {"hint": hint, "x": x, "y": y, "radius": radius, "color": color}
    work = services.films.pictures.find_region(row, frame, **values)
    return await answer(request, work)


@router.get("/{film_id}/shots/{number}/tracks")
async def get_tracks(
    film_id: str,
    number: int,
    request: Request,
    services: ServicesDep,
    client: ClientDep,
    response: Response,
    rev: Annotated[str | None, Query(max_length=40)] = None,
    count: Annotated[int, Query(ge=2, le=MAX_SAMPLES)] = DEFAULT_SAMPLES,
) -> dict[str, Any]:
    """Return where the hints of a shot are in some of its frames, and the `rev` of the shot.

    A shot that had the given `rev` and does not exist any more has no tracks.
    """
    films = services.films
    row = await run_in_threadpool(films.get, film_id, client)
    decisions = await run_in_threadpool(films.read_decisions, row)
    index = decisions.find_shot(number, rev)
    if index is None:
        if rev is not None:  # the page learns of the change in a moment
            return {"shot": number, "rev": None, "tracks": []}
        raise NotFoundError(f"shot {number} does not exist; read the film again")
    # A revision does not tell the numbers of hints, so a browser must not keep their tracks.
    response.headers["Cache-Control"] = REVALIDATE
    current = decisions.revs[index]
    work = films.pictures.find_tracks(row, decisions.document, index, current, count)
    return await answer(request, work)


@router.get("/{film_id}/review")
async def get_review(
    film_id: str,
    services: ServicesDep,
    client: ClientDep,
    limit: Annotated[int, Query(ge=1, le=MAX_PLACES)] = 20,
) -> dict[str, Any]:
    """Return the places where a hint helps most; more follow while `done` is below `total`."""
    row = await run_in_threadpool(services.films.get, film_id, client)
    decisions = await run_in_threadpool(services.films.read_decisions, row)
    document, revs = decisions.document, decisions.revs
    return await services.films.review.list_places(row, document, revs, limit)


@router.post("/{film_id}/shots/{number}/loop")
def make_loop(
    film_id: str,
    number: int,
    services: ServicesDep,
    client: ClientDep,
    rev: Annotated[str | None, Query(max_length=40)] = None,
) -> JSONResponse:
    """Queue the loops of a shot, unless they are there; the answer has the job or `ready`.

    With its `rev`, the shot is found after earlier ones were split or merged.
    """
    services.check_accepting()
    films = services.films
    row = films.get(film_id, client)
    number, rev = films.find_shot(row, number, rev)
    times = films.cache.get(films.locate_loop(row, rev, "color", ".json"))
    if films.locate_loop(row, rev, "color", ".mp4").exists() and times is not None:
        return JSONResponse({"ready": True, "rev": rev, "times": json.loads(times)})
    return JSONResponse(films.submit_loop(row, number, rev).to_json(), 202)


@router.get("/{film_id}/shots/{number}/loop.{suffix}")
def get_loop(
    film_id: str,
    number: int,
    suffix: str,
    services: ServicesDep,
    client: ClientDep,
    view: LoopView = "color",
    rev: Annotated[str | None, Query(max_length=40)] = None,
) -> FileResponse:
    """Return the loop of a shot: H.264 as `loop.mp4`, or VP9 as `loop.webm`.

    With a `rev` of the shot, the loop of that revision as long as it is kept: a browser reads it in
    parts while it plays, also after the shot was changed.
    """
    films = services.films
    row = films.get(film_id, client)
    if suffix not in ("mp4", "webm"):
        raise NotFoundError("loops are loop.mp4 and loop.webm")
    shown, path = rev, films.locate_loop(row, rev or "", view, f".{suffix}")
    if shown is None or not path.is_file():
        shown = films.find_shot(row, number, None)[1]
        path = films.locate_loop(row, shown, view, f".{suffix}")
    if not path.is_file():
        raise NotFoundError(f"shot {number} has no loop yet; request it")
    headers = {
        "Cache-Control": IMMUTABLE if rev == shown else REVALIDATE,
        "X-Revision": shown,
    }
    return FileResponse(path, media_type=f"video/{suffix}", headers=headers)


@router.get("/{film_id}/plan")
async def get_plan(
    film_id: str,
    request: Request,
    services: ServicesDep,
    client: ClientDep,
    container: Annotated[str | None, Query(max_length=10)] = None,
) -> dict[str, Any]:
    """Return what a rendering would render or reuse, and why."""
    row = await run_in_threadpool(services.films.get, film_id, client)
    return await answer(request, services.films.pictures.plan(row, container))
