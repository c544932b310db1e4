"""What the doctor finds of the database server of a store that machines share."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

from hotfolder.control.local import Finding, ok, problem, warning
from hotfolder.errors import BadWorld, HotfolderError
from hotfolder.jobs.database import store_trouble
from hotfolder.jobs.postgres import ServerFacts, StoreServer, facts, server_engine

OLDEST_VERSION = 14
"""Older ones get no repairs any more."""
SLOW_SECONDS = 0.02
ASKED = 5
OFF_SECONDS = 30.0
ALTER = "ALTER DATABASE ... SET synchronous_commit = on."


def server(place: StoreServer) -> Iterator[Finding]:
    """By connecting to it, and reading only."""
    try:
        found, answered_seconds, off_seconds = asked(place)
    except HotfolderError as error:
        detail = error.detail if isinstance(error, BadWorld) else ""
        yield problem("database", f"{error.message}{f': {detail}' if detail else ''}", error.hint)
        return
    yield from judged(found)
    text = f"the fastest of {ASKED} answers took {answered_seconds * 1000:.1f} ms"
    if answered_seconds > SLOW_SECONDS:
        yield warning("database", text, "A set asks some hundred times: keep the database near the machines.")
    else:
        yield ok("database", text)
    yield clock(off_seconds)


def asked(place: StoreServer) -> tuple[ServerFacts, float, float]:
    """The server's facts, the seconds that an answer took, and by how many this machine's clock is ahead."""
    place.password()
    engine = server_engine(place, read_only=True)
    try:
        with store_trouble(), closing(engine.connect()) as connection:
            facts(connection)
            looks = []
            for _ in range(ASKED):
                began, at = time.monotonic(), datetime.now(UTC)
                found = facts(connection)
                took = time.monotonic() - began
                looks.append((took, (at - found.now).total_seconds() + took / 2, found))
    finally:
        engine.dispose()
    seconds, ahead, found = min(looks, key=lambda look: look[0])
    return found, seconds, ahead


def judged(found: ServerFacts) -> Iterator[Finding]:
    version = f"PostgreSQL {found.version}"
    if int(found.version.partition(".")[0]) < OLDEST_VERSION:
        yield warning("database", f"{version} gets no repairs any more", "Upgrade it.")
    else:
        yield ok("database", version)
    if not found.may_create:
        hint = "Let the user own it: ALTER DATABASE ... OWNER TO ...."
        yield problem("database", "its user may not make tables, as the first start and upgrades do", hint)
    if found.synchronous_commit == "off":
        yield problem("database", "synchronous_commit is off: what was bought may be forgotten", ALTER)
    if not found.fsync:
        hint = "Set fsync = on in postgresql.conf, and restart it."
        yield warning("database", "fsync is off: after a power cut nothing of it may be left", hint)
    if found.encoding != "UTF8":
        hint = "Make one with `createdb --encoding UTF8 --template template0 NAME`."
        yield problem("database", f"its encoding is {found.encoding}, which can't hold every name", hint)


def clock(ahead: float) -> Finding:
    """Leases go by the database's clock alone, but days, schedules and histories by this machine's, too."""
    if abs(ahead) <= OFF_SECONDS:
        return ok("clock", f"within {OFF_SECONDS:.0f} s of the database's")
    text = f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the database's"
    return warning("clock", text, "Switch time synchronisation on: `timedatectl set-ntp true`.")
