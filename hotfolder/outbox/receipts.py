"""Receipts: the JSON beside a finished picture that proves what was done and what was paid for."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)

from hotfolder.outbox import linking
from hotfolder.outbox.faults import local_trouble
from hotfolder.outbox.files import Sharing, replace_file, sha256_of
from hotfolder.outbox.names import safe_name
from hotfolder.outbox.placing import keyed_names_in, namesakes
from hotfolder.paths import is_dir, is_file

SCHEMA_VERSION = 1


def printable(value: object) -> object:
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


# File names need not be UTF-8, and JSON must.
Name = Annotated[str, BeforeValidator(printable)]


class ReceiptPart(BaseModel):
    model_config = ConfigDict(frozen=True)


class ReceiptPhoto(ReceiptPart):
    """One original as it was dropped. `exposure_value` is EV100, None without EXIF. `developed` says why a
    JPEG made of it was sent in its place, such as "it is a TIFF"; empty where it was sent itself."""

    name: Name
    sha256: str
    size_bytes: int
    exposure_value: float | None = None
    developed: str = ""


class ReceiptCall(ReceiptPart):
    """One paid call. `key` is its content key; `remembered` means that its result was bought earlier."""

    operation: str
    key: str
    paid: bool
    remembered: bool
    at: datetime
    answers: tuple[str, ...] = ()


class ReceiptPicture(ReceiptPart):
    """One delivered file. `sha256` is of the file in done/; `altered` is empty for the plain merge,
    `rendition` for the picture itself, and `variant` where the set has none."""

    file: Name
    sha256: str
    width: int
    height: int
    altered: tuple[str, ...] = ()
    rendition: str = ""
    variant: str = ""


COMMON_FIELDS = {"sha256", "width", "height", "rendition", "variant"}
"""The fields of a ReceiptPicture that a row of the store has under the same names."""


class ReceiptOriginals(ReceiptPart):
    """What was done with the originals after delivery, and by which `rule` (keep, archive, delete). `folder`
    has those that are left, relative to done/ or to the archive; the photos in `deleted` no longer exist;
    `kept_because` says why none was deleted although the rule asks for it. Photos in `removed` were taken
    away by somebody before they could be filed, which `note` says in a sentence."""

    rule: str
    folder: Name = ""
    deleted: tuple[Name, ...] = ()
    kept_because: Name = ""
    removed: tuple[Name, ...] = ()
    note: str = ""


class Receipt(ReceiptPart):
    """Everything about one finished job. Contains no key and no signed URL, so anybody may have it.

    `altered` lists the kinds of operations over all pictures; `notes` are sentences on what was requested
    and could not be delivered, and on photos that lack something. `originals` is None until the originals are
    filed, and for a set whose originals went to failed/. `cost` is the sum of all that was paid for this job,
    such as "3.20 EUR"; None where the settings have no prices. `store` is the id of the job store,
    `generation` how often its photos had been bought anew by then.
    """

    schema_version: int = SCHEMA_VERSION
    store: str = ""
    job_id: str
    project: Name
    room: Name
    folder: Name
    finished_at: datetime
    api_origin: str
    api_project_id: str | None = None
    group_id: str | None = None
    generation: int = 0
    photos: tuple[ReceiptPhoto, ...]
    recipe: dict[str, object] = Field(default_factory=dict)
    calls: tuple[ReceiptCall, ...] = ()
    cost: str | None = None
    pictures: tuple[ReceiptPicture, ...] = ()
    altered: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    originals: ReceiptOriginals | None = None
    hotfolder_version: str

    @model_serializer(mode="wrap")
    def _without_unknown_cost(self, serialize: SerializerFunctionWrapHandler) -> dict[str, object]:
        written: dict[str, object] = serialize(self)
        return {name: value for name, value in written.items() if name != "cost" or value is not None}


def find_equal_receipt(folder: Path, stem: str, receipt: Receipt) -> Path | None:
    """The receipt `stem.json` in `folder`, or `stem (2).json` …, that equals this one but for time, cost and
    version: a job that is finished again after a crash or an upgrade has one receipt. Raises
    `LocalTrouble`."""
    with local_trouble(folder):
        names = keyed_names_in(folder) if is_dir(folder) else []
        for path in namesakes(folder, names, safe_name(stem), ".json"):
            written = read_receipt(path)
            if written is None:
                continue
            changing = {name: getattr(receipt, name) for name in ("finished_at", "cost", "hotfolder_version")}
            if written.model_copy(update=changing) == receipt:
                return path
    return None


def as_bytes(receipt: Receipt) -> bytes:
    return (receipt.model_dump_json(indent=2) + "\n").encode()


def complete_receipt(path: Path, originals: ReceiptOriginals, *, sha256: str, shared: Sharing) -> str | None:
    """Write what became of the originals into the receipt at `path`; return its SHA-256 from then on.

    None, with nothing changed, where the file is neither the receipt with the hash `sha256` nor already the
    completed one. Idempotent. Raises `LocalTrouble`.
    """
    with local_trouble(path):
        written = read_receipt(path) if is_file(path) else None
        if written is None:
            return None
        data = as_bytes(written.model_copy(update={"originals": originals}))
        completed, present = hashlib.sha256(data).hexdigest(), sha256_of(path)
        if present not in (sha256, completed):
            return None
        if present != completed:
            replace_file(path, data, shared)
            linking.sync_folder(path.parent)
        return completed


def read_receipt(path: Path) -> Receipt | None:
    """The receipt in `path`, or None if the file isn't one. Raises `OSError`."""
    return parse_receipt(path.read_bytes())


def parse_receipt(content: bytes) -> Receipt | None:
    """The receipt in a file's content; None where it isn't one."""
    try:
        return Receipt.model_validate_json(content)
    except ValidationError:
        return None
