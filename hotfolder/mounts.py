"""On which file system a path lies, and what that means. Known on Linux only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

MOUNTS = Path("/proc/self/mounts")

NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "fuse.sshfs", "fuse.rclone", "9p", "afs", "ceph"}
)
"""Shares: others write to them from elsewhere, and their locks can't be trusted."""
SILENT = NETWORK | {
    "virtiofs",
    "vboxsf",
    "prl_fs",
    "fuse.vmhgfs-fuse",
    "fuse.grpcfuse",
    "fuse.osxfs",
    "fakeowner",
}
"""They don't announce what somebody else does on the other side. Any other FUSE may or may not."""


@dataclass(frozen=True, slots=True)
class Mount:
    """Where a file system is mounted, and its kind as the kernel calls it (`ext4`, `cifs`, `fuse.bindfs`)."""

    point: Path
    kind: str

    @property
    def network(self) -> bool:
        return self.kind in NETWORK

    @property
    def announces(self) -> bool | None:
        """Whether changes that others make are announced; None where only trying can tell."""
        if self.kind in SILENT:
            return False
        return None if self.kind.startswith("fuse") else True


def mount_of(path: Path, mounts: Path = MOUNTS) -> Mount | None:
    """The mount that holds `path`, which need not exist yet; None where nobody can tell."""
    try:
        lines = mounts.read_text(errors="surrogateescape").splitlines()
        target = path.resolve()
    except OSError:
        return None
    found: Mount | None = None
    for line in lines:
        _, point, kind, *_ = line.split(" ")
        mounted = Path(unescaped(point))
        # The later of two mounts at one place is the one that is seen.
        if target.is_relative_to(mounted) and (found is None or len(mounted.parts) >= len(found.point.parts)):
            found = Mount(mounted, kind)
    return found


def unescaped(text: str) -> str:
    """A field of the kernel's table: blanks and backslashes in it are octal."""
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), text)
