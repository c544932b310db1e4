"""A result is read again only where somebody may have touched it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from hotfolder.jobs import kept
from hotfolder.jobs.kept import KeptResults

PAID = b"paid for"
SHA256 = hashlib.sha256(PAID).hexdigest()


@pytest.fixture
def result(tmp_path: Path) -> Path:
    path = tmp_path / "1-0.jpg"
    path.write_bytes(PAID)
    return path


def test_a_result_that_nobody_touched_is_not_read_again(
    result: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = KeptResults()
    assert results.as_it_came(result, SHA256)
    monkeypatch.setattr(kept, "sha256_of", lambda _: "not to be asked")
    assert results.as_it_came(result, SHA256)
    assert not results.as_it_came(result, "another hash")


def test_what_was_learnt_counts_until_the_file_is_touched(result: Path) -> None:
    """Size and time of modification may be made to agree; the time of the change can't be."""
    results = KeptResults()
    results.learn(result, SHA256)
    assert results.as_it_came(result, SHA256)
    before = result.stat()
    while result.stat().st_ctime_ns == before.st_ctime_ns:
        result.write_bytes(b"p4id for")
    os.utime(result, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert not results.as_it_came(result, SHA256)


def test_a_result_that_is_gone_is_told(result: Path) -> None:
    results = KeptResults()
    results.learn(result, SHA256)
    result.unlink()
    with pytest.raises(FileNotFoundError):
        results.as_it_came(result, SHA256)


def test_only_the_latest_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST", 2)
    results = KeptResults()
    paths = [tmp_path / str(number) for number in range(3)]
    for path in paths:
        path.write_bytes(PAID)
        results.learn(path, SHA256)
    monkeypatch.setattr(kept, "sha256_of", lambda _: "read")
    assert [results.as_it_came(path, SHA256) for path in paths] == [False, True, True]
