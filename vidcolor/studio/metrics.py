"""Metrics of the server in the format of Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vidcolor.studio.database import Database
    from vidcolor.studio.storage import Storage

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_JOB_STATES = ("queued", "running", "done", "failed", "canceled")


class CountedEvents(Protocol):
    """What metrics need of the events."""

    @property
    def num_subscriptions(self) -> int:
        """Number of readers."""


class CountedJobs(Protocol):
    """What metrics need of the jobs."""

    def count(self) -> dict[str, int]:
        """Return the number of jobs in each state that occurs."""

    @property
    def num_workers_running(self) -> int:
        """Number of worker processes that run."""


class CountedCompute(Protocol):
    """What metrics need of the compute processes."""

    @property
    def statistics(self) -> Any:
        """A `ComputeStatistics`."""


class Metrics:
    """Counts requests, and reads the state of the services when it is asked."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        events: CountedEvents,
        jobs: CountedJobs,
        compute: CountedCompute,
    ) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "vidcolor_requests_total",
            "Requests by method, route and status.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "vidcolor_request_seconds",
            "Time until the response began, by route.",
            ("route",),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._database, self._storage = database, storage
        self._events, self._jobs, self._compute = events, jobs, compute
        self._registry.register(self)

    def count_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request.

        Args:
            method: its method.
            route: the pattern of its path, because metrics must not grow with ids.
            status: status of the response.
            seconds: time until the response began.
        """
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def collect(self) -> Iterator[Metric]:
        """Yield what the database, the disk and the processes say now."""
        jobs = GaugeMetricFamily("vidcolor_jobs", "Jobs by state.", labels=("state",))
        counts = self._jobs.count()
        for state in _JOB_STATES:
            jobs.add_metric((state,), counts.get(state, 0))
        yield jobs
        connection = self._database.connection
        items = GaugeMetricFamily("vidcolor_items", "Photos, films, uploads.", labels=("kind",))
        for table, condition in (("photos", ""), ("films", ""), ("uploads", "WHERE item IS NULL")):
            row = connection.execute(f"SELECT COUNT(*) FROM {table} {condition}").fetchone()
            items.add_metric((table.removesuffix("s"),), row[0])
        yield items
        compute = self._compute.statistics
        for name, text, value in (
            ("storage_bytes", "Size of the data directory.", self._storage.measure_used()),
            ("workers", "Worker processes that run.", self._jobs.num_workers_running),
            ("event_readers", "Readers of events.", self._events.num_subscriptions),
            ("compute_ready", "Whether the networks are loaded for clicks.", compute.is_ready),
            ("compute_waiting", "Tasks that wait for a compute process.", compute.waiting),
        ):
            yield GaugeMetricFamily(f"vidcolor_{name}", text, value=float(value))
        for name, text, value in (
            ("compute_tasks", "Tasks that a compute process has answered.", compute.finished),
            ("compute_restarts", "Starts of compute processes after deaths.", compute.restarts),
        ):
            yield CounterMetricFamily(f"vidcolor_{name}", text, value=value)

    def render(self) -> bytes:
        """Return all metrics as text."""
        return generate_latest(self._registry)
