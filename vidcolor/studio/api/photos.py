"""Photos: pictures, decisions, results and archives."""

from __future__ import annotations

import contextlib
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool

from vidcolor.studio.api.revisions import (
    OptionalRevisionHeader,
    RevisionHeader,
    parse_revision_or_any,
)
from vidcolor.studio.compute.http import answer
from vidcolor.studio.errors import ApiError, RequestError
from vidcolor.studio.photos.decisions import Color, PhotoChange, Saturation, SetOptions, Vividness
from vidcolor.studio.responses import IMMUTABLE
from vidcolor.studio.services import ClientDep, Services, ServicesDep
from vidcolor.studio.settings import CHUNK_BYTES
from vidcolor.studio.upload_state import Item, Upload

router = APIRouter(tags=["photos"])
MAX_SIDE = 65535

MAX_LISTED = 100
"""Maximum number of photos that one request names."""

_Id = Annotated[str, Field(max_length=64)]
_Place = Annotated[float, Query(ge=0, le=1, allow_inf_nan=False)]


class Output(BaseModel):
    """Options of the result of a photo."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    format: Annotated[str | None, Field(max_length=10)] = None
    """Extension, such as ``.png``; None for the format of the source where it can hold a note that
    its color is predicted."""
    quality: Annotated[int | None, Field(ge=1, le=100)] = None
    """Quality of JPEG, WebP, AVIF and HEIC; None to keep the coding of the source."""
    mark: bool = False
    """Whether to draw a small palette icon, which says that the color is predicted."""


class NewArchive(BaseModel):
    """Photos whose results are wanted in one file."""

    photos: list[_Id] = Field(min_length=1, max_length=2000)


@router.get("/api/photos")
def list_photos(
    services: ServicesDep,
    client: ClientDep,
    ids: Annotated[list[_Id] | None, Query(alias="id", max_length=MAX_LISTED)] = None,
) -> list[dict[str, Any]]:
    """List the photos that this client may see; with `id`, only those of these that exist."""
    return services.photos.list(client, ids)


@router.post("/api/photos", status_code=202)
async def add_photo(
    request: Request,
    services: ServicesDep,
    client: ClientDep,
    name: Annotated[str, Query(min_length=1, max_length=1000)],
    content_length: Annotated[int, Header(ge=1)],
    vividness: Annotated[Vividness | None, Query()] = None,
    saturation: Annotated[Saturation | None, Query()] = None,
) -> dict[str, Any]:
    """Upload a photo as the body, in one request. A job colorizes it."""
    services.check_accepting()
    await services.photos.pictures.check_vividness(vividness)
    item = await _receive(request, services, client, name, content_length)
    if item.kind != "photo":
        return {"film": {"id": item.id}, "job": None}
    photos = services.photos
    values = {"vividness": vividness, "saturation": saturation}
    given = {key: value for key, value in values.items() if value is not None}
    if given:
        change = SetOptions.model_validate({"do": "set", **given})
        row = await run_in_threadpool(photos.change, item.id, client, None, change)
    else:
        row = await run_in_threadpool(photos.get, item.id, client)
    job = await run_in_threadpool(photos.ensure_result, row)
    row = await run_in_threadpool(photos.get, item.id, client)
    return {"photo": await run_in_threadpool(photos.describe, row), "job": job.to_json()}


async def _receive(request: Request, services: Services, client: str, name: str, size: int) -> Item:
    """Upload the body of a request."""
    uploads = services.uploads
    upload = await run_in_threadpool(uploads.create, client, name, size, None, "photo")
    assert isinstance(upload, Upload), "without a hash no upload is a duplicate"
    try:
        part = bytearray()
        async for data in request.stream():
            part += data
            while len(part) >= CHUNK_BYTES:
                upload = await _append(services, client, upload, bytes(part[:CHUNK_BYTES]))
                del part[:CHUNK_BYTES]
        if part:
            upload = await _append(services, client, upload, bytes(part))
        if upload.item is None:
            raise RequestError(f"{upload.received} of {size} bytes arrived; send the file again")
        return upload.item
    except BaseException:
        if upload.item is None:
            with contextlib.suppress(Exception):  # refused files are deleted already
                uploads.cancel(client, upload.id)
        raise


async def _append(services: Services, client: str, upload: Upload, data: bytes) -> Upload:
    return await run_in_threadpool(
        services.uploads.append, client, upload.id, upload.received, data
    )


@router.get("/api/photos/{photo_id}")
async def get_photo(photo_id: str, services: ServicesDep, client: ClientDep) -> dict[str, Any]:
    """Return a photo."""
    photos = services.photos
    row = await run_in_threadpool(photos.get, photo_id, client)
    row = await photos.pictures.examine(row)
    return await run_in_threadpool(photos.describe, row)


@router.delete("/api/photos/{photo_id}", status_code=204)
def delete_photo(photo_id: str, services: ServicesDep, client: ClientDep) -> None:
    """Delete an uploaded photo and its result."""
    row = services.photos.get(photo_id, client)
    if not row.is_upload:
        raise RequestError("photos of the command line are not deleted; leave them out next time")
    services.photos.delete(photo_id, "by the client")


# Pictures


@router.get("/api/photos/{photo_id}/image", response_class=Response)
async def get_image(
    photo_id: str,
    request: Request,
    services: ServicesDep,
    client: ClientDep,
    w: Annotated[int, Query(ge=0, le=MAX_SIDE)] = 1400,
    view: Literal["color", "gray", "confidence"] = "color",
    rev: int | None = None,
    format: Literal["jpeg", "webp"] = "jpeg",
) -> Response:
    """Return a picture; `w` is the longest side in pixels, 0 for the full size.

    A picture with its current revision may be kept for ever.
    """
    photos = services.photos
    row = await run_in_threadpool(photos.get, photo_id, client)
    decisions = await run_in_threadpool(photos.get_decisions, row)
    work = photos.pictures.render(row, decisions, view, w, format)
    data = await answer(request, work)
    headers = {"Cache-Control": IMMUTABLE if rev == row.revision else "no-store"}
    return Response(data, media_type=f"image/{format}", headers=headers)


@router.get("/api/photos/{photo_id}/colors")
async def list_colors(
    photo_id: str,
    request: Request,
    services: ServicesDep,
    client: ClientDep,
    x: _Place,
    y: _Place,
) -> dict[str, Any]:
    """Return the likely colors at a place, the current color, and the confidence."""
    photos = services.photos
    row = await run_in_threadpool(photos.get, photo_id, client)
    decisions = await run_in_threadpool(photos.get_decisions, row)
    return await answer(request, photos.pictures.list_colors(row, decisions, x, y))


@router.get("/api/photos/{photo_id}/region")
async def outline_region(
    photo_id: str,
    request: Request,
    services: ServicesDep,
    client: ClientDep,
    x: _Place,
    y: _Place,
    radius: Annotated[float | None, Query(gt=0, le=1, allow_inf_nan=False)] = None,
    color: Annotated[Color | None, Query()] = None,
) -> dict[str, Any]:
    """Return the outline of the region that a hint at a place would cover."""
    photos = services.photos
    row = await run_in_threadpool(photos.get, photo_id, client)
    decisions = await run_in_threadpool(photos.get_decisions, row)
    work = photos.pictures.outline_region(row, decisions, client, x, y, radius, color)
    return await answer(request, work)


@router.get("/api/photos/{photo_id}/suggestions")
async def suggest_places(
    photo_id: str, request: Request, services: ServicesDep, client: ClientDep
) -> dict[str, Any]:
    """Return the places where a hint helps most."""
    photos = services.photos
    row = await run_in_threadpool(photos.get, photo_id, client)
    decisions = await run_in_threadpool(photos.get_decisions, row)
    return await answer(request, photos.pictures.suggest(row, decisions))


# Decisions


@router.post("/api/photos/{photo_id}/changes")
async def change_photo(
    photo_id: str,
    change: PhotoChange,
    services: ServicesDep,
    client: ClientDep,
    if_match: RevisionHeader,
) -> dict[str, Any]:
    """Make one change. If the photo has another revision, the answer is 409 with the photo.

    With ``If-Match: *``, the change is made to any revision.
    """
    photos = services.photos
    if isinstance(change, SetOptions):
        await photos.pictures.check_vividness(change.vividness)
    expected = parse_revision_or_any(if_match)
    row = await run_in_threadpool(photos.change, photo_id, client, expected, change)
    photos.pictures.predict(row, await run_in_threadpool(photos.get_decisions, row), client)
    return await run_in_threadpool(photos.describe, row)


@router.put("/api/photos/{photo_id}/reference")
async def set_reference(
    photo_id: str,
    request: Request,
    services: ServicesDep,
    client: ClientDep,
    name: Annotated[str, Query(min_length=1, max_length=1000)] = "reference",
    if_match: OptionalRevisionHeader = None,
) -> dict[str, Any]:
    """Give the photo the colors of the picture in the body."""
    services.check_accepting()
    photos, expected = services.photos, parse_revision_or_any(if_match)
    row = await run_in_threadpool(photos.get, photo_id, client)
    await run_in_threadpool(photos.check_revision, row, expected)  # before the picture is received
    reference = await photos.pictures.receive_reference(row, name, request.stream())
    try:
        changed = await run_in_threadpool(
            photos.set_reference, photo_id, client, expected, reference
        )
    except ApiError:
        await run_in_threadpool(photos.pictures.delete_reference, row, reference)
        raise
    return await run_in_threadpool(photos.describe, changed)


@router.delete("/api/photos/{photo_id}/reference")
def remove_reference(
    photo_id: str, services: ServicesDep, client: ClientDep, if_match: OptionalRevisionHeader = None
) -> dict[str, Any]:
    """Remove the reference. The picture stays until the photo is deleted, so this can be undone."""
    expected = parse_revision_or_any(if_match)
    return services.photos.describe(services.photos.set_reference(photo_id, client, expected, None))


# Results


@router.post("/api/photos/{photo_id}/render", status_code=202)
def render_photo(
    photo_id: str, services: ServicesDep, client: ClientDep, output: Output | None = None
) -> dict[str, Any]:
    """Make the result in full quality. Without options, those of the last time apply."""
    services.check_accepting()
    row = services.photos.get(photo_id, client)
    values = None if output is None else _check_output(output)
    return services.photos.render(row, values).to_json()


def _check_output(output: Output) -> dict[str, Any]:
    """Return the options that differ from the defaults."""
    values = output.model_dump(exclude_defaults=True)
    if output.format is not None:
        # The table of formats imports NumPy, so it is not loaded with the server.
        from vidcolor.media.stills.formats import STILL_SUFFIXES

        suffix = f".{output.format.lower().removeprefix('.')}"
        fmt = STILL_SUFFIXES.get(suffix)
        if fmt is None:
            choices = ", ".join(sorted(STILL_SUFFIXES))
            raise RequestError(f"{output.format}: unknown format of photos; use one of {choices}")
        if fmt.missing_module:
            raise RequestError(f"{suffix}: {fmt.missing_module}")
        values["format"] = suffix
    return values


@router.get("/api/photos/{photo_id}/result", response_class=FileResponse)
def get_result(photo_id: str, services: ServicesDep, client: ClientDep) -> FileResponse:
    """Download the result. If it is not of the current revision, a job is started (409, stale)."""
    photos = services.photos
    path, name = photos.get_result(photo_id, client)
    return _make_download(path, name, None, BackgroundTask(photos.mark_downloaded, photo_id))


@router.post("/api/archives", status_code=202)
def create_archive(archive: NewArchive, services: ServicesDep, client: ClientDep) -> dict[str, Any]:
    """Make a ZIP file of results. The subject of the job is the id of the archive."""
    services.check_accepting()
    return services.photos.archives.create(archive.photos, client).to_json()


@router.get("/api/archives/{archive_id}", response_class=FileResponse)
def get_archive(archive_id: str, services: ServicesDep, client: ClientDep) -> FileResponse:
    """Download an archive."""
    photos = services.photos
    path, photo_ids = photos.archives.get(archive_id, client)

    def mark_downloaded() -> None:
        photos.archives.mark_downloaded(archive_id)
        for photo_id in photo_ids:
            photos.mark_downloaded(photo_id)

    task = BackgroundTask(mark_downloaded)
    return _make_download(path, "photos.color.zip", "application/zip", task)


def _make_download(
    path: Any, name: str, media_type: str | None, background: BackgroundTask
) -> FileResponse:
    return FileResponse(
        path,
        filename=name,
        media_type=media_type,
        headers={"Cache-Control": "no-store"},
        background=background,
    )
