"""The tables of the store, and the keys that make two purchases the same.

The same tables serve SQLite and PostgreSQL: sizes, times and inodes have 64 bits with a sign (`rules.sets`
folds them), moments are aware.
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
from hotfolder.rules.sets import FileIdentity, Photo, shot_as_text
from hotfolder.stager.operations import HdrOptions, Operation


class FileRole(StrEnum):
    PHOTO = "photo"
    COMPANION = "companion"


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment in UTC, to the microsecond. SQLite keeps it as text that sorts."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise TypeError(f"a moment without a time zone: {value}")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        # SQLite's has no time zone, PostgreSQL's has that of the connection.
        return value and (value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC))


def short_id() -> str:
    """An id of random letters and digits, without those that are misread over the phone."""
    return "".join(secrets.choice("abcdefghjkmnpqrstuvwxyz23456789") for _ in range(8))


def stamp(at: datetime) -> str:
    """A moment as ISO 8601 text in UTC, to the millisecond: as people and other programs get it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


HOLDS_KEY = text(f"state IN ({', '.join(repr(state.value) for state in HOLDING)})")
"""SQLite uses the index `one_purchase_per_key` only for a query that has its condition word for word."""


class Job(SQLModel, table=True):
    """One bracket set with its recipe. `receipt` is a path relative to done/, empty until it is written.
    `open_as` names the set while its job is OPEN: by its index there is one such job at a time."""

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
        """What the set's folder is called in done/ and failed/ and before people: its room's name where its
        photos lay in the project's folder itself."""
        return self.folder or self.room


class JobFile(SQLModel, table=True):
    """One file of a job, as it was when the set had settled. One that was let go of, as the rules had it,
    need not be anywhere any more; `let_go_at` is written before it is deleted. `develop` is as in
    `PictureFacts`. `shot` is what the camera recorded and what is to be seen, as `shot_as_text` writes
    it; empty for a companion."""

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
        """That of the file when its set had settled, or when another machine took its job over."""
        return FileIdentity(self.size_bytes, self.mtime_ns, self.ctime_ns, self.inode)


class Purchase(SQLModel, table=True):
    """One paid call and what it brought, written before the request leaves.

    `photos` are the sha256 of what is merged, with spaces between; empty for other operations. `machine` is
    whose request it is, as `Machine.id`.
    `job_let_go_at` is when the record of its job was let go of, as the settings had it; None for a job that
    is in the store, or was lost with it.
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

    id: int | None = Field(default=None, primary_key=True)
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
        """Whether nobody expects to learn any more how this purchase ended."""
        return self.state == PurchaseState.UNKNOWN and self.outcome in (
            PurchaseOutcome.GIVEN_UP,
            PurchaseOutcome.INTERRUPTED,
        )


class Result(SQLModel, table=True):
    """One picture that a purchase brought. `file` is a name in results/."""

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
    """One delivered picture. `path` is relative to done/; `rendition` and `variant` are names in the
    rules, empty for the picture itself and where there are no variants."""

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
        """The operations that have altered it."""
        return tuple(filter(None, self.altered.split(",")))


class TakenName(SQLModel, table=True):
    """A name that a job has taken for what it puts into `folder`: by the key no two jobs have the same. Both
    are folded, as `jobs.names` has them; `spelt` is the name itself, and `purpose` tells apart what one job
    puts there. `machine` has taken it, as `Machine.id`."""

    folder: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    spelt: str
    job_id: str = Field(foreign_key="job.id", index=True)
    purpose: str = ""
    machine: str = ""


class ApiProject(SQLModel, table=True):
    """A project folder becomes one API project, for as long as anything of it is remembered; a different API
    is a different world."""

    origin: str = Field(primary_key=True)
    inbox: str = Field(primary_key=True)
    project: str = Field(primary_key=True)
    api_id: str


class Generation(SQLModel, table=True):
    """How often the same photos were deliberately bought anew (`__again`, `--pay-again`). `pay_again`
    has, for each folder whose job is to buy everything anew, the identities of its files by name; a store of
    before may have those of one folder alone. None where nobody asks."""

    scope: str = Field(primary_key=True)
    number: int = 0
    pay_again: Any = Field(default=None, sa_column=Column(JSON(none_as_null=True)))


class ProjectPriority(SQLModel, table=True):
    """The priority that a project's jobs begin with, where it isn't the normal one."""

    inbox: str = Field(primary_key=True)
    project: str = Field(primary_key=True)
    level: int


class JobEvent(SQLModel, table=True):
    """One line of a job's history."""

    id: int | None = Field(default=None, primary_key=True)
    job_id: str = Field(index=True)
    at: datetime = Field(sa_type=UtcDateTime)
    state: str
    text: str = ""


class StoreIdentity(SQLModel, table=True):
    """The store's own id, in one row that is made with the store. Receipts and marker files name it."""

    uid: str = Field(default_factory=lambda: secrets.token_hex(16), primary_key=True)


class Pause(SQLModel, table=True):
    """Whether everything paid is paused, in one row that is made with the store. `reason` is None while
    nothing is; `resumed_after` is the newest purchase when a person last ended a pause."""

    id: int = Field(default=1, primary_key=True)
    reason: str | None = None
    resumed_after: int = 0


FolderRole = Literal["inbox", "output", "archive"]


class FolderIdentity(SQLModel, table=True):
    """Which folder a daemon of this store last met in a role, so that the next one knows it again: an empty
    mount point is not the inbox. `mount` is the mount point of its disk; empty where it isn't of interest.
    Each machine has its own, by `machine`."""

    machine: str = Field(default="", primary_key=True)
    role: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    path: str
    device: int = Field(default=0, sa_type=BigInteger)
    inode: int = Field(default=0, sa_type=BigInteger)
    mount: str = ""


class DaemonState(SQLModel, table=True):
    """What a daemon tells other processes, and its successor, of itself: JSON by name, a machine."""

    machine: str = Field(default="", primary_key=True)
    name: str = Field(primary_key=True)
    content: Any = Field(sa_type=JSON)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class Machine(SQLModel, table=True):
    """One `state` folder whose daemons work with a store that several share; `id` is made in the folder, and
    empty where the store is SQLite. `heartbeat_at` and `alive_until`, by when it shows life again, are by the
    database's clock. `place` is where the folder
    lies, so that a copy of it is not taken for the same machine. `reaches` are the names of the inboxes that
    it can work with."""

    id: str = Field(primary_key=True)
    name: str
    version: str
    place: str
    heartbeat_at: datetime = Field(sa_type=UtcDateTime)
    alive_until: datetime = Field(sa_type=UtcDateTime)
    reaches: Any = Field(sa_type=JSON)


class InboxLease(SQLModel, table=True):
    """Which machine works with an inbox, until when by the database's clock; None while none does. `epoch`
    grows with every change of owner, and with every start of the owner's daemon."""

    inbox: str = Field(primary_key=True)
    machine: str | None = Field(default=None, index=True)
    epoch: int = 0
    expires_at: datetime = Field(sa_type=UtcDateTime)


class NotBefore(SQLModel, table=True):
    """Before when no machine is to ask a host again, since one of them has met its trouble."""

    host: str = Field(primary_key=True)
    machine: str
    until: datetime = Field(sa_type=UtcDateTime)
    reason: str


class PageRole(StrEnum):
    """What who is signed in to the page may do: everything, or only look."""

    FULL = "full"
    READING = "reading"


class PagePassword(SQLModel, table=True):
    """The studio's password for a role on the page, as a slow hash."""

    role: str = Field(primary_key=True)
    hash: str
    set_at: datetime = Field(sa_type=UtcDateTime)


class PageSession(SQLModel, table=True):
    """A browser that is signed in to the page. Its token is known to the browser alone."""

    token_sha256: str = Field(primary_key=True)
    role: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)


class ShareLink(SQLModel, table=True):
    """A link to chosen pictures of one project, for somebody without the password. `pictures` are their paths
    relative to done/. Its token is in the link alone."""

    id: str = Field(primary_key=True)
    token_sha256: str = Field(index=True, unique=True)
    inbox: str
    project: str
    pictures: Any = Field(sa_type=JSON)
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


SANDBOX = "sandbox"
"""The origin of what the stand-in of the API made, which costs nothing."""


def digest(*parts: object) -> str:
    """sha256 over the canonical JSON of `parts`, as hex."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def scope_key(origin: str, photos: Iterable[str]) -> str:
    """What `__again` counts generations of: these photos (sha256 each) at this API."""
    return digest("scope", origin, sorted(photos))


def merge_key(origin: str, photos: Iterable[str], options: HdrOptions, generation: int) -> str:
    """The key of `hdr-enhance` for these photos (sha256 each, in any order)."""
    return digest(origin, sorted(photos), "merge", options.body(), generation)


def operation_key(origin: str, source: str, operation: Operation, generation: int) -> str:
    """The key of stage, lawn or sky on the picture with sha256 `source`."""
    return digest(origin, [source], operation.kind, operation.body(), generation)


@dataclass(frozen=True, slots=True)
class NewJob:
    """What the store needs to know of a job. A `reason` makes it a refused one from the start; `notes` are
    told in its history. By its `id` it can be asked for where the answer of the store was lost."""

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
    """What generations of these photos are counted by; empty where none could be read."""
    hashes = [file.sha256 for file in new.files if file.role == FileRole.PHOTO]
    return scope_key(origin, hashes) if hashes else ""


def photo_file(photo: Photo) -> JobFile:
    """The row of a photo of a job to be: `Store.create` puts it in."""
    return job_file(
        photo.name,
        photo.identity,
        FileRole.PHOTO,
        sha256=photo.sha256,
        format=photo.format,
        exposure_value=photo.exposure_value,
        develop=photo.develop,
        shot=shot_as_text(photo),
    )


def job_file(name: str, identity: FileIdentity, role: FileRole, **known: Any) -> JobFile:
    """The row of a file of a job to be; a photo that can't be read is a companion."""
    return JobFile(job_id="", name=name, role=role, position=0, **asdict(identity), **known)
