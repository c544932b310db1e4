"""What there is to see: how all sets stand, one job's history, and cards of it all for a page. Only reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from pathlib import Path, PurePath

from hotfolder.config.load import state_location
from hotfolder.config.settings import Settings
from hotfolder.control.lookup import arriving_id, folder_id, opaque, photo_id, picture_id, project_id
from hotfolder.control.opening import JobRecords, nothing_yet, now, reading, seen_in
from hotfolder.daemon.folders import holder_of
from hotfolder.daemon.records import store_of
from hotfolder.errors import HotfolderError
from hotfolder.jobs import access, looks
from hotfolder.jobs.database import inode_of, read_store, store_trouble
from hotfolder.jobs.model import Picture, Purchase
from hotfolder.jobs.states import ASKS_API, State
from hotfolder.jobs.store import Store
from hotfolder.rules.foldernames import split_name
from hotfolder.rules.kinds import Prices
from hotfolder.telemetry.history import JobHistory
from hotfolder.telemetry.history import history as history_of
from hotfolder.telemetry.overview import (
    PROGRESS,
    RUNNING,
    SETTLING,
    Line,
    Overview,
    as_mapping,
    merged,
    place_key,
)


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


HELD = "held"
"""The state of a card whose set waits in the inbox until a person has looked."""
CANCELLING, CANCELLED = "cancelling", "cancelled"
IN_HAND, TO_COME, OVER = 2, 3, 4
RANK = {
    **{State.NEEDS_ATTENTION: 0, State.HALTING: 0, HELD: 0, State.FAILED: 1, State.REFUSING: 1},
    **{State.DONE: OVER, CANCELLED: OVER},
}
"""Who comes first on a page; then what runs, what waits and arrives, what is over."""
MUCH_LONGER = 1.5
"""A merge that takes so many times as long as usual says nothing of how long it will take."""
MOST_CARDS = 12
"""So many of a project's cards are shown where all projects are; those that need a person are all shown."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a set is: `photos` that are up, seconds of a `merge` of about so many, or the operation that is
    being made (sky, lawn, stage). `total` is 0 where it isn't known."""

    kind: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture to compare: the middle `exposure`, the plain `merge`, or an `altered` one. `id` is its
    picture's or photo's; `name` its file's."""

    id: str
    kind: str
    name: str
    altered: tuple[str, ...] = ()
    variant: str = ""
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class Card(Line):
    """One set, as a page shows it: what the overview says, where `state` may be HELD, CANCELLING or
    CANCELLED, too, and its `frames`, from the middle exposure to the last altered picture."""

    frames: tuple[Frame, ...] = ()
    progress: Progress | None = None

    @property
    def id(self) -> str:
        """Its job's, or of the folder that is no job yet."""
        return self.job or folder_id(self.inbox, self.project, self.folder)

    @property
    def project_id(self) -> str:
        return project_id(self.inbox, self.project)

    @property
    def key(self) -> str:
        """Tells it from all others: several sets may wait in one folder."""
        return self.job or opaque(self.id, self.room)

    @property
    def tags(self) -> tuple[str, ...]:
        return split_name(self.folder).tags

    @property
    def at(self) -> str:
        """When it changed last; what arrives is newer than any job."""
        return self.updated_at or "9"

    @property
    def altered(self) -> tuple[str, ...]:
        """What was altered in any of its pictures: sky, lawn, stage."""
        return tuple(dict.fromkeys(kind for one in self.frames for kind in one.altered))

    @property
    def picture(self) -> str:
        """The id of what to show of it: an altered picture, else the merge, else its middle exposure; ""
        where there is none."""
        if not self.frames:
            return arriving_id(self.inbox, self.project, self.folder, self.photo) if self.photo else ""
        return next((one.id for one in self.frames if one.altered), self.frames[-1].id)

    @property
    def pair(self) -> tuple[Frame, Frame] | None:
        """The two to compare: before the last alteration, and after it."""
        before = [frame for frame in self.frames[:-1] if frame.kind != "altered"]
        return (before[-1], self.frames[-1]) if before else None

    @property
    def delivered(self) -> tuple[Frame, ...]:
        return tuple(frame for frame in self.frames if frame.kind != "exposure")

    @property
    def rank(self) -> int:
        return RANK.get(self.state, IN_HAND if self.state in (*RUNNING, CANCELLING) else TO_COME)

    @property
    def needs_person(self) -> bool:
        return self.rank == 0

    @property
    def failed(self) -> bool:
        return self.rank == 1


@dataclass(frozen=True, slots=True)
class ProjectCards:
    """A project with its rooms, those that need a person first; only the first of all its `rooms` may have
    cards."""

    inbox: str
    name: str
    cards: tuple[Card, ...] = ()
    rooms: int = 0
    finished: int = 0

    @property
    def id(self) -> str:
        return project_id(self.inbox, self.name)

    @property
    def rank(self) -> int:
        return min((card.rank for card in self.cards), default=OVER)

    @property
    def at(self) -> str:
        return max((card.at for card in self.cards), default="")


@dataclass(frozen=True, slots=True)
class Board:
    """Everything that there is to see at the moment `at`. `running` sets are worked on, `waiting` ones arrive
    or wait. `budget` is the most paid calls of a day, None for no limit; `bought` are the kinds of today's
    paid calls, without those of the stand-in."""

    at: datetime
    seen: Overview
    projects: tuple[ProjectCards, ...] = ()
    running: int = 0
    waiting: int = 0
    paid_today: int = 0
    budget: int | None = None
    bought: tuple[str, ...] = ()
    several_inboxes: bool = False


class Watched:
    """The store as a page's process watches it: whether there is anything new to see, and who may. Opened
    once, and anew where it has become another file."""

    def __init__(self, settings: Settings) -> None:
        self.state, self.place = settings.state_folder, store_of(settings)
        self._store: Store | None = None
        self._inode = 0
        self._sessions: frozenset[str] | None = None

    def stamp(self) -> str:
        """Differs from an earlier one where a page would. Never raises for what may go wrong."""
        try:
            inode = inode_of(self.place)
            if self._store is None or inode != self._inode:
                self.close()
                database, self._inode = read_store(self.place), inode
                self._store = Store(database) if database is not None else None
            if self._store is None:
                return "none"
            with store_trouble():
                self._sessions = access.sessions(self._store, now())
                return f"{holder_of(self.state)} {looks.stamp(self._store)}"
        except (HotfolderError, OSError) as error:
            self.close()
            return f"trouble {error}"

    def admits(self, token: str | None) -> bool:
        """Whether a browser with that session, if it has any, might see the page at the last stamp."""
        return self._sessions is None or (token is not None and access.hashed(token) in self._sessions)

    def close(self) -> None:
        if self._store is not None:
            self._store.database.dispose()
        self._store = None


def board(settings: Settings) -> Board:
    """All projects. Raises StoreError, LocalTrouble."""
    several = len(settings.all_inboxes()) > 1
    with reading(settings) as records:
        seen = seen_in(settings.state_folder, records)
        if records is None:
            return Board(now(), seen, several_inboxes=several)
        at = now()
        return Board(
            at=at,
            seen=seen,
            projects=tuple(projects_of(records, latest_of(seen.lines), MOST_CARDS)),
            running=len(seen.running),
            waiting=len(seen.waiting),
            paid_today=records.ledger.paid_today(at),
            budget=settings.limits.paid_calls_per_day,
            bought=tuple(records.ledger.paid_operations_today(at)),
            several_inboxes=several,
        )


def latest_of(lines: Sequence[Line]) -> list[Line]:
    """Of the finished sets of one folder, only the newest; one that its photos are dropped into again speaks
    for them, too."""
    newest: dict[tuple[str, str, str, str], Line] = {}
    for line in sorted(lines, key=lambda line: (line.created_at or "9", line.job)):
        newest[line.inbox, line.project, line.folder, line.room] = line
    return list(newest.values())


def projects_of(records: JobRecords, lines: Sequence[Line], most: int | None = None) -> list[ProjectCards]:
    """These sets by their projects: those that need a person first, then the latest change. `most` cards of
    each."""
    by_project = attrgetter("inbox", "project")
    bare = [card_of(line) for line in lines]
    groups = {key: list(cards) for key, cards in groupby(sorted(bare, key=by_project), key=by_project)}
    shown: dict[tuple[str, str], list[Card]] = {}
    for key, cards in groups.items():
        first = sorted(sorted(cards, key=attrgetter("at"), reverse=True), key=attrgetter("rank"))
        urgent = sum(card.rank < IN_HAND for card in first)
        shown[key] = first[: max(most, urgent)] if most is not None else first
    full = iter(filled(records, [card for cards in shown.values() for card in cards]))
    found = [
        ProjectCards(
            *key,
            tuple(next(full) for _ in cards),
            rooms=len(groups[key]),
            finished=sum(card.state == State.DONE for card in groups[key]),
        )
        for key, cards in shown.items()
    ]
    latest_first = sorted(found, key=attrgetter("at"), reverse=True)
    return sorted(latest_first, key=lambda one: min(one.rank, TO_COME) if one.rank < OVER else OVER)


def card_of(line: Line) -> Card:
    """What the overview says of a set, without its pictures."""
    told = {one.name: getattr(line, one.name) for one in fields(line)}
    told["state"] = HELD if line.held else line.state
    if line.cancelled_by and line.state in ASKS_API:
        told["state"] = CANCELLING
    elif line.cancelled_by and line.state in (State.REFUSING, State.FAILED):
        told["state"] = CANCELLED
    told["reason"] = "" if line.reason == line.words else line.reason
    return Card(**told)


def filled(records: JobRecords, cards: Sequence[Card]) -> list[Card]:
    """The cards with what to show of each, and how far it is."""
    store = records.store
    jobs = [card.job for card in cards if card.job]
    pictures, photos = looks.pictures_of(store, jobs), looks.photos_of(store, jobs)
    active = [card.job for card in cards if card.job and card.rank in (IN_HAND, TO_COME)]
    calls = looks.under_way(store, active)
    usual = looks.merge_seconds(store) if any(call.operation == "merge" for call in calls.values()) else None
    up = merged([as_mapping(one.content) for one in store.told_by_all(PROGRESS)])
    full = []
    for card in cards:
        middle, count = photos.get(card.job, ("", 0))
        call = calls.get(card.job)
        if card.waits:
            card = replace(card, state=State.QUEUED)
        progress = progress_of(card, call, up, count, usual)
        shown = tuple(frames(card.job, middle, pictures.get(card.job, ())))
        full.append(replace(card, frames=shown, progress=progress))
    return full


def frames(job: str, middle: str, pictures: Sequence[Picture]) -> Iterator[Frame]:
    """What there is to compare of a job, renditions aside."""
    if middle:
        yield Frame(photo_id(job, middle), "exposure", middle)
    for one in pictures:
        if not one.rendition:
            altered, name = one.kinds, PurePath(one.path).name
            kind = "altered" if altered else "merge"
            yield Frame(picture_id(job, one.path), kind, name, altered, one.variant, one.width, one.height)


def progress_of(
    card: Card, call: Purchase | None, up: Mapping[str, object], photos: int, usual: float | None
) -> Progress | None:
    """How far a set is, as far as the store and the daemon's last word tell."""
    if card.state in (SETTLING, State.UPLOADING):
        key = card.job or place_key(card.inbox, card.project, card.folder)
        found = up.get(key)
        if isinstance(found, list) and len(found) == 2:
            return Progress("photos", found[0], max(photos, found[1]))
        return Progress("photos", 0, photos) if card.job else None
    if call is None or card.state not in (State.MERGING, State.EDITING):
        return None
    if call.operation == "merge":
        seconds = (now() - call.started_at).total_seconds()
        known = usual is not None and seconds < MUCH_LONGER * usual
        return Progress("merge", max(0, round(seconds)), round(usual or 0) if known else 0)
    return Progress(call.operation)
