"""The ledger of paid calls: record, call, record. In the database, and in a file beside it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, func, select

from hotfolder import log
from hotfolder.jobs.budget import SPENT, Budgets, pause, refuse_unless_allowed, unknown_in_a_row
from hotfolder.jobs.commands import refuse_cancelled
from hotfolder.jobs.journal import Journal, JournalState, Recorded, standing
from hotfolder.jobs.model import (
    BY_RECEIPT,
    HOLDING,
    HOLDS_KEY,
    SANDBOX,
    Job,
    Purchase,
    PurchaseState,
    Result,
    merge_key,
    operation_key,
    stamp,
)
from hotfolder.rules.recipes import Recipe
from hotfolder.stager.operations import Operation

logger = log.get("ledger")

T = TypeVar("T")


class AlreadyHeld(RuntimeError):
    """A call with this key was started, is unknown, or has succeeded: it must not be bought again."""


class Ledger:
    """Every method is one durable transaction; what it returns is detached. A mere reader has no `file`."""

    def __init__(self, database: Engine, file: Journal | None = None) -> None:
        self.database = database
        self.file = file

    def session(self) -> Session:
        return Session(self.database, expire_on_commit=False)

    def known(self, key: str) -> Purchase | None:
        """The call that holds `key`, if there is one."""
        with self.session() as session:
            return holder(session, key)

    def refuse(self, call: Purchase, at: datetime, budgets: Budgets) -> None:
        """Raise Cancelled or NotAllowed where `begin` would now, and record nothing."""
        with self.session() as session:
            refuse_cancelled(session, call)
            refuse_unless_allowed(session, call, budgets, at)

    def begin(self, call: Purchase, at: datetime, budgets: Budgets | None = None) -> int:
        """Record the intent to make a paid call; returns its number. Raises AlreadyHeld, NotAllowed,
        Cancelled, OSError.

        When this returns, the intent has reached the disk twice, and only then may the request leave.
        """
        call.state = PurchaseState.STARTED
        call.started_at = stamp(at)
        try:
            with self.session() as session, session.begin():
                refuse_cancelled(session, call)
                refuse_unless_allowed(session, call, budgets or Budgets(), at)
                session.add(call)
            number = call.id
        except IntegrityError:
            raise AlreadyHeld(call.key) from None
        assert number is not None
        try:
            self._write_down(call)
        except OSError:
            concluded = self._set(number, PurchaseState.NOT_EXECUTED, note=NOT_WRITTEN)
            with suppress(OSError):  # the line may be there, and only its sync have failed
                self._write_down(concluded)
            raise
        return number

    def answer(self, number: int, answer: str, at: datetime) -> Purchase:
        """Record the raw 2xx answer, before anybody looks into it."""
        answered = self._set(number, PurchaseState.ANSWERED, answer=answer, answered_at=stamp(at))
        self._write_down(answered)
        return answered

    def conclude(self, number: int, state: PurchaseState, note: str) -> None:
        """Record how a call ended that brought no picture: NOT_EXECUTED frees its key, UNKNOWN holds it.

        After three unknown outcomes in a row everything paid is paused: something is wrong that a person
        should look at before it costs more.
        """
        self._write_down(self._set(number, state, note=note))

    def resolve(self, number: int, answer: str, note: str, at: datetime) -> None:
        """Record an answer that a person has found for a call whose outcome was unknown."""
        changed = self._set(number, PurchaseState.ANSWERED, answer=answer, answered_at=stamp(at), note=note)
        self._write_down(changed)

    def adopt(self, call: Purchase) -> None:
        """Record a purchase that only its receipt knew of. Repeating it changes nothing."""
        with self.session() as session, session.begin():
            if holder(session, call.key) is not None:
                return
            session.add(call)
        self._write_down(call)

    def newest(self) -> str | None:
        """When the newest purchase was begun that was not adopted; None where there is none."""
        with self.session() as session:
            own = ~col(Purchase.note).startswith(BY_RECEIPT)
            return session.exec(select(func.max(Purchase.started_at)).where(own)).one()

    def paid_since(self, moment: datetime) -> int:
        """How many calls were begun since then that may have been charged."""
        with self.session() as session:
            made = (SPENT, col(Purchase.started_at) >= stamp(moment))
            return session.exec(select(func.count()).select_from(Purchase).where(*made)).one()

    def paid_operations_since(self, moment: datetime) -> list[str]:
        """What was begun since then and was, or may have been, charged: merge, sky, lawn or stage each.
        What the stand-in made is left out."""
        with self.database.connect() as connection:
            for_nothing = select(Job.id).where(Job.origin == SANDBOX)
            made = (SPENT, col(Purchase.started_at) >= stamp(moment))
            found = select(Purchase.operation).where(*made, col(Purchase.job_id).not_in(for_nothing))
            return list(connection.execute(found).scalars())

    def orphans(self) -> list[frozenset[str]]:
        """The photos (sha256 each) of every merge that may have been charged and whose job is not in the
        store, which has been lost or restored since."""
        with self.session() as session:
            statement = select(Purchase.photos).where(
                Purchase.photos != "",
                col(Purchase.state).in_(HOLDING),
                col(Purchase.job_let_go_at).is_(None),
                col(Purchase.job_id).not_in(select(Job.id)),
            )
            return [frozenset(photos.split()) for photos in session.exec(statement).all()]

    def all_calls(self) -> list[Purchase]:
        """Every call that was ever begun, in order."""
        with self.session() as session:
            return list(session.exec(select(Purchase).order_by(col(Purchase.id))).all())

    def _set(self, number: int, state: PurchaseState, **changes: str) -> Purchase:
        with self.session() as session, session.begin():
            call = session.get_one(Purchase, number)
            call.state = state
            for name, value in changes.items():
                setattr(call, name, value)
            session.flush()
            if state == PurchaseState.UNKNOWN and unknown_in_a_row(session):
                logger.error("paid_calls_paused", reason=UNKNOWNS)
                pause(session, UNKNOWNS, datetime.fromisoformat(call.started_at))
        return call

    def keep(self, number: int, results: Sequence[Result], *, all_of_them: bool = True) -> None:
        """Record the pictures that a call bought, and with the last of them that it is complete. Repeating it
        changes nothing."""
        with self.session() as session, session.begin():
            for result in results:
                session.merge(result)
            call = session.get_one(Purchase, number)
            if all_of_them:
                call.state = PurchaseState.SUCCEEDED
        self._write_down(call, results)

    def _write_down(self, call: Purchase, results: Sequence[Result] = ()) -> None:
        if self.file is not None:
            self.file.append(recorded(call, results))

    def restore(self) -> int:
        """Take over from the file what the database has lost, and write down what the file lacks.

        A database that was restored from a backup knows less than the file. One that was just being written
        when its process was killed knows one thing more. Returns how many calls were taken over. Raises
        OSError, StoreError.
        """
        if self.file is None:
            return 0
        written, known = self.file.standings(), self._standings()
        lost = {
            uid
            for uid, (state, _) in written.items()
            if uid not in known or RANK[known[uid].state] < RANK[state]
        }
        restored = 0
        for one in self.file.read(lost) if lost else ():
            with self.session() as session, session.begin():
                call = session.exec(select(Purchase).where(Purchase.uid == one.call["uid"])).one_or_none()
                if call is not None and RANK[PurchaseState(call.state)] >= RANK[one.call["state"]]:
                    continue
                fresh = Purchase.model_validate({**one.call, "id": call.id if call else None})
                if call is None and fresh.state in HOLDING and holder(session, fresh.key):
                    logger.error(
                        "ledger_call_in_conflict", key=fresh.key, job=fresh.job_id, project=fresh.project
                    )
                    continue
                merged = session.merge(fresh)
                session.flush()
                for row in one.results:
                    session.merge(Result.model_validate({**row, "call_id": merged.id}))
                restored += 1
        if restored:
            logger.warning("ledger_restored_from_file", calls=restored)
            known = self._standings()
        self.write_down_anew([uid for uid, standing in known.items() if written.get(uid) != standing])
        return restored

    def _standings(self) -> dict[str, JournalState]:
        """How each call stands, by uid, in order."""
        let_go = col(Purchase.job_let_go_at).is_not(None)
        with self.session() as session:
            rows = session.exec(select(Purchase.uid, Purchase.state, let_go).order_by(col(Purchase.id)))
            return {uid: standing(state, bool(gone)) for uid, state, gone in rows}

    def write_down_anew(self, uids: Iterable[str]) -> None:
        """Write down how these calls stand in the database, many at once. Raises OSError."""
        if self.file is None:
            return
        for some in batches(list(uids)):
            with self.session() as session:
                calls = session.exec(
                    select(Purchase).where(col(Purchase.uid).in_(some)).order_by(col(Purchase.id))
                ).all()
                bought: dict[int | None, list[Result]] = defaultdict(list)
                ids = [call.id for call in calls]
                for result in session.exec(select(Result).where(col(Result.call_id).in_(ids))).all():
                    bought[result.call_id].append(result)
            self.file.append(*(recorded(call, bought[call.id]) for call in calls))

    def results(self, number: int) -> list[Result]:
        """The pictures that a call bought, in the answer's order."""
        with self.session() as session:
            return bought_with(session, number)

    def brought(self, keys: Sequence[str]) -> dict[str, str]:
        """Of those of these keys that are held, the sha256 of the first picture; "" where there is none."""
        found: dict[str, str] = {}
        with self.session() as session:
            for some in batches(keys):
                held_keys = (col(Purchase.key).in_(some), HOLDS_KEY)
                found |= dict.fromkeys(session.exec(select(Purchase.key).where(*held_keys)), "")
                rows = select(Purchase.key, Result.sha256).where(*held_keys, Result.call_id == Purchase.id)
                found |= dict(session.exec(rows.order_by(col(Result.position).desc())).all())
        return found

    def result_named(self, file: str) -> Result | None:
        """The picture that lies in state/results/ under that name."""
        with self.session() as session:
            return session.exec(select(Result).where(Result.file == file)).first()

    def of_job(self, job_id: str) -> list[Purchase]:
        """All paid calls that were begun for a job, in order."""
        with self.session() as session:
            return list(
                session.exec(
                    select(Purchase).where(Purchase.job_id == job_id).order_by(col(Purchase.id))
                ).all()
            )


BATCH = 500
"""So many rows are held in memory, or named in one statement, at once."""
NOT_WRITTEN = "its intent could not be written down"
"""The note of a call that never left for that."""
UNKNOWNS = "the last three paid calls ended without anybody knowing whether they were charged"
RANK = {
    PurchaseState.STARTED: 0,
    PurchaseState.UNKNOWN: 1,
    PurchaseState.ANSWERED: 2,
    PurchaseState.SUCCEEDED: 3,
    PurchaseState.NOT_EXECUTED: 4,
}
"""How much is known of a call; where database and file differ, the one that knows more is right."""


def recorded(call: Purchase, results: Iterable[Result] = ()) -> Recorded:
    """What the file says of a call."""
    return Recorded(
        columns(call, without="id"), tuple(columns(result, without="call_id") for result in results)
    )


def columns(row: Purchase | Result, *, without: str) -> dict[str, Any]:
    """The row's columns that aren't empty, but for its number in this database, which another database would
    not know."""
    return {
        name: value
        for name, field in type(row).model_fields.items()
        if name != without and ((value := getattr(row, name)) not in (None, "") or field.is_required())
    }


def batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """`items` in parts of BATCH."""
    for first in range(0, len(items), BATCH):
        yield items[first : first + BATCH]


def holder(session: Session, key: str) -> Purchase | None:
    """The call that holds `key`, if there is one. By the unique index on just that there is no second."""
    return session.exec(select(Purchase).where(Purchase.key == key, HOLDS_KEY)).first()


def bought_with(session: Session, number: int) -> list[Result]:
    """The pictures that a call bought, in the answer's order."""
    results = select(Result).where(Result.call_id == number).order_by(col(Result.position))
    return list(session.exec(results).all())


@dataclass(frozen=True, slots=True)
class PurchaseStep:
    """One paid call that holds its key. `path` are the operations from the merge to it, empty for the merge
    itself; `results` may be none yet."""

    path: tuple[Operation, ...]
    purchase: Purchase
    results: tuple[Result, ...]

    @property
    def operation(self) -> Operation | None:
        """None for the merge."""
        return self.path[-1] if self.path else None


@dataclass(frozen=True, slots=True)
class PurchasePlan:
    """What a job wants made of its photos (sha256 each)."""

    origin: str
    photos: Sequence[str]
    recipe: Recipe
    generation: int

    def paths(self) -> tuple[tuple[Operation, ...], ...]:
        """Those of its paid calls, in the order of the recipe's steps, the merge first."""
        return (*(((),) if self.recipe.merge else ()), *self.recipe.steps())

    def sources(self) -> dict[tuple[Operation, ...], str]:
        """The sha256 of the picture that each path has led to, before anything is looked up."""
        return {} if self.recipe.merge else {(): self.photos[0] if self.photos else ""}

    def key(self, path: tuple[Operation, ...], sources: Mapping[tuple[Operation, ...], str]) -> str | None:
        """Of the last call of a path. None while nobody knows: only the picture before it tells."""
        if not path:
            return merge_key(self.origin, self.photos, self.recipe.hdr, self.generation)
        source = sources.get(path[:-1])
        return None if source is None else operation_key(self.origin, source, path[-1], self.generation)


def read_chain(
    ledger: Ledger, origin: str, photos: Sequence[str], recipe: Recipe, generation: int
) -> list[PurchaseStep]:
    """The calls from the first on, whichever job began them, in the order of the recipe's steps; each way
    ends with the first that has no results.

    `photos` are the sha256 of the set's photos.
    """
    wish = PurchasePlan(origin, photos, recipe, generation)
    links: list[PurchaseStep] = []
    sources = wish.sources()
    with ledger.session() as session:
        for path in wish.paths():
            key = wish.key(path, sources)
            call = None if key is None else holder(session, key)
            if call is None or call.id is None:
                continue
            results = tuple(bought_with(session, call.id))
            links.append(PurchaseStep(path, call, results))
            if results:
                sources[path] = results[0].sha256
    return links


def reached(ledger: Ledger, wishes: Sequence[PurchasePlan]) -> frozenset[str]:
    """The keys of all calls that are in the chains of these, as `read_chain` has them; for many at once."""
    found: set[str] = set()
    sources = [wish.sources() for wish in wishes]
    ways = [(number, path) for number, wish in enumerate(wishes) for path in wish.paths()]
    for depth in sorted({len(path) for _, path in ways}):
        asked: dict[str, list[tuple[int, tuple[Operation, ...]]]] = defaultdict(list)
        for number, path in ways:
            key = wishes[number].key(path, sources[number]) if len(path) == depth else None
            if key is not None:
                asked[key].append((number, path))
        for key, sha256 in ledger.brought(list(asked)).items():
            found.add(key)
            for number, path in asked[key] if sha256 else ():
                sources[number][path] = sha256
    return frozenset(found)


def bought(links: Sequence[PurchaseStep]) -> list[PurchaseStep]:
    """Those links whose pictures are known."""
    return [link for link in links if link.results]
