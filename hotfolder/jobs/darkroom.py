"""Developed photos: JPEGs made of photos that can't be sent as they are, kept while a job needs them.

They lie in state/developed/, each named by its original's SHA-256. It is a cache: a missing file is developed
again from the original.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from anyio import to_thread

from hotfolder.blocking import call_in_thread
from hotfolder.errors import LocalTrouble, SetChanged
from hotfolder.paths import is_file
from hotfolder.pictures.decoder import Decoder
from hotfolder.pictures.facts import PictureLimits
from hotfolder.rules.sets import FileIdentity, as_int64

LIMITS = PictureLimits()


class Darkroom:
    """Develops photos into `folder`, with the owners of each file counted; the last `release` deletes it.

    Belongs to one event loop; develops one photo at a time. An owner is a job's id or a group's name.
    """

    def __init__(self, folder: Path, decoder: Decoder) -> None:
        self.folder = folder
        self._decoder = decoder
        self._owners: dict[str, set[str]] = {}
        self._one_at_a_time = asyncio.Lock()

    async def developed(
        self,
        source: Path,
        sha256: str,
        owner: str,
        *,
        expected: FileIdentity | None = None,
        roots: Sequence[str] = (),
    ) -> Path:
        """The path of the developed `source`; develops it where that isn't cached. `owner` is added as an
        owner.

        `sha256` is that of the photo's bytes as it was `expected`; no symlink beneath one of the `roots` is
        followed. Raises `SetChanged` where the file differs from `expected` before or after developing;
        `UnusablePhoto` and `LocalTrouble`.
        """
        self._owners.setdefault(sha256, set()).add(owner)
        target = self.folder / f"{sha256}.jpg"
        async with self._one_at_a_time:
            if not await to_thread.run_sync(is_file, target):
                if expected is not None:
                    await call_in_thread(source, refuse_changed, source, expected)
                made = await self._decoder.develop(source, target, LIMITS, roots)
                try:
                    if expected is not None:
                        if as_int64(made.inode) != expected.inode:
                            raise SetChanged(f"{source.name} was exchanged while it was being developed")
                        await call_in_thread(source, refuse_changed, source, expected)
                except SetChanged:
                    target.unlink(missing_ok=True)  # it may have been made of other bytes
                    raise
        return target

    def hand_over(self, owner: str, to: str) -> None:
        """Make `to` the owner of every file that `owner` owns."""
        for owners in self._owners.values():
            if owner in owners:
                owners.discard(owner)
                owners.add(to)

    def release(self, owner: str) -> None:
        """Remove `owner` from all files, and delete those without an owner. Idempotent."""
        for owners in self._owners.values():
            owners.discard(owner)
        for sha256 in [sha256 for sha256, owners in self._owners.items() if not owners]:
            del self._owners[sha256]
            for left in (f"{sha256}.jpg", f"{sha256}.part"):
                with suppress(OSError):  # the next start deletes it
                    (self.folder / left).unlink(missing_ok=True)


def refuse_changed(photo: Path, expected: FileIdentity) -> None:
    """Raise SetChanged where the file is gone or differs; LocalTrouble where it can't be read."""
    try:
        seen = photo.lstat()
    except FileNotFoundError:
        raise SetChanged(f"{photo.name} is gone") from None
    except OSError as error:
        raise LocalTrouble(f"{photo.name} can't be read: {error.strerror}") from None
    if FileIdentity.of(seen) != expected:
        raise SetChanged(f"{photo.name} was changed after its set had settled")
