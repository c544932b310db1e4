"""Several processes act at the same moment, as threads with a connection each, in both stores."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import TypeVar

from sqlalchemy import Engine

from hotfolder.jobs import access
from hotfolder.jobs.budget import DAILY, NotAllowed
from hotfolder.jobs.commands import Priority, prioritise_project, project_priority
from hotfolder.jobs.generations import present_generation, remember_generation, request_pay_again
from hotfolder.jobs.ledger import UNKNOWNS, Ledger
from hotfolder.jobs.model import PageRole, Purchase, scope_key
from hotfolder.jobs.states import IllegalMove, PurchaseOutcome, PurchaseState
from hotfolder.jobs.store import Store
from tests.jobs.conftest import AT, MakeJob, purchase

T = TypeVar("T")
AT_ONCE = 4
"""SQLAlchemy's pool has five connections."""


def at_once(*works: Callable[[], T]) -> list[T]:
    """The results of calls that begin together."""
    barrier = Barrier(len(works))

    def work(one: Callable[[], T]) -> T:
        barrier.wait(60)
        return one()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(work, works))


def test_a_budget_is_kept_by_all_together(ledger: Ledger) -> None:
    def buy(key: str) -> bool:
        try:
            ledger.record_intent(purchase(key), AT, {DAILY: 10})
        except NotAllowed:
            return False
        return True

    bought = [ok for n in range(6) for ok in at_once(*(partial(buy, f"{n}-{m}") for m in range(AT_ONCE)))]
    assert bought.count(True) == 10


def test_of_many_that_begin_at_once_one_may_send(database: Engine) -> None:
    def begin(key: str) -> bool:
        try:
            Store(database).ledger.record_intent(purchase(key), AT)
        except IllegalMove:
            return False
        return True

    for key in ("k1", "k2", "k3"):
        assert at_once(*[partial(begin, key)] * 8).count(True) == 1


def test_three_unknown_outcomes_pause_whoever_met_them(ledger: Ledger, store: Store) -> None:
    for attempt in range(5):
        for n in range(3):
            ledger.record_intent(purchase(f"{attempt}-{n}"), AT)
        lost = partial(
            ledger.conclude, state=PurchaseState.UNKNOWN, note="lost", outcome=PurchaseOutcome.GIVEN_UP
        )
        at_once(*(partial(lost, one) for one in ledger.all_purchases()[-3:]))
        assert store.paused() == UNKNOWNS
        store.resume()


def test_the_first_password_is_the_first(store: Store) -> None:
    setting = (partial(access.set_password, store, PageRole.FULL, f"{n}", AT, first=True) for n in range(4))
    told = at_once(*setting)
    assert sorted(told) == [False, False, False, True]
    assert access.passwords(store) == {PageRole.FULL: f"{told.index(True)}"}


def test_what_many_say_of_the_same_thing_is_what_one_of_them_said(store: Store) -> None:
    def prioritise(level: Priority) -> None:
        with store.session.begin() as session:
            prioritise_project(session, "inbox", "elm", level)

    for _ in range(5):
        at_once(*(partial(store.publish, "daemon", {"n": n}, AT) for n in range(AT_ONCE)))
        at_once(*(partial(prioritise, level) for level in Priority))
    assert store.published("daemon")["n"] in range(AT_ONCE)
    with store.session() as session:
        assert project_priority(session, "inbox", "elm") in list(Priority)


def test_pay_again_is_obeyed_once_however_many_jobs_are_made_of_it(store: Store, new_job: MakeJob) -> None:
    new = [new_job("abc", inbox=f"inbox {n}") for n in range(AT_ONCE)]
    files = {file.name: file.identity for file in new[0].files if file.role == "photo"}
    request_pay_again(store, scope_key("origin", "abc"), files, ("inbox 0", "elm", "kitchen"))
    made = at_once(*(partial(store.create, one, "origin", AT) for one in new))
    assert sorted(job.generation for job in made) == [0, 0, 0, 1]


def test_the_highest_of_many_generations_is_remembered(store: Store) -> None:
    at_once(*(partial(remember_generation, store, "scope", n + 1) for n in range(AT_ONCE)))
    assert present_generation(store, "scope") == AT_ONCE


def test_one_adopts_what_many_receipts_tell(ledger: Ledger) -> None:
    for n in range(5):
        known = {"state": PurchaseState.SUCCEEDED, "outcome": PurchaseOutcome.BY_RECEIPT, "started_at": AT}
        rows = [
            Purchase(**{**purchase(f"k{n}").model_dump(exclude={"uid"}), **known}) for _ in range(AT_ONCE)
        ]
        at_once(*(partial(ledger.adopt, row) for row in rows))
    assert len(ledger.all_purchases()) == 5
