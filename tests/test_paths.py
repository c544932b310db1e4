"""What is asked about paths: that a folder can't be read must never count as a folder that isn't there."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

import hotfolder
from hotfolder.jobs.gallery import with_receipts
from hotfolder.jobs.verify import receipts_in
from hotfolder.paths import entries, exists, is_dir, is_file

PACKAGE = Path(hotfolder.__file__).parent
UNREACHABLE = "x" * 300
"""A link to it exists, and following it fails by another error than that nothing is there, for root too."""
ASKED_OF_PATHLIB = re.compile(r"\.(?:exists|is_dir|is_file)(?:\(\)|\b(?!\())|\.r?glob\(")


@pytest.mark.parametrize("ask", [exists, is_dir, is_file, entries])
def test_only_a_missing_file_counts_as_missing(ask: Callable[[Path], object], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    for missing in (
        ("nothing", "file/below", "zero\0byte") if ask is not entries else ("nothing", "file/below")
    ):
        assert not ask(tmp_path / missing)
    assert ask is entries or not ask(tmp_path / "loop")
    (tmp_path / "away").symlink_to(UNREACHABLE)
    with pytest.raises(OSError, match="name too long"):
        ask(tmp_path / "away")


def test_what_is_there_is_told_apart(tmp_path: Path) -> None:
    folder, file = tmp_path / "folder", tmp_path / "file"
    folder.mkdir()
    file.touch()
    (folder / "b").touch()
    (folder / "a").touch()
    assert [(exists(path), is_dir(path), is_file(path)) for path in (folder, file)] == [
        (True, True, False),
        (True, False, True),
    ]
    assert entries(folder) == [folder / "a", folder / "b"]


def test_receipts_that_are_out_of_reach_are_not_taken_for_none(tmp_path: Path) -> None:
    """What only they know to be paid would be paid again."""
    (tmp_path / "Elm").mkdir()
    (tmp_path / "Elm" / "receipts").symlink_to(UNREACHABLE)
    with pytest.raises(OSError, match="name too long"):
        list(receipts_in(tmp_path, ""))


def test_what_is_no_file_among_the_receipts_is_none(tmp_path: Path) -> None:
    """A folder ended the start, and a pipe held it up for ever."""
    receipts = tmp_path / "Elm" / "receipts"
    (receipts / "old.json").mkdir(parents=True)
    (receipts / "kitchen.json").write_text("{}")
    assert [path for path, _ in receipts_in(tmp_path, "")] == ["Elm/receipts/kitchen.json"]


def test_a_folder_of_the_systems_hides_no_receipts() -> None:
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as name:
        done = Path(name)
        done.chmod(0o755)
        for project in ("Elm", "Oak"):
            (done / project / "receipts").mkdir(parents=True)
            (done / project / "receipts" / "kitchen.json").write_text("{}")
        (done / "lost+found").mkdir(mode=0)
        (done / "a file").touch()
        try:
            if user == 0:  # who may read everything
                os.seteuid(65534)
            found = [path for path, _ in receipts_in(done, "")]
        finally:
            os.seteuid(user)
    assert found == ["Elm/receipts/kitchen.json", "Oak/receipts/kitchen.json"]


def test_a_gallery_is_not_made_without_the_receipts(tmp_path: Path) -> None:
    """Its earlier pictures would be missing from it."""
    (tmp_path / "Elm" / "receipts").mkdir(parents=True)
    (tmp_path / "Elm" / "receipts" / "kitchen.json").symlink_to(UNREACHABLE)
    with pytest.raises(OSError, match="name too long"):
        with_receipts([], tmp_path, "Elm")


def test_nothing_asks_pathlib() -> None:
    """The sandbox imports nothing of ours, and keeps its files on a disk of its own."""
    asking = [
        f"{path.relative_to(PACKAGE)}: {line.strip()}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.relative_to(PACKAGE).parts[0] != "sandbox"
        for line in path.read_text("utf-8").splitlines()
        if ASKED_OF_PATHLIB.search(line) and "os.path." not in line
    ]
    assert asking == []
