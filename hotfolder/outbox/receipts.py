"""Receipts: the JSON beside a finished picture that proves what was done, and what was paid for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from hotfolder.outbox.faults import local_trouble
from hotfolder.outbox.names import folded, safe_name
from hotfolder.outbox.placing import place_bytes
from hotfolder.outbox.sharing import Sharing

SCHEMA_VERSION = 1


def printable(value: object) -> object:
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


# File names need not be UTF-8, and JSON must.
Name = Annotated[str, BeforeValidator(printable)]


class Entry(BaseModel):
    model_config = ConfigDict(frozen=True)


class ReceiptPhoto(Entry):
    """One original as it was dropped. `exposure_value` is EV100, None without EXIF."""

    name: Name
    sha256: str
    size_bytes: int
    exposure_value: float | None = None


class ReceiptCall(Entry):
    """One API request. `key` is its content key; `remembered` means that its result was bought earlier."""

    operation: str
    key: str
    paid: bool
    remembered: bool
    at: datetime
    answers: tuple[str, ...] = ()


class ReceiptPicture(Entry):
    """One delivered file. `sha256` is of the file in done/; `altered` is empty for the plain merge, and
    `rendition` for the picture itself."""

    file: Name
    sha256: str
    width: int
    height: int
    altered: tuple[str, ...] = ()
    rendition: str = ""


class Receipt(Entry):
    """Everything about one finished job. Holds no key and no signed URL, and may be handed to anybody.

    `altered` lists the kinds of alteration (`sky`, `lawn`, `stage`) over all pictures; `notes` are sentences
    on what was asked for and could not be delivered.
    """

    schema_version: int = SCHEMA_VERSION
    job_id: str
    project: Name
    room: Name
    folder: Name
    finished_at: datetime
    api_origin: str
    api_project_id: str | None = None
    group_id: str | None = None
    photos: tuple[ReceiptPhoto, ...]
    recipe: dict[str, object] = Field(default_factory=dict)
    calls: tuple[ReceiptCall, ...] = ()
    pictures: tuple[ReceiptPicture, ...] = ()
    altered: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    hotfolder_version: str


def write_receipt(folder: Path, stem: str, receipt: Receipt, *, shared: Sharing) -> Path:
    """Place the receipt as `stem.json` in `folder` (see `receipts_folder`); the path that it got.

    A receipt that is there and says the same, but for when it was finished, is the answer: a job that is
    finished again after a crash has one receipt. Raises `LocalTrouble`.
    """
    with local_trouble(folder):
        for path in receipts_for(folder, stem):
            written = read_receipt(path)
            if written is not None and same_outcome(written, receipt):
                return path
    data = (receipt.model_dump_json(indent=2) + "\n").encode()
    return place_bytes(data, folder, stem, ".json", shared=shared)


def receipts_for(folder: Path, stem: str) -> Iterator[Path]:
    if folder.is_dir():
        pattern = re.compile(re.escape(folded(safe_name(stem))) + r"( \(\d+\))?\.json")
        yield from sorted(path for path in folder.iterdir() if pattern.fullmatch(folded(path.name)))


def read_receipt(path: Path) -> Receipt | None:
    """The receipt in `path`, or None if that isn't one. Raises `OSError`."""
    try:
        return Receipt.model_validate_json(path.read_bytes())
    except ValidationError:
        return None


def same_outcome(one: Receipt, other: Receipt) -> bool:
    return one.model_copy(update={"finished_at": other.finished_at}) == other
