"""Uploads in parts, which may be interrupted and resumed."""

from __future__ import annotations

import contextlib
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from vidcolor.studio.content import ItemKind
from vidcolor.studio.errors import RequestError
from vidcolor.studio.services import ClientDep, ServicesDep
from vidcolor.studio.upload_state import Item

router = APIRouter(prefix="/api/uploads", tags=["uploads"])


class NewUpload(BaseModel):
    """A file that a client wants to send."""

    name: str = Field(min_length=1, max_length=1000)
    """Name of the file, for people."""
    size: int = Field(ge=1, le=1 << 50)
    """Size in bytes."""
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-fA-F]{64}$")
    """SHA-256 in hex. A file that is here already is not sent again."""
    kind: ItemKind | None = None
    """What the client believes the file to be. The content decides."""


@router.post("", status_code=201)
def create_upload(
    upload: NewUpload, services: ServicesDep, client: ClientDep, response: Response
) -> dict[str, Any]:
    """Begin an upload, or find what was made of the same file."""
    services.check_accepting()
    sha256 = upload.sha256.lower() if upload.sha256 else None
    created = services.uploads.create(client, upload.name, upload.size, sha256, upload.kind)
    if isinstance(created, Item):
        response.status_code = 200
        return {"duplicate": created.to_json()}
    if created.received:
        response.status_code = 200
    return created.to_json()


@router.get("/{upload_id}")
def get_upload(upload_id: str, services: ServicesDep, client: ClientDep) -> dict[str, Any]:
    """Return how many bytes have arrived."""
    return services.uploads.get(client, upload_id).to_json()


@router.patch("/{upload_id}")
async def append_to_upload(
    upload_id: str,
    request: Request,
    services: ServicesDep,
    client: ClientDep,
    upload_offset: Annotated[str, Header()],
) -> JSONResponse:
    """Send the next part as the body. After the last one, the answer names the photo or film."""
    if not (upload_offset.isascii() and upload_offset.isdigit() and len(upload_offset) <= 18):
        raise RequestError("Upload-Offset is not a number")
    service = services.uploads
    await run_in_threadpool(service.get, client, upload_id)  # before the body is read
    data = bytearray()
    async with services.upload_slots:
        # What arrived of a part before the client disconnected is kept.
        with contextlib.suppress(ClientDisconnect):
            async for part in request.stream():
                data += part
        upload = await run_in_threadpool(
            service.append, client, upload_id, int(upload_offset), bytes(data)
        )
    return JSONResponse(upload.to_json())


@router.delete("/{upload_id}", status_code=204)
def delete_upload(upload_id: str, services: ServicesDep, client: ClientDep) -> None:
    """Cancel an upload and delete what has arrived."""
    services.uploads.cancel(client, upload_id)
