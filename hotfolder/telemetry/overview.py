"""The overview: the state of all sets, and the conditions that concern them all, read from the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from itertools import chain
from typing import Any

from hotfolder.display import with_hint
from hotfolder.errors import CommandHint
from hotfolder.jobs.commands import Priority
from hotfolder.jobs.model import Job, stamp
from hotfolder.jobs.queries import all_needing_person, under_way
from hotfolder.jobs.states import ACTIVE, ASKS_API, State
from hotfolder.jobs.store import Store
from hotfolder.outbox.faults import FULL_BYTES
from hotfolder.telemetry.daemons import Daemons, MachineLine, read_daemons

SETTLING = "settling"
"""The state in `status` of a set that has no job yet."""

WORDS: Mapping[str, str] = {
    SETTLING: "still arriving",
    State.QUEUED: "waiting for its turn",
    State.UPLOADING: "being sent",
    State.MERGING: "being merged",
    State.EDITING: "being edited",
    State.PUBLISHING: "being placed in done",
    State.FILING: "having its originals filed",
    State.DONE: "done",
    State.REFUSING: "going to failed",
    State.FAILED: "failed",
    State.HALTING: "going to failed, and needs a person",
    State.NEEDS_ATTENTION: "needs a person",
}
NOBODY = "No machine works with this inbox just now: none that runs reaches its folder."
HELD_WORDS = "held"
MOST_FINISHED = 1000
NOTHING_BOUGHT = "SANDBOX: nothing is bought. Pictures come from a stand-in for the API, to try things out."
PAYING_STATES = (State.MERGING, State.EDITING)
RUNNING = tuple(state for state in ACTIVE if state not in (State.QUEUED, State.HALTING))


@dataclass(frozen=True, slots=True)
class Line:
    """One set: a job, or one that is still arriving (then `job` is empty). Times are ISO 8601, UTC.
    `priority` is high, normal or low, empty where there is no job. `held`: it waits until a person
    approves it or fixes its problem. `photo` is the name of a photo to represent it, where there is no job.
    `cancelled_by` is who cancelled it, which may have been too late. `waits`: its next step is a paid call
    that can't be made at the moment, for example because a budget is spent."""

    job: str
    inbox: str
    project: str
    room: str
    folder: str
    state: str
    reason: str = ""
    hint: str = ""
    charged: str = ""
    created_at: str = ""
    updated_at: str = ""
    priority: str = ""
    held: bool = False
    photo: str = ""
    cancelled_by: str = ""
    waits: bool = False

    @property
    def words(self) -> str:
        """Its state as text for people."""
        state = State.QUEUED if self.waits else self.state
        return HELD_WORDS if self.held else WORDS.get(state, state)

    @property
    def explanation(self) -> str:
        """Reason and hint, without a reason that only repeats the state."""
        return with_hint("" if self.reason == WORDS.get(self.state) else self.reason, self.hint)

    def same_explanation(self, following: Line | None) -> bool:
        """Whether the line that follows explains this one, too: lists then show it once, below both."""
        return following is not None and following.explanation == self.explanation


class About(StrEnum):
    """What a condition is about. With its `name` it identifies the condition over a restart."""

    SANDBOX = "sandbox"
    SETTINGS = "settings"
    RESTART = "restart"
    INBOX = "inbox"
    FOLDER = "folder"
    DISK = "disk"
    STORE = "store"
    API = "api"
    SCHEDULE = "schedule"
    PAUSE = "pause"


WAITS = "Whatever is to be put there waits, and continues by itself once that is fixed."
RESUME = CommandHint("`hotfolder resume` continues.")


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition. `text` is whole sentences in English; `command` names what to type, for terminals only.
    `name` is the inbox, the folder or the error that it is about, where there may be several."""

    about: About
    text: str
    name: str = ""
    command: str = ""

    @property
    def bad(self) -> bool:
        """Whether something is wrong; all else is intended."""
        fine = (About.SANDBOX, About.RESTART, About.SCHEDULE, About.PAUSE)
        return self.about not in fine

    @property
    def stops(self) -> bool:
        """Whether sets aren't accepted or processed meanwhile."""
        return self.about in (About.INBOX, About.FOLDER, About.STORE, About.API, About.PAUSE)

    @property
    def full_text(self) -> str:
        """The text with the command, for whoever has a terminal."""
        return f"{self.text} {self.command}".strip()


def disk_full(name: str) -> str:
    """The text of the condition that the disk of that folder is full."""
    left = f"less than {FULL_BYTES >> 20} MiB are free"
    return f"The disk of {name} is full: {left}. Make room there: what finds no room waits."


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything that `status` shows. `trouble` is why the API or its storage isn't called, `store_trouble`
    why the store can't be used, `paused` why paid calls are paused, `settings_error` why edited settings were
    rejected; all are empty when all is well. `notices_of` has each inbox's notices.
    `restart` names edited settings that take effect only after a restart.
    `degraded` has for every inbox why it is unavailable, "" where it isn't.
    `missing` has for `done`, `failed`, `results` and `state` why nothing can be written there; empty when all
    is well.
    `full_disks` names the folders whose disk is all but full.
    `looking` has for every inbox why changes are found by scans alone, "" where there are events, too.
    `schedule` says until when no photos are uploaded, empty while they are. `sandbox`: the running daemon
    uses the stand-in for the API. `machines` are those that share the store; none where it is SQLite. `gone`
    are failed jobs that are left out, since their folders were removed from failed/."""

    lines: tuple[Line, ...]
    counts: Mapping[str, int]
    trouble: str = ""
    trouble_hint: str = ""
    degraded: Mapping[str, str] = field(default_factory=dict)
    looking: Mapping[str, str] = field(default_factory=dict)
    notices_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pid: int | None = None
    paused: str = ""
    settings_error: str = ""
    restart: tuple[str, ...] = ()
    schedule: str = ""
    missing: Mapping[str, str] = field(default_factory=dict)
    full_disks: tuple[str, ...] = ()
    sandbox: bool = False
    gone: frozenset[str] = frozenset()
    machines: tuple[MachineLine, ...] = ()
    store_trouble: str = ""

    @property
    def notices(self) -> tuple[str, ...]:
        return tuple(chain.from_iterable(self.notices_of.values()))

    @property
    def running_at_all(self) -> bool:
        """Whether any daemon runs on the store."""
        return self.pid is not None or any(machine.running for machine in self.machines)

    def conditions(self) -> Iterator[Condition]:
        """What concerns all sets, in the order in which it is shown."""
        if self.sandbox:
            yield Condition(About.SANDBOX, NOTHING_BOUGHT)
        if error := self.settings_error:
            until = "those before it stay in force" if self.running_at_all else "nothing starts with them"
            yield Condition(About.SETTINGS, f"The settings have an error, and {until}: {error}", error)
        if self.restart:
            text = f"Edited, but only from the next start on: {', '.join(self.restart)}."
            yield Condition(About.RESTART, text)
        yield from (
            Condition(About.INBOX, with_hint(f"Nothing comes in from {name}: {why}", ""), name)
            for name, why in self.degraded.items()
            if why
        )
        yield from (
            Condition(About.FOLDER, with_hint(f"Nothing can be put into {name}: {why}", WAITS), name)
            for name, why in self.missing.items()
            if why
        )
        yield from (
            Condition(About.DISK, disk_full(name), name)
            for name in self.full_disks
            if not self.missing.get(name)
        )
        api_trouble = with_hint(self.trouble, self.trouble_hint) if self.trouble else ""
        for about, trouble in ((About.STORE, self.store_trouble), (About.API, api_trouble)):
            if trouble:
                after = "" if "by itself" in trouble else "Everything continues by itself then."
                yield Condition(about, with_hint(f"The work waits: {trouble}", after))
        if self.schedule:
            yield Condition(About.SCHEDULE, f"Whatever has still to be sent {self.schedule}.")
        if self.paused:
            text = with_hint(f"No paid calls are made just now: {self.paused}", "")
            yield Condition(About.PAUSE, text, command=RESUME)

    def as_dict(self) -> dict[str, Any]:
        """One JSON object, a stable interface for scripts, above all its list `jobs`."""
        return {
            "jobs": [asdict(line) for line in self.lines],
            "counts": dict(self.counts),
            "api": {"paused": bool(self.trouble), "reason": self.trouble, "hint": self.trouble_hint},
            "inboxes": {
                name: {"degraded": why, "no_events": self.looking.get(name, "")}
                for name, why in self.degraded.items()
            },
            "folders": {name: {"degraded": why} for name, why in self.missing.items()},
            "full_disks": list(self.full_disks),
            "paid_calls": {"paused": bool(self.paused), "reason": self.paused},
            "settings": {"error": self.settings_error, "only_at_next_start": list(self.restart)},
            "uploads": {"waiting": bool(self.schedule), "reason": self.schedule},
            "notices": list(self.notices),
            "daemon": {"running": self.running_at_all, "pid": self.pid},
            "sandbox": self.sandbox,
            **({"machines": [asdict(machine) for machine in self.machines]} if self.machines else {}),
        }

    def count_words(self) -> Iterator[str]:
        """The number of sets in each state, such as "3 done"; without those that came again or changed."""
        held = sum(line.held for line in self.lines)
        counts = Counter(self.counts)
        counts[SETTLING] -= held
        for line in self.lines:
            if line.waits:
                counts[line.state] -= 1
                counts[State.QUEUED] += 1
        for state, number in counts.items():
            if number > 0 and state in WORDS:
                yield f"{number} {WORDS[state]}"
        if held:
            yield f"{held} {HELD_WORDS}"

    @property
    def needing_person(self) -> tuple[Line, ...]:
        attention = (State.NEEDS_ATTENTION, State.HALTING)
        return tuple(line for line in self.lines if line.held or line.state in attention)

    @property
    def failed(self) -> tuple[Line, ...]:
        return self.in_states([State.FAILED])

    @property
    def running(self) -> tuple[Line, ...]:
        return tuple(line for line in self.in_states(RUNNING) if not line.waits)

    @property
    def waiting(self) -> tuple[Line, ...]:
        """Sets that are arriving or queued, and those that wait for a paid call."""
        to_come = (SETTLING, State.QUEUED)
        return tuple(line for line in self.lines if line.waits or (line.state in to_come and not line.held))

    def in_states(self, states: Sequence[str]) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if line.state in states)


def overview(store: Store, *, pid: int | None, most_finished: int = MOST_FINISHED) -> Overview:
    """Read the store. `pid` is the running daemon's, None when there is none: then only what its last status
    says of arriving and held sets, notices and removed failed sets is used. `most_finished` limits the done
    sets."""
    daemons = read_daemons(store, pid)
    running = tuple(daemons.running.values())
    active = store.in_states(ACTIVE)
    gone = frozenset(chain.from_iterable(inbox.gone for inbox in daemons.inboxes.values()))
    # Of those that need a person none is left out, however many there are.
    ended = [*all_needing_person(store, gone), *store.in_states([State.DONE], newest=most_finished)]
    ended.sort(key=lambda job: (job.created_at, job.id))
    over = {job.id for job in ended}  # some may have ended between these two queries
    active = [job for job in active if job.id not in over]
    lines = (
        *arriving(daemons, active, ended),
        *lines_of_active(store, daemons, active),
        *(line_of(job, "") for job in ended),
    )
    counts = store.count_by_state()
    counts[State.FAILED] = sum(job.state == State.FAILED for job in ended)
    counts[SETTLING] = sum(line.state == SETTLING for line in lines)
    live = {name: inbox for status in running for name, inbox in status.inboxes.items()}
    unowned = {name: NOBODY for name, owner in daemons.owners.items() if owner is None and running}
    trouble = daemons.trouble()
    return Overview(
        lines=lines,
        counts={state: number for state, number in counts.items() if number},
        trouble=trouble.reason,
        trouble_hint=trouble.hint,
        degraded={**unowned, **{name: inbox.degraded for name, inbox in live.items()}},
        looking={name: inbox.why_looking for name, inbox in live.items()},
        notices_of={name: inbox.notices for name, inbox in daemons.inboxes.items()},
        pid=pid,
        paused=store.paused() or "",
        settings_error=last_text(status.settings.error for status in running),
        schedule=last_text(status.schedule for status in running),
        missing={
            name: last_text(status.folders.get(name, "") for status in running)
            for name in distinct(status.folders for status in running)
        },
        full_disks=distinct(status.full_disks for status in running),
        restart=distinct(status.settings.restart for status in running),
        sandbox=any(status.sandbox for status in running),
        gone=gone,
        machines=daemons.machines,
    )


def last_text(texts: Iterable[str]) -> str:
    """The last of these that isn't empty, or ""."""
    return next(filter(None, reversed(tuple(texts))), "")


def distinct(names: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """All these names once, in their order."""
    return tuple(dict.fromkeys(chain.from_iterable(names)))


def arriving(daemons: Daemons, active: Sequence[Job], ended: Sequence[Job]) -> Iterator[Line]:
    """The sets that have no job yet; where no daemon runs, only those that are held."""
    # The status of an inbox is some seconds old, and a set that it calls arriving may be a job by now, even a
    # finished one. A project's own folder gets more photos beside a job's: there, only newer jobs count. One
    # with a date after now is older: the clock was ahead.
    now = datetime.now(UTC)
    new = (
        job
        for job in (*active, *ended)
        if (as_of := daemons.as_of.get(job.inbox))
        and as_of < (job.updated_at if job.folder else job.created_at) <= now
    )
    begun = {(job.inbox, job.project, job.folder) for job in (*(job for job in active if job.folder), *new)}
    for name, inbox in daemons.inboxes.items():
        for one in inbox.arriving:
            if one.held or (name, one.project, one.folder) not in begun:
                yield Line(job="", inbox=name, state=SETTLING, **one.model_dump())


def lines_of_active(store: Store, daemons: Daemons, jobs: Sequence[Job]) -> Iterator[Line]:
    calls = under_way(store, [job.id for job in jobs if job.state in PAYING_STATES])
    waits = dict(chain.from_iterable(status.waits.items() for status in daemons.running.values()))
    for job in jobs:
        yield line_of(job, daemons.trouble_at(job.inbox), waits.get(job.id, ""), called=job.id in calls)


def line_of(job: Job, paused: str, waits: str = "", *, called: bool = False) -> Line:
    """A job's line. `paused` is why the API isn't called; `waits` is why the job doesn't move, in addition to
    its own reason; `called`: a paid call of it is in progress."""
    active = State(job.state) in ACTIVE
    if job.cancelled_by and State(job.state) in ASKS_API:
        paused = f"being cancelled, by {job.cancelled_by}; what is paid for is waited for"
    reason = (
        job.reason
        or (paused if active else "")
        or ("" if job.state == State.DONE else WORDS.get(job.state, ""))
    )
    if waits:
        reason = f"{reason} It waits: {waits.removesuffix('.')}."
    return Line(
        job=job.id,
        inbox=job.inbox,
        project=job.project,
        room=job.room,
        folder=job.shown_folder,
        state=job.state,
        reason=reason,
        hint=job.hint,
        charged=job.charged,
        created_at=stamp(job.created_at),
        updated_at=stamp(job.updated_at),
        priority=Priority(job.priority).name.lower(),
        cancelled_by=job.cancelled_by,
        waits=job.state in PAYING_STATES
        and not (called or job.cancelled_by)
        and reason not in ("", WORDS.get(job.state)),
    )
