"""The endpoints of films."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool

from vidcolor.errors import VidcolorError
from vidcolor.project.store import SUFFIX
from vidcolor.studio.api import film_pictures
from vidcolor.studio.api.revisions import RevisionHeader, parse_revision
from vidcolor.studio.compute.http import answer
from vidcolor.studio.errors import NotFoundError, RequestError
from vidcolor.studio.films.changes import FileOptions, FilmChange, Name, SetFilm, SetShot
from vidcolor.studio.films.exports import ListFormat, make_export_name
from vidcolor.studio.films.models import check_models
from vidcolor.studio.films.paths import is_analyzed
from vidcolor.studio.films.references import receive_reference
from vidcolor.studio.films.reports import ReportFormat, locate_report
from vidcolor.studio.responses import REVALIDATE, make_download
from vidcolor.studio.services import ClientDep, ServicesDep

if TYPE_CHECKING:
    from vidcolor.studio.films.rows import FilmRow
    from vidcolor.studio.films.service import FilmService

router = APIRouter(prefix="/api/films", tags=["films"])
_FACTS_TIMEOUT_S = 8.0
"""Maximum time for which a description waits for facts about the source, in seconds. It takes more
than some milliseconds only once for each film, if the compute process is still starting."""


class RenderOptions(FileOptions):
    """How a film is rendered. The options of the film itself become a change of its project."""

    container: Name | None = None
    """Extension of the result, such as ``.mov``; None for that of the purpose."""
    confidence: bool = False
    """Whether to write a film of the confidence as well."""
    replace: bool = False
    """Whether a file may be replaced that is not from this studio."""
    by: Name | None = None


@router.get("")
def list_films(services: ServicesDep, client: ClientDep) -> dict[str, Any]:
    """List the films, the one that was visited last first."""
    return {"films": services.films.list_films(client)}


@router.get("/{film_id}")
async def get_film(film_id: str, services: ServicesDep, client: ClientDep) -> Response:
    """Return a film: what its project says, its shots and its hints."""
    row = await run_in_threadpool(services.films.get, film_id, client)
    return await _respond(services.films, row)


async def _respond(films: FilmService, row: FilmRow) -> Response:
    facts = None
    if await run_in_threadpool(is_analyzed, row):
        # An error of the project is a part of the description.
        with contextlib.suppress(VidcolorError, TimeoutError):
            document = (await run_in_threadpool(films.read_decisions, row)).document
            async with asyncio.timeout(_FACTS_TIMEOUT_S):
                facts = await films.pictures.describe_source(row, document)
    data = await run_in_threadpool(films.describer.describe, row, facts)
    return Response(data, media_type="application/json", headers={"Cache-Control": "no-store"})


@router.post("/{film_id}/open")
async def open_film(film_id: str, services: ServicesDep, client: ClientDep) -> Response:
    """Open a film: it is analyzed first if it has no project yet."""
    services.check_accepting()
    films = services.films
    row = await run_in_threadpool(films.get, film_id, client)
    job = await run_in_threadpool(films.ensure_analyzed, row, retry=True)
    response = await _respond(films, row)
    response.status_code = 200 if job is None else 202
    return response


@router.delete("/{film_id}", status_code=204)
def delete_film(film_id: str, services: ServicesDep, client: ClientDep) -> None:
    """Delete an uploaded film with its project and its result."""
    row = services.films.get(film_id, client)
    if not row.is_upload:
        raise RequestError("films of the command line are not deleted; leave them out next time")
    services.films.delete(film_id, "by the client")


# Decisions


@router.post("/{film_id}/changes")
async def change_film(
    film_id: str,
    change: FilmChange,
    if_match: RevisionHeader,
    services: ServicesDep,
    client: ClientDep,
) -> Response:
    """Make one change of the project. If it has another revision, the answer is 409 with it."""
    films = services.films
    row = await run_in_threadpool(films.get, film_id, client)
    revision = parse_revision(if_match)
    if isinstance(change, SetShot):
        document = (await run_in_threadpool(films.read_decisions, row)).document
        known = await run_in_threadpool(films.list_models, document)
        await check_models(films.pictures, row, document, change, known)
    await run_in_threadpool(films.change, row, revision, change)
    return await _respond(films, row)


@router.post("/{film_id}/references")
async def add_reference(
    film_id: str,
    request: Request,
    if_match: RevisionHeader,
    services: ServicesDep,
    client: ClientDep,
    name: Annotated[str, Query(min_length=1, max_length=1000)] = "reference",
    frame: Annotated[int | None, Query(ge=0)] = None,
    evidence: Annotated[str | None, Query(max_length=2000)] = None,
    by: Annotated[str | None, Query(max_length=100)] = None,
) -> Response:
    """Add the color image in the body as a reference for a frame, or for the shots it matches."""
    films = services.films
    row = await run_in_threadpool(films.get, film_id, client)
    await receive_reference(
        films, row, parse_revision(if_match), name, request.stream(),
        services.settings.max_photo_bytes, frame=frame, evidence=evidence, by=by,
    )  # fmt: skip
    return await _respond(films, row)


@router.get("/{film_id}/log")
def get_log(
    film_id: str,
    services: ServicesDep,
    client: ClientDep,
    limit: Annotated[int, Query(ge=0, le=100_000)] = 200,
) -> dict[str, Any]:
    """Return the last changes, the newest first; all with the limit 0."""
    row = services.films.get(film_id, client)
    return {"changes": services.films.list_changes(row, limit)}


# Files for other programs


@router.get("/{film_id}/shots.{list_format}")
async def get_shot_list(
    film_id: str,
    list_format: ListFormat,
    request: Request,
    services: ServicesDep,
    client: ClientDep,
) -> Response:
    """Download the list of shots, as `vidcolor project shots --out` writes it."""
    row = await run_in_threadpool(services.films.get, film_id, client)
    film_name = row.name if row.is_upload else None
    work = services.films.pictures.list_shots(row, list_format, film_name)
    data = await answer(request, work)
    return make_download(data, make_export_name(row, f".{list_format}"))


@router.get("/{film_id}/project")
def get_project(film_id: str, services: ServicesDep, client: ClientDep) -> Response:
    """Download the project with all decisions, for the command line."""
    row = services.films.get(film_id, client)
    return make_download(services.films.read_project_file(row), make_export_name(row, SUFFIX))


# Rendering


@router.post("/{film_id}/render", status_code=202)
def render_film(
    film_id: str, services: ServicesDep, client: ClientDep, options: RenderOptions | None = None
) -> dict[str, Any]:
    """Queue the rendering of the film. Only what has changed is rendered."""
    services.check_accepting()
    films, options = services.films, options or RenderOptions()
    row = films.get(film_id, client)
    given = options.model_dump(include=set(FileOptions.model_fields), exclude_unset=True)
    revision = films.read_decisions(row).document.revision
    if given:
        films.change(row, revision, SetFilm(do="set", by=options.by, **given))
    values = {"suffix": options.container, **options.model_dump(include={"confidence", "replace"})}
    return films.submit_render(row, values).to_json()


@router.get("/{film_id}/result")
def get_result(film_id: str, services: ServicesDep, client: ClientDep) -> FileResponse:
    """Download the last result; it may be of an earlier revision."""
    row = services.films.get(film_id, client)
    if row.result_path is None or row.result_revision is None or not row.result_path.is_file():
        raise NotFoundError(f"{row.name}: there is no result yet; render the film")
    headers = {"Cache-Control": REVALIDATE, "X-Revision": str(row.result_revision)}
    name = services.films.describer.make_result_name(row)
    return FileResponse(
        row.result_path, filename=name, media_type="application/octet-stream", headers=headers
    )


@router.get("/{film_id}/report.{report_format}")
def get_report(
    film_id: str, report_format: ReportFormat, services: ServicesDep, client: ClientDep
) -> FileResponse:
    """Download the report of the last result, as `vidcolor colorize --report` writes it."""
    row = services.films.get(film_id, client)
    path = locate_report(row, report_format)
    if row.result_path is None or not path.is_file():
        raise NotFoundError(f"{row.name}: there is no report yet; render the film")
    stem = services.films.describer.make_result_name(row).rpartition(".")[0]
    # A page that opened in the studio could act for the person, so it is a download.
    return FileResponse(
        path, filename=f"{stem}.report.{report_format}", media_type="application/octet-stream",
        headers={"Cache-Control": REVALIDATE},
    )  # fmt: skip


for route in film_pictures.router.routes:
    router.routes.append(route)
