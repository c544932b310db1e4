"""Read-only views: the state of all sets, one job's history, and the cards of a page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from operator import attrgetter
from pathlib import Path, PurePath

from hotfolder.config.load import load_for_reading
from hotfolder.config.settings import Settings
from hotfolder.control.lookup import (
    arriving_id,
    explain_missing_job,
    folder_id,
    opaque,
    photo_id,
    picture_id,
    project_id,
)
from hotfolder.control.opening import nothing_yet_error, now, overview_in, reading
from hotfolder.daemon.folders import holder_of
from hotfolder.daemon.records import store_of
from hotfolder.errors import HotfolderError
from hotfolder.jobs import access, queries
from hotfolder.jobs.database import inode_of, read_store, store_trouble
from hotfolder.jobs.model import Picture, Purchase
from hotfolder.jobs.states import ASKS_API, State
from hotfolder.jobs.store import Store
from hotfolder.rules.foldernames import split_name, to_nfc
from hotfolder.rules.kinds import Prices
from hotfolder.telemetry.daemons import place_key, read_progress
from hotfolder.telemetry.history import JobHistory
from hotfolder.telemetry.history import history as history_of
from hotfolder.telemetry.overview import RUNNING, SETTLING, Line, Overview, line_of


@dataclass(frozen=True, slots=True)
class Status:
    """The state of all sets, from `state_folder` and the store; the kinds of the paid calls since midnight,
    one each, and the prices."""

    seen: Overview
    state_folder: Path
    kinds_paid_today: Sequence[str] = ()
    prices: Prices = field(default_factory=Prices)

    @property
    def finished(self) -> list[Sequence[Line]]:
        """The finished sets of each project of each inbox; the project with the latest change first."""
        found: defaultdict[tuple[str, str], list[Line]] = defaultdict(list)
        for line in self.seen.in_states([State.DONE]):
            found[line.project, line.inbox].append(line)
        latest = {place: max(line.updated_at for line in lines) for place, lines in found.items()}
        return [found[place] for place in sorted(found, key=lambda one: (latest[one], one), reverse=True)]

    @property
    def several_inboxes(self) -> bool:
        return len({line.inbox for line in self.seen.lines}) > 1


def status(config: Path, environ: Mapping[str, str]) -> Status:
    """The state of all sets. Works with erroneous settings, as long as they name the records; else raises
    ConfigurationError. Raises StoreError, LocalTrouble."""
    settings, error = load_for_reading(config, environ)
    with reading(settings, error) as store:
        seen = overview_in(settings.state_folder, store)
        paid = store.ledger.paid_operations_today(now())
    if error is not None:
        seen = replace(seen, settings_error=error.message)
    return Status(seen, settings.state_folder, paid, settings.prices)


def history(config: Path, environ: Mapping[str, str], job: str) -> tuple[JobHistory, Line]:
    """The history of one job, by its id or `project/room`, and its line in `status`. Raises as `status`, and
    UsageError, Unknown."""
    settings, error = load_for_reading(config, environ)
    with reading(settings, error or nothing_yet_error(config)) as store:
        with explain_missing_job(store, job):
            history = history_of(store, job)
        lines = {line.job: line for line in overview_in(settings.state_folder, store).lines}
    return history, lines.get(history.job.id) or line_of(history.job, "")


HELD = "held"
"""The state of a card whose set is held in the inbox until a person approves it."""
CANCELLING, CANCELLED = "cancelling", "cancelled"
UNDER_WAY, TO_COME, FINISHED = 2, 3, 4
RANK = {
    **{State.NEEDS_ATTENTION: 0, State.HALTING: 0, HELD: 0, State.FAILED: 1, State.REFUSING: 1},
    **{State.DONE: FINISHED, CANCELLED: FINISHED},
}
"""The order of cards on a page, by state; other states are UNDER_WAY where they run, else TO_COME."""
MUCH_LONGER = 1.5
"""From this multiple of the usual duration on, a merge's total is not shown any more."""
MOST_CARDS = 12
"""The number of a project's cards on the page of all projects; those that need a person come first."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a set, by `kind`: for "photos" the number uploaded, for "merge" the elapsed seconds,
    else the kind of the operation being made, without numbers. `total` is 0 where it isn't known."""

    kind: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture to compare. `kind` is "exposure" for the middle exposure, "merge" for the unaltered merge,
    or "altered". `id` is a `picture_id` or `photo_id`, `name` the file's name."""

    id: str
    kind: str
    name: str
    altered: tuple[str, ...] = ()
    variant: str = ""
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class Card(Line):
    """One set on a page: its line of the overview, where `state` may also be HELD, CANCELLING or CANCELLED,
    and its `frames`, from the middle exposure to the last altered picture."""

    frames: tuple[Frame, ...] = ()
    progress: Progress | None = None

    @property
    def id(self) -> str:
        """The job's id, or the folder's id where there is no job yet."""
        return self.job or folder_id(self.inbox, self.project, self.folder)

    @property
    def project_id(self) -> str:
        return project_id(self.inbox, self.project)

    @property
    def key(self) -> str:
        """A unique key of the card: unlike `id`, it differs between sets that are held in one folder."""
        return self.job or opaque(self.id, self.room)

    @property
    def tags(self) -> tuple[str, ...]:
        return split_name(self.folder).tags

    @property
    def at(self) -> str:
        """The time of its last change, for sorting; a set without a job sorts as newest."""
        return self.updated_at or "9"

    @property
    def picture(self) -> str:
        """The id of the picture that represents it: the first altered one, else the merge, else the middle
        exposure, else an arriving photo; "" for none."""
        if not self.frames:
            return arriving_id(self.inbox, self.project, self.folder, self.photo) if self.photo else ""
        return next((one.id for one in self.frames if one.altered), self.frames[-1].id)

    @property
    def pair(self) -> tuple[Frame, Frame] | None:
        """The two frames to compare: the unaltered one and the last picture; None for a single frame."""
        before = [frame for frame in self.frames[:-1] if frame.kind != "altered"]
        return (before[-1], self.frames[-1]) if before else None

    @property
    def delivered(self) -> tuple[Frame, ...]:
        return tuple(frame for frame in self.frames if frame.kind != "exposure")

    @property
    def rank(self) -> int:
        return RANK.get(self.state, UNDER_WAY if self.state in (*RUNNING, CANCELLING) else TO_COME)

    @property
    def needs_person(self) -> bool:
        return self.rank == 0

    @property
    def failed(self) -> bool:
        return self.rank == 1


@dataclass(frozen=True, slots=True)
class ProjectCards:
    """A project with its `rooms`, those that need a person first, and the `cards` of those that are shown,
    with their frames."""

    inbox: str
    name: str
    rooms: Sequence[Card]
    cards: Sequence[Card]

    @property
    def finished(self) -> int:
        """The number of its finished rooms."""
        return sum(card.state == State.DONE for card in self.rooms)

    @property
    def id(self) -> str:
        return project_id(self.inbox, self.name)

    @property
    def rank(self) -> int:
        return min((card.rank for card in self.cards), default=FINISHED)

    @property
    def at(self) -> str:
        return max((card.at for card in self.cards), default="")


@dataclass(frozen=True, slots=True)
class Board:
    """The state of everything at the moment `at`. `budget` is the maximum of paid calls a day, None for no
    limit; `bought` are the kinds of today's paid calls, one each, without those of the sandbox."""

    at: datetime
    seen: Overview
    projects: tuple[ProjectCards, ...] = ()
    paid_today: int = 0
    budget: int | None = None
    bought: tuple[str, ...] = ()
    several_inboxes: bool = False


class StoreWatch:
    """The store as watched by a page's process: has anything changed, and which sessions are valid. The store
    is kept open, and reopened where its file was replaced."""

    def __init__(self, settings: Settings) -> None:
        self.state, self.place = settings.state_folder, store_of(settings)
        self._store: Store | None = None
        self._inode = 0
        self._sessions: frozenset[str] | None = None

    def stamp(self) -> str:
        """A text that changes when a page's content may have changed. Errors of the store are part of the
        text and are not raised."""
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
                return f"{holder_of(self.state)} {queries.change_stamp(self._store)}"
        except (HotfolderError, OSError) as error:
            self.close()
            return f"trouble {error}"

    def admits(self, token: str | None) -> bool:
        """Whether a browser with that session token, None without one, had access at the last `stamp`."""
        return self._sessions is None or (token is not None and access.hashed(token) in self._sessions)

    def close(self) -> None:
        if self._store is not None:
            self._store.database.dispose()
        self._store = None


def board(settings: Settings) -> Board:
    """The board of all projects. Raises StoreError, LocalTrouble."""
    with reading(settings) as store:
        seen, at = overview_in(settings.state_folder, store), now()
        return Board(
            at=at,
            seen=seen,
            projects=tuple(projects_of(store, newest_lines(seen.lines))),
            paid_today=store.ledger.paid_today(at),
            budget=settings.limits.paid_calls_per_day,
            bought=tuple(store.ledger.paid_operations_today(at)),
            several_inboxes=len(settings.all_inboxes()) > 1,
        )


def newest_lines(lines: Sequence[Line]) -> list[Line]:
    """The newest line of each set (inbox, project, folder, room). A set that arrives again, without a job
    yet, is newer than its earlier jobs."""
    newest: dict[tuple[str, str, str, str], Line] = {}
    for line in sorted(lines, key=lambda line: (line.created_at or "9", line.job)):
        newest[line.inbox, line.project, line.folder, line.room] = line
    return list(newest.values())


def projects_of(store: Store, lines: Sequence[Line]) -> list[ProjectCards]:
    """These sets by project, with at most MOST_CARDS cards each: projects that need a person first, then by
    the latest change, finished ones last."""
    rooms: defaultdict[tuple[str, str], list[Card]] = defaultdict(list)
    for card in sorted_cards(map(card_of, lines)):
        rooms[card.inbox, to_nfc(card.project)].append(card)
    by_name = sorted(rooms.items())
    full = iter(with_frames(store, [card for _, cards in by_name for card in cards[:MOST_CARDS]]))
    found = [
        ProjectCards(*place, cards, [next(full) for _ in cards[:MOST_CARDS]]) for place, cards in by_name
    ]
    latest_first = sorted(found, key=attrgetter("at"), reverse=True)
    return sorted(latest_first, key=lambda one: min(one.rank, TO_COME) if one.rank < FINISHED else FINISHED)


def sorted_cards(cards: Iterable[Card]) -> list[Card]:
    """The cards as a project shows them: those that need a person first, then by the latest change."""
    return sorted(sorted(cards, key=attrgetter("at"), reverse=True), key=attrgetter("rank"))


def card_of(line: Line) -> Card:
    """The card of a line of the overview, without frames and progress."""
    values = {one.name: getattr(line, one.name) for one in fields(line)}
    values["state"] = HELD if line.held else line.state
    if line.cancelled_by and line.state in ASKS_API:
        values["state"] = CANCELLING
    elif line.cancelled_by and line.state in (State.REFUSING, State.FAILED):
        values["state"] = CANCELLED
    values["reason"] = "" if line.reason == line.words else line.reason
    return Card(**values)


def with_frames(store: Store, cards: Sequence[Card]) -> list[Card]:
    """The cards with their frames and progress, in the same order."""
    jobs = [card.job for card in cards if card.job]
    pictures, photos = queries.pictures_of(store, jobs), queries.middle_photos(store, jobs)
    active = [card.job for card in cards if card.job and card.rank in (UNDER_WAY, TO_COME)]
    calls = queries.under_way(store, active)
    usual = (
        queries.merge_seconds(store) if any(call.operation == "merge" for call in calls.values()) else None
    )
    up = read_progress(store)
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
    """The frames of a job: its middle exposure and its pictures, without renditions."""
    if middle:
        yield Frame(photo_id(job, middle), "exposure", middle)
    for one in pictures:
        if not one.rendition:
            altered, name = one.kinds, PurePath(one.path).name
            kind = "altered" if altered else "merge"
            yield Frame(picture_id(job, one.path), kind, name, altered, one.variant, one.width, one.height)


def progress_of(
    card: Card, call: Purchase | None, up: Mapping[str, tuple[int, int]], photos: int, usual: float | None
) -> Progress | None:
    """The progress of a set, by the store and by `up`, the daemons' `read_progress`; None where it has none.
    `photos` is the number of its photos, `usual` the usual seconds of a merge."""
    if card.state in (SETTLING, State.UPLOADING):
        key = card.job or place_key(card.inbox, card.project, card.folder)
        if key in up:
            uploaded, total = up[key]
            return Progress("photos", uploaded, max(photos, total))
        return Progress("photos", 0, photos) if card.job else None
    if call is None or card.state not in (State.MERGING, State.EDITING):
        return None
    if call.operation == "merge":
        seconds = (now() - call.started_at).total_seconds()
        known = usual is not None and seconds < MUCH_LONGER * usual
        return Progress("merge", max(0, round(seconds)), round(usual or 0) if known else 0)
    return Progress(call.operation)
