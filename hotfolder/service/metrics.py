"""Everything that is measured, for Prometheus: counted in memory, from the start of the process."""

from __future__ import annotations

import threading
from collections import OrderedDict

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from hotfolder.service.gauges import Gauges, Sources
from hotfolder.service.labels import Labels, label
from hotfolder.service.web import Page

MOST_PROJECTS = 100
MOST_KINDS = 40
PHASE_BUCKETS = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600)
OPERATIONS = ("merge", "stage", "lawn", "sky")
PHASES = ("uploading", "merging", "editing", "publishing", "filing")


class Recorder:
    """Where the rest of the daemon tells what happened. Every method is quick, and any thread may call it."""

    def __init__(self, registry: CollectorRegistry, *, most_projects: int = MOST_PROJECTS) -> None:
        # Without this every counter is followed by a second series that tells when it was made.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.most_projects = most_projects
        self._projects: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._lock = threading.Lock()
        self._operations, self._phases = Labels(OPERATIONS, MOST_KINDS), Labels(PHASES, MOST_KINDS)
        self._kinds, self._outcomes = Labels((), MOST_KINDS), Labels(("sent", "failed"), MOST_KINDS)
        self._paid = Counter(
            "hotfolder_paid_calls", "Paid calls that left, by operation.", ["operation"], registry=registry
        )
        self._paid_by_project = Counter(
            "hotfolder_project_paid_calls",
            f"Paid calls that left, by operation and project; the latest {most_projects} pairs of them.",
            ["operation", "project"],
            registry=registry,
        )
        self._seconds = Histogram(
            "hotfolder_phase_seconds",
            "Seconds that sets spent in each phase.",
            ["phase"],
            buckets=PHASE_BUCKETS,
            registry=registry,
        )
        self._up = Counter("hotfolder_uploaded_bytes", "Bytes of photos sent.", registry=registry)
        self._down = Counter("hotfolder_downloaded_bytes", "Bytes of results fetched.", registry=registry)
        self._errors = Counter(
            "hotfolder_api_errors", "Requests that went wrong, by kind.", ["kind"], registry=registry
        )
        self._notices = Counter(
            "hotfolder_notices", "Messages to people, by what became of them.", ["outcome"], registry=registry
        )
        self._begin_at_zero()

    def _begin_at_zero(self) -> None:
        """A series that is there from the start shows its first increase; one that appears at 1 does not."""
        for operation in OPERATIONS:
            self._paid.labels(operation)
        for phase in PHASES:
            self._seconds.labels(phase)
        for outcome in ("sent", "failed"):
            self._notices.labels(outcome)

    def paid(self, operation: str, project: str) -> None:
        """A paid call left."""
        operation, project = self._operations.bounded(operation), label(project)
        self._paid.labels(operation).inc()
        with self._lock:
            self._paid_by_project.labels(operation, project).inc()
            self._projects[operation, project] = None
            self._projects.move_to_end((operation, project))
            if len(self._projects) > self.most_projects:
                self._paid_by_project.remove(*self._projects.popitem(last=False)[0])

    def phase(self, name: str, seconds: float) -> None:
        """A set has spent so long in a phase, and leaves it."""
        self._seconds.labels(self._phases.bounded(name)).observe(max(0.0, seconds))

    def bytes_up(self, number: int) -> None:
        self._up.inc(max(0, number))

    def bytes_down(self, number: int) -> None:
        self._down.inc(max(0, number))

    def api_error(self, kind: str) -> None:
        """A request went wrong; `kind` is a short word, such as the name of the error's class."""
        self._errors.labels(self._kinds.bounded(kind)).inc()

    def notice(self, outcome: str) -> None:
        """A message to people was `sent` or `failed`."""
        self._notices.labels(self._outcomes.bounded(outcome)).inc()


class Metrics:
    """All metrics of one daemon. `recorder` is what the daemon tells; `page` is what Prometheus reads."""

    def __init__(self, sources: Sources, *, most_projects: int = MOST_PROJECTS) -> None:
        self.registry = CollectorRegistry()
        self.recorder = Recorder(self.registry, most_projects=most_projects)
        self.registry.register(Gauges(sources))
        ProcessCollector(registry=self.registry)

    def page(self) -> Page:
        """The text format 0.0.4, which every Prometheus reads."""
        return Page(generate_latest(self.registry), CONTENT_TYPE_PLAIN_0_0_4)
