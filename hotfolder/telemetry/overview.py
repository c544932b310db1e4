"""The sets that wait, run, are finished or need a person: read from the store by any process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from itertools import chain
from typing import Any

from hotfolder.display import with_hint
from hotfolder.errors import CommandHint
from hotfolder.jobs.commands import Priority
from hotfolder.jobs.model import DaemonState, Job, stamp
from hotfolder.jobs.queries import under_way
from hotfolder.jobs.states import ACTIVE, ASKS_API, NEEDS_PERSON, State
from hotfolder.jobs.store import Store
from hotfolder.outbox.faults import FULL_BYTES

DAEMON_STATUS = "daemon"
"""The name of the row with a daemon's own status."""
PROGRESS = "progress"
"""The name of the row with the upload progress: `[uploaded, total]` photos by job id, and by `place_key` for
a set that is still arriving."""
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
NOTHING_BOUGHT = "SANDBOX: nothing is bought. Pictures come from a stand-in of the API, to try things out."
ASKS_TO_PAY = (State.MERGING, State.EDITING)
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


WAITS = "Whatever is to be put there waits, and continues by itself once that is mended."
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
    """The text where the disk of that folder has less than FULL_BYTES left."""
    left = f"less than {FULL_BYTES >> 20} MiB are free"
    return f"The disk of {name} is full: {left}. Make room there: what finds no room waits."


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything that `status` shows. `trouble` is why the API isn't called at the moment, `store_trouble`
    why the store can't be used, `paused` why paid calls are paused, `settings_error` why edited settings were
    rejected; all are empty when all is well. `notices_of` has each inbox's notices.
    `restart` names edited settings that take effect only after a restart.
    `degraded` has for every inbox why it is unavailable, "" where it isn't.
    `missing` has for `done`, `failed` and `state` why nothing can be written there; empty when all is well.
    `full_disks` names the folders whose disk is all but full.
    `looking` has for every inbox why changes are found by scans alone, "" where there are events, too.
    `schedule` says until when no photos are uploaded, empty while they are. `sandbox`: the running daemon
    uses the stand-in of the API. `machines` are those that share the store; none where it is SQLite. `gone`
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
        """The number of sets in each state, such as "3 done"."""
        held = sum(line.held for line in self.lines)
        counts = Counter(self.counts)
        counts[SETTLING] -= held
        for line in self.lines:
            if line.waits:
                counts[line.state] -= 1
                counts[State.QUEUED] += 1
        for state, number in counts.items():
            if number > 0:
                yield f"{number} {WORDS.get(state, state)}"
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
    says of held sets, notices and removed failed sets is still used. `most_finished` limits the done sets."""
    machines, owners = machine_lines(store)
    running = {machine.id for machine in machines if machine.running} or ({""} if pid is not None else set())
    statuses = [one for one in store.published_by_all(DAEMON_STATUS) if not machines or one.machine]
    daemon = merged([as_mapping(one.content) for one in statuses if one.machine in running])
    shown = statuses_of_inboxes(statuses, owners)
    inboxes = {name: as_mapping(as_mapping(one.content)["inboxes"])[name] for name, one in shown.items()}
    live, missing = as_mapping(daemon.get("inboxes")), as_mapping(daemon.get("folders"))
    settings, waits = as_mapping(daemon.get("settings")), as_mapping(daemon.get("waits"))
    troubles = {
        one.machine: {name: str(text) for name, text in trouble.items()}
        for one in statuses
        if one.machine in running and (trouble := as_mapping(as_mapping(one.content).get("trouble")))
    }
    trouble = trouble_of_all(troubles, machines)
    active = store.in_states(ACTIVE)
    # Queried separately, so that many done sets don't displace those that need a person.
    ended = [
        *store.in_states(NEEDS_PERSON, newest=MOST_FINISHED),
        *store.in_states([State.DONE], newest=most_finished),
    ]
    ended.sort(key=lambda job: (job.created_at, job.id))
    over = {job.id for job in ended}  # some may have ended between these two queries
    # The status of an inbox is some seconds old, and a set that it calls arriving may be a job by now, even a
    # finished one. A project's own folder gets more photos beside a job's: there, only newer jobs count.
    new = [
        job
        for job in (*active, *ended)
        if job.inbox in shown
        and (job.updated_at if job.folder else job.created_at) > shown[job.inbox].updated_at
    ]
    begun = {(job.inbox, job.project, job.folder) for job in (*(job for job in active if job.folder), *new)}
    lines = [
        line
        for line in arriving(inboxes)
        if line.held or (running and (line.inbox, line.project, line.folder) not in begun)
    ]
    calls = under_way(store, [job.id for job in active if job.state in ASKS_TO_PAY])
    lines += (
        line_of(
            job,
            troubles.get(owners.get(job.inbox) or "", {}).get("reason", ""),
            str(waits.get(job.id, "")),
            called=job.id in calls,
        )
        for job in active
        if job.id not in over
    )
    gone = frozenset(job for inbox in inboxes.values() for job in as_mapping(inbox).get("gone", ()))
    lines += (line_of(job, "") for job in ended if job.id not in gone)
    counts = store.counts()
    counts[State.FAILED] = counts.get(State.FAILED, 0) - len(gone & over)
    counts[SETTLING] = sum(line.state == SETTLING for line in lines)
    return Overview(
        lines=tuple(lines),
        counts={state: number for state, number in counts.items() if number},
        trouble=trouble.get("reason", ""),
        trouble_hint=trouble.get("hint", ""),
        degraded={
            **{name: NOBODY for name, owner in owners.items() if owner is None and running},
            **{name: str(as_mapping(inbox).get("degraded") or "") for name, inbox in live.items()},
        },
        looking={name: str(as_mapping(inbox).get("why_looking") or "") for name, inbox in live.items()},
        notices_of={
            name: tuple(map(str, as_mapping(inbox).get("notices", ()))) for name, inbox in inboxes.items()
        },
        pid=pid,
        paused=store.paused() or "",
        settings_error=str(settings.get("error", "")),
        schedule=str(daemon.get("schedule") or ""),
        missing={name: str(why) for name, why in missing.items()},
        full_disks=tuple(str(name) for name in daemon.get("full_disks", ())),
        restart=tuple(str(name) for name in settings.get("restart", ())),
        sandbox=bool(daemon.get("sandbox")),
        gone=gone,
        machines=machines,
    )


def trouble_of_all(
    troubles: Mapping[str, Mapping[str, str]], machines: Sequence[MachineLine]
) -> Mapping[str, str]:
    """Why the API isn't called, with its hint, by what each machine says, by id. Where others of those that
    work with an inbox do call it, the first one's, with that machine's name; empty where all do."""
    working = [one for one in machines if one.running and one.working]
    calling = [one for one in working if one.id not in troubles]
    if not calling:
        return next(iter(troubles.values()), {})
    for one in working:
        if one.id in troubles:
            return {**troubles[one.id], "reason": f"on {one.name}: {troubles[one.id]['reason']}"}
    return {}


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


def merged(statuses: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The statuses of several daemons as one: mappings are merged; of other values the last that isn't empty
    counts."""
    whole: dict[str, Any] = {}
    for one in statuses:
        for name, content in one.items():
            if isinstance(content, Mapping) and isinstance(whole.get(name), Mapping):
                whole[name] = {**whole[name], **{key: value for key, value in content.items() if value}}
            elif content or name not in whole:
                whole[name] = content
    return whole


def statuses_of_inboxes(
    statuses: Sequence[DaemonState], owners: Mapping[str, str | None]
) -> dict[str, DaemonState]:
    """The last status that has each inbox: of the machine that owns it, or else of the last one that did."""
    return {
        inbox: one
        for one in statuses
        for inbox in as_mapping(as_mapping(one.content).get("inboxes"))
        if owners.get(inbox) in (None, one.machine)
    }


def arriving(inboxes: Mapping[str, Any]) -> Iterator[Line]:
    for name, inbox in inboxes.items():
        for found in as_mapping(inbox).get("arriving", ()):
            # Fields that only a later version on another machine knows are left out.
            known = {key: value for key, value in found.items() if key in Line.__dataclass_fields__}
            yield Line(**{"job": "", "inbox": name, "state": SETTLING, **known})


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
        waits=job.state in ASKS_TO_PAY
        and not (called or job.cancelled_by)
        and reason not in ("", WORDS.get(job.state)),
    )


def place_key(inbox: str, project: str, folder: str) -> str:
    """The key for the folder of a set that has no job yet. It is unique, since no name contains a slash."""
    return f"{inbox}/{project}/{folder}"


def as_mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
