"""Leases of inboxes between machines that share a store, with an epoch, by the database's clock.

With SQLite there is one machine, which owns every inbox, and none of this is used.
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
from hotfolder.paths import exists

FILE_NAME = "machine"
"""The file in `state` that holds the machine's id. A `state` folder is one machine."""
ID_BYTES = 32
RENEWALS_PER_LEASE = 8
"""Renewals in a lease's duration, so that some of them may fail."""
LONGEST_PAUSE_SECONDS = 1.0
FORGOTTEN_AFTER = timedelta(days=7)
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

logger = log.get("leases")


def known_machine(state: Path) -> str:
    """The machine id in the folder `state`; "" where there is none yet. Raises LocalTrouble."""
    path = state / FILE_NAME
    with local_trouble(path), suppress(FileNotFoundError):
        return path.read_text(encoding="ascii", errors="replace").strip()[:ID_BYTES]
    return ""


def machine_of(state: Path) -> str:
    """`known_machine`, created where there is none yet. The caller holds the lock on `state`."""
    if known := known_machine(state):
        return known
    path = state / FILE_NAME
    with local_trouble(path):
        path.unlink(missing_ok=True)  # cut off, and empty
    write_once(path, f"{os.urandom(ID_BYTES // 2).hex()}\n", 0o600)
    return known_machine(state)


def place_of_state(state: Path) -> str:
    """A text that differs between a folder `state` and a copy of it: host, boot id, path, device and inode;
    "" where it can't be read."""
    with suppress(OSError):
        found = state.stat()
        boot = BOOT_ID.read_text().strip() if exists(BOOT_ID) else ""
        return f"{socket.gethostname()} {boot} {state.resolve()} {found.st_dev}-{found.st_ino}"
    return ""


def boot_seconds() -> float:
    """Monotonic seconds that, unlike `time.monotonic`, include the time while this machine was suspended."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def database_now(session: Session) -> datetime:
    """When the open transaction began, by the database's clock. However long the transaction then waits for a
    lock, a comparison with it never takes a lease for expired too early."""
    return session.exec(select(func.now(type_=UtcDateTime))).one()


class Leases:
    """This machine's leases of inboxes. One thread calls `renew` every `pause_seconds`; other threads may
    call `confirm`, `confirm_now`, `refuse_late` and `refuse_purchase` at any time.

    An inbox without an owner goes to the live machine that reaches it and owns the fewest. A machine that
    owns two more than another hands one over, once its paid calls are answered.
    """

    def __init__(
        self, database: Engine, machine: str, state: Path, inboxes: Collection[str], *, seconds: float
    ) -> None:
        """`seconds` is the duration of a lease that isn't renewed."""
        self.session = sessions(database)
        self.machine = machine
        self.state = state
        self.inboxes = inboxes
        self.seconds = seconds
        self.handing_over = ""
        """The inbox that is about to be handed over, in which no paid call begins; "" for none."""
        self.settled = False
        """Whether at the last renewal every inbox that this machine reaches had an owner with a valid
        lease."""
        self.leads = False
        """Whether this machine is the one that does the work which only one machine may do for all."""
        self.begun: dict[str, int] = {}
        """The inboxes that this process works with, and the epochs in which it began. The caller sets it, and
        enters a new epoch only once everything begun in the earlier one has ended."""
        self._place = place_of_state(state)
        self.owned: Mapping[str, int] = {}
        """The inboxes that this machine owned at the last renewal, with their epochs."""
        self._valid_until = float("-inf")

    @property
    def pause_seconds(self) -> float:
        """The seconds between two renewals."""
        return min(self.seconds / RENEWALS_PER_LEASE, LONGEST_PAUSE_SECONDS)

    def join(self) -> datetime | None:
        """Create the missing lease rows of this machine's inboxes. Where another process is alive under this
        machine's id, in another place, creates none and returns its last heartbeat: the caller waits and
        calls again. Else None."""
        with self.session.begin() as session:
            known = session.get(Machine, self.machine)
            now = database_now(session)
            if known is not None and known.alive_until > now and known.place != self._place:
                return known.heartbeat_at
        for inbox in self.inboxes:
            with suppress(IntegrityError), self.session.begin() as session:
                if session.get(InboxLease, inbox) is None:
                    session.add(InboxLease(inbox=inbox, expires_at=database_now(session)))
        return None

    def renew(self, reached: Collection[str], paying: Collection[str]) -> None:
        """Write the heartbeat, renew this machine's leases, and take or hand over what is due. `reached` are
        the inboxes in reach now, `paying` those with paid calls in flight. Raises as `_heartbeat`."""
        asked_at = boot_seconds()
        with self.session.begin() as session:
            leases = session.exec(select(InboxLease).order_by(col(InboxLease.inbox)).with_for_update()).all()
            now = database_now(session)
            until = now + timedelta(seconds=self.seconds)
            live = self._heartbeat(session, now, reached)
            had = Counter(
                lease.machine
                for lease in leases
                if lease.machine == self.machine or (lease.machine and lease.expires_at > now)
            )
            for lease in leases:
                if lease.machine == self.machine and lease.inbox in self.inboxes:
                    # The epoch differs for a lease of an earlier process, or one handed over to this machine.
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

    def _heartbeat(
        self, session: Session, now: datetime, reached: Collection[str]
    ) -> Mapping[str, Collection[str]]:
        """Write this machine's heartbeat; returns the live machines, this one included, with the inboxes that
        each reaches. Deletes machines without a heartbeat for FORGOTTEN_AFTER. Raises StoreError where a copy
        of this machine's `state` has begun to run since `join`."""
        known = session.get(Machine, self.machine)
        if known is not None and known.alive_until > now and known.place != self._place:
            raise copied(self.state)
        own = Machine(
            id=self.machine,
            name=socket.gethostname(),
            version=__version__,
            place=self._place,
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
        """Hand over the inbox that was chosen at an earlier renewal, or choose one."""
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
        """Publish for how long hosts must not be asked, as they have asked of this machine (`own`), and
        return what the other machines have published: by host, seconds from now and the reason."""
        with self.session.begin() as session:
            now = database_now(session)
            for host, (seconds, reason) in own.items():
                until = now + timedelta(seconds=seconds)
                known = session.get(NotBefore, host, with_for_update=True)
                if known is None or known.until < until:
                    put(session, NotBefore(host=host, machine=self.machine, until=until, reason=reason))
            others = session.exec(
                select(NotBefore).where(NotBefore.until > now, NotBefore.machine != self.machine)
            )
            return {one.host: ((one.until - now).total_seconds(), one.reason) for one in others}

    def leave(self) -> None:
        """Give up all leases and end this machine's heartbeat, so that others can take over at once; but not
        those of a copy."""
        with self.session.begin() as session:
            own = session.get(Machine, self.machine)
            if own is None or own.place != self._place:
                return
            for lease in session.exec(select(InboxLease).with_for_update()):
                if lease.machine == self.machine:
                    lease.machine = None
            own.reaches, own.alive_until = [], database_now(session)
        self.owned = {}

    def confirm(self, session: Session, inbox: str) -> None:
        """The fence: raise LeaseLost unless this machine owns the inbox in the epoch in which work there
        began. Locks the lease row for reading until the transaction ends."""
        held = select(InboxLease.machine, InboxLease.epoch).where(InboxLease.inbox == inbox)
        found = session.exec(held.with_for_update(read=True)).first()
        if found is None or tuple(found) != (self.machine, self.begun.get(inbox, 0)):
            raise LeaseLost(f"another machine works with the inbox {inbox} now")

    def confirm_now(self, inbox: str) -> None:
        """`confirm` in a transaction of its own, then `refuse_late`: before changes outside of the database
        that can't be undone. Raises LeaseLost, LocalTrouble."""
        with store_trouble(), self.session.begin() as session:
            self.confirm(session, inbox)
        self.refuse_late(inbox)

    def refuse_late(self, inbox: str) -> None:
        """Raise LeaseLost where at the last renewal this machine didn't own the inbox, and LocalTrouble where
        the lease may have expired since, as after the process was frozen. Needs only this machine's clock, no
        I/O."""
        if self.owned.get(inbox) != self.begun.get(inbox, 0):
            raise LeaseLost(f"another machine works with the inbox {inbox} now")
        if boot_seconds() >= self._valid_until:
            raise LocalTrouble(
                f"the lease of the inbox {inbox} has run out", hint="It goes on once it is renewed."
            )

    def refuse_purchase(self, session: Session, inbox: str) -> None:
        """`confirm`, before a paid call; LocalTrouble where the inbox is about to be handed over."""
        self.confirm(session, inbox)
        if inbox == self.handing_over:
            raise LocalTrouble(f"the inbox {inbox} is about to be handed over to another machine")


def fewest(live: Mapping[str, Collection[str]], had: Counter[str], inbox: str) -> str | None:
    """The machine that reaches the inbox and owns the fewest; None where none reaches it."""
    able = [machine for machine, reached in live.items() if inbox in reached]
    return min(able, key=lambda machine: (had[machine], machine), default=None)


def copied(state: Path) -> StoreError:
    return StoreError(
        f"another hotfolder works with a copy of {state}: both are the same machine to the shared store",
        hint=f"If this one is the copy, delete the file {FILE_NAME} in it; it becomes a machine of its own.",
    )
