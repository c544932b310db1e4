"""What there is to see: how all sets stand, and the history of one. Only reads, also beside a daemon."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from hotfolder.config.load import state_location
from hotfolder.control.opening import nothing_yet, now, reading, seen_in
from hotfolder.jobs.states import State
from hotfolder.rules.kinds import Prices
from hotfolder.telemetry.history import JobHistory
from hotfolder.telemetry.history import history as history_of
from hotfolder.telemetry.overview import Line, Overview


@dataclass(frozen=True, slots=True)
class Status:
    """How all sets stand, as `state_folder` and the store tell it, and the paid calls since midnight by kind,
    with the prices of such."""

    seen: Overview
    state_folder: Path
    paid_today: Sequence[str] = ()
    prices: Prices = field(default_factory=Prices)

    @property
    def finished(self) -> dict[str, Sequence[Line]]:
        """The finished sets by their project, the one with the latest picture first."""
        found: defaultdict[str, list[Line]] = defaultdict(list)
        for line in self.seen.in_states([State.DONE]):
            found[line.project].append(line)
        latest = {name: max(line.updated_at for line in lines) for name, lines in found.items()}
        return {name: found[name] for name in sorted(found, key=lambda one: (latest[one], one), reverse=True)}


def status(config: Path, environ: Mapping[str, str]) -> Status:
    """Also while the settings have an error, as far as they say where the records are. Raises
    ConfigurationError where they don't, StoreError."""
    place = state_location(config, environ)
    with reading(place) as records:
        if records is None and place.error is not None:
            raise place.error
        seen = seen_in(place.state_folder, records)
        if records is None:
            return Status(seen, place.state_folder)
        paid = records.ledger.paid_operations_today(now())
    if place.settings is None:
        error = place.error.message if place.error is not None else ""
        return Status(replace(seen, settings_error=error), place.state_folder, paid)
    return Status(seen, place.state_folder, paid, place.settings.prices)


def history(config: Path, environ: Mapping[str, str], job: str) -> JobHistory:
    """All that is known of one job, by its id or `project/room`. Raises as `status` does, and UsageError."""
    place = state_location(config, environ)
    with reading(place) as records:
        if records is None:
            raise place.error or nothing_yet(config)
        return history_of(records.store, records.ledger, job)
