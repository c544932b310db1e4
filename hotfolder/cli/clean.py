"""`hotfolder clean`."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from hotfolder.cli.stores import Books, books
from hotfolder.config.load import load
from hotfolder.daemon.following import keep_of, result_limits
from hotfolder.inbox.recheck import confirm_inbox
from hotfolder.jobs.compaction import Passing, pass_by
from hotfolder.jobs.desk import Desk
from hotfolder.jobs.due import Due, Keep, Kind
from hotfolder.jobs.records import Household
from hotfolder.jobs.retention import Retention
from hotfolder.pictures.decoder import Decoder
from hotfolder.pictures.facts import PictureLimits
from hotfolder.rules.nearest import printable

WORDS = {Kind.ORIGINAL: "originals", Kind.RECEIPT: "receipts", Kind.RESULT: "bought results"}
FORGOTTEN = "the same photos dropped again after that are bought, and paid for, anew:"


def clean(config: Path, *, dry_run: bool, as_json: bool) -> int:
    """Let go of what is old enough, or only say what that is. Safe while the daemon runs."""
    found = asyncio.run(looked_for(config, dry_run=dry_run))
    if as_json:
        print(json.dumps(as_dict(found, dry_run=dry_run), indent=2))
    else:
        print("\n".join(lines(found, dry_run=dry_run)))
    return 0


async def looked_for(config: Path, *, dry_run: bool) -> list[Due]:
    settings = load(config, os.environ)
    with books(config) as opened:
        limits = result_limits(settings)
        return await let_go(opened, keep_of(settings), limits, datetime.now(UTC), dry_run=dry_run)


async def let_go(
    opened: Books,
    keep: Keep,
    limits: PictureLimits,
    now: datetime,
    *,
    dry_run: bool,
    passing: Passing = pass_by,
) -> list[Due]:
    """Everything that is due at `now`; `limits` are those of results."""
    desk, decoder = Desk(), Decoder()
    try:
        confirm = partial(confirm_inbox, marker_id=opened.store.identity(now))
        house = Household(opened.store, opened.ledger, opened.places, desk, confirm, passing)
        retention = Retention(house, decoder, limits)
        return [due async for due in retention.clean(keep, now, dry_run=dry_run)]
    finally:
        await decoder.close()
        desk.close()


def lines(found: Sequence[Due], *, dry_run: bool) -> Iterator[str]:
    going = [due for due in found if not due.kept_because and due.kind in WORDS]
    staying = [due for due in found if due.kept_because and due.kind in WORDS]
    word = "Would go" if dry_run else "Gone"
    yield f"{word}: {files(going)}." if going else "No file is old enough to go, and can."
    for kind, words in WORDS.items():
        of_kind = [due for due in going if due.kind is kind]
        if of_kind:
            yield f"  {words}: {files(of_kind)}"
            yield from (f"    {shown(due)}" for due in of_kind)
    if staying:
        yield f"{'Would stay' if dry_run else 'Stay'} although old enough: {files(staying)}."
        yield from (f"    {shown(due)}: {due.kept_because}" for due in staying)
    records = [due for due in found if due.kind is Kind.RECORD]
    if records:
        yield "Records of projects in the job store:"
    for due in records:
        stays = f"stay: {due.kept_because}" if due.kept_because else word.lower()
        yield f"    {printable(due.path.name)}: {stays}"
    purchases = [due for due in found if due.kind is Kind.PURCHASE]
    if any(not due.kept_because for due in purchases):
        yield f"Paid calls that {'would be' if dry_run else 'are'} forgotten; {FORGOTTEN}"
        yield from (f"    {calls(due)}" for due in purchases if not due.kept_because)
    if any(due.kept_because for due in purchases):
        yield "Paid calls that are remembered although old enough to be forgotten:"
        yield from (f"    {calls(due)}: {due.kept_because}" for due in purchases if due.kept_because)


def calls(due: Due) -> str:
    return f"{printable(due.path.name)}: {due.number} paid {'call' if due.number == 1 else 'calls'}"


def files(found: Sequence[Due]) -> str:
    number = "1 file" if len(found) == 1 else f"{len(found)} files"
    return f"{number}, {megabytes(sum(due.size_bytes for due in found))}"


def shown(due: Due) -> str:
    return f"{printable(str(due.path))} ({megabytes(due.size_bytes)})"


def megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f} MB"


def as_dict(found: Sequence[Due], *, dry_run: bool) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        "bytes": sum(due.size_bytes for due in found if not due.kept_because),
        "files": [
            {
                "kind": due.kind,
                "path": os.fsencode(due.path).decode("utf-8", "backslashreplace"),
                "bytes": due.size_bytes,
                "number": due.number,
                "kept_because": due.kept_because,
            }
            for due in found
        ],
    }
