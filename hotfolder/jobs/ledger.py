"""The ledger of purchases, in the database and in the journal: record the intent, call, record the
outcome."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, func, select, update

from hotfolder import log
from hotfolder.jobs.budget import (
    SPENT,
    Budgets,
    begun_today,
    lock_money,
    pause,
    refuse_unless_allowed,
    unknown_in_a_row,
)
from hotfolder.jobs.commands import refuse_cancelled
from hotfolder.jobs.database import batches
from hotfolder.jobs.journal import Entry, Journal, JournalState, journal_state
from hotfolder.jobs.leases import database_now
from hotfolder.jobs.model import HOLDS_KEY, SANDBOX, Job, Purchase, Result, merge_key, operation_key
from hotfolder.jobs.states import (
    BY_RECEIPTS,
    CHARGED,
    HOLDING,
    PURCHASE_TRANSITIONS,
    IllegalMove,
    PurchaseOutcome,
    PurchaseState,
    change_state,
)
from hotfolder.rules.foldernames import unicode_forms
from hotfolder.rules.recipes import Recipe
from hotfolder.stager.operations import PAID_KINDS, Operation

if TYPE_CHECKING:
    from hotfolder.jobs.store import Store

logger = log.get("ledger")

NOT_WRITTEN = "its intent could not be written down"
"""The note of a purchase whose request was not sent, since its intent could not be written."""
UNKNOWNS = "the last three paid calls ended without anybody knowing whether they were charged"
RANK = {
    PurchaseState.STARTED: 0,
    PurchaseState.UNKNOWN: 1,
    PurchaseState.NOT_EXECUTED: 2,
    PurchaseState.ANSWERED: 3,
    PurchaseState.SUCCEEDED: 4,
}
"""The precedence of states: where database and journal differ, the higher one wins."""


class Ledger:
    """The purchases in a store. `journal` is None for a read-only ledger."""

    def __init__(self, store: Store, journal: Journal | None) -> None:
        self.store = store
        self.session = store.session
        self.journal = journal
        self._newest = ""
        """The uid of the last purchase that is known to be in the database; "" for none."""

    def purchase_for(self, key: str) -> Purchase | None:
        """The purchase that holds `key`; None where none does."""
        with self.session() as session:
            return holder(session, key)

    def is_of_another_key(self, group_id: str, key: str) -> bool:
        """Whether a merge of this API group was bought for another key. Reads all purchases."""
        of_group = select(Purchase.id).where(Purchase.group_id == group_id, Purchase.key != key, SPENT)
        return self.store.first(of_group) is not None

    def refuse(self, intent: Purchase, at: datetime, budgets: Budgets) -> None:
        """Raise Cancelled or NotAllowed where `record_intent` would raise it now; records nothing."""
        with self.session() as session:
            refuse_cancelled(session, intent.job_id)
            refuse_unless_allowed(session, intent, budgets, at)

    def record_intent(self, intent: Purchase, at: datetime, budgets: Budgets | None = None) -> int:
        """Record the intent to make a paid call; returns its number. Raises NotAllowed, Cancelled, what
        `Leases.refuse_purchase` raises, and IllegalMove where another purchase holds its key; and OSError
        where the journal can't be written, which `withdraw_intent` must follow. The job's reason for waiting
        is removed.

        When this returns, the intent is durable in database and journal; only then may the request leave.
        """
        intent.machine = self.store.machine
        intent.started_at = at
        try:
            with self.session.begin() as session:
                if self.store.leases is not None:
                    self.store.leases.refuse_purchase(session, intent.inbox)
                if self.store.machine:  # a day is the same day for all of them, whatever their clocks say
                    at = intent.started_at = database_now(session)
                if self._newest:  # an older copy of the database doesn't know what is paid for
                    session.exec(select(Purchase.id).where(Purchase.uid == self._newest)).one()
                refuse_cancelled(session, intent.job_id)
                refuse_unless_allowed(session, intent, budgets or {}, at)
                session.add(intent)
                # It doesn't wait any more, as for a budget that was raised.
                session.exec(update(Job).where(col(Job.id) == intent.job_id).values(reason="", hint=""))
        except IntegrityError:
            raise IllegalMove(f"{intent.key} is held: it must not be bought again") from None
        self._newest = intent.uid
        self._append_to_journal(intent)
        return intent.id

    def withdraw_intent(self, intent: Purchase) -> None:
        """Record that the request of a purchase was not sent, after `record_intent` has failed: where the
        database or the journal was lost meanwhile, the intent may be recorded. Idempotent."""
        for known in self.store.rows(select(Purchase).where(Purchase.uid == intent.uid)):
            if known.state == PurchaseState.STARTED:
                with suppress(OSError):  # the intent's line may be there, and only its sync have failed
                    self.conclude(known, PurchaseState.NOT_EXECUTED, NOT_WRITTEN)

    def journal_answer(self, call: Purchase, answer: str, at: datetime) -> None:
        """Append the raw 2xx answer to the journal, before it is parsed. Needs no database; may be called
        from any thread. Raises OSError."""
        known = {"state": PurchaseState.ANSWERED, "answer": answer, "answered_at": at}
        self._append_to_journal(Purchase.model_validate({**call.model_dump(), **known}))

    def record_answer(self, number: int, answer: str, at: datetime) -> Purchase:
        """Record in the database the answer that `journal_answer` has put into the journal; returns the
        purchase. Idempotent. The purchase stays as it is where another machine has meanwhile recorded its
        answer or picture; where that took it for one never sent and bought it again, see `paid_twice`."""
        known: dict[str, Any] = {"answer": answer, "answered_at": at, "note": "", "outcome": ""}
        try:
            return self._move(number, PurchaseState.ANSWERED, unless_in=CHARGED, **known)
        except IntegrityError:
            with self.session.begin() as session:
                late = session.get_one(Purchase, number, with_for_update=True)
                late.answer, late.answered_at = answer, at
                paid_twice(session, late)
            self._append_to_journal(late)
            return late

    def record_failure(self, number: int, state: PurchaseState, note: str) -> None:
        """Record that a request sent by this process has brought no answer; no change where another machine
        has recorded an outcome meanwhile. Raises OSError, IllegalMove."""
        known = (*CHARGED, PurchaseState.NOT_EXECUTED)
        self._append_to_journal(self._move(number, state, unless_in=known, note=note, outcome=""))

    def conclude(
        self, call: Purchase, state: PurchaseState, note: str, outcome: PurchaseOutcome | None = None
    ) -> bool:
        """Record how a purchase without a picture ended: NOT_EXECUTED frees its key, UNKNOWN holds it. A
        compare-and-set: returns False, with nothing changed, where its state has changed since `call` was
        read.

        After three unknown outcomes in a row all paid calls are paused, until a person has looked.
        """
        moved = self._settle(call, state, note=note, outcome=outcome or "")
        return moved.state == state

    def resolve(self, call: Purchase, answer: str, note: str, at: datetime) -> bool:
        """Record the answer that a person has found for a purchase with an unknown outcome. A
        compare-and-set, as `conclude`."""
        resolved = PurchaseOutcome.RESOLVED
        known = {"answer": answer, "answered_at": at, "note": note, "outcome": resolved}
        return self._settle(call, PurchaseState.ANSWERED, **known).answer == answer

    def _settle(self, call: Purchase, state: PurchaseState, **changes: Any) -> Purchase:
        """Move a purchase that is still in the state that `call` was read in; returns it as it is now."""
        moved = self._move(call.id, state, unless_in=set(PurchaseState) - {call.state}, **changes)
        self._append_to_journal(moved)
        return moved

    def adopt(self, purchase: Purchase) -> None:
        """Record a purchase that only its receipt knew. Idempotent."""
        try:
            with self.session.begin() as session:
                session.add(purchase)
        except IntegrityError:  # its key is held
            return
        self._append_to_journal(purchase)

    def record_results(self, number: int, results: Sequence[Result], *, all_of_them: bool = True) -> None:
        """Record the pictures of a purchase; with `all_of_them` it becomes SUCCEEDED. Idempotent."""
        with self.session.begin() as session:
            # First: another machine may be keeping them, for a set of the same photos.
            purchase = session.get_one(Purchase, number, with_for_update=True)
            for result in results:
                session.merge(result)
            if all_of_them:
                move_purchase(session, purchase, PurchaseState.SUCCEEDED)
        self._append_to_journal(purchase, results)

    def _move(
        self,
        number: int,
        state: PurchaseState,
        *,
        unless_in: Collection[PurchaseState] = (),
        **changes: Any,
    ) -> Purchase:
        """Move a purchase to `state` and set `changes`; returns it. Unchanged where it is in one of the
        states `unless_in`. Raises IllegalMove."""
        with self.session.begin() as session:
            purchase = session.get_one(Purchase, number, with_for_update=True)
            if purchase.state in unless_in:
                logger.info("purchase_known_already", call=number, state=purchase.state)
                return purchase
            if purchase.state == state == PurchaseState.NOT_EXECUTED:
                return purchase  # it was recorded, and the database's answer was lost
            move_purchase(session, purchase, state, **changes)
            pause_unless_known(session, state)
        return purchase

    def _append_to_journal(self, purchase: Purchase, results: Sequence[Result] = ()) -> None:
        if self.journal is not None:
            self.journal.append(journal_entry(purchase, results))

    def restore(self) -> int:
        """Reconcile database and journal: each takes over what only the other knows.

        A database restored from a backup knows less than the journal; after a kill between the two writes it
        may know one change more. Returns how many purchases the database took over. Idempotent. Raises
        OSError, StoreError.
        """
        if self.journal is None:
            return 0
        written, known = self.journal.states(), self._journal_states()
        lost = {
            uid
            for uid, (state, _) in written.items()
            if uid not in known or RANK[known[uid][0]] < RANK[state]
        }
        restored = sum(self._restore(one) for one in (self.journal.read(lost) if lost else ()))
        if restored:
            logger.warning("ledger_restored_from_file", calls=restored)
        if lost:  # one in conflict is recorded, too, and not counted
            known = self._journal_states()
        self.append_again([uid for uid, how in known.items() if written.get(uid) != how])
        self._newest = next(reversed(known), "")
        return restored

    def _restore(self, written: Entry) -> bool:
        """Record a purchase from the journal; False where the database knows as much, or another purchase
        holds its key."""
        try:
            return self._record_from_journal(written)
        except IntegrityError:  # another machine that starts has recorded it a moment ago
            return self._record_from_journal(written)

    def _record_from_journal(self, written: Entry) -> bool:
        with self.session.begin() as session:
            uid = written["call"]["uid"]
            known = session.exec(select(Purchase).where(Purchase.uid == uid).with_for_update()).one_or_none()
            # Lines from before the store was moved to a server name no machine: they are this one's.
            call = {"machine": self.store.machine, **written["call"]}
            fresh = Purchase.model_validate({**call, "id": known.id} if known else call)
            held = holder(session, fresh.key) if fresh.state in HOLDING else None
            if held is not None and held.uid != uid:
                if not same_by_receipt(held, fresh):
                    logger.error(
                        "ledger_call_in_conflict", key=fresh.key, job=fresh.job_id, project=fresh.project
                    )
                    if fresh.state in CHARGED and (
                        known is None or known.outcome != PurchaseOutcome.PAID_TWICE
                    ):
                        paid_twice(session, session.merge(fresh))
                    return False
                less = min(
                    fresh, held, key=lambda one: (one.state in CHARGED, one.outcome not in BY_RECEIPTS)
                )
                less.state = PurchaseState.NOT_EXECUTED
                session.flush()
            if known is not None and RANK[PurchaseState(known.state)] >= RANK[PurchaseState(fresh.state)]:
                return False  # another machine has learnt as much meanwhile
            merged = session.merge(fresh)
            session.flush()
            pause_unless_known(session, fresh.state)
            for row in written["results"]:
                session.merge(Result.model_validate({**row, "purchase_id": merged.id}))
        return True

    def _journal_states(self) -> dict[str, JournalState]:
        """`Journal.states`, from the database."""
        every = select(Purchase.uid, Purchase.state, Purchase.job_let_go_at).order_by(col(Purchase.id))
        return {
            uid: journal_state({"state": state, "job_let_go_at": let_go_at})
            for uid, state, let_go_at in self.store.rows(every)
        }

    def append_again(self, uids: Sequence[str]) -> None:
        """Append these purchases, as in the database, to the journal, one fsync a batch. Raises OSError."""
        if self.journal is None:
            return
        for some in batches(uids):
            with self.session() as session:
                those = col(Purchase.uid).in_(some)
                purchases = session.exec(select(Purchase).where(those).order_by(col(Purchase.id))).all()
                brought: dict[int, list[Result]] = defaultdict(list)
                for result in session.exec(select(Result).join(Purchase).where(those)).all():
                    brought[result.purchase_id].append(result)
            self.journal.append(*(journal_entry(one, brought[one.id]) for one in purchases))

    def newest_at(self) -> datetime | None:
        """When the last purchase was begun, adopted ones excluded; None where there is none. An earlier one
        may have a later date, by a clock that was ahead."""
        own = select(Purchase.started_at).where(col(Purchase.outcome).not_in(BY_RECEIPTS))
        return self.store.first(own.order_by(col(Purchase.id).desc()))

    def paid_today(self, now: datetime) -> int:
        """The number of today's purchases that were, or may have been, charged."""
        made = (SPENT, begun_today(now))
        return self.store.rows(select(func.count()).select_from(Purchase).where(*made))[0]

    def paid_operations_today(self, now: datetime) -> list[str]:
        """The kinds (merge or an operation's) of today's purchases that were, or may have been, charged,
        one each; without those of the sandbox."""
        return self._paid_operations(begun_today(now))

    def paid_operations_of(self, inbox: str, project: str) -> list[str]:
        """`paid_operations_today`, for all days of one project."""
        return self._paid_operations(
            col(Purchase.inbox) == inbox, col(Purchase.project).in_(unicode_forms(project))
        )

    def _paid_operations(self, *those: ColumnElement[bool]) -> list[str]:
        for_nothing = select(Job.id).where(Job.origin == SANDBOX)
        of_api = col(Purchase.job_id).not_in(for_nothing)
        return self.store.rows(select(Purchase.operation).where(SPENT, of_api, *those))

    def all_purchases(self) -> list[Purchase]:
        """Every purchase, in the order in which they began."""
        return self.store.rows(select(Purchase).order_by(col(Purchase.id)))

    def of_job(self, job_id: str) -> list[Purchase]:
        """All purchases of a job, in the order in which they began."""
        return self.store.rows(select(Purchase).where(Purchase.job_id == job_id).order_by(col(Purchase.id)))

    def results(self, number: int) -> list[Result]:
        """The pictures that a purchase brought, in the answer's order."""
        with self.session() as session:
            return results_of(session, number)

    def held_keys(self, keys: Sequence[str]) -> set[str]:
        """Those of these keys that a purchase holds."""
        return set(self.store.rows(select(Purchase.key).where(col(Purchase.key).in_(keys), HOLDS_KEY)))

    def result_named(self, file: str) -> Result | None:
        """The picture that lies in results/ under that name."""
        return self.store.first(select(Result).where(Result.file == file))


def same_by_receipt(first: Purchase, second: Purchase) -> bool:
    """Whether two rows with one key are the same purchase, recorded a second time from its receipt by a
    machine that did not know it. A purchase of another job, or begun at another time, is a second one."""
    return (first.job_id, first.started_at) == (second.job_id, second.started_at) and (
        first.outcome in BY_RECEIPTS or second.outcome in BY_RECEIPTS
    )


def pause_unless_known(session: Session, state: str) -> None:
    """Pause all paid calls after three unknown outcomes in a row, those of other machines included."""
    if state == PurchaseState.UNKNOWN:
        lock_money(session)
        if unknown_in_a_row(session):
            logger.error("paid_calls_paused", reason=UNKNOWNS)
            pause(session, UNKNOWNS)


def paid_twice(session: Session, purchase: Purchase) -> None:
    """Record that a purchase was charged although another one holds its key, and pause all paid calls until a
    person has looked. Its state is NOT_EXECUTED, since a key has one purchase in the others; the outcome
    tells it from one that cost nothing."""
    purchase.state, purchase.outcome = PurchaseState.NOT_EXECUTED, PurchaseOutcome.PAID_TWICE
    purchase.note = ""
    lock_money(session)
    bought = f"{PAID_KINDS[purchase.operation]} of {purchase.project}"
    reason = (
        f"{bought} was bought again before its answer came, and is paid twice: ask Stager AI for a refund"
    )
    logger.error("paid_call_answered_that_was_bought_again", call=purchase.id, reason=reason)
    pause(session, reason)


def move_purchase(session: Session, purchase: Purchase, state: PurchaseState, **changes: object) -> None:
    """Compare-and-set a purchase's state, as the transition table allows. Raises IllegalMove where it
    doesn't, or where the state has changed since `purchase` was read."""
    as_read = (col(Purchase.id) == purchase.id, col(Purchase.state) == purchase.state)
    change_state("a purchase", PURCHASE_TRANSITIONS, PurchaseState(purchase.state), state)
    # SQLAlchemy sets the values in `purchase`, too.
    if session.exec(update(Purchase).where(*as_read).values(state=state, **changes)).rowcount != 1:
        raise IllegalMove(f"purchase {purchase.uid} is not {purchase.state} any more")


def journal_entry(purchase: Purchase, results: Iterable[Result] = ()) -> Entry:
    """The journal's line of a purchase, without its number, which is valid in one database only."""
    return {
        "call": without_empty(purchase.model_dump(mode="json", exclude={"id"})),
        "results": [without_empty(one.model_dump(mode="json", exclude={"purchase_id"})) for one in results],
    }


def without_empty(columns: dict[str, object]) -> dict[str, object]:
    """The columns without those that are optional and empty."""
    needed = ("parameters",)
    return {name: value for name, value in columns.items() if value not in (None, "") or name in needed}


def holder(session: Session, key: str) -> Purchase | None:
    """The purchase that holds `key`; None where none does. A unique index allows one at most."""
    return session.exec(select(Purchase).where(Purchase.key == key, HOLDS_KEY)).first()


def results_of(session: Session, number: int) -> list[Result]:
    """The pictures that a purchase brought, in the answer's order."""
    results = select(Result).where(Result.purchase_id == number).order_by(col(Result.position))
    return list(session.exec(results).all())


@dataclass(frozen=True, slots=True)
class PurchaseStep:
    """One purchase of a job's chain. `path` are the operations from the merge up to it, empty for the merge
    itself; `results` is empty until its pictures are here."""

    path: tuple[Operation, ...]
    purchase: Purchase
    results: tuple[Result, ...]


def read_chain(
    store: Store, origin: str, photos: Sequence[str], recipe: Recipe, generation: int
) -> list[PurchaseStep]:
    """The purchases that hold the keys of a recipe for these photos (sha256 each), of whichever job, in the
    order of the recipe's steps. A branch ends with its first purchase without results, since the next key
    depends on the picture."""
    steps: list[PurchaseStep] = []
    sources: dict[tuple[Operation, ...], str] = {}
    if not recipe.merge and photos:
        sources[()] = photos[0]
    with store.session() as session:
        for path in (*(((),) if recipe.merge else ()), *recipe.operation_paths()):
            if not path:
                key = merge_key(origin, photos, recipe.hdr, generation)
            elif path[:-1] in sources:
                key = operation_key(origin, sources[path[:-1]], path[-1], generation)
            else:
                continue  # only the picture before it tells the key
            purchase = holder(session, key)
            if purchase is None:
                continue
            results = tuple(results_of(session, purchase.id))
            steps.append(PurchaseStep(path, purchase, results))
            if results:
                sources[path] = results[0].sha256
    return steps
