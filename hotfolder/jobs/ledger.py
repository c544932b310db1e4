"""The ledger of paid calls: record, call, record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from hotfolder.jobs.tables import HOLDING, Call, CallState, Result, stamp


class AlreadyHeld(RuntimeError):
    """A call with this key was started, is unknown, or has succeeded: it must not be bought again."""


class Ledger:
    """Every method is one durable transaction; what it returns is detached."""

    def __init__(self, database: Engine) -> None:
        self.database = database

    def session(self) -> Session:
        return Session(self.database, expire_on_commit=False)

    def known(self, key: str) -> Call | None:
        """The call that holds `key`, if there is one."""
        with self.session() as session:
            statement = select(Call).where(Call.key == key, col(Call.state).in_(HOLDING))
            return session.exec(statement).one_or_none()

    def begin(self, call: Call, at: datetime) -> int:
        """Record the intent to make a paid call; returns its number. Raises AlreadyHeld.

        When this returns, the intent has reached the disk, and only then may the request leave.
        """
        call.state = CallState.STARTED
        call.started_at = stamp(at)
        try:
            with self.session() as session, session.begin():
                session.add(call)
                session.flush()
                number = call.id
        except IntegrityError:
            raise AlreadyHeld(call.key) from None
        assert number is not None
        return number

    def answer(self, number: int, answer: str, at: datetime) -> None:
        """Record the raw 2xx answer, before anybody looks into it."""
        self._set(number, CallState.ANSWERED, answer=answer, answered_at=stamp(at))

    def conclude(self, number: int, state: CallState, note: str) -> None:
        """Record how a call ended that brought no picture: NOT_EXECUTED frees its key, UNKNOWN holds it."""
        self._set(number, state, note=note)

    def _set(self, number: int, state: CallState, **changes: str) -> None:
        with self.session() as session, session.begin():
            call = session.get_one(Call, number)
            call.state = state
            for name, value in changes.items():
                setattr(call, name, value)
            session.add(call)

    def keep(self, number: int, results: Sequence[Result]) -> None:
        """Record the pictures that a call bought. Repeating it changes nothing."""
        with self.session() as session, session.begin():
            for result in results:
                session.merge(result)
            call = session.get_one(Call, number)
            call.state = CallState.SUCCEEDED
            session.add(call)

    def results(self, number: int) -> list[Result]:
        """The pictures that a call bought, in the answer's order."""
        with self.session() as session:
            statement = select(Result).where(Result.call_id == number).order_by(col(Result.position))
            return list(session.exec(statement).all())

    def of_job(self, job_id: str) -> list[Call]:
        """All paid calls that were begun for a job, in order."""
        with self.session() as session:
            return list(session.exec(select(Call).where(Call.job_id == job_id).order_by(col(Call.id))).all())
