"""Who works with which inbox, where machines share a store: leases with an epoch, by the database's clock.

With SQLite there is one machine, which works with every inbox, and none of this is used.
"""

from __future__ import annotations

import os
import socket
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, func
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, delete, select

from hotfolder import __version__, log
from hotfolder.errors import LeaseLost, LocalTrouble, StoreError
from hotfolder.jobs.database import put, sessions, store_trouble
from hotfolder.jobs.model import InboxLease, Machine, NotBefore, UtcDateTime
from hotfolder.outbox.faults import local_trouble
from hotfolder.outbox.files import write_once

FILE_NAME = "machine"
"""Of the file in `state` that holds the machine's id. A `state` folder is one machine."""
ID_BYTES = 32
LOOKS_PER_LEASE = 8
"""How often a lease is renewed in its time, so that some looks may fail."""
LONGEST_PAUSE_SECONDS = 1.0
FORGOTTEN_AFTER = timedelta(days=7)
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

logger = log.get("leases")


def known_machine(state: Path) -> str:
    """The id of the machine that `state` is; empty where there is none yet. Raises LocalTrouble."""
    path = state / FILE_NAME
    with local_trouble(path), suppress(FileNotFoundError):
        return path.read_text(encoding="ascii", errors="replace").strip()[:ID_BYTES]
    return ""


def machine_of(state: Path) -> str:
    """As `known_machine`, made where there is none yet. Only for who holds the lock on `state`."""
    if known := known_machine(state):
        return known
    path = state / FILE_NAME
    with local_trouble(path):
        path.unlink(missing_ok=True)  # cut off, and empty
    write_once(path, f"{os.urandom(ID_BYTES // 2).hex()}\n", 0o600)
    return known_machine(state)


def where(state: Path) -> str:
    """What tells a folder `state` from a copy of it: host, boot, and where it lies."""
    with suppress(OSError):
        found = state.stat()
        boot = BOOT_ID.read_text().strip() if BOOT_ID.exists() else ""
        return f"{socket.gethostname()} {boot} {state.resolve()} {found.st_dev}-{found.st_ino}"
    return ""


def boot_seconds() -> float:
    """Of a clock that goes on while this machine sleeps, which `time.monotonic` doesn't."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def database_now(session: Session) -> datetime:
    """When the open transaction began, by the database's clock. A look at what has expired errs with it on
    the careful side, however long the transaction then waits for a lock."""
    return session.exec(select(func.now(type_=UtcDateTime))).one()


class Leases:
    """The inboxes that this machine works with. `look` is called again and again, from one thread; the others
    may ask at any time.

    An inbox that nobody works with goes to the live machine that reaches it and has the fewest. Where one has
    two more than another, it hands one over, once its paid calls are answered.
    """

    def __init__(
        self, database: Engine, machine: str, state: Path, inboxes: Collection[str], *, seconds: float
    ) -> None:
        """`seconds`: how long a lease lasts that isn't renewed."""
        self.session = sessions(database)
        self.machine = machine
        self.state = state
        self.inboxes = inboxes
        self.seconds = seconds
        self.handing_over = ""
        """The inbox that is to be handed over: no paid call begins there any more."""
        self.settled = False
        """Whether every inbox that this machine reaches was some machine's at the last look."""
        self.leads = False
        """Whether what one machine has to do for all is this one's."""
        self.begun: dict[str, int] = {}
        """The inboxes that are worked with here, with the epochs in which that began. What was begun in one
        epoch must be at its end before whoever works with the inbox puts the next one here."""
        self._where = where(state)
        self.owned: Mapping[str, int] = {}
        """The inboxes that are this machine's, as the last look found, with their epochs."""
        self._valid_until = float("-inf")

    @property
    def pause_seconds(self) -> float:
        """Between two looks."""
        return min(self.seconds / LOOKS_PER_LEASE, LONGEST_PAUSE_SECONDS)

    def join(self) -> datetime | None:
        """Be known to the other machines. When another process shows life under this machine's id, the time
        of that; whoever calls waits, and asks again."""
        with self.session.begin() as session:
            known = session.get(Machine, self.machine)
            now = database_now(session)
            if known is not None and known.alive_until > now and known.place != self._where:
                return known.heartbeat_at
        for inbox in self.inboxes:
            with suppress(IntegrityError), self.session.begin() as session:
                if session.get(InboxLease, inbox) is None:
                    session.add(InboxLease(inbox=inbox, expires_at=database_now(session)))
        return None

    def look(self, reached: Collection[str], paying: Collection[str]) -> None:
        """Show life, renew what is this machine's, and take or hand over what is due. `reached` are the
        inboxes that it can work with now, `paying` those in which paid calls are in flight."""
        asked_at = boot_seconds()
        with self.session.begin() as session:
            leases = session.exec(select(InboxLease).order_by(col(InboxLease.inbox)).with_for_update()).all()
            now = database_now(session)
            until = now + timedelta(seconds=self.seconds)
            live = self._show_life(session, now, reached)
            had = Counter(
                lease.machine
                for lease in leases
                if lease.machine == self.machine or (lease.machine and lease.expires_at > now)
            )
            for lease in leases:
                if lease.machine == self.machine and lease.inbox in self.inboxes:
                    # Of an earlier life of this machine, or handed over to it.
                    lease.epoch += self.owned.get(lease.inbox) != lease.epoch
                    lease.expires_at = until
                elif lease.machine == self.machine:  # the settings don't name it any more
                    lease.machine = None
                elif (lease.machine is None or lease.expires_at <= now) and (
                    fewest(live, had, lease.inbox) == self.machine
                ):
                    lease.machine, lease.epoch, lease.expires_at = self.machine, lease.epoch + 1, until
                    had[self.machine] += 1
            self._hand_over(leases, live, had, paying, until)
            self.leads = self.machine == min(live)
            mine = {lease.inbox: lease.epoch for lease in leases if lease.machine == self.machine}
            self.settled = all(
                lease.machine is not None and lease.expires_at > now
                for lease in leases
                if lease.inbox in reached
            )
        self.owned, self._valid_until = mine, asked_at + self.seconds

    def _show_life(
        self, session: Session, now: datetime, reached: Collection[str]
    ) -> Mapping[str, Collection[str]]:
        """The live machines, this one too, each with what it reaches."""
        own = Machine(
            id=self.machine,
            name=socket.gethostname(),
            version=__version__,
            place=self._where,
            heartbeat_at=now,
            alive_until=now + timedelta(seconds=self.seconds),
            reaches=sorted(reached),
        )
        session.merge(own)
        session.exec(delete(Machine).where(col(Machine.heartbeat_at) < now - FORGOTTEN_AFTER))
        alive = select(Machine).where(Machine.alive_until > now)
        return {machine.id: machine.reaches for machine in session.exec(alive)}

    def _hand_over(
        self,
        leases: Sequence[InboxLease],
        live: Mapping[str, Collection[str]],
        had: Counter[str],
        paying: Collection[str],
        until: datetime,
    ) -> None:
        """Hand over the inbox that was chosen at an earlier look, or choose one."""
        chosen = self.handing_over
        self.handing_over = ""
        mine = [lease for lease in leases if lease.machine == self.machine]
        for lease in sorted(mine, key=lambda lease: (lease.inbox != chosen, lease.inbox in paying)):
            others = {name: reached for name, reached in live.items() if name != self.machine}
            to = fewest(others, had, lease.inbox)
            unreached = lease.inbox not in live[self.machine]
            if to is None or not (unreached or had[to] + 2 <= had[self.machine] == max(had.values())):
                continue
            if lease.inbox == chosen and lease.inbox not in paying:
                lease.machine, lease.epoch, lease.expires_at = to, lease.epoch + 1, until
                logger.info("inbox_handed_over", inbox=lease.inbox, to=to)
            else:
                self.handing_over = lease.inbox
            return

    def exchange(self, own: Mapping[str, tuple[float, str]]) -> dict[str, tuple[float, str]]:
        """Tell the other machines before when no host is to be asked, and hear it of them: by host, in how
        many seconds, and why."""
        with self.session.begin() as session:
            now = database_now(session)
            for host, (seconds, reason) in own.items():
                until = now + timedelta(seconds=seconds)
                told = session.get(NotBefore, host, with_for_update=True)
                if told is None or told.until < until:
                    put(session, NotBefore(host=host, machine=self.machine, until=until, reason=reason))
            heard = session.exec(
                select(NotBefore).where(NotBefore.until > now, NotBefore.machine != self.machine)
            )
            return {one.host: ((one.until - now).total_seconds(), one.reason) for one in heard}

    def leave(self) -> None:
        """Let the other machines have everything at once."""
        with self.session.begin() as session:
            for lease in session.exec(select(InboxLease).with_for_update()):
                if lease.machine == self.machine:
                    lease.machine = None
            if (own := session.get(Machine, self.machine)) is not None:
                own.reaches, own.alive_until = [], database_now(session)
        self.owned = {}

    def confirm(self, session: Session, inbox: str) -> None:
        """Raise LeaseLost unless the inbox is this machine's, which it stays until the transaction ends."""
        held = select(InboxLease.machine, InboxLease.epoch).where(InboxLease.inbox == inbox)
        found = session.exec(held.with_for_update(read=True)).first()
        if found is None or tuple(found) != (self.machine, self.begun.get(inbox, 0)):
            raise LeaseLost(f"another machine works with the inbox {inbox} now")

    def confirm_now(self, inbox: str) -> None:
        """`confirm`, and that the lease has not run out: for what can't be undone outside of the database.
        Raises LocalTrouble, too."""
        with store_trouble(), self.session.begin() as session:
            self.confirm(session, inbox)
        self.refuse_late(inbox)

    def refuse_late(self, inbox: str) -> None:
        """Raise LeaseLost where the last look found the inbox to be another machine's, and LocalTrouble where
        the lease may have run out since, as after a freeze. Asks this machine's clock alone."""
        if self.owned.get(inbox) != self.begun.get(inbox, 0):
            raise LeaseLost(f"another machine works with the inbox {inbox} now")
        if boot_seconds() >= self._valid_until:
            raise LocalTrouble(
                f"the lease of the inbox {inbox} has run out", hint="It goes on once it is renewed."
            )

    def refuse_purchase(self, session: Session, inbox: str) -> None:
        """`confirm`, for a paid call. Raises LocalTrouble where the inbox is about to be handed over."""
        self.confirm(session, inbox)
        if inbox == self.handing_over:
            raise LocalTrouble(f"the inbox {inbox} is about to be handed over to another machine")


def fewest(live: Mapping[str, Collection[str]], had: Counter[str], inbox: str) -> str | None:
    """The machine that reaches the inbox and has the fewest; None where none reaches it."""
    able = [machine for machine, reached in live.items() if inbox in reached]
    return min(able, key=lambda machine: (had[machine], machine), default=None)


def copied(state: Path) -> StoreError:
    return StoreError(
        f"another hotfolder works with a copy of {state}: both are the same machine to the shared store",
        hint=f"If this one is the copy, delete the file {FILE_NAME} in it; it becomes a machine of its own.",
    )
