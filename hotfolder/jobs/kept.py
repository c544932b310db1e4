"""Which results in state/results/ are known to be as they came, so that nothing is hashed at every step."""

from __future__ import annotations

from pathlib import Path
from threading import Lock

from hotfolder.outbox.temporary import sha256_of
from hotfolder.rules.sets import FileIdentity

MOST = 256
"""A result is looked at a few times while its set is worked on, and hardly ever later."""


class KeptResults:
    """The files that had their bytes when last read, and the state in which they were then. For any thread.

    Forgets those that it was longest told of, and everything at the end of the process.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: dict[Path, tuple[FileIdentity, str]] = {}

    def learn(self, path: Path, sha256: str) -> None:
        """The file has just been written, and found to hold these bytes. Raises OSError."""
        self._remember(path, FileIdentity.of(path.stat()), sha256)

    def as_it_came(self, path: Path, sha256: str) -> bool:
        """Whether the file holds these bytes; it is read unless nobody has touched it since it was last
        found to. Raises OSError."""
        identity = FileIdentity.of(path.stat())
        if self._known.get(path) == (identity, sha256):
            return True
        if sha256_of(path) != sha256:
            return False
        self._remember(path, identity, sha256)
        return True

    def _remember(self, path: Path, identity: FileIdentity, sha256: str) -> None:
        with self._lock:
            self._known.pop(path, None)
            self._known[path] = (identity, sha256)
            while len(self._known) > MOST:
                del self._known[next(iter(self._known))]
