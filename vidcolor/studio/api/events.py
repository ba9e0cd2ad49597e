"""Server-sent events: what changed, as it changes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.responses import StreamingResponse

from vidcolor.studio.events import stream_events
from vidcolor.studio.services import ClientDep, ServicesDep

HEADERS = {
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",  # nginx would collect events before it passes them on
}

router = APIRouter(prefix="/api/events", tags=["events"])


@router.get(
    "",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}}},
)
async def get_events(
    services: ServicesDep,
    client: ClientDep,
    last_event_id: Annotated[int | None, Header(ge=0)] = None,
) -> StreamingResponse:
    """Stream events until the client disconnects or the server stops.

    The types are ``job`` (the job), ``photo`` and ``film`` (``id``, ``revision``), ``upload`` and
    ``deleted`` (``id``). With the header ``Last-Event-ID``, the events since then come first. The
    first event is ``ready``; or ``reset`` if events were missed, after which the client must read
    the state again.
    """
    services.events.check_room(client)
    stream = stream_events(services.events, client, last_event_id)
    return StreamingResponse(stream, media_type="text/event-stream", headers=HEADERS)
