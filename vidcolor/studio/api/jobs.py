"""Jobs: list, wait, cancel and retry."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.concurrency import run_in_threadpool

from vidcolor.studio.jobs.errors import UnknownJobError
from vidcolor.studio.services import ClientDep, ServicesDep

MAX_WAIT_SECONDS = 60

router = APIRouter(prefix="/api/jobs", tags=["jobs"])


def find_job_id(job_id: str, services: ServicesDep, client: ClientDep) -> str:
    """Return the ID of a job if the client may see the job."""
    if not services.jobs.store.get(job_id).is_visible_to(client):
        raise UnknownJobError(job_id)
    return job_id


JobIdDep = Annotated[str, Depends(find_job_id)]


@router.get("")
def list_jobs(services: ServicesDep, client: ClientDep) -> list[dict[str, Any]]:
    """List the jobs that this client may see, the newest first."""
    return [job.to_json() for job in services.jobs.list(client)]


@router.get("/{job_id}")
async def get_job(
    job_id: JobIdDep,
    services: ServicesDep,
    client: ClientDep,
    wait: Annotated[
        float,
        Query(ge=0, le=MAX_WAIT_SECONDS, description="Seconds to wait for the end of the job."),
    ] = 0,
) -> dict[str, Any]:
    """Return one job, at once or when it has ended."""
    if wait:
        return (await services.jobs.wait(job_id, wait, client)).to_json()
    return (await run_in_threadpool(services.jobs.get, job_id)).to_json()


@router.post("/{job_id}/cancel")
def cancel_job(job_id: JobIdDep, services: ServicesDep) -> dict[str, Any]:
    """Cancel a job that waits or runs. A running job may need moments to stop."""
    return services.jobs.cancel(job_id).to_json()


@router.post("/{job_id}/retry")
def retry_job(job_id: JobIdDep, services: ServicesDep) -> dict[str, Any]:
    """Queue a job again that failed or was canceled."""
    services.check_accepting()
    return services.jobs.retry(job_id).to_json()
