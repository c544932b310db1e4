"""`hotfolder verify` and `hotfolder clean`."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from hotfolder.cli.output import FAILED
from hotfolder.control import upkeep
from hotfolder.control.opening import opened
from hotfolder.display import say as print
from hotfolder.jobs.retention import Expired, Kind
from hotfolder.rules.names import printable

WORDS = {Kind.ORIGINAL: "originals", Kind.RECEIPT: "receipts", Kind.RESULT: "bought results"}


def verify(config: Path) -> int:
    """1 where there is a disagreement."""
    with opened(config) as installation:
        found = 0
        for one in upkeep.verify(installation):
            found += 1
            print(f"job {one.job}: {one.what}" if one.job else one.what)
    if found:
        print(f"{found} disagreement{'' if found == 1 else 's'}.")
    else:
        print("Store, ledger and folders agree.")
    return FAILED if found else 0


def clean(config: Path, *, dry_run: bool, as_json: bool) -> int:
    with opened(config) as installation:
        found = asyncio.run(upkeep.clean(installation, dry_run=dry_run))
    if as_json:
        print(json.dumps(as_dict(found, dry_run=dry_run), indent=2))
    else:
        print("\n".join(lines(found, dry_run=dry_run)))
    return 0


def lines(found: Sequence[Expired], *, dry_run: bool) -> Iterator[str]:
    going = [one for one in found if not one.kept_because and one.kind in WORDS]
    staying = [one for one in found if one.kept_because and one.kind in WORDS]
    word = "Would go" if dry_run else "Gone"
    yield f"{word}: {files(going)}." if going else "Nothing is deleted."
    for kind, words in WORDS.items():
        of_kind = [one for one in going if one.kind is kind]
        if of_kind:
            yield f"  {words}: {files(of_kind)}"
            yield from (f"    {shown(one)}" for one in of_kind)
    if staying:
        yield f"Old enough to be deleted, and kept: {files(staying)}."
        yield from (f"    {shown(one)}: {one.kept_because}" for one in staying)
    records = [one for one in found if one.kind is Kind.RECORD]
    if records:
        yield "Records of projects in the job store:"
    for one in records:
        stays = f"stay: {one.kept_because}" if one.kept_because else word.lower()
        yield f"    {printable(one.path.name)}: {stays}"


def files(found: Sequence[Expired]) -> str:
    number = "1 file" if len(found) == 1 else f"{len(found)} files"
    return f"{number}, {megabytes(sum(one.size_bytes for one in found))}"


def shown(one: Expired) -> str:
    return f"{printable(str(one.path))} ({megabytes(one.size_bytes)})"


def megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f} MB"


def as_dict(found: Sequence[Expired], *, dry_run: bool) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        "bytes": sum(one.size_bytes for one in found if not one.kept_because),
        "files": [
            {
                "kind": one.kind,
                "path": os.fsencode(one.path).decode("utf-8", "backslashreplace"),
                "bytes": one.size_bytes,
                "kept_because": one.kept_because,
            }
            for one in found
        ],
    }
