"""Are done/ and failed/ where they were? A mount point without its disk takes files, and hides them later."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock

from hotfolder import log
from hotfolder.errors import LocalTrouble
from hotfolder.mounts import mount_of
from hotfolder.outbox.faults import local_trouble, shown
from hotfolder.outbox.sharing import Sharing, make_folder

RIGHT_AFTER_ALL = ".hotfolder-here"
"""A file by which a person says that a folder is the right one, though no disk is mounted where it was."""

logger = log.get("outlets")


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where a folder was when it was last found to be right. `mount` is its disk's mount point."""

    path: str
    device: int
    inode: int
    mount: str

    @classmethod
    def of(cls, folder: Path) -> Whereabouts:
        """Raises OSError."""
        facts = folder.stat()
        return cls(str(folder), facts.st_dev, facts.st_ino, mount_point(folder))

    def same_folder(self, folder: Path) -> bool:
        facts = folder.stat()
        return (facts.st_dev, facts.st_ino) == (self.device, self.inode)

    def unmounted(self, folder: Path) -> bool:
        """Whether the disk that `folder` was on isn't mounted there now. A folder that was moved to another
        disk, or replaced by another on the same one, is none the less there."""
        now = mount_point(folder)
        return bool(now) and now != self.mount and Path(self.mount).is_relative_to(now)


def mount_point(folder: Path) -> str:
    """Empty where nobody can tell."""
    mount = mount_of(folder)
    return str(mount.point) if mount is not None else ""


def whereabouts_from(content: object) -> Whereabouts | None:
    """What `as_content` made; None for anything else."""
    match content:
        case {"path": str(path), "device": int(device), "inode": int(inode), "mount": str(mount)}:
            return Whereabouts(path, device, inode, mount)
    return None


class Outlet:
    """One of the two. `known` is where it was when a daemon with this store last met it, if one ever has.

    `trouble` is why it can't be used, as found last; empty when all is well.
    """

    def __init__(self, path: Path, known: Whereabouts | None, sharing: Callable[[], Sharing]) -> None:
        self.path = path
        self.trouble = ""
        self._known = known if known is not None and known.path == str(path) else None
        self._sharing = sharing
        self._one_at_a_time = Lock()

    def as_content(self) -> dict[str, object] | None:
        """Where it is, for the next daemon; None while it was never met."""
        return asdict(self._known) if self._known is not None else None

    def confirm(self) -> None:
        """Raise LocalTrouble unless files may be put into it. It is made where it is missing, on its disk."""
        with self._one_at_a_time:
            try:
                with local_trouble(self.path):
                    self._confirm()
            except LocalTrouble as error:
                self._take(error.message)
                raise
            self._take("")

    def _confirm(self) -> None:
        known = self._known
        if self.path.is_dir():
            if known is not None and known.same_folder(self.path):
                return
            right = known is None or not known.unmounted(self.path) or (self.path / RIGHT_AFTER_ALL).exists()
        else:
            right = known is None or not known.unmounted(nearest(self.path))
        if not right:
            assert known is not None
            raise LocalTrouble(
                f"{shown(self.path)} can't be used: its disk is not mounted at {shown(known.mount)} any more",
                hint="Connect its disk or share; the work goes on by itself. If this is the right folder all"
                f" the same, put an empty file named {RIGHT_AFTER_ALL} into it.",
            )
        make_folder(self.path, self._sharing())
        self._known = Whereabouts.of(self.path)

    def _take(self, trouble: str) -> None:
        if trouble and trouble != self.trouble:
            logger.warning("folder_out_of_reach", folder=str(self.path), reason=trouble)
        elif self.trouble and not trouble:
            logger.info("folder_back", folder=str(self.path))
        self.trouble = trouble


class Outlets:
    """All of them."""

    def __init__(self, outlets: Iterable[tuple[str, Outlet]]) -> None:
        self.by_name = dict(outlets)

    def confirm(self, path: Path) -> None:
        """Raise LocalTrouble where `path` is in one of them that can't be used now."""
        for outlet in self.by_name.values():
            if path.is_relative_to(outlet.path):
                outlet.confirm()

    def look(self) -> None:
        """Note how they stand. Blocks for as long as a share doesn't answer."""
        for outlet in self.by_name.values():
            try:
                outlet.confirm()
            except LocalTrouble:
                continue  # noted by the outlet itself


def nearest(path: Path) -> Path:
    """The nearest folder above that is there."""
    return next(parent for parent in path.parents if os.path.lexists(parent))
