"""The tables of the store, and the keys that make two purchases the same.

The same tables serve SQLite and PostgreSQL: sizes, times and inodes are signed 64-bit integers (`rules.sets`
folds them), datetimes are timezone-aware.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal

from sqlalchemy import JSON, BigInteger, Column, DateTime, Dialect, Index, text
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel

from hotfolder.jobs.states import HOLDING, PurchaseOutcome, PurchaseState, State
from hotfolder.rules.recipes import Recipe
from hotfolder.rules.sets import FileIdentity, Photo, photo_to_json
from hotfolder.stager.operations import HdrOptions, Operation


class FileRole(StrEnum):
    PHOTO = "photo"
    COMPANION = "companion"


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC, to the microsecond. SQLite stores it as sortable text."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise TypeError(f"a moment without a time zone: {value}")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        # SQLite returns it without a time zone, PostgreSQL in that of the connection.
        return value and (value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC))


def short_id() -> str:
    """A random id of 8 letters and digits, without characters that are easily confused."""
    return "".join(secrets.choice("abcdefghjkmnpqrstuvwxyz23456789") for _ in range(8))


def stamp(at: datetime) -> str:
    """A moment as ISO 8601 text in UTC, to the millisecond, for people and other programs."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


HOLDS_KEY = text(f"state IN ({', '.join(repr(state.value) for state in HOLDING)})")
"""The condition of the partial index `one_purchase_per_key`; SQLite uses the index only for a query with
exactly this text."""


class Job(SQLModel, table=True):
    """One bracket set with its recipe. `receipt` is a path relative to done/, empty until it is written.
    `open_as` identifies the set while its job is OPEN; its unique index allows one open job a set."""

    id: str = Field(primary_key=True)
    inbox: str = Field(index=True)
    project: str = Field(index=True)
    folder: str
    room: str
    title: str
    state: str = Field(default=State.QUEUED, index=True)
    reason: str = ""
    hint: str = ""
    charged: str = ""
    route: str | None = None
    recipe: str = "{}"
    origin: str = ""
    open_as: str | None = Field(default=None, index=True, unique=True)
    generation: int = 0
    scope: str = Field(default="", index=True)
    group_id: str | None = None
    api_project_id: str | None = None
    filed_as: str | None = None
    receipt: str = ""
    receipt_sha256: str = ""
    created_at: datetime = Field(sa_type=UtcDateTime, index=True)
    updated_at: datetime = Field(sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    cancelled_by: str = ""
    priority: int = 1

    @property
    def shown_folder(self) -> str:
        """The name of the set's folder in done/ and failed/ and for people: the room's name where the photos
        lay in the project's folder itself."""
        return self.folder or self.room


class JobFile(SQLModel, table=True):
    """One file of a job, as it was when the set had settled. `let_go_at` is set, before the deletion, for a
    file that was deleted by the rules or removed by somebody: it need not exist any more. `develop` is as in
    `PictureFacts`. `shot` holds the camera's data and the picture's content, as `photo_to_json` writes it;
    empty for a companion."""

    job_id: str = Field(primary_key=True, foreign_key="job.id")
    name: str = Field(primary_key=True)
    role: str
    position: int
    sha256: str = ""
    size_bytes: int = Field(sa_type=BigInteger)
    mtime_ns: int = Field(sa_type=BigInteger)
    ctime_ns: int = Field(sa_type=BigInteger)
    inode: int = Field(sa_type=BigInteger)
    format: str = ""
    exposure_value: float | None = None
    is_middle: bool = False
    let_go_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    develop: str = ""
    shot: str = ""

    @property
    def identity(self) -> FileIdentity:
        """The file's identity when its set had settled, or as seen by the machine that took the job over."""
        return FileIdentity(self.size_bytes, self.mtime_ns, self.ctime_ns, self.inode)


class Purchase(SQLModel, table=True):
    """One paid call and its answer; the row is written before the request leaves.

    `photos` are the sha256 of the merged photos, separated by spaces; empty for other operations. `machine`
    is the `Machine.id` of the machine that makes the request. `job_let_go_at` is when retention deleted its
    job's record; None for a job that is in the store, or was lost with it.
    """

    __table_args__ = (
        Index(
            "one_purchase_per_key",
            "key",
            unique=True,
            sqlite_where=HOLDS_KEY,
            postgresql_where=HOLDS_KEY,
        ),
    )

    id: int = Field(default=None, primary_key=True)  # by the database
    uid: str = Field(default_factory=lambda: secrets.token_hex(8), unique=True)
    key: str
    job_id: str = Field(index=True)
    inbox: str = ""
    project: str = Field(default="", index=True)
    operation: str
    parameters: str
    machine: str = ""
    state: str = PurchaseState.STARTED
    outcome: str = ""
    group_id: str | None = None
    api_project_id: str | None = None
    image_id: str | None = None
    photos: str = ""
    answer: str | None = None
    note: str = ""
    started_at: datetime = Field(sa_type=UtcDateTime, index=True)
    answered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    job_let_go_at: datetime | None = Field(default=None, sa_type=UtcDateTime)

    @property
    def given_up(self) -> bool:
        """Whether its outcome is unknown and is not waited for any more."""
        return self.state == PurchaseState.UNKNOWN and self.outcome in (
            PurchaseOutcome.GIVEN_UP,
            PurchaseOutcome.INTERRUPTED,
        )


class Result(SQLModel, table=True):
    """One picture of a purchase. `file` is its name in results/."""

    purchase_id: int = Field(primary_key=True, foreign_key="purchase.id")
    position: int = Field(primary_key=True)
    file: str
    sha256: str
    size_bytes: int = Field(sa_type=BigInteger)
    format: str
    width: int
    height: int
    answer_id: str = ""


class Picture(SQLModel, table=True):
    """One delivered picture. `path` is relative to done/; `rendition` and `variant` are names from the rules,
    empty for the picture itself and without variants."""

    job_id: str = Field(primary_key=True, foreign_key="job.id")
    path: str = Field(primary_key=True)
    sha256: str
    width: int
    height: int
    altered: str = ""
    rendition: str = ""
    variant: str = ""

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of the operations that have altered it; empty for an unaltered picture."""
        return tuple(filter(None, self.altered.split(",")))


class TakenName(SQLModel, table=True):
    """A name that a job has reserved in `folder`; the primary key makes it unique over all jobs. `folder` and
    `name` are case-folded (see `jobs.reservednames`), `spelt` is the name itself, `purpose` distinguishes the
    job's files there, `machine` is the `Machine.id` that reserved it."""

    folder: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    spelt: str
    job_id: str = Field(foreign_key="job.id", index=True)
    purpose: str = ""
    machine: str = ""


class ApiProject(SQLModel, table=True):
    """The API's project of a project folder. `origin` names the API: each has its own ids."""

    origin: str = Field(primary_key=True)
    inbox: str = Field(primary_key=True)
    project: str = Field(primary_key=True)
    api_id: str


class Generation(SQLModel, table=True):
    """How often the same photos were deliberately bought anew (`__again`, `--pay-again`). `pay_again` lists
    the pending requests: for each folder whose next job buys everything anew, the identities of its files by
    name, and the machine that put them there. An older store may hold a single such mapping without a list;
    None without requests."""

    scope: str = Field(primary_key=True)
    number: int = 0
    pay_again: Any = Field(default=None, sa_column=Column(JSON(none_as_null=True)))


class ProjectPriority(SQLModel, table=True):
    """The priority that a project's new jobs get; NORMAL for a project without a row."""

    inbox: str = Field(primary_key=True)
    project: str = Field(primary_key=True)
    level: int


class JobEvent(SQLModel, table=True):
    """One line of a job's history."""

    id: int = Field(default=None, primary_key=True)  # by the database
    job_id: str = Field(index=True)
    at: datetime = Field(sa_type=UtcDateTime)
    state: str
    text: str = ""


class StoreIdentity(SQLModel, table=True):
    """The store's own id, in a single row created with the store. Receipts and marker files name it."""

    uid: str = Field(default_factory=lambda: secrets.token_hex(16), primary_key=True)


class Pause(SQLModel, table=True):
    """The pause of paid calls, in a single row created with the store. `reason` is None while they are not
    paused; `resumed_after` is the id of the newest purchase when a person last ended a pause."""

    id: int = Field(default=1, primary_key=True)
    reason: str | None = None
    resumed_after: int = 0


FolderRole = Literal["inbox", "output", "archive", "state"]


class FolderIdentity(SQLModel, table=True):
    """The folder that a daemon of this store last saw in a role, so that the next one recognises it: an empty
    mount point is not the inbox. `mount` is the mount point of its disk, empty where it doesn't matter. One
    row for each machine."""

    machine: str = Field(default="", primary_key=True)
    role: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    path: str
    device: int = Field(default=0, sa_type=BigInteger)
    inode: int = Field(default=0, sa_type=BigInteger)
    mount: str = ""


class DaemonState(SQLModel, table=True):
    """State that a daemon publishes for other processes and the next daemon: JSON by machine and name;
    machine is "" for what is shared between machines."""

    machine: str = Field(default="", primary_key=True)
    name: str = Field(primary_key=True)
    content: Any = Field(sa_type=JSON)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class Machine(SQLModel, table=True):
    """A machine: one `state` folder whose daemons use a shared store. `id` is created in the folder. By the
    database's clock, `heartbeat_at` is its last heartbeat and `alive_until` the deadline of the next. `place`
    is `leases.place_of_state`, so that a copy of it is not taken for the same machine. `reaches` are the
    names of the inboxes in its reach."""

    id: str = Field(primary_key=True)
    name: str
    version: str
    place: str
    heartbeat_at: datetime = Field(sa_type=UtcDateTime)
    alive_until: datetime = Field(sa_type=UtcDateTime)
    reaches: Any = Field(sa_type=JSON)


class InboxLease(SQLModel, table=True):
    """The lease of an inbox: its owner `machine`, None without one, until `expires_at` by the database's
    clock. `epoch` grows with every change of owner, and with every start of the owner's daemon."""

    inbox: str = Field(primary_key=True)
    machine: str | None = Field(default=None, index=True)
    epoch: int = 0
    expires_at: datetime = Field(sa_type=UtcDateTime)


class NotBefore(SQLModel, table=True):
    """Until when no machine may ask a host, since the host has answered one of them with an error."""

    host: str = Field(primary_key=True)
    machine: str
    until: datetime = Field(sa_type=UtcDateTime)
    reason: str


class PageRole(StrEnum):
    """The role of a session on the page: everything, or read-only."""

    FULL = "full"
    READING = "reading"


class PagePassword(SQLModel, table=True):
    """The studio's password for a role on the page, as an argon2id hash."""

    role: str = Field(primary_key=True)
    hash: str
    set_at: datetime = Field(sa_type=UtcDateTime)


class PageSession(SQLModel, table=True):
    """A browser's session on the page. Only the browser has the token itself."""

    token_sha256: str = Field(primary_key=True)
    role: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)


class ShareLink(SQLModel, table=True):
    """A link to chosen pictures of one project, for visitors without the password. `pictures` are their paths
    relative to done/. Only the link has the token itself."""

    id: str = Field(primary_key=True)
    token_sha256: str = Field(index=True, unique=True)
    inbox: str
    project: str
    pictures: Any = Field(sa_type=JSON)
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


SANDBOX = "sandbox"
"""The origin of jobs that ran against the sandbox, the embedded stand-in for the API, which costs nothing."""


def digest(*parts: object) -> str:
    """The SHA-256 of the canonical JSON of `parts`, as hex."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def scope_key(origin: str, photos: Iterable[str]) -> str:
    """The key by which generations are counted: these photos (sha256 each, in any order) at this API."""
    return digest("scope", origin, sorted(photos))


def merge_key(origin: str, photos: Iterable[str], options: HdrOptions, generation: int) -> str:
    """The key of `hdr-enhance` for these photos (sha256 each, in any order)."""
    return digest(origin, sorted(photos), "merge", options.body(), generation)


def operation_key(origin: str, source: str, operation: Operation, generation: int) -> str:
    """The key of an operation on the picture with sha256 `source`."""
    return digest(origin, [source], operation.kind, operation.body(), generation)


@dataclass(frozen=True, slots=True)
class NewJob:
    """The data of a job to be created. With a `reason` it begins as a refused one; `notes` go into its
    history. `id` is chosen by the caller, who can look the job up where the database's answer was lost."""

    inbox: str
    project: str
    folder: str
    room: str
    title: str
    files: tuple[JobFile, ...]
    recipe: Recipe
    route: str | None = None
    again: bool = False
    middle: str = ""
    reason: str = ""
    hint: str = ""
    notes: tuple[str, ...] = ()
    id: str = field(default_factory=short_id)


def scope_of(new: NewJob, origin: str) -> str:
    """The `scope_key` of a new job's photos; "" where no photo could be read."""
    hashes = [file.sha256 for file in new.files if file.role == FileRole.PHOTO]
    return scope_key(origin, hashes) if hashes else ""


def photo_file(photo: Photo) -> JobFile:
    """The row of a photo of a new job, for `Store.create`, which sets job and position."""
    return job_file(
        photo.name,
        photo.identity,
        FileRole.PHOTO,
        sha256=photo.sha256,
        format=photo.format,
        exposure_value=photo.exposure_value,
        develop=photo.develop,
        shot=photo_to_json(photo),
    )


def job_file(name: str, identity: FileIdentity, role: FileRole, **known: Any) -> JobFile:
    """The row of a file of a new job, for `Store.create`; an unreadable photo is a companion."""
    return JobFile(job_id="", name=name, role=role, position=0, **asdict(identity), **known)
