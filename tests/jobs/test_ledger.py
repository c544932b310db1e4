"""The ledger: at most one call holds a key, by index and not by care."""

from __future__ import annotations

import sqlite3
import threading
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from hotfolder.errors import Cancelled
from hotfolder.jobs.database import open_store
from hotfolder.jobs.ledger import AlreadyHeld, Ledger
from hotfolder.jobs.model import Job, Purchase, PurchaseState, Result


def call(key: str = "k", job: str = "job1") -> Purchase:
    return Purchase(key=key, job_id=job, operation="merge", parameters="{}", started_at="")


def result(number: int, position: int = 0) -> Result:
    return Result(
        call_id=number,
        position=position,
        file=f"{position}.jpg",
        sha256="f",
        size_bytes=1,
        format="JPEG",
        width=4,
        height=3,
    )


def test_an_intent_is_on_the_disk_for_others_when_begin_returns(
    ledger: Ledger, at: datetime, tmp_path: Path
) -> None:
    ledger.begin(call(), at)
    other = open_store(tmp_path / "state")
    known = Ledger(other).known("k")
    other.dispose()
    assert known is not None and known.state == PurchaseState.STARTED


@pytest.mark.parametrize("how", ["started", "answered", "unknown", "succeeded"])
def test_a_call_that_may_cost_holds_its_key(ledger: Ledger, at: datetime, how: str) -> None:
    number = ledger.begin(call(), at)
    if how == "answered":
        ledger.answer(number, "{}", at)
    elif how == "unknown":
        ledger.conclude(number, PurchaseState.UNKNOWN, "lost")
    elif how == "succeeded":
        ledger.keep(number, [result(number)])
    known = ledger.known("k")
    assert known is not None and known.state == how
    with pytest.raises(AlreadyHeld):
        ledger.begin(call(job="job2"), at)


def test_a_call_that_did_not_happen_frees_its_key(ledger: Ledger, at: datetime) -> None:
    for _ in range(3):
        number = ledger.begin(call(), at)
        ledger.conclude(number, PurchaseState.NOT_EXECUTED, "refused")
    assert ledger.known("k") is None
    assert ledger.begin(call(), at) > 0
    assert len(ledger.of_job("job1")) == 4


def test_of_many_threads_that_begin_at_once_one_may_send(tmp_path: Path, at: datetime) -> None:
    state = tmp_path / "state"
    open_store(state).dispose()
    start = threading.Barrier(8)
    outcomes: list[str] = []

    def begin() -> None:
        database: Engine = open_store(state)
        start.wait()
        for key in ("k1", "k2", "k3"):
            try:
                Ledger(database).begin(call(key), at)
                outcomes.append(f"{key} begun")
            except AlreadyHeld:
                outcomes.append(f"{key} held")
        database.dispose()

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(outcomes) == 24
    assert sorted(outcome for outcome in outcomes if "begun" in outcome) == [
        "k1 begun",
        "k2 begun",
        "k3 begun",
    ]


def test_keeping_results_twice_keeps_them_once_and_in_order(ledger: Ledger, at: datetime) -> None:
    number = ledger.begin(call(), at)
    ledger.answer(number, '{"raw": true}', at)
    for _ in range(2):
        ledger.keep(number, [result(number, 1), result(number, 0)])
    assert [one.position for one in ledger.results(number)] == [0, 1]
    known = ledger.known("k")
    assert known is not None and (known.state, known.answer) == (PurchaseState.SUCCEEDED, '{"raw": true}')


def test_nothing_is_bought_for_a_job_once_its_cancellation_is_in_the_store(
    ledger: Ledger, database: Engine, at: datetime
) -> None:
    """Asked within the transaction of the intent, so that neither of the two can slip in between."""
    with Session(database) as session, session.begin():
        job = Job(
            id="job1", inbox="i", project="elm", folder="f", room="r", title="t",
            created_at="1", updated_at="1", cancelled_by="anna",
        )  # fmt: skip
        session.add(job)
    with pytest.raises(Cancelled, match="by anna"):
        ledger.begin(call(), at)
    assert ledger.all_calls() == []


def test_a_key_is_found_by_its_index(ledger: Ledger, database: Engine) -> None:
    """Each set looks for several, among all that were ever bought."""
    asked: list[str] = []
    with database.connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.set_trace_callback(asked.append)  # what is asked, with its parameters
    ledger.known("k")
    ledger.brought(["k", "l"])
    driver.set_trace_callback(None)
    selects = [one for one in asked if one.startswith("SELECT")]
    assert len(selects) == 3
    for select in selects:
        plan = driver.execute(f"EXPLAIN QUERY PLAN {select}").fetchone()[-1]
        assert "SEARCH call USING" in plan and "one_call_per_key (key=?)" in plan
