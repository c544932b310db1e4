"""Folders of ours that are gone, replaced, on another disk, or a mount point without its disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
from structlog.testing import capture_logs

from hotfolder import mounts
from hotfolder.errors import LocalTrouble
from hotfolder.outbox.files import Sharing
from hotfolder.outbox.outputs import (
    CONFIRMATION_NAME,
    RESULTS_MARKER,
    MountIdentity,
    OutputFolder,
    OutputFolders,
    ResultsFolder,
    confirm_results,
)
from hotfolder.outbox.placing import move, place_as


def output_at(path: Path, known: MountIdentity | None = None) -> OutputFolder:
    return OutputFolder(path, known, Sharing)


def on_another_disk(path: Path) -> MountIdentity:
    """The folder before its disk was removed."""
    path.mkdir(exist_ok=True)
    return replace(MountIdentity.of(path), device=1, inode=1, mount=str(path))


def test_a_folder_that_was_never_met_is_made(tmp_path: Path) -> None:
    output = output_at(tmp_path / "new" / "done")
    output.confirm()
    assert output.path.is_dir() and not list(output.path.iterdir())
    assert output.known == MountIdentity.of(output.path)


def test_one_where_no_folder_can_be_made_is_waited_for() -> None:
    """As below an automounter, while the server is away: the start ended with a traceback."""
    output = output_at(Path("/proc/nas/done"))
    with pytest.raises(LocalTrouble, match="the folder can't be made"):
        output.confirm()
    assert "the folder can't be made" in output.trouble


def test_one_that_hangs_needs_a_restart_only_where_its_mount_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not where an automounter has put the share over its own mount, nor where the table can't be read."""
    table, answers = tmp_path / "mountinfo", Event()
    monkeypatch.setattr(mounts, "NUMBERED", table)
    automounter = f"21 1 0:31 / {tmp_path} rw - autofs auto rw\n"
    share = f"22 21 0:32 / {tmp_path} rw - nfs4 nas:/photos rw\n"
    table.write_text(automounter)

    def slow() -> Sharing:
        answers.wait(60)
        return Sharing()

    output = OutputFolder(tmp_path / "done", None, slow)
    output.check(0.05)
    for there, blocked in ((automounter + share, False), ("", False), (share, True)):
        assert "doesn't answer" in output.trouble
        table.write_text(there)
        output.check(0.05)
        assert output.blocked is blocked
    assert "restart hotfolder" in output.trouble
    answers.set()
    output.confirm()  # after the look that hung, whose log lines are not the next test's


def test_one_that_was_deleted_or_replaced_on_its_own_disk_is_used_again(tmp_path: Path) -> None:
    output = output_at(tmp_path / "done")
    output.confirm()
    shutil.rmtree(output.path)
    with capture_logs() as told:
        output.confirm()
    assert output.path.is_dir() and [one["event"] for one in told] == ["folder_made_anew"]
    output.path.rename(tmp_path / "done of last year")
    output.path.mkdir()
    output.confirm()
    assert output.known == MountIdentity.of(output.path)


@pytest.mark.parametrize("there", [True, False], ids=["bare mount point", "nothing"])
def test_without_its_disk_nothing_is_put_there_or_counts_as_vanished(tmp_path: Path, there: bool) -> None:
    done = tmp_path / "disk" / "done"
    done.parent.mkdir()
    known = replace(on_another_disk(done), mount=str(done.parent))
    if not there:
        done.rmdir()
    outputs = OutputFolders([("done", output_at(done, known))])
    shared = Sharing(guard=outputs.confirm)
    source = tmp_path / "IMG_1.jpg"
    source.write_bytes(b"x")
    puts: list[Callable[[], object]] = [
        lambda: place_as(lambda: [b"x"], done / "Elm", "kitchen.jpg", shared=shared),
        lambda: move(source, done / "Elm" / "IMG_1.jpg", expected=None, shared=shared),
        lambda: move(tmp_path / "gone.jpg", done / "Elm" / "gone.jpg", expected=None, shared=shared),
    ]
    for put in puts:
        with pytest.raises(LocalTrouble, match="not mounted") as found:
            put()
        assert CONFIRMATION_NAME in found.value.hint
    assert source.exists() and (not there or not list(done.iterdir()))
    assert "not mounted" in outputs.by_name["done"].trouble
    place_as(lambda: [b"x"], tmp_path / "failed", "kitchen.jpg", shared=shared)


def test_a_person_may_say_that_it_is_right_all_the_same(tmp_path: Path) -> None:
    done = tmp_path / "done"
    output = output_at(done, on_another_disk(done))
    with pytest.raises(LocalTrouble):
        output.confirm()
    (done / CONFIRMATION_NAME).touch()
    output.confirm()
    (done / CONFIRMATION_NAME).unlink()
    output.confirm()
    assert output.trouble == ""


def test_settings_that_name_another_folder_begin_anew(tmp_path: Path) -> None:
    other = tmp_path / "other"
    output_at(other, on_another_disk(tmp_path / "done")).confirm()
    assert other.is_dir()


def test_an_empty_folder_becomes_the_stores_folder_of_results_once(tmp_path: Path) -> None:
    """Files that disks and desktops create there don't count."""
    (tmp_path / "lost+found").mkdir()
    confirm_results(tmp_path, "ours", met_before=False)
    assert (tmp_path / RESULTS_MARKER).read_text() == "ours\n"
    (tmp_path / "merge.jpg").write_bytes(b"x")
    confirm_results(tmp_path, "ours", met_before=True)
    with pytest.raises(LocalTrouble, match="another store") as refused:
        confirm_results(tmp_path, "another", met_before=False)
    assert "write another into" in refused.value.hint


def test_only_at_the_first_start_a_folder_of_results_gets_a_marker(tmp_path: Path) -> None:
    """Later an empty folder is a mount point without its share; a folder with other files is never the right
    one."""
    with pytest.raises(LocalTrouble, match="used before"):
        confirm_results(tmp_path, "ours", met_before=True)
    with pytest.raises(LocalTrouble, match="is not there"):
        confirm_results(tmp_path / "not there", "ours", met_before=False)
    (tmp_path / "photo.jpg").write_bytes(b"x")
    with pytest.raises(LocalTrouble, match="other things"):
        confirm_results(tmp_path, "ours", met_before=False)
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]


def test_results_are_known_again_where_the_share_is_mounted_anew(tmp_path: Path) -> None:
    path, moved = tmp_path / "results", tmp_path / "moved"
    path.mkdir()
    results = ResultsFolder(path, None, "ours", met_before=False)
    results.confirm()
    path.rename(moved)
    path.mkdir()
    with pytest.raises(LocalTrouble):
        results.confirm()
    assert RESULTS_MARKER in results.trouble
    path.rmdir()
    shutil.copytree(moved, path)  # with another inode
    results.confirm()
    assert results.known == MountIdentity.of(path) and not results.trouble
