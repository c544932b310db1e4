"""Metrics for Prometheus: counters of events, and gauges that are read from the state at each scrape."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from hotfolder import __version__
from hotfolder.display import visible
from hotfolder.jobs.context import CounterHooks
from hotfolder.jobs.states import ACTIVE, State
from hotfolder.stager.operations import PAID_KINDS
from hotfolder.telemetry.health import Heartbeats
from hotfolder.telemetry.overview import SETTLING, Line, Overview

MOST_CHARACTERS = 100
MOST_PROJECTS = 100
PHASE_BUCKETS = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600)
PHASES = ("uploading", "merging", "editing", "publishing", "filing")


@dataclass(eq=False)
class Metrics(Collector, CounterHooks):
    """All metrics of one daemon. The methods that count are fast and thread-safe.

    The gauges are read in the web server's thread. `seen` gives the latest overview, None before the first;
    `paid_calls_left` is what the daily budget still allows, None where there is no limit.
    """

    seen: Callable[[], Overview | None]
    heartbeats: Heartbeats
    paid_calls_left: Callable[[], int | None]
    now: Callable[[], datetime]

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._projects: OrderedDict[tuple[str, str], None] = OrderedDict()
        # Otherwise every counter has a second series with the time of its creation.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry = CollectorRegistry()
        self._paid = Counter(
            "hotfolder_paid_calls",
            "Paid calls that were, or may have been, charged, by operation.",
            ["operation"],
            registry=registry,
        )
        self._paid_by_project = Counter(
            "hotfolder_project_paid_calls",
            f"The same, by operation and project; the latest {MOST_PROJECTS} pairs of them.",
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
        # A series that starts at 0 shows its first increase; one that appears at 1 does not.
        for operation in PAID_KINDS:
            self._paid.labels(operation)
        for phase in PHASES:
            self._seconds.labels(phase)
        for outcome in ("sent", "failed"):
            self._notices.labels(outcome)
        registry.register(self)
        ProcessCollector(registry=registry)

    def paid(self, operation: str, project: str) -> None:
        """Count a paid call that was, or may have been, charged."""
        pair = (operation, label(project))
        self._paid.labels(operation).inc()
        with self._lock:
            self._paid_by_project.labels(*pair).inc()
            self._projects[pair] = None
            self._projects.move_to_end(pair)
            if len(self._projects) > MOST_PROJECTS:
                self._paid_by_project.remove(*self._projects.popitem(last=False)[0])

    def phase(self, name: str, seconds: float) -> None:
        """Record how long a set was in a phase that it leaves."""
        self._seconds.labels(name).observe(max(0.0, seconds))

    def bytes_up(self, number: int) -> None:
        self._up.inc(number)

    def bytes_down(self, number: int) -> None:
        self._down.inc(number)

    def api_error(self, kind: str) -> None:
        """Count a failed request; `kind` is the name of the error's class."""
        self._errors.labels(kind).inc()

    def notice(self, outcome: str) -> None:
        """Count a message to people; `outcome` is `sent` or `failed`."""
        self._notices.labels(outcome).inc()

    def page(self) -> bytes:
        """All metrics in the text format 0.0.4, which every Prometheus reads."""
        return generate_latest(self.registry)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges."""
        yield single("hotfolder_build_info", "The running version.", 1, version=__version__)
        silent = GaugeMetricFamily(
            "hotfolder_part_silent_seconds", "Seconds since a part last showed life.", labels=["part"]
        )
        for beat in self.heartbeats.beats():
            silent.add_metric([label(beat.part)], beat.silent_seconds)
        yield silent
        left = self.paid_calls_left()
        if left is not None:
            yield single("hotfolder_paid_calls_left", "Paid calls that today's budget still allows.", left)
        seen = self.seen()
        if seen is not None:
            yield from self._of(seen)

    def _of(self, seen: Overview) -> Iterator[GaugeMetricFamily]:
        jobs = GaugeMetricFamily("hotfolder_jobs", "Sets in each state.", labels=["state"])
        for state in (SETTLING, *State):
            jobs.add_metric([state], seen.counts.get(state, 0))
        yield jobs
        now = self.now()
        for name, about, states in (
            ("waiting", "Age of the oldest set that no work has begun on.", (State.QUEUED,)),
            ("unfinished", "Age of the oldest set that is not done with.", tuple(ACTIVE)),
        ):
            yield single(f"hotfolder_oldest_{name}_seconds", about, oldest(seen.in_states(states), now))
        paused = bool(seen.trouble or seen.store_trouble)
        yield single("hotfolder_api_paused", "1 while the API is not asked.", int(paused))
        yield single("hotfolder_paid_calls_paused", "1 while nothing is paid for.", int(bool(seen.paused)))
        inboxes = GaugeMetricFamily(
            "hotfolder_inbox_degraded", "1 for an inbox that is out of reach.", labels=["inbox"]
        )
        for inbox, why in sorted(seen.degraded.items()):
            inboxes.add_metric([label(inbox)], int(bool(why)))
        yield inboxes


def label(text: str) -> str:
    """A name from outside as a label value: printable, at most 100 characters."""
    return visible(text)[:MOST_CHARACTERS] or "unknown"


def single(name: str, about: str, value: float, **labels: str) -> GaugeMetricFamily:
    family: Any = GaugeMetricFamily(name, about, labels=list(labels))
    family.add_metric(list(labels.values()), value)
    return family  # type: ignore[no-any-return]


def oldest(lines: Iterable[Line], now: datetime) -> float:
    """Seconds since the oldest set was created; 0 when there is none."""
    ages = [(now - datetime.fromisoformat(line.created_at)).total_seconds() for line in lines]
    return max([0.0, *ages])
