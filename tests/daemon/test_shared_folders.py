"""Permissions and ownership of folders that other people or daemons use."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from hotfolder.daemon.service import Outcome
from hotfolder.errors import UsageError
from hotfolder.inbox.contents import LOCK_NAME
from hotfolder.outbox.files import Sharing
from hotfolder.outbox.outputs import ARCHIVE_MARKER, confirm_archive
from hotfolder.outbox.placing import place_as
from tests.support.pictures import bracket
from tests.support.processes import WITHOUT_RIGHTS, needs_rights_taken
from tests.support.studio import ELM, KEY, MakeStudio, Shop, Studio, begun, environment, files_below


def test_the_start_of_a_second_daemon_leaves_the_firsts_half_written_pictures(
    make_studio: MakeStudio, tmp_path: Path
) -> None:
    """Two inboxes share one done/: the second's start comes while the first writes a picture."""
    second = make_studio(done=str(tmp_path / "done"))
    begun: list[Outcome] = []

    def content() -> Iterator[bytes]:
        yield b"first half, "
        begun.append(asyncio.run(second.until_idle()))
        yield b"second half"

    placed = place_as(content, tmp_path / "done", "kitchen.jpg", shared=Sharing())
    assert len(begun) == 1 and placed is not None
    assert placed.path.read_bytes() == b"first half, second half"
    assert [path.name for path in placed.path.parent.iterdir()] == ["kitchen.jpg"]


def test_an_archives_marker_is_made_through_no_link(tmp_path: Path) -> None:
    archive, elsewhere = tmp_path / "archive", tmp_path / "elsewhere"
    archive.mkdir()
    (archive / ARCHIVE_MARKER).symlink_to(elsewhere)
    confirm_archive(archive, met_before=False)
    assert not elsewhere.exists()


async def test_what_the_group_works_in_is_shared_and_what_is_ours_is_private(studio: Studio) -> None:
    """The umask is 022, and a `state` folder exists that all can read."""
    studio.state.mkdir(mode=0o755)
    (studio.state / "older").write_bytes(b"")
    before = os.umask(0o022)
    try:
        await studio.until_idle()
        for folder in ("kitchen", "hall__sky-twilihgt"):
            studio.drop(ELM, folder, bracket())
        await studio.until_idle()
    finally:
        os.umask(before)
    shared = (studio.inbox, studio.done, studio.failed)
    assert [oct(folder.stat().st_mode & 0o7777) for folder in shared] == ["0o2775"] * 3
    made = [path for top in (studio.done, studio.failed) for path in top.rglob("*")]
    ours = [path for path in made if path.suffix != ".jpg" or path.parent.name == ELM]
    assert len(ours) > 8 and {path.stat().st_gid for path in made} == {studio.inbox.stat().st_gid}
    assert [path for path in ours if not path.stat().st_mode & 0o020] == []
    assert studio.state.stat().st_mode & 0o777 == 0o700
    found = list(studio.state.rglob("*"))
    assert {"jobs.sqlite", "daemon.lock"} <= {path.name for path in found}
    assert [path for path in found if path.stat().st_mode & 0o077] == []


COMMANDS = [
    ["status"],
    ["logs", "1"],
    ["explain", "inbox/12 Elm Road"],
    ["verify"],
    ["pause"],
    ["resume"],
    ["retry", "1"],
    ["resolve", "1", "--give-up"],
    ["cancel", "1"],
    ["priority", "1", "high"],
    ["clean", "--dry-run"],
    ["doctor"],
]


STRANGER = """
import json, sys
from typer.testing import CliRunner
from hotfolder.cli.app import app
commands, config = json.loads(sys.argv[1]), sys.argv[2]
ended = [(name, CliRunner().invoke(app, [name, *rest, "--config", config])) for name, *rest in commands]
print(json.dumps([(name, one.exit_code, one.output + repr(one.exception)) for name, one in ended]))
"""


@needs_rights_taken
async def test_a_stranger_to_the_state_folder_is_told_whom_to_be(studio: Studio) -> None:
    await studio.until_idle()
    studio.drop(ELM, "kitchen", bracket())
    for path in (studio.state, studio.state / "jobs.sqlite"):
        os.chown(path, 65534, 65534)
    owner = studio.state.owner()
    command = [*WITHOUT_RIGHTS, sys.executable, "-c", STRANGER, json.dumps(COMMANDS), str(studio.config)]
    started = partial(
        subprocess.run, capture_output=True, text=True, timeout=300, cwd=studio.root, env=environment(None)
    )
    done = await asyncio.to_thread(started, command)
    told = {
        name: (code, "Traceback" in said, f"sudo -u {owner} hotfolder" in said)
        for name, code, said in json.loads(done.stdout)
    }
    assert told == {name: (1 if name == "doctor" else 2, False, True) for name, *_ in COMMANDS}, done.stderr


@pytest.mark.parametrize("outer_first", [True, False])
async def test_an_inbox_in_anothers_inbox_is_refused_while_that_one_works(
    make_studio: MakeStudio, outer_first: bool
) -> None:
    """A project's folder of one would be the whole inbox of the other, so its photos would be paid for
    twice."""
    outer = make_studio()
    inner = make_studio(inbox=str(outer.inbox / ELM))
    inner.inbox = outer.inbox / ELM
    inner.inbox.mkdir(parents=True)
    first, second = (outer, inner) if outer_first else (inner, outer)
    async with first.working():
        await first.comes_to_say(lambda _: (first.inbox / LOCK_NAME).exists())
        with pytest.raises(UsageError) as refused:
            await second.until_idle()
    how = "contains" if outer_first else "lies in"
    assert f"(process {os.getpid()} on " in str(refused.value)
    assert f"works with the inbox {first.inbox}, which {how} {second.inbox}" in str(refused.value)
    await second.until_idle()


async def test_nothing_is_put_where_a_link_in_done_leads(studio: Studio, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    studio.done.mkdir()
    (studio.done / ELM).symlink_to(elsewhere)
    studio.drop(ELM, "kitchen", bracket())
    async with studio.working():
        told = await studio.comes_to_say(lambda status: "is a link" in str(status["jobs"]))
        assert "12 Elm Road is a link" in str(told) and "failed" not in studio.states()
        assert list(elsewhere.iterdir()) == []
        (studio.done / ELM).unlink()
        await studio.comes_to("done")
    assert (studio.done / ELM / "kitchen.jpg").is_file()


@needs_rights_taken
def test_nothing_is_paid_for_photos_that_may_not_be_moved(studio: Studio, shop: Shop) -> None:
    """The photographer's folder is readable for the service only: once merged, its photos would stay."""
    photos = bracket()
    folder = studio.drop(ELM, "kitchen", photos)
    folder.chmod(0o555)
    command = [*WITHOUT_RIGHTS, *studio.command("run")]
    studio.runs.append(begun(command, studio.root / "run.log", environment(KEY), really=True))
    told = studio.wait_until(lambda status: "no permission" in str(status["jobs"]))
    [job] = told["jobs"]
    assert str(folder) in job["reason"] and "the right to write to it" in job["hint"]
    assert shop.bought() == 0 and files_below(folder) == photos
    folder.chmod(0o755)
    studio.wait_for_states("done")
    assert shop.bought() == 1 and files_below(folder) == {}
