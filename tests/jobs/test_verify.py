"""What `verify` says of files that it can't read."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hotfolder.errors import LocalTrouble
from hotfolder.jobs.context import Places
from hotfolder.jobs.database import empty_store
from hotfolder.jobs.model import FileRole, Job, JobFile
from hotfolder.jobs.states import State
from hotfolder.jobs.store import Store
from hotfolder.jobs.verify import verify

AT = datetime(2026, 5, 4, tzinfo=UTC)


def test_an_original_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(empty_store())
    known: dict[str, Any] = {
        "inbox": "inbox",
        "project": "elm",
        "folder": "hall",
        "room": "hall",
        "title": "elm",
    }
    facts: dict[str, Any] = {"sha256": "x", "size_bytes": 1, "mtime_ns": 0, "ctime_ns": 0, "inode": 0}
    with store.session.begin() as session:
        session.add(Job(id="j", state=State.DONE, filed_as="hall", created_at=AT, updated_at=AT, **known))
        session.flush()
        session.add(JobFile(job_id="j", name="a.jpg", role=FileRole.PHOTO, position=0, **facts))
    photo = tmp_path / "done" / "elm" / "originals" / "hall" / "a.jpg"
    photo.parent.mkdir(parents=True)
    photo.touch()

    def refused(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("hotfolder.jobs.verify.sha256_of", refused)
    places = Places({"inbox": tmp_path}, tmp_path / "done", tmp_path / "failed", tmp_path / "state")
    with pytest.raises(LocalTrouble, match=r"a\.jpg: no permission"):
        list(verify(store, places))
