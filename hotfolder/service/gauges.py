"""What is looked up at each scrape: how many sets are where, for how long, and what ails the daemon."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from hotfolder import __version__, log
from hotfolder.jobs.states import ACTIVE, State
from hotfolder.service.heartbeats import Heartbeats
from hotfolder.service.labels import label
from hotfolder.service.overview import SETTLING, Line, Overview

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
