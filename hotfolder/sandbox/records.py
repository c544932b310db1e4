"""What the sandbox knows, in an SQLite file: projects, groups, photos and pictures outlive a restart."""

from __future__ import annotations

import sqlite3
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hotfolder.sandbox.schema import GroupStatus

SCHEMA = """
CREATE TABLE IF NOT EXISTS projects (id TEXT PRIMARY KEY, title TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS groups (
    id TEXT PRIMARY KEY, project TEXT NOT NULL REFERENCES projects,
    lens INTEGER NOT NULL, perspective INTEGER NOT NULL, photographer INTEGER NOT NULL,
    status TEXT NOT NULL, asked_at REAL, error TEXT);
CREATE TABLE IF NOT EXISTS photos (
    number INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, owner TEXT NOT NULL REFERENCES groups,
    filename TEXT NOT NULL, object TEXT NOT NULL, url_expires_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS images (
    id TEXT PRIMARY KEY, bucket TEXT NOT NULL, object TEXT NOT NULL, width INTEGER NOT NULL,
    height INTEGER NOT NULL);
"""


@dataclass(frozen=True)
class Group:
    id: str
    project: str
    lens: bool
    perspective: bool
    photographer: bool
    status: GroupStatus
    error: str | None


@dataclass(frozen=True)
class Photo:
    """One exposure of a group. `object` is its name among the uploads; the disk knows whether it came."""

    id: str
    filename: str
    object: str
    url_expires_at: float


@dataclass(frozen=True)
class Image:
    """A picture that was posted, or that an operation made. Width and height are pixels as seen."""

    id: str
    bucket: str
    object: str
    width: int
    height: int


class Records:
    """Safe to use from any thread. Every change is on disk when its method returns."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.executescript(SCHEMA)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _run(self, statement: str, *values: object) -> int:
        with self._lock:
            return self._connection.execute(statement, values).rowcount

    def _rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._connection.execute(statement, values).fetchall()

    def add_project(self, title: str) -> str:
        identifier = str(uuid.uuid4())
        self._run("INSERT INTO projects VALUES (?, ?)", identifier, title)
        return identifier

    def has_project(self, identifier: str) -> bool:
        return bool(self._rows("SELECT 1 FROM projects WHERE id = ?", identifier))

    def title(self, identifier: str) -> str | None:
        """The title of the project which has that id, or of whose groups or photos one has it."""
        rows = self._rows(
            "SELECT title FROM projects WHERE id = ?1 UNION ALL"
            " SELECT title FROM groups JOIN projects ON projects.id = project WHERE groups.id = ?1 UNION ALL"
            " SELECT title FROM photos JOIN groups ON groups.id = owner"
            " JOIN projects ON projects.id = project WHERE photos.id = ?1",
            identifier,
        )
        return str(rows[0][0]) if rows else None

    def add_group(self, project: str, lens: bool, perspective: bool, photographer: bool) -> str:
        identifier = str(uuid.uuid4())
        self._run(
            "INSERT INTO groups (id, project, lens, perspective, photographer, status)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            *(identifier, project, lens, perspective, photographer, GroupStatus.created.value),
        )
        return identifier

    def group(self, identifier: str) -> Group | None:
        return self._group("id = ?", identifier)

    def next_to_merge(self) -> Group | None:
        """The group that has waited longest for its merge."""
        return self._group("status = ? ORDER BY asked_at LIMIT 1", GroupStatus.processing.value)

    def _group(self, which: str, value: str) -> Group | None:
        columns = "id, project, lens, perspective, photographer, status, error"
        for row in self._rows(f"SELECT {columns} FROM groups WHERE {which}", value):
            identifier, project, lens, perspective, photographer, status, error = row
            options = (bool(lens), bool(perspective), bool(photographer))
            return Group(identifier, project, *options, GroupStatus(status), error)
        return None

    def ask_merge(self, group: str) -> bool:
        """Move a group from created to processing; False when somebody else already has."""
        changed = self._run(
            "UPDATE groups SET status = ?, asked_at = ? WHERE id = ? AND status = ?",
            *(GroupStatus.processing.value, time.time(), group, GroupStatus.created.value),
        )
        return changed == 1

    def finish_merge(self, group: str, error: str | None) -> None:
        status = GroupStatus.completed if error is None else GroupStatus.failed
        self._run("UPDATE groups SET status = ?, error = ? WHERE id = ?", status.value, error, group)

    def add_photo(
        self, group: str, filename: str, suffix: str, url_expires_at: float, limit: int
    ) -> Photo | None:
        """Register a photo; None when `limit` photos are already there, or the merge has been asked for.

        A photo counts while its bytes may come or have come; `forget_photo` takes out one that never came.
        """
        identifier = str(uuid.uuid4())
        photo = Photo(identifier, filename, f"{identifier}{suffix}", url_expires_at)
        added = self._run(
            "INSERT INTO photos (id, owner, filename, object, url_expires_at) SELECT ?, ?, ?, ?, ?"
            " WHERE (SELECT count(*) FROM photos WHERE owner = ?) < ?"
            " AND (SELECT status FROM groups WHERE id = ?) = ?",
            *(photo.id, group, filename, photo.object, url_expires_at),
            *(group, limit, group, GroupStatus.created.value),
        )
        return photo if added == 1 else None

    def forget_photo(self, identifier: str) -> None:
        self._run("DELETE FROM photos WHERE id = ?", identifier)

    def photos(self, group: str) -> list[Photo]:
        """A group's photos in the order of their registration."""
        rows = self._rows(
            "SELECT id, filename, object, url_expires_at FROM photos WHERE owner = ? ORDER BY number", group
        )
        return [Photo(*row) for row in rows]

    def add_image(self, image: Image) -> None:
        self._run(
            "INSERT INTO images VALUES (?, ?, ?, ?, ?)",
            *(image.id, image.bucket, image.object, image.width, image.height),
        )

    def image(self, identifier: str) -> Image | None:
        rows = self._rows("SELECT id, bucket, object, width, height FROM images WHERE id = ?", identifier)
        return Image(*rows[0]) if rows else None
