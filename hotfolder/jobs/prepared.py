"""Statements that are compiled once, and given to the database's driver as they are.

On its way through SQLAlchemy a statement is looked up in a cache, and gets a context and a result with types,
each time: three times the cost of what SQLite then does with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Dialect, Select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.types import TypeEngine

Statement = Select[Any] | UpdateBase
Convert = Callable[[Any], Any]


class Prepared:
    """One statement, for good. Its text may not depend on its parameters, as that of `IN` does."""

    def __init__(self, statement: Statement) -> None:
        self.statement = statement
        self._texts: dict[str, Text] = {}

    def rows(self, connection: Connection, values: Mapping[str, object]) -> list[Sequence[Any]]:
        """All rows, in the transaction of `connection` if one is open. None is begun, as by `execute`, which
        would keep everybody else from writing. Raises what `execute` would."""
        text = self._text(connection.dialect)
        # To the last one: a statement that has more to tell keeps the database from being written.
        with sending(connection, text) as cursor:
            cursor.execute(text.sql, text.arguments(values))
            return [text.read(row) for row in cursor.fetchall()]

    def send(self, connection: Connection, *several: Mapping[str, object]) -> int:
        """Change rows, in the transaction that is open, with each of these values; how many. Raises as
        `rows`."""
        assert connection.in_transaction()
        text = self._text(connection.dialect)
        with sending(connection, text) as cursor:
            cursor.executemany(text.sql, [text.arguments(values) for values in several])
            return int(cursor.rowcount)

    def _text(self, dialect: Dialect) -> Text:
        if dialect.name not in self._texts:
            self._texts[dialect.name] = text_of(self.statement, dialect)
        return self._texts[dialect.name]


@contextmanager
def sending(connection: Connection, text: Text) -> Iterator[Any]:
    """The driver's cursor; its errors become those of every other statement."""
    driver = connection.connection.driver_connection
    assert driver is not None
    dialect = connection.dialect
    try:
        yield driver.cursor()
    except dialect.loaded_dbapi.Error as error:
        problem = DBAPIError.instance(text.sql, None, error, dialect.loaded_dbapi.Error, dialect=dialect)
        raise problem from error


@dataclass(frozen=True, slots=True)
class Text:
    """A statement as one kind of database takes it. `order` is that of the parameters, None where they go by
    their names; `fixed` are those whose value the statement itself has."""

    sql: str
    order: Sequence[str] | None
    fixed: Mapping[str, object]
    to_send: Sequence[tuple[str, Convert]]
    to_read: Sequence[tuple[int, Convert]]

    def arguments(self, values: Mapping[str, object]) -> Any:
        named = {**self.fixed, **values}
        for name, convert in self.to_send:
            named[name] = convert(named[name])
        return named if self.order is None else [named[name] for name in self.order]

    def read(self, row: Sequence[Any]) -> Sequence[Any]:
        if not self.to_read:
            return row
        values = list(row)
        for position, convert in self.to_read:
            values[position] = convert(values[position])
        return values


def text_of(statement: Statement, dialect: Dialect) -> Text:
    compiled = statement.compile(dialect=dialect)
    assert isinstance(compiled, SQLCompiler)
    parameters = {name: compiled.binds[name] for name in compiled.params}
    columns = statement.selected_columns if isinstance(statement, Select) else ()
    to_send = ((name, of_type(one.type, dialect).bind_processor(dialect)) for name, one in parameters.items())
    to_read = (of_type(column.type, dialect).result_processor(dialect, None) for column in columns)
    return Text(
        sql=compiled.string,
        order=compiled.positiontup,
        fixed={name: one.value for name, one in parameters.items() if not one.required},
        to_send=[(name, convert) for name, convert in to_send if convert],
        to_read=[(position, convert) for position, convert in enumerate(to_read) if convert],
    )


def of_type(kind: TypeEngine[Any], dialect: Dialect) -> TypeEngine[Any]:
    return kind.dialect_impl(dialect)
