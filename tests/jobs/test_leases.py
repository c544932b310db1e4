"""Leases on inboxes by the database's clock: who gets which, and what a machine without a lease can't do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import InternalError
from sqlmodel import Session, delete, update
from structlog.testing import capture_logs

from hotfolder.errors import LeaseLost, LocalTrouble, StoreAway, StoreError
from hotfolder.jobs import leases as module
from hotfolder.jobs.context import Places
from hotfolder.jobs.journal import Journal
from hotfolder.jobs.leases import Leases, machine_of
from hotfolder.jobs.ledger import Ledger
from hotfolder.jobs.model import InboxLease, Machine, Purchase, Result
from hotfolder.jobs.postgres import StoreServer, server_engine
from hotfolder.jobs.states import PurchaseOutcome, PurchaseState, State
from hotfolder.jobs.store import Store
from hotfolder.jobs.verify import verify_ledger
from hotfolder.telemetry.history import Paid, entries_of_calls
from tests.jobs.conftest import AT, MakeJob, purchase, result
from tests.support.postgres import Postgres
from tests.support.proxy import between
from tests.support.studio import wait_for

INBOXES = ("a", "b", "c", "d")
SECONDS = 1.0
"""How long a lease holds in a test that waits for its end."""
AGES = 60.0
"""The same in all others, where none may end however busy this machine is."""
MakeMachine = Callable[..., Leases]


@pytest.fixture
def shared(postgres: Postgres) -> Iterator[Engine]:
    with postgres.store() as engine:
        yield engine


@pytest.fixture
def machine(shared: Engine, tmp_path: Path) -> MakeMachine:
    def make(name: str, inboxes: tuple[str, ...] = INBOXES, seconds: float = AGES) -> Leases:
        state = tmp_path / name
        state.mkdir(exist_ok=True)
        leases = Leases(shared, name, state, inboxes, seconds=seconds)
        assert leases.join() is None
        return leases

    return make


def look(leases: Leases, *, paying: tuple[str, ...] = (), reached: tuple[str, ...] = INBOXES) -> set[str]:
    leases.renew(reached, paying)
    leases.begun = dict(leases.owned)
    return set(leases.owned)


def settle(*machines: Leases) -> list[set[str]]:
    """Each machine's inboxes once nothing changes any more."""
    for _ in range(20):
        for one in machines:
            look(one)
    return [set(one.owned) for one in machines]


def run_out(shared: Engine) -> None:
    """End all leases and signs of life by the database's clock; the machines' own go on."""
    before = datetime.now(UTC) - timedelta(hours=1)
    with shared.begin() as connection:
        connection.execute(update(InboxLease).values(expires_at=before))
        connection.execute(update(Machine).values(alive_until=before))


def test_the_only_machine_has_every_inbox_that_it_reaches(machine: MakeMachine) -> None:
    one = machine("one")
    assert look(one, reached=("a", "c")) == {"a", "c"}
    assert look(one) == set(INBOXES)
    assert one.settled


def test_a_machine_that_joins_gets_its_share_one_inbox_at_a_time(machine: MakeMachine) -> None:
    one = machine("one")
    look(one)
    two = machine("two")
    look(two)
    had = [len(look(one)) for _ in range(6)]
    assert had == [4, 3, 3, 2, 2, 2]
    assert settle(one, two) == [{"c", "d"}, {"a", "b"}]


def test_an_inbox_is_handed_over_once_its_paid_calls_are_answered(machine: MakeMachine) -> None:
    one = machine("one", ("a", "b"))
    look(one, reached=("a", "b"))
    look(machine("two", ("a", "b")), reached=("a", "b"))
    for _ in range(4):
        assert look(one, paying=("a", "b"), reached=("a", "b")) == {"a", "b"}
    with one.session.begin() as session, pytest.raises(LocalTrouble, match="about to be handed over"):
        one.refuse_purchase(session, "a")
    assert look(one, paying=("b",), reached=("a", "b")) == {"b"}


def test_a_dead_machines_inboxes_are_taken_over_when_its_leases_have_run_out(machine: MakeMachine) -> None:
    one, two = machine("one", seconds=SECONDS), machine("two", seconds=SECONDS)
    before = settle(one, two)
    assert look(two) == before[1]
    time.sleep(SECONDS)
    assert look(two) == set(INBOXES)
    # It notices before it changes anything, wherever it was frozen.
    for inbox in before[0]:
        with pytest.raises(LeaseLost):
            one.confirm_now(inbox)
        with pytest.raises(LocalTrouble, match="run out"):
            one.refuse_late(inbox)
    one.renew(INBOXES, ())
    assert set(one.owned) == set()
    for inbox in before[0]:
        with pytest.raises(LeaseLost):
            one.refuse_late(inbox)


def test_a_lease_that_ran_out_and_that_nobody_took_goes_on(machine: MakeMachine) -> None:
    one = machine("one", seconds=SECONDS)
    look(one)
    epochs = dict(one.owned)
    time.sleep(SECONDS)
    with pytest.raises(LocalTrouble, match="run out"):
        one.confirm_now("a")
    look(one)
    assert dict(one.owned) == epochs
    one.confirm_now("a")


def test_a_machine_that_starts_again_has_its_own_back_at_once_in_a_new_epoch(machine: MakeMachine) -> None:
    one = machine("one")
    look(one)
    again = machine("one")
    assert look(again) == set(INBOXES)
    with pytest.raises(LeaseLost):
        one.confirm_now("a")


def test_a_machine_that_leaves_frees_everything_at_once(machine: MakeMachine) -> None:
    one, two = machine("one"), machine("two")
    settle(one, two)
    one.leave()
    assert look(two) == set(INBOXES)


def test_nothing_is_done_that_cannot_be_undone_while_the_database_is_away(
    postgres: Postgres, shared: Engine, tmp_path: Path
) -> None:
    with between(postgres.folder) as proxy:
        engine = server_engine(proxy.server(str(shared.url.database)))
        one = Leases(engine, "one", tmp_path, INBOXES, seconds=AGES)
        one.join()
        look(one)
        one.confirm_now("a")
        proxy.cut()
        with pytest.raises(StoreAway):
            one.confirm_now("a")
        engine.dispose()


def test_a_machine_that_stops_amid_a_look_keeps_its_locks_no_longer_than_the_server_is_told(
    shared: Engine, tmp_path: Path
) -> None:
    """Several leases are renewed at once; the timer that ends an idle transaction runs then, too."""
    url = shared.url.update_query_dict({"options": "-c idle_in_transaction_session_timeout=300"})
    engine = server_engine(StoreServer(url.render_as_string()))
    one = Leases(engine, "one", tmp_path, INBOXES, seconds=AGES)
    one.join()
    look(one)

    def stop(session: Session, _flush: object) -> None:
        if sum(isinstance(row, InboxLease) for row in session.dirty) > 1:
            time.sleep(1.5)

    event.listen(one.session, "after_flush", stop)
    with pytest.raises(InternalError, match="idle-in-transaction timeout"):
        look(one)
    engine.dispose()


def test_an_inbox_goes_to_who_reaches_it(machine: MakeMachine) -> None:
    one, two = machine("one"), machine("two")
    for _ in range(10):
        look(one, reached=("a",))
        look(two)
    assert (set(one.owned), set(two.owned)) == ({"a"}, {"b", "c", "d"})
    for _ in range(4):  # its share is gone
        look(two)
        look(one, reached=())
    assert (set(one.owned), set(two.owned)) == (set(), set(INBOXES))


def test_a_copy_of_a_state_folder_is_told_from_the_machine_itself(shared: Engine, tmp_path: Path) -> None:
    for name in ("original", "copy"):
        (tmp_path / name).mkdir()
    original = Leases(shared, "m", tmp_path / "original", INBOXES, seconds=AGES)
    copy = Leases(shared, "m", tmp_path / "copy", INBOXES, seconds=AGES)
    assert original.join() is None
    look(original)
    first = copy.join()
    look(original)
    second = copy.join()
    assert first is not None and second is not None
    assert second > first  # a waiting machine sees that the other one is alive
    run_out(shared)
    assert copy.join() is None


def test_a_copy_that_has_begun_meanwhile_is_found_out_by_the_next_to_renew(
    shared: Engine, tmp_path: Path
) -> None:
    """As after a machine was suspended, or where both begin at once. It takes nothing from the other."""
    for name in ("original", "copy"):
        (tmp_path / name).mkdir()
    original = Leases(shared, "m", tmp_path / "original", INBOXES, seconds=AGES)
    copy = Leases(shared, "m", tmp_path / "copy", INBOXES, seconds=AGES)
    assert (original.join(), copy.join()) == (None, None)
    look(copy)
    with pytest.raises(StoreError, match="works with a copy"):
        look(original)
    original.leave()
    had = dict(copy.owned)
    look(copy)
    assert copy.owned == had and set(had) == set(INBOXES)


def test_what_one_machine_hears_of_a_host_the_others_know(machine: MakeMachine) -> None:
    one, two = machine("one"), machine("two")
    one.exchange({"the API": (30.0, "it asks for a pause")})
    heard = two.exchange({"the API": (5.0, "later")})
    [(seconds, reason)] = heard.values()
    assert 25 < seconds <= 30
    assert reason == "it asks for a pause"
    assert one.exchange({}) == {}


def test_a_job_is_changed_by_nobody_but_who_works_with_its_inbox(
    machine: MakeMachine, shared: Engine, new_job: MakeJob
) -> None:
    one = machine("one", ("inbox",))
    look(one, reached=("inbox",))
    store = Store(shared, machine="one", leases=one)
    job = store.create(new_job(), "origin", AT)
    run_out(shared)
    look(machine("two", ("inbox",)), reached=("inbox",))
    for change in (
        lambda: store.create(new_job(room="other"), "origin", AT),
        lambda: store.advance(job.id, State.UPLOADING, AT),
        lambda: store.set_columns(job.id, filed_as="x"),
        lambda: store.record_wait(job.id, "why", "", AT),
        lambda: store.record_deletion(job.id, store.files(job.id)[0].name, AT),
    ):
        with pytest.raises(LeaseLost):
            change()
    assert [found.state for found in Store(shared).active()] == [State.QUEUED]


def test_what_was_begun_in_an_epoch_is_not_done_in_a_later_one(
    machine: MakeMachine, shared: Engine, new_job: MakeJob
) -> None:
    one, two = machine("one", ("inbox",)), machine("two", ("inbox",))
    look(one, reached=("inbox",))
    store = Store(shared, machine="one", leases=one)
    job = store.create(new_job(), "origin", AT)
    for other in (two, one):  # the lease is lost and regained before anything here notices
        run_out(shared)
        other.renew(("inbox",), ())
        assert set(other.owned) == {"inbox"}
    with pytest.raises(LeaseLost):
        store.advance(job.id, State.UPLOADING, AT)
    one.begun = dict(one.owned)
    store.advance(job.id, State.UPLOADING, AT)


def test_facts_about_money_are_recorded_whoever_has_the_inbox(machine: MakeMachine, shared: Engine) -> None:
    one = machine("one", ("inbox",))
    look(one, reached=("inbox",))
    ledger = Store(shared, machine="one", leases=one).ledger
    number = ledger.record_intent(purchase(), AT)
    run_out(shared)
    look(machine("two", ("inbox",)), reached=("inbox",))
    with pytest.raises(LeaseLost):
        ledger.record_intent(purchase("other"), AT)
    two = Store(shared, machine="two").ledger
    begun = two.purchase_for("k")
    assert begun is not None
    assert two.conclude(begun, PurchaseState.UNKNOWN, "nobody answered")
    assert ledger.record_answer(number, "{}", AT).state == PurchaseState.ANSWERED
    # Who knows more wins: a later fact that says less changes nothing.
    ledger.record_failure(number, PurchaseState.UNKNOWN, "lost")
    assert not two.conclude(begun, PurchaseState.NOT_EXECUTED, "never asked for")
    [found] = Store(shared).ledger.all_purchases()
    assert (found.state, found.machine) == (PurchaseState.ANSWERED, "one")


@pytest.mark.parametrize("again", [False, True])
def test_an_answer_counts_that_comes_after_its_request_was_taken_for_one_that_never_left(
    shared: Engine, tmp_path: Path, again: bool
) -> None:
    one, two = (Store(shared, Journal(tmp_path / name), machine=name).ledger for name in ("one", "two"))
    intent = purchase()
    number = one.record_intent(intent, AT)
    [begun] = two.all_purchases()
    assert two.conclude(begun, PurchaseState.NOT_EXECUTED, "its group was never asked for")
    if again:
        two.record_intent(purchase(), AT)
    one.journal_answer(intent, "{}", AT)
    with capture_logs() as told:
        known = one.record_answer(number, "{}", AT)
    assert known.state == (PurchaseState.NOT_EXECUTED if again else PurchaseState.ANSWERED)
    for ledger in (two, one):  # what each has in its own journal by then undoes nothing
        ledger.restore()
    assert one.of_job("job1")[0].state == known.state
    assert ("paid_call_answered_that_was_bought_again" in {one["event"] for one in told}) is again
    assert one.paid_today(datetime.now(UTC)) == 1 + again
    assert ("paid twice" in (two.store.paused() or "")) is again
    told_of = [entry for entry in entries_of_calls(one, "job1", ()) if entry.call == number]
    assert [("paid twice" in entry.text, entry.paid) for entry in told_of if entry.what == "call"] == [
        (again, Paid.YES)
    ]
    assert not [entry for entry in told_of if "never asked for" in entry.text]


@pytest.mark.parametrize("recorded", [True, False], ids=["taken for never sent", "lost with the database"])
def test_an_answer_that_only_a_journal_has_is_told_once_where_its_call_was_bought_again(
    shared: Engine, tmp_path: Path, recorded: bool
) -> None:
    """Its machine has crashed, or was away, between the answer and its record."""
    one, two = (Store(shared, Journal(tmp_path / name), machine=name).ledger for name in ("one", "two"))
    intent = purchase()
    one.record_intent(intent, AT)
    [begun] = two.all_purchases()
    if recorded:
        assert two.conclude(begun, PurchaseState.NOT_EXECUTED, "its group was never asked for")
    else:
        with shared.begin() as connection:
            connection.execute(delete(Purchase))
    two.record_intent(purchase(), AT)
    one.journal_answer(intent, "{}", AT)
    for paused in (True, False):
        one.restore()
        assert ("paid twice" in (two.store.paused() or "")) is paused
        assert two.paid_today(datetime.now(UTC)) == 2
        two.store.resume()


@pytest.mark.parametrize("outcome", [PurchaseOutcome.BY_RECEIPT, PurchaseOutcome.BY_ANOTHER])
def test_what_a_receipt_told_before_its_machine_put_it_back_is_not_taken_for_paid_twice(
    shared: Engine, tmp_path: Path, outcome: PurchaseOutcome
) -> None:
    """A database was restored, or lost and is another store now, and the machines start one after the other.
    The one that bought knows more."""
    one, two = (Store(shared, Journal(tmp_path / name), machine=name).ledger for name in ("one", "two"))
    bought = purchase()
    number = one.record_intent(bought, AT)
    one.record_answer(number, "{}", AT)
    one.record_results(number, [result(number)])
    with shared.begin() as connection:
        connection.execute(delete(Result))
        connection.execute(delete(Purchase))
    by_receipt = purchase()
    by_receipt.started_at = bought.started_at
    by_receipt.state, by_receipt.outcome = PurchaseState.ANSWERED, outcome
    two.adopt(by_receipt)
    places = Places({}, tmp_path / "done", tmp_path / "failed", tmp_path)
    for ledger in (one, two):
        ledger.restore()
        found = [what for each in (one, two) for _, what in verify_ledger(each.store, places)]
        assert [what for what in found if "journal" in what] == []
    known = two.purchase_for("k")
    assert known is not None and known.uid == bought.uid and known.id is not None
    assert len(two.results(known.id)) == 1
    assert (two.store.paused(), two.paid_today(datetime.now(UTC))) == (None, 1)


@pytest.mark.parametrize("put_back", ["one", "two"])
def test_what_a_receipt_told_and_another_job_has_bought_again_is_taken_for_paid_twice(
    shared: Engine, tmp_path: Path, put_back: str
) -> None:
    """Its receipt was deleted, and the database lost once more, before the other job bought it."""
    one, two = (Store(shared, Journal(tmp_path / name), machine=name).ledger for name in ("one", "two"))
    by_receipt = purchase(job="before", started_at=datetime.now(UTC))
    by_receipt.state, by_receipt.outcome = PurchaseState.ANSWERED, PurchaseOutcome.BY_RECEIPT

    def adopt() -> None:
        two.adopt(by_receipt)

    def buy() -> None:
        intent = purchase()
        one.record_intent(intent, AT)
        one.journal_answer(intent, "{}", AT)

    for act in (buy, adopt) if put_back == "one" else (adopt, buy):
        with shared.begin() as connection:
            connection.execute(delete(Purchase))
        act()
    (one if put_back == "one" else two).restore()
    assert "paid twice" in (two.store.paused() or "")
    assert two.paid_today(datetime.now(UTC)) == 2


def test_machines_that_start_together_take_what_a_restored_database_has_lost_over_once(
    shared: Engine, tmp_path: Path
) -> None:
    machines = [
        Store(shared, Journal(tmp_path / name), machine=name).ledger for name in ("one", "two", "three")
    ]
    intents = [purchase(f"key{n}") for n in range(40)]
    for intent in intents:
        machines[0].record_intent(intent, AT)
    for other in machines[1:]:  # which had concluded them, and so have them in their own journals
        other.append_again([intent.uid for intent in intents])
    with Session(shared) as session, session.begin():
        session.exec(delete(Purchase))
    with ThreadPoolExecutor(3) as pool:
        restored = list(pool.map(Ledger.restore, machines))
    assert sum(restored) == len(Store(shared).ledger.all_purchases()) == 40


def test_an_answer_from_before_the_store_was_moved_stays_that_of_its_machine(
    shared: Engine, tmp_path: Path
) -> None:
    """It had only reached the journal, in which SQLite's machine has no name. Otherwise `verify` on the other
    machines would miss in their journals what came of it later."""
    one, two = (Store(shared, Journal(tmp_path / name), machine=name) for name in ("one", "two"))
    alone = Store(shared, Journal(tmp_path / "one")).ledger
    call = purchase()
    number = alone.record_intent(call, AT)
    alone.journal_answer(call, "{}", AT)
    with Session(shared) as session, session.begin():
        session.get_one(Purchase, number).machine = "one"  # as the move does
    for machine in (one, two):
        machine.ledger.restore()
    assert [known.machine for known in one.ledger.all_purchases()] == ["one"]
    one.ledger.record_results(number, [result(number)])
    places = Places(inboxes={}, done=tmp_path, failed=tmp_path, state=tmp_path)
    assert [list(verify_ledger(machine, places)) for machine in (one, two)] == [[], []]


def test_each_machines_journal_holds_what_it_has_bought_itself(shared: Engine, tmp_path: Path) -> None:
    one, two = (Store(shared, Journal(tmp_path / name), machine=name).ledger for name in ("one", "two"))
    places = Places({}, tmp_path / "done", tmp_path / "failed", tmp_path)
    one.record_intent(purchase(), AT)
    two.record_intent(purchase("other"), AT)
    for begun in one.all_purchases():
        assert one.conclude(begun, PurchaseState.UNKNOWN, "nobody answered")
    dying = Store(shared, machine="one").ledger
    cut_off = dying.record_intent(purchase("third"), AT)  # died before it was in its journal
    two.record_failure(cut_off, PurchaseState.NOT_EXECUTED, "its group was never asked for")
    for ledger in (one, two):
        assert list(verify_ledger(ledger.store, places)) == []
    (tmp_path / "one").unlink()
    [(_, what)] = verify_ledger(one.store, places)
    assert what == "a paid call (merge) is missing in the journal"


def test_pictures_that_two_machines_bring_home_at_once_are_kept_once(shared: Engine) -> None:
    ledger = Store(shared).ledger
    number = ledger.record_intent(purchase(), AT)
    ledger.record_answer(number, "{}", AT)
    with ThreadPoolExecutor(1) as pool:
        with Session(shared) as other, other.begin():
            other.get_one(Purchase, number, with_for_update=True)
            other.add(result(number))
            other.flush()
            keeping = pool.submit(ledger.record_results, number, [result(number)])
            waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
            wait_for(lambda: other.execute(waiting).scalar())
        keeping.result()
    assert [one.file for one in ledger.results(number)] == ["0.jpg"]


def test_a_machine_is_its_state_folder(tmp_path: Path) -> None:
    first = machine_of(tmp_path)
    assert machine_of(tmp_path) == first
    assert len(first) == module.ID_BYTES
    (tmp_path / "machine").write_text("")  # cut off by a crash
    assert machine_of(tmp_path) not in ("", first)
