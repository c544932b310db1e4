"""Rows without a session."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import Engine, Select, inspect
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import NoResultFound

from hotfolder.jobs import statements
from hotfolder.jobs.prepared import Prepared
from hotfolder.jobs.rows import BULLETINS, CALLS, GENERATIONS
from hotfolder.jobs.tables import Bulletin, Call, Generation, stamp


def bulletin(text: str, at: datetime) -> Bulletin:
    return Bulletin(name="daemon", text=text, updated_at=stamp(at))


def test_what_is_put_takes_the_place_of_what_was_there(database: Engine, at: datetime) -> None:
    with database.begin() as connection:
        BULLETINS.put(connection, bulletin("one", at))
        BULLETINS.put(connection, bulletin("two", at))
    with database.connect() as connection:
        found = BULLETINS.get(connection, "daemon")
        assert BULLETINS.get(connection, "another") is None
    assert found == bulletin("two", at)


def test_what_is_found_is_whole_and_belongs_to_no_session(database: Engine, at: datetime) -> None:
    with database.begin() as connection:
        BULLETINS.put(connection, bulletin("one", at))
        found = BULLETINS.get_one(connection, "daemon")
    state = inspect(found)
    assert state.detached and not state.modified and not state.unloaded


def test_an_added_row_knows_its_number(database: Engine) -> None:
    call = Call(key="k", job_id="j", operation="merge", parameters="{}")
    with database.begin() as connection:
        CALLS.add(connection, call)
        assert call.id is not None
        assert CALLS.get_one(connection, call.id) == call


def test_a_change_is_in_the_table_and_in_the_object(database: Engine) -> None:
    row = Generation(scope="s", number=1)
    with database.begin() as connection:
        GENERATIONS.add(connection, row)
        GENERATIONS.change(connection, row, number=2)
        assert row.number == GENERATIONS.get_one(connection, "s").number == 2


def test_a_change_of_nothing_is_no_success(database: Engine) -> None:
    """Silence would mean that a job has moved, or a call was answered, that the store knows nothing of."""
    with database.begin() as connection, pytest.raises(NoResultFound):
        GENERATIONS.change(connection, Generation(scope="s", number=1), number=2)


ALL = {
    name: one.statement if isinstance(one, Prepared) else one
    for name, one in vars(statements).items()
    if isinstance(one, Select | Prepared)
}


@pytest.mark.parametrize("name", ALL)
def test_every_statement_is_one_for_postgresql_too(name: str) -> None:
    assert str(ALL[name].compile(dialect=postgresql.dialect())).startswith("SELECT")
