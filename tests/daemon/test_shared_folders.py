"""Folders that others write to, or that are not to be read by others: real processes, real files."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from hotfolder.outbox.archive import MARKER, confirm_archive
from hotfolder.outbox.placing import place
from hotfolder.outbox.sharing import Sharing
from tests.support.studio import Studio


def test_the_start_of_a_second_daemon_leaves_the_firsts_half_written_pictures(
    make_studio: Callable[..., Studio], tmp_path: Path
) -> None:
    """Two inboxes, one done/: the second's start comes in the middle of a picture of the first's."""
    second = make_studio(done=str(tmp_path / "done"))
    begun: list[subprocess.CompletedProcess[str]] = []

    def content() -> Iterator[bytes]:
        yield b"first half, "
        begun.append(second.call("run", "--sandbox", "--until-idle"))
        yield b"second half"

    placed = place(content, tmp_path / "done", "kitchen", ".jpg", shared=Sharing())
    assert [run.returncode for run in begun] == [0]
    assert placed.path.read_bytes() == b"first half, second half"
    assert [path.name for path in placed.path.parent.iterdir()] == ["kitchen.jpg"]


def test_an_archives_marker_is_made_through_no_link(tmp_path: Path) -> None:
    archive, elsewhere = tmp_path / "archive", tmp_path / "elsewhere"
    archive.mkdir()
    (archive / MARKER).symlink_to(elsewhere)
    confirm_archive(archive, met_before=False)
    assert not elsewhere.exists()
