"""What the daemons of a store publish about themselves, for other processes to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from hotfolder.jobs.model import stamp
from hotfolder.jobs.queries import published_by_all
from hotfolder.jobs.store import Store

DAEMON_STATUS = "daemon"
"""The name of the row with a DaemonStatus."""
PROGRESS = "progress"
"""The name of the row with the upload progress: `[uploaded, total]` photos by job id, and by `place_key` for
a set that is still arriving. In a row of its own: it changes often, and the status may be long."""


class Published(BaseModel):
    """A part of the row. A machine of another release may have written it: fields that it lacks have their
    defaults, fields that only it knows are ignored, and no field ever changes its type."""

    model_config = ConfigDict(frozen=True)


class ArrivingSet(Published):
    """A set that has no job yet. `held`: it waits until a person approves it or fixes its problem. `photo` is
    the name of a photo to represent it."""

    project: str
    folder: str
    room: str
    reason: str = ""
    hint: str = ""
    held: bool = False
    photo: str = ""


class PublishedInbox(Published):
    """An inbox that the daemon works with. `degraded` is why it is unavailable, `why_looking` why changes are
    found by scans alone, both "" where that isn't so; `gone` are the ids of failed jobs whose folders were
    removed from failed/."""

    arriving: tuple[ArrivingSet, ...] = ()
    notices: tuple[str, ...] = ()
    degraded: str = ""
    why_looking: str = ""
    gone: tuple[str, ...] = ()


class ApiTrouble(Published):
    """Why the API, or its storage, isn't called at the moment."""

    reason: str = ""
    hint: str = ""


class SettingsStatus(Published):
    """Why edited settings were rejected, "" where they weren't, and the edited ones that want a restart."""

    error: str = ""
    restart: tuple[str, ...] = ()


class DaemonStatus(Published):
    """One daemon. `schedule` says until when no photos are uploaded, "" while they are. `waits` has by job id
    why a job doesn't move, `folders` for `done`, `failed` and `state` why nothing can be written there, ""
    where it can. `full_disks` names the folders whose disk is all but full."""

    trouble: ApiTrouble | None = None
    schedule: str = ""
    sandbox: bool = False
    waits: dict[str, str] = {}
    settings: SettingsStatus = SettingsStatus()
    folders: dict[str, str] = {}
    full_disks: tuple[str, ...] = ()
    inboxes: dict[str, PublishedInbox] = {}


def place_key(inbox: str, project: str, folder: str) -> str:
    """The key for the folder of a set that has no job yet. It is unique, since no name contains a slash."""
    return f"{inbox}/{project}/{folder}"


@dataclass(frozen=True, slots=True)
class MachineLine:
    """One machine of several that share the store. `seen_at` is its last heartbeat, ISO 8601, UTC; `working`
    are the inboxes that it owns."""

    id: str
    name: str
    version: str
    running: bool
    seen_at: str
    working: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Daemons:
    """The daemons of a store. `machines` are those that share it; none where it is SQLite. `owners` has by
    inbox the id of the machine that owns it, None where none does. `running` are the statuses of the daemons
    that run, by machine ("" where there is one), the latest last. `inboxes` has the last status of each
    inbox, even of a daemon that has ended, and `as_of` its time."""

    machines: tuple[MachineLine, ...]
    owners: Mapping[str, str | None]
    running: Mapping[str, DaemonStatus]
    inboxes: Mapping[str, PublishedInbox]
    as_of: Mapping[str, datetime]

    def trouble_at(self, inbox: str) -> str:
        """Why the API isn't called for the jobs of this inbox, "" where it is."""
        status = self.running.get(self.owners.get(inbox) or "")
        return status.trouble.reason if status and status.trouble else ""

    def trouble(self) -> ApiTrouble:
        """Why the API isn't called. Where others of the machines that work with an inbox do call it, the
        first one's, with that machine's name; empty where all do."""
        troubles = {
            name: status.trouble for name, status in self.running.items() if status.trouble is not None
        }
        working = [one for one in self.machines if one.running and one.working]
        if all(one.id in troubles for one in working):
            return next(iter(troubles.values()), ApiTrouble())
        for one in working:
            if (trouble := troubles.get(one.id)) is not None:
                return ApiTrouble(reason=f"on {one.name}: {trouble.reason}", hint=trouble.hint)
        return ApiTrouble()


def read_daemons(store: Store, pid: int | None) -> Daemons:
    """Read what the daemons of `store` published. `pid` is the running one's, None where there is none; of
    machines that share the store, the store knows which run."""
    machines, owners = machine_lines(store)
    rows = [row for row in published_by_all(store, DAEMON_STATUS) if not machines or row.machine]
    statuses = {row.machine: DaemonStatus.model_validate(row.content) for row in rows}
    running = {one.id for one in machines if one.running} or ({""} if pid is not None else set())
    latest = {
        inbox: row
        for row in rows
        for inbox in statuses[row.machine].inboxes
        if owners.get(inbox) in (None, row.machine)
    }
    return Daemons(
        machines,
        owners,
        {machine: status for machine, status in statuses.items() if machine in running},
        {inbox: statuses[row.machine].inboxes[inbox] for inbox, row in latest.items()},
        {inbox: row.updated_at for inbox, row in latest.items()},
    )


def read_progress(store: Store) -> dict[str, tuple[int, int]]:
    """The upload progress that all daemons published: photos uploaded and photos in all, by job id or
    `place_key`."""
    rows = published_by_all(store, PROGRESS)
    return {key: (uploaded, total) for row in rows for key, (uploaded, total) in row.content.items()}


def machine_lines(store: Store) -> tuple[tuple[MachineLine, ...], Mapping[str, str | None]]:
    """The machines, and by inbox the id of the machine that owns it, None where none does."""
    machines, owners, now = store.machines()
    known = Counter(one.name for one in machines)
    lines = (
        MachineLine(
            one.id,
            one.name if known[one.name] == 1 else f"{one.name} ({one.id[:4]})",
            one.version,
            one.alive_until > now,
            stamp(one.heartbeat_at),
            tuple(sorted(inbox for inbox, owner in owners.items() if owner == one.id)),
        )
        for one in machines
    )
    return tuple(lines), owners
