"""The receipts in done/ against the ledger: what they say was paid for is not bought again by a `state`
folder that was restored from before that."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from hotfolder import log
from hotfolder.jobs.keys import scope_key
from hotfolder.jobs.ledger import Ledger
from hotfolder.jobs.store import Store
from hotfolder.jobs.tables import BY_RECEIPT, Call, CallState, stamp
from hotfolder.jobs.tools import Tools
from hotfolder.outbox.faults import local_trouble
from hotfolder.outbox.receipts import Receipt, ReceiptCall, read_receipt

logger = log.get("ledger")

MARGIN = timedelta(days=1)
"""By so much the clocks of the disk and of this computer may differ."""


async def ask_receipts(tools: Tools) -> None:
    """Take over what the receipts know and the ledger doesn't, once in the life of a process and before it
    buys anything. Only receipts that are younger than the newest purchase are read; all, and those of other
    stores too, by a store that has bought nothing yet: `state` may have been lost. Raises LocalTrouble."""
    async with tools.locks.hold("receipts"):
        if tools.receipts_asked:
            return
        newest = await tools.desk(tools.ledger.newest)
        since = datetime.fromisoformat(newest) - MARGIN if newest else None
        own = await tools.desk(tools.store.identity, tools.clock.now()) if newest else ""
        tools.places.guard(tools.places.done)
        found = await asyncio.to_thread(lambda: list(receipts_in(tools.places.done, own, since)))
        for path, receipt in found:
            await tools.desk(take_over, tools.store, tools.ledger, path, receipt)
        tools.receipts_asked = True


def receipts_in(done: Path, own: str, since: datetime | None = None) -> Iterator[tuple[str, Receipt]]:
    """Each receipt that was written since, with its path in done/: those of the store `own`, and of before
    receipts named one; with "" those of all stores. Raises LocalTrouble."""
    with local_trouble(done):
        for path in sorted(done.glob("*/receipts/*.json")):
            if since is None or path.stat().st_mtime >= since.timestamp():
                receipt = read_receipt(path)
                if receipt is not None and (not own or receipt.store in (own, "")):
                    yield str(path.relative_to(done)), receipt


def take_over(store: Store, ledger: Ledger, path: str, receipt: Receipt) -> None:
    """Record the purchases of a receipt that nothing else knows of."""
    for bought in unknown_to(ledger, receipt):
        merge = bought.operation == "merge"
        call = Call(
            key=bought.key,
            job_id=receipt.job_id,
            project=receipt.project,
            operation=bought.operation,
            parameters="",
            state=CallState.ANSWERED,
            group_id=receipt.group_id if merge else None,
            api_project_id=receipt.api_project_id if merge else None,
            photos=" ".join(photo.sha256 for photo in receipt.photos) if merge else "",
            note=BY_RECEIPT + path,
            started_at=stamp(bought.at),
            answered_at=stamp(bought.at),
        )
        ledger.adopt(call)
        logger.warning("purchase_known_by_receipt", receipt=path, operation=bought.operation)
    if receipt.generation:
        scope = scope_key(receipt.api_origin, [photo.sha256 for photo in receipt.photos])
        store.remember_generation(scope, receipt.generation)


def unknown_to(ledger: Ledger, receipt: Receipt) -> list[ReceiptCall]:
    """The purchases that the receipt's own job has made, and the ledger knows nothing of."""
    own = [call for call in receipt.calls if call.paid]
    known = ledger.brought([call.key for call in own])
    return [call for call in own if call.key not in known]
