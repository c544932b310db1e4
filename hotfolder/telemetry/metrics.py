"""Metrics for Prometheus."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from hotfolder import __version__, log
from hotfolder.jobs.model import ACTIVE, State
from hotfolder.telemetry.health import Heartbeats
from hotfolder.telemetry.overview import SETTLING, Line, Overview
from hotfolder.telemetry.web import Page

MOST_CHARACTERS = 100
OTHER = "other"


def label(text: str) -> str:
    """`text` as a label value."""
    whole = text.encode("utf-8", errors="replace").decode()
    return "".join(c if c.isprintable() else "?" for c in whole)[:MOST_CHARACTERS] or "unknown"


class Labels:
    """The values of one label: those known from the start, then the first that come, then `other`."""

    def __init__(self, known: Iterable[str], most: int) -> None:
        self.most = most
        self._known = set(known)

    def bounded(self, text: str) -> str:
        value = label(text)
        if value not in self._known:
            if len(self._known) >= self.most:
                return OTHER
            self._known.add(value)
        return value


logger = log.get("metrics")

MOST_INBOXES = 100


@dataclass(frozen=True)
class Sources:
    """Where the gauges look. Each is called in the web server's thread and must return at once.

    `overview` gives the latest one that was read, None before the first. `paid_calls_left` is what the daily
    budget still allows, None when there is no limit.
    """

    overview: Callable[[], Overview | None]
    heartbeats: Heartbeats
    paid_calls_left: Callable[[], int | None] = lambda: None
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))


class Gauges(Collector):
    """Makes the gauges when Prometheus asks. One that can't be made is left out and logged, once."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self._broken: set[str] = set()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield single("hotfolder_build_info", "The running version.", 1, version=__version__)
        for name, make in (("overview", self._overview), ("beats", self._beats), ("budget", self._budget)):
            try:
                yield from list(make())
            except Exception as error:
                if name not in self._broken:
                    logger.error("gauges_not_made", of=name, error=f"{type(error).__name__}: {error}")
                self._broken.add(name)

    def _overview(self) -> Iterable[GaugeMetricFamily]:
        seen = self.sources.overview()
        if seen is None:
            return
        jobs = GaugeMetricFamily("hotfolder_jobs", "Sets in each state.", labels=["state"])
        for state in (SETTLING, *State):
            jobs.add_metric([state], seen.counts.get(state, 0))
        yield jobs
        now = self.sources.now()
        for name, about, states in (
            ("waiting", "Age of the oldest set that no work has begun on.", (State.QUEUED,)),
            ("unfinished", "Age of the oldest set that is not done with.", tuple(ACTIVE)),
        ):
            yield single(f"hotfolder_oldest_{name}_seconds", about, oldest(seen.in_states(states), now))
        yield single("hotfolder_api_paused", "1 while the API is not asked.", int(bool(seen.trouble)))
        yield single("hotfolder_paid_calls_paused", "1 while nothing is paid for.", int(bool(seen.paused)))
        inboxes = GaugeMetricFamily(
            "hotfolder_inbox_degraded", "1 for an inbox that is out of reach.", labels=["inbox"]
        )
        for inbox, why in sorted(seen.degraded.items())[:MOST_INBOXES]:
            inboxes.add_metric([label(inbox)], int(bool(why)))
        yield inboxes

    def _beats(self) -> Iterable[GaugeMetricFamily]:
        beats = self.sources.heartbeats
        now = beats.monotonic()
        silent = GaugeMetricFamily(
            "hotfolder_part_silent_seconds", "Seconds since a part last showed life.", labels=["part"]
        )
        for beat in beats.beats():
            silent.add_metric([label(beat.part)], beat.silent_seconds(now))
        yield silent

    def _budget(self) -> Iterable[GaugeMetricFamily]:
        left = self.sources.paid_calls_left()
        if left is not None:
            yield single("hotfolder_paid_calls_left", "Paid calls that today's budget still allows.", left)


def single(name: str, about: str, value: float, **labels: str) -> GaugeMetricFamily:
    family: Any = GaugeMetricFamily(name, about, labels=list(labels))
    family.add_metric(list(labels.values()), value)
    return family  # type: ignore[no-any-return]


def oldest(lines: Iterable[Line], now: datetime) -> float:
    """Seconds since the oldest of them was taken up; 0 when there is none."""
    ages = [(now - datetime.fromisoformat(line.created_at)).total_seconds() for line in lines]
    return max([0.0, *ages])


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
