"""Keeping the records right and the folders tidy: verify, clean."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from hotfolder.control.opening import Installation, now
from hotfolder.daemon.service import job_settings
from hotfolder.jobs.database import StoreThread
from hotfolder.jobs.retention import Expired, Retention
from hotfolder.jobs.verify import Disagreement
from hotfolder.jobs.verify import verify as disagreements
from hotfolder.pictures.decoder import Decoder
from hotfolder.rules.delivery import Keep


def verify(installation: Installation) -> Iterator[Disagreement]:
    """Every disagreement between store, ledger of paid calls and folders. Raises LocalTrouble."""
    return disagreements(installation.store, installation.ledger, installation.places)


async def clean(
    installation: Installation,
    *,
    dry_run: bool,
    keep: Keep | None = None,
    at: datetime | None = None,
) -> list[Expired]:
    """Delete what is old enough `at` a moment (now), by these settings (the file's), or only say what that
    is. Raises LocalTrouble."""
    store_thread, decoder = StoreThread(), Decoder()
    retention = Retention(
        installation.store,
        installation.ledger,
        installation.places,
        store_thread,
        decoder,
        job_settings(installation.settings).result_limits,
        keep or installation.settings.keep,
        at or now(),
        dry_run,
    )
    try:
        return [one async for one in retention.apply()]
    finally:
        await decoder.close()
        store_thread.close()
