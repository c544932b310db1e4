"""What the store keeps: jobs, files and paid calls, their states, and the keys that make purchases the same.

The same tables serve SQLite and PostgreSQL.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Index, text
from sqlmodel import Field, SQLModel

from hotfolder.rules.recipes import Recipe
from hotfolder.rules.sets import FileIdentity, Photo, shot_as_text
from hotfolder.stager.operations import HdrOptions, Operation


class State(StrEnum):
    QUEUED = "queued"
    UPLOADING = "uploading"
    MERGING = "merging"
    EDITING = "editing"
    PUBLISHING = "publishing"
    FILING = "filing"
    DONE = "done"
    REFUSING = "refusing"
    FAILED = "failed"
    HALTING = "halting"
    NEEDS_ATTENTION = "needs_attention"
    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"


class Event(StrEnum):
    UPLOAD = "upload"
    MERGE = "merge"
    EDIT = "edit"
    PUBLISH = "publish"
    FILE = "file"
    FINISH = "finish"
    REFUSE = "refuse"
    HALT = "halt"
    WITHDRAW = "withdraw"
    SUPERSEDE = "supersede"
    GIVE_UP = "give_up"
    BEGIN_ANEW = "begin_anew"


S, E = State, Event

TRANSITIONS: dict[tuple[State, Event], State] = {
    (S.QUEUED, E.UPLOAD): S.UPLOADING,
    (S.QUEUED, E.MERGE): S.MERGING,  # the merge is remembered, or was begun by an earlier job
    (S.QUEUED, E.EDIT): S.EDITING,  # a single photo that is edited as it is
    (S.UPLOADING, E.MERGE): S.MERGING,
    (S.MERGING, E.UPLOAD): S.UPLOADING,  # the group can't be used and nothing was paid: open a new one
    (S.MERGING, E.EDIT): S.EDITING,
    (S.EDITING, E.PUBLISH): S.PUBLISHING,
    (S.PUBLISHING, E.FILE): S.FILING,
    # What was bought isn't in results/ (any more): fetched again, and not paid again.
    (S.EDITING, E.MERGE): S.MERGING,
    (S.PUBLISHING, E.MERGE): S.MERGING,
    (S.PUBLISHING, E.EDIT): S.EDITING,
    (S.FILING, E.FINISH): S.DONE,
    (S.REFUSING, E.FINISH): S.FAILED,
    (S.HALTING, E.FINISH): S.NEEDS_ATTENTION,
    # A set that changes before anything was paid for is looked at anew.
    (S.QUEUED, E.WITHDRAW): S.WITHDRAWN,
    (S.UPLOADING, E.WITHDRAW): S.WITHDRAWN,
    (S.MERGING, E.WITHDRAW): S.WITHDRAWN,
    (S.EDITING, E.WITHDRAW): S.WITHDRAWN,
    # The same photos were dropped again: the new job speaks for them.
    (S.FAILED, E.SUPERSEDE): S.SUPERSEDED,
    (S.NEEDS_ATTENTION, E.SUPERSEDE): S.SUPERSEDED,
    (S.NEEDS_ATTENTION, E.GIVE_UP): S.FAILED,
    # The job was begun at another API, and has bought nothing there that counts.
    **{(state, E.BEGIN_ANEW): S.QUEUED for state in (S.QUEUED, S.UPLOADING, S.MERGING, S.EDITING)},
    **{
        (state, event): target
        for state in (S.QUEUED, S.UPLOADING, S.MERGING, S.EDITING, S.PUBLISHING)
        for event, target in ((E.REFUSE, S.REFUSING), (E.HALT, S.HALTING))
    },
}

ACTIVE = frozenset(
    {S.QUEUED, S.UPLOADING, S.MERGING, S.EDITING, S.PUBLISHING, S.FILING, S.REFUSING, S.HALTING}
)
"""States in which the engine still has something to do."""

ASKS_API = frozenset({S.QUEUED, S.UPLOADING, S.MERGING, S.EDITING})
"""States that go on only at the API where the job was begun."""

EXPLAINED = frozenset({S.REFUSING, S.HALTING})
"""States on the way to failed/: the job's reason says why, and nothing that is met on the way replaces it."""

NEEDS_PERSON = frozenset({S.FAILED, S.NEEDS_ATTENTION})
"""States that only a person can change."""


class IllegalMove(RuntimeError):
    """A defect: the engine asked for a move that the table does not hold."""


def advance(state: State, event: Event) -> State:
    """The state after `event`. Raises IllegalMove for a move that isn't in the table."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalMove(f"a job that is {state} cannot {event}") from None


class FileRole(StrEnum):
    PHOTO = "photo"
    COMPANION = "companion"


class PurchaseState(StrEnum):
    """Of a paid call. STARTED, ANSWERED, UNKNOWN and SUCCEEDED hold the key: it isn't bought again."""

    STARTED = "started"  # the intent is recorded; the request may have left
    ANSWERED = "answered"  # a 2xx answer is recorded; its pictures are not here yet
    SUCCEEDED = "succeeded"  # its pictures are in results/
    UNKNOWN = "unknown"  # it may have been charged, and nobody can tell
    NOT_EXECUTED = "not_executed"  # it provably did not happen: never sent, or refused


HOLDING = (PurchaseState.STARTED, PurchaseState.ANSWERED, PurchaseState.SUCCEEDED, PurchaseState.UNKNOWN)
CHARGED = (PurchaseState.ANSWERED, PurchaseState.SUCCEEDED)
"""Those that were answered, and so were paid for without a doubt."""
HOLDS_KEY = text(f"state IN ({', '.join(repr(state.value) for state in HOLDING)})")
"""Who looks for a key says this word for word, and the index `one_call_per_key` serves."""


SETTLED = (PurchaseState.SUCCEEDED, PurchaseState.NOT_EXECUTED)
"""What there is no doubt about, and nothing to wait for."""

RESOLVED = "resolved: "
"""Begins the note of a call whose outcome a person has told."""
BY_RECEIPT = "known by its receipt: "
"""Begins the note of a purchase that was taken over from a receipt; its answer is lost."""
ANOTHERS = "another store's: "
"""Follows it where another store has bought it. No folder in done/ has a colon in its name."""
GIVEN_UP = "given up: "
"""Begins the note of a call whose outcome stays unknown; one that may still be learnt has another note."""
OWN_END = "hotfolder was stopped before the answer arrived"
"""Why the outcome of a call is unknown that was in flight when this process ended."""


def stamp(at: datetime) -> str:
    """A moment as ISO 8601 text in UTC: sorts, and means the same in every database."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


class Job(SQLModel, table=True):
    """One bracket set with its recipe. `receipt` is a path relative to done/, empty until it is written."""

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
    generation: int = 0
    scope: str = Field(default="", index=True)
    group_id: str | None = None
    api_project_id: str | None = None
    filed_as: str | None = None
    receipt: str = ""
    receipt_sha256: str = ""
    created_at: str = Field(index=True)
    updated_at: str
    finished_at: str | None = None
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
    `PictureFacts`. `shot` is what the camera recorded and what is to be seen, as `rules.remembered` writes
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
    let_go_at: str | None = None
    develop: str = ""
    shot: str = ""


class Purchase(SQLModel, table=True):
    """One paid call, written before it leaves. At most one per key holds it, by index and not by care.

    `photos` are the sha256 of what is merged, with spaces between; empty for other operations.
    `job_let_go_at` is when the record of its job was let go of, as the settings had it; None for a job that
    is in the store, or was lost with it. A call with it is lean: what nobody needs any more is empty.
    """

    __tablename__ = "call"
    __table_args__ = (
        Index(
            "one_call_per_key",
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
    state: str = PurchaseState.STARTED
    group_id: str | None = None
    api_project_id: str | None = None
    image_id: str | None = None
    photos: str = ""
    answer: str | None = None
    note: str = ""
    started_at: str = Field(default="", index=True)
    answered_at: str | None = None
    job_let_go_at: str | None = None

    @property
    def given_up(self) -> bool:
        """Whether nobody expects to learn any more how this call ended."""
        return self.state == PurchaseState.UNKNOWN and self.note.startswith(GIVEN_UP)


class Result(SQLModel, table=True):
    """One picture that a call bought. `file` is a name in state/results/."""

    call_id: int = Field(primary_key=True, foreign_key="call.id")
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


class ApiProject(SQLModel, table=True):
    """A project folder becomes one API project, for as long as anything of it is remembered; a different API
    is a different world."""

    origin: str = Field(primary_key=True)
    inbox: str = Field(primary_key=True)
    project: str = Field(primary_key=True)
    api_id: str


class Generation(SQLModel, table=True):
    """How often the same photos were deliberately bought anew (`__again`, `--pay-again`). `let_go_at` is
    since when no job of them is remembered."""

    scope: str = Field(primary_key=True)
    number: int
    let_go_at: str | None = None


class ProjectPriority(SQLModel, table=True):
    """The priority that a project's jobs begin with, where it isn't the normal one."""

    inbox: str = Field(primary_key=True)
    project: str = Field(primary_key=True)
    level: int


class JobEvent(SQLModel, table=True):
    """One line of a job's history."""

    __tablename__ = "moment"

    id: int | None = Field(default=None, primary_key=True)
    job_id: str = Field(index=True)
    at: str
    state: str
    text: str = ""


class DaemonState(SQLModel, table=True):
    """What a running daemon tells other processes of itself: a JSON text by name."""

    __tablename__ = "bulletin"

    name: str = Field(primary_key=True)
    text: str
    updated_at: str


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
class NewFile:
    """A file that belongs to a job to be. `photo` is None for a companion or a photo that can't be read."""

    name: str
    identity: FileIdentity
    role: FileRole
    photo: Photo | None = None


@dataclass(frozen=True, slots=True)
class NewJob:
    """What the store needs to know of a job. A `reason` makes it a refused one from the start; `notes` are
    told in its history."""

    inbox: str
    project: str
    folder: str
    room: str
    title: str
    files: tuple[NewFile, ...]
    recipe: Recipe
    route: str | None = None
    again: bool = False
    middle: str = ""
    reason: str = ""
    hint: str = ""
    notes: tuple[str, ...] = ()


def scope_of(new: NewJob, origin: str) -> str:
    """What generations of these photos are counted by; empty where none could be read."""
    hashes = [file.photo.sha256 for file in new.files if file.photo is not None]
    return scope_key(origin, hashes) if hashes else ""


def file_row(job_id: str, position: int, file: NewFile, middle: str) -> JobFile:
    photo = file.photo
    return JobFile(
        job_id=job_id,
        name=file.name,
        role=file.role,
        position=position,
        sha256=photo.sha256 if photo else "",
        size_bytes=file.identity.size_bytes,
        mtime_ns=file.identity.mtime_ns,
        ctime_ns=file.identity.ctime_ns,
        inode=file.identity.inode,
        format=photo.format if photo else "",
        exposure_value=photo.exposure_value if photo else None,
        is_middle=file.name == middle,
        develop=photo.develop if photo else "",
        shot=shot_as_text(photo) if photo else "",
    )
