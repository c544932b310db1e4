"""The sandbox's records in an SQLite file: projects, groups, photos and pictures."""

from __future__ import annotations

import sqlite3
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from hotfolder.sandbox.schema import GroupStatus

# `url_expires_at` is 0: only the folders of earlier versions, whose tables stay as they are, ask for it.
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
    """One exposure of a group. `object` is its name in the bucket of uploads, where it is once it came."""

    id: str
    filename: str
    object: str


@dataclass(frozen=True)
class Image:
    """An uploaded picture, or an operation's result. Width and height: pixels after EXIF orientation."""

    id: str
    bucket: str
    object: str
    width: int
    height: int


class ProjectRecords:
    """The records, for use in one event loop. Every change is durable when its method returns."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.executescript(SCHEMA)

    def close(self) -> None:
        self._connection.close()

    def _run(self, statement: str, *values: object) -> sqlite3.Cursor:
        return self._connection.execute(statement, values)

    def add_project(self, title: str) -> str:
        identifier = str(uuid.uuid4())
        self._run("INSERT INTO projects VALUES (?, ?)", identifier, title)
        return identifier

    def has_project(self, identifier: str) -> bool:
        return self._run("SELECT 1 FROM projects WHERE id = ?", identifier).fetchone() is not None

    def title(self, identifier: str) -> str | None:
        """The title of the project that has that id, or has a group or photo with it; None if none has."""
        row = self._run(
            "SELECT title FROM projects WHERE id = ?1 UNION ALL"
            " SELECT title FROM groups JOIN projects ON projects.id = project WHERE groups.id = ?1 UNION ALL"
            " SELECT title FROM photos JOIN groups ON groups.id = owner"
            " JOIN projects ON projects.id = project WHERE photos.id = ?1",
            identifier,
        ).fetchone()
        return str(row[0]) if row else None

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
        row = self._run(f"SELECT {columns} FROM groups WHERE {which}", value).fetchone()
        if row is None:
            return None
        identifier, project, lens, perspective, photographer, status, error = row
        options = (bool(lens), bool(perspective), bool(photographer))
        return Group(identifier, project, *options, GroupStatus(status), error)

    def ask_merge(self, group: str) -> bool:
        """Compare-and-set a group from created to processing; False where it isn't created any more."""
        changed = self._run(
            "UPDATE groups SET status = ?, asked_at = ? WHERE id = ? AND status = ?",
            *(GroupStatus.processing.value, time.time(), group, GroupStatus.created.value),
        )
        return changed.rowcount == 1

    def finish_merge(self, group: str, error: str | None) -> None:
        status = GroupStatus.completed if error is None else GroupStatus.failed
        self._run("UPDATE groups SET status = ?, error = ? WHERE id = ?", status.value, error, group)

    def add_photo(self, group: str, filename: str, suffix: str, limit: int) -> Photo | None:
        """Register a photo; None when the group has `limit` photos already, or its merge was started."""
        identifier = str(uuid.uuid4())
        photo = Photo(identifier, filename, f"{identifier}{suffix}")
        added = self._run(
            "INSERT INTO photos (id, owner, filename, object, url_expires_at) SELECT ?, ?, ?, ?, 0"
            " WHERE (SELECT count(*) FROM photos WHERE owner = ?) < ?"
            " AND (SELECT status FROM groups WHERE id = ?) = ?",
            *(photo.id, group, filename, photo.object),
            *(group, limit, group, GroupStatus.created.value),
        )
        return photo if added.rowcount == 1 else None

    def photos(self, group: str) -> list[Photo]:
        """A group's photos in the order of their registration."""
        rows = self._run("SELECT id, filename, object FROM photos WHERE owner = ? ORDER BY number", group)
        return [Photo(*row) for row in rows]

    def add_image(self, image: Image) -> None:
        self._run(
            "INSERT INTO images VALUES (?, ?, ?, ?, ?)",
            *(image.id, image.bucket, image.object, image.width, image.height),
        )

    def image(self, identifier: str) -> Image | None:
        columns = "id, bucket, object, width, height"
        row = self._run(f"SELECT {columns} FROM images WHERE id = ?", identifier).fetchone()
        return Image(*row) if row else None
