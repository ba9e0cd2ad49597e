"""State of the server for monitoring."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from vidcolor.studio.metrics import CONTENT_TYPE
from vidcolor.studio.services import ServicesDep

router = APIRouter(tags=["server"])


@router.get("/healthz")
def get_health() -> dict[str, str]:
    """Whether the server answers at all."""
    return {"status": "ok"}


@router.get("/readyz")
def get_readiness(services: ServicesDep) -> JSONResponse:
    """Whether the server can accept work: 503 while it stops, or without its database or disk."""
    problems = services.find_problems()
    if problems:
        return JSONResponse({"status": "not ready", "problems": problems}, 503)
    return JSONResponse({"status": "ready", "problems": []})


@router.get("/metrics", response_class=Response)
def get_metrics(services: ServicesDep) -> Response:
    """Counters in the format of Prometheus. The token or a session is required."""
    return Response(services.metrics.render(), media_type=CONTENT_TYPE)
