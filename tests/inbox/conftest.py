"""A real inbox in a temporary folder, small real photos, and a held clock."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from hotfolder.clock import SystemClock
from hotfolder.inbox.events import InboxOptions
from hotfolder.inbox.guard import Root
from hotfolder.inbox.inbox import Inbox
from hotfolder.locks import FolderLock
from hotfolder.pictures.decoder import Decoder
from hotfolder.rules.routing import Defaults, Rulebook
from tests.support.clocks import HeldClock
from tests.support.pictures import jpeg

NOBODY = 65534


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "inbox"
    path.mkdir()
    return path


@pytest.fixture
def unprivileged() -> Callable[[], AbstractContextManager[Path]]:
    """`with unprivileged() as folder`: run as a user without root's rights, in a folder of its own."""

    @contextmanager
    def run() -> Iterator[Path]:
        user = os.geteuid()
        with tempfile.TemporaryDirectory() as name:
            if user == 0:
                os.chown(name, NOBODY, -1)
                os.seteuid(NOBODY)
            try:
                yield Path(name)
            finally:
                os.seteuid(user)

    return run


@pytest.fixture
def drop(root: Path) -> Callable[..., Path]:
    """`drop("12 Elm Road/kitchen", 3)`: makes a set's folder with that number of photos."""

    def dropped(where: str, count: int, *, first: int = 1) -> Path:
        folder = root / where
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(first, first + count):
            (folder / f"IMG_{number}.jpg").write_bytes(jpeg(number))
        return folder

    return dropped


def quick(quiet_seconds: float = 0.2, **changes: Any) -> dict[str, Any]:
    """What `open_inbox` takes for the real time, with a quiet time of its own."""
    rulebook = Rulebook(defaults=Defaults(quiet_seconds=quiet_seconds))
    return {"clock": SystemClock(), "settings": InboxOptions(rulebook=rulebook, **changes)}


@pytest.fixture
def open_inbox(root: Path, decoder: Decoder, clock: HeldClock) -> Callable[..., Inbox]:
    """`open_inbox(**changes)`: opens an inbox on `root`, with a quiet time of 15 s of the held clock."""

    def opened(
        store: str = "store-1", lock: FolderLock | None = None, at: Path = root, **changes: Any
    ) -> Inbox:
        arguments: dict[str, Any] = {
            "claimed": lambda project, folder: frozenset(),
            "settings": InboxOptions(),
            "decoder": decoder,
            "clock": clock,
        }
        return Inbox(Root(at, store, first_start=True, lock=lock), **{**arguments, **changes})

    return opened
