"""Statements given to the database's driver."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, bindparam, insert, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlmodel import col

from hotfolder.jobs.prepared import Prepared, text_of
from hotfolder.jobs.rows import FILES, GENERATIONS
from hotfolder.jobs.tables import FileRole, Generation

GENERATION = Prepared(insert(Generation).values(scope=bindparam("scope"), number=bindparam("number")))
SCOPES = Prepared(select(col(Generation.scope)))
NUMBERS = Prepared(select(col(Generation.number)).where(col(Generation.number) > 1))


def file(*, is_middle: bool) -> dict[str, object]:
    return {
        "job_id": "j", "name": f"{is_middle}.jpg", "role": FileRole.PHOTO, "position": 0, "size_bytes": 1,
        "mtime_ns": 1, "ctime_ns": 1, "inode": 1, "is_middle": is_middle, "exposure_value": 1.5,
        "sha256": "", "format": "", "develop": "", "shot": "", "let_go_at": None,
    }  # fmt: skip


def test_values_have_their_types_again(database: Engine) -> None:
    """SQLite itself knows no truth, only numbers."""
    with database.begin() as connection:
        connection.execute(text("PRAGMA defer_foreign_keys = ON"))
        FILES.insert(connection, [file(is_middle=True), file(is_middle=False)])
        found = [FILES.get_one(connection, "j", name) for name in ("True.jpg", "False.jpg")]
        connection.rollback()
    assert [one.is_middle for one in found] == [True, False]
    assert all(isinstance(one.is_middle, bool) and one.exposure_value == 1.5 for one in found)


def test_what_the_statement_itself_says_needs_no_parameter(database: Engine) -> None:
    with database.begin() as connection:
        for scope, number in (("a", 1), ("b", 2)):
            assert GENERATION.send(connection, {"scope": scope, "number": number}) == 1
        assert NUMBERS.rows(connection, {}) == [(2,)]


def test_the_drivers_errors_are_those_of_every_other_statement(database: Engine) -> None:
    with database.begin() as connection, pytest.raises(IntegrityError, match="UNIQUE"):
        for _ in range(2):
            GENERATION.send(connection, {"scope": "a", "number": 1})
    with database.begin() as connection:
        connection.execute(text("PRAGMA query_only = ON"))
        with pytest.raises(OperationalError, match="readonly"):
            GENERATION.send(connection, {"scope": "b", "number": 1})
        connection.execute(text("PRAGMA query_only = OFF"))


def test_a_change_belongs_to_a_transaction(database: Engine) -> None:
    """Outside of one it would be there at once, whatever becomes of what belongs to it."""
    with database.connect() as connection, pytest.raises(AssertionError):
        GENERATION.send(connection, {"scope": "a", "number": 1})
    with database.connect() as connection:
        with connection.begin() as transaction:
            GENERATION.send(connection, {"scope": "a", "number": 1})
            transaction.rollback()
        assert GENERATIONS.get(connection, "a") is None


def test_a_look_keeps_nobody_from_writing(database: Engine) -> None:
    with database.connect() as reader, database.begin() as writer:
        assert NUMBERS.rows(reader, {}) == []
        GENERATION.send(writer, {"scope": "a", "number": 2})
        assert NUMBERS.rows(reader, {}) == []
    with database.connect() as reader:
        assert NUMBERS.rows(reader, {}) == [(2,)]


def test_another_database_takes_it_by_name() -> None:
    made = text_of(NUMBERS.statement, postgresql.dialect())
    assert made.order is None
    assert made.arguments({}) == {"number_1": 1}


def test_an_error_while_rows_are_read_is_the_stores_too(database: Engine) -> None:
    """SQLite finds the first row when it is asked, and the others when they are fetched."""
    with database.begin() as connection:
        for scope in ("a", "b"):
            GENERATION.send(connection, {"scope": scope, "number": 2})
        connection.execute(text("UPDATE generation SET scope = CAST(x'ff' AS TEXT) WHERE scope = 'b'"))
        with pytest.raises(OperationalError, match="decode"):
            SCOPES.rows(connection, {})
