"""Rows by prepared statements: what the daemon reads and writes for every set, without a session.

A session keeps an identity map, a unit of work and the history of every attribute. Nothing here needs them,
and they cost several times what the statement itself does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    Table,
    TextClause,
    and_,
    bindparam,
    insert,
    select,
    update,
)
from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm import class_mapper, make_transient_to_detached
from sqlalchemy.orm.attributes import set_committed_value
from sqlmodel import SQLModel

from hotfolder.jobs.prepared import Prepared
from hotfolder.jobs.tables import (
    ApiProject,
    Bulletin,
    Call,
    Generation,
    Job,
    JobFile,
    Moment,
    Picture,
    ProjectPriority,
    Result,
)

T = TypeVar("T", bound=SQLModel)


class Rows(Generic[T]):
    """The rows of one table. All it does belongs to the transaction of the connection that is given. What is
    found is detached, as from a session that is closed."""

    def __init__(self, model: type[T]) -> None:
        mapper = class_mapper(model)
        self._manager = mapper.class_manager
        assert isinstance(mapper.local_table, Table)
        self._table = mapper.local_table
        self._names = tuple(self._table.columns.keys())
        self._key = tuple(column.name for column in self._table.primary_key)
        self._of_key = and_(*(self._table.columns[name] == bindparam(f"of_{name}") for name in self._key))
        self._get = Prepared(self.where(self._of_key))
        self._changes: dict[tuple[str, ...], Prepared] = {}
        self._inserts: dict[tuple[str, ...], Prepared] = {}

    def where(self, *conditions: ColumnElement[bool] | TextClause) -> Select[Any]:
        """Whole rows, for `find` and `first`. To be made once, with a `bindparam` for whatever differs."""
        return select(self._table).where(*conditions)

    def find(self, connection: Connection, statement: Select[Any] | Prepared, **values: object) -> list[T]:
        """The rows of a statement that `where` began; `values` are its parameters."""
        if isinstance(statement, Prepared):
            return [self._detached(row) for row in statement.rows(connection, values)]
        return [self._detached(row) for row in connection.execute(statement, values)]

    def first(self, connection: Connection, statement: Prepared, **values: object) -> T | None:
        """As `find`; the first row, None where there is none."""
        rows = statement.rows(connection, values)
        return self._detached(rows[0]) if rows else None

    def get(self, connection: Connection, *key: object) -> T | None:
        """The row with that key, its columns in the table's order."""
        return self.first(connection, self._get, **self._of(key))

    def get_one(self, connection: Connection, *key: object) -> T:
        """As `get`. Raises NoResultFound where there is none."""
        found = self.get(connection, *key)
        if found is None:
            raise NoResultFound(f"{self._table.name} has no row {key}")
        return found

    def change(self, connection: Connection, row: T, **changes: object) -> None:
        """Set columns, in the table and in the object that stands for the row. Raises NoResultFound where the
        row has gone."""
        key = [getattr(row, name) for name in self._key]
        if not self._set(connection, key, changes):
            raise NoResultFound(f"{self._table.name} has no row {key} any more")
        for name, value in changes.items():
            set_committed_value(row, name, value)

    def insert(self, connection: Connection, rows: Iterable[Mapping[str, object]]) -> None:
        """Add rows that have the same columns."""
        several = list(rows)
        if several:
            self._insert(several[0]).send(connection, *several)

    def add(self, connection: Connection, row: T) -> None:
        """Add a row. The object stands for it from then on, with the number that the database gave it."""
        values = self.columns(row)
        numbered = [name for name in self._key if values[name] is None]
        for name in numbered:
            del values[name]
        made = connection.execute(insert(self._table), values).inserted_primary_key
        for name in numbered:
            setattr(row, name, getattr(made, name))
        make_transient_to_detached(row)

    def put(self, connection: Connection, row: T) -> None:
        """Add a row, or have it take the place of the one with the same key."""
        values = self.columns(row)
        others = {name: value for name, value in values.items() if name not in self._key}
        if not self._set(connection, [values[name] for name in self._key], others):
            self._insert(values).send(connection, values)

    def columns(self, row: T) -> dict[str, Any]:
        """All that the row has, by column."""
        return {name: getattr(row, name) for name in self._names}

    def _of(self, key: Iterable[object]) -> dict[str, object]:
        return {f"of_{name}": value for name, value in zip(self._key, key, strict=True)}

    def _set(self, connection: Connection, key: Iterable[object], changes: Mapping[str, object]) -> int:
        """How many rows have that key, 0 or 1; their columns are set."""
        names = tuple(changes)
        if names not in self._changes:
            statement = update(self._table).where(self._of_key).values(self._parameters(names))
            self._changes[names] = Prepared(statement)
        return self._changes[names].send(connection, {**self._of(key), **changes})

    def _insert(self, row: Mapping[str, object]) -> Prepared:
        names = tuple(row)
        if names not in self._inserts:
            self._inserts[names] = Prepared(insert(self._table).values(self._parameters(names)))
        return self._inserts[names]

    def _parameters(self, names: Iterable[str]) -> dict[str, BindParameter[Any]]:
        """One for each of these columns, with its name and its type."""
        return {name: bindparam(name, type_=self._table.columns[name].type) for name in names}

    def _detached(self, row: Sequence[Any]) -> T:
        found: T = self._manager.new_instance()
        found.__dict__.update(zip(self._names, row, strict=True))
        make_transient_to_detached(found)
        return found


JOBS = Rows(Job)
FILES = Rows(JobFile)
CALLS = Rows(Call)
RESULTS = Rows(Result)
PICTURES = Rows(Picture)
MOMENTS = Rows(Moment)
BULLETINS = Rows(Bulletin)
GENERATIONS = Rows(Generation)
PRIORITIES = Rows(ProjectPriority)
API_PROJECTS = Rows(ApiProject)
