"""Bringing what was bought home: download, verify, keep."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from hotfolder.errors import OutcomeUnknown, UnusablePhoto
from hotfolder.jobs.checkpoints import Checkpoint
from hotfolder.jobs.steps.paying import NAMES
from hotfolder.jobs.tables import Call, Result
from hotfolder.jobs.tools import Tools
from hotfolder.outbox.faults import local_trouble
from hotfolder.stager.answers import SignedUrl
from hotfolder.stager.refusals import UrlRefused

DOWNLOAD_ATTEMPTS = 5
EXTENSIONS = {"JPEG": "jpg", "PNG": "png"}


class Damaged(Exception):
    """What came is no whole picture; another download may bring one."""


async def fetch(tools: Tools, call: Call, position: int, url: SignedUrl, answer_id: str = "") -> Result:
    """Download one picture into state/results/, whole and verified. Repeating it ends in the same file.

    Raises Damaged, OutcomeUnknown for an address that must not be followed, and what the storage client
    raises.
    """
    assert call.id is not None
    results = tools.places.results
    name = f"{call.key[:24]}-{call.id}-{position}"
    part = results / f"{name}.part"
    with local_trouble(results):
        await asyncio.to_thread(part.unlink, missing_ok=True)
    try:
        async with tools.slots.downloads, tools.gate:
            most_bytes = tools.result_limits.size_bytes
            download = await tools.storage.download(url, part, most_bytes=most_bytes)
    except UrlRefused as error:
        raise OutcomeUnknown(
            f"{NAMES[call.operation]} was paid for, but its picture can't be fetched safely: {error.message}",
            hint="If this address is right, add its host to api.storage_hosts and drag the folder back into"
            " the inbox: it isn't paid again.",
        ) from None
    tools.counts.bytes_down(download.size_bytes)
    tools.passing(Checkpoint.RESULT_DOWNLOADED)
    try:
        facts = await tools.decoder.inspect(part, tools.result_limits)
    except UnusablePhoto as error:
        await asyncio.to_thread(part.unlink, missing_ok=True)
        raise Damaged(error.message) from None
    kept = results / f"{name}.{EXTENSIONS[facts.format]}"
    with local_trouble(results):
        await asyncio.to_thread(keep, part, kept)
    tools.passing(Checkpoint.RESULT_KEPT)
    return Result(
        call_id=call.id,
        position=position,
        file=kept.name,
        sha256=download.sha256,
        size_bytes=download.size_bytes,
        format=facts.format,
        width=facts.width,
        height=facts.height,
        answer_id=answer_id,
    )


async def all_here(tools: Tools, results: Sequence[Result]) -> bool:
    """Whether there are results and each of their files still lies in state/results/."""
    paths = [tools.places.results / result.file for result in results]
    return bool(paths) and await asyncio.to_thread(lambda: all(path.is_file() for path in paths))


def keep(part: Path, kept: Path) -> None:
    """Give a verified download its name, durably."""
    part.replace(kept)
    folder = os.open(kept.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
