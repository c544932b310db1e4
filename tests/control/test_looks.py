"""Single checks of the doctor."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hotfolder.config.load import load
from hotfolder.control.local import (
    Finding,
    Grade,
    disk,
    folders,
    noticing_method,
    on_local_disk,
    watches,
)
from hotfolder.control.remote import EXPIRING_SECONDS, api_findings, clock, key, proxies, storage
from hotfolder.errors import LocalTrouble
from hotfolder.mounts import Mount, mount_of
from hotfolder.outbox.faults import free_bytes
from hotfolder.stager.client import Probe

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "verdict", "words"),
    [(-2, Grade.OK, "within 30 s"), (60, Grade.WARNING, "60 s ahead"), (-412, Grade.PROBLEM, "412 s behind")],
)
def test_the_clock_is_compared_with_the_apis(seconds: int, verdict: Grade, words: str) -> None:
    found = clock(seconds, "the API's", EXPIRING_SECONDS)
    assert found.verdict == verdict and words in found.text


@pytest.mark.parametrize(
    ("status", "known", "verdict"),
    [
        (404, True, Grade.OK),
        (400, True, Grade.OK),
        (200, True, Grade.OK),
        (401, True, Grade.PROBLEM),
        (402, True, Grade.PROBLEM),
        (302, True, Grade.PROBLEM),
        (503, True, Grade.WARNING),
        (401, False, Grade.WARNING),
    ],
)
def test_what_the_api_answers_is_judged(status: int, known: bool, verdict: Grade) -> None:
    [found] = api_findings(
        "https://api.stagerai.com", Probe(status, NOW, 0.1, is_web_page=False), known=known
    )
    assert found.verdict == verdict and str(status) in found.text


@pytest.mark.parametrize("status", [200, 403, 404])
def test_a_web_page_in_place_of_the_api_is_a_problem_whatever_its_status(status: int) -> None:
    """As of a network in which one must sign in first: its key is not to blame."""
    [found] = api_findings("https://api.stagerai.com", Probe(status, NOW, 0.1, is_web_page=True), known=True)
    assert found.verdict == Grade.PROBLEM and "api.base_url" in found.hint


@pytest.mark.parametrize(
    ("kind", "verdict"),
    [
        ("ext4", Grade.OK),
        ("cifs", Grade.PROBLEM),
        ("nfs4", Grade.PROBLEM),
        ("tmpfs", Grade.WARNING),
        ("overlay", Grade.WARNING),
    ],
)
def test_the_state_belongs_on_a_lasting_local_disk(kind: str, verdict: Grade) -> None:
    assert on_local_disk(Path("/s"), Mount(Path("/s"), kind)).verdict == verdict


@pytest.mark.parametrize(
    ("kind", "words"),
    [("xfs", "at once"), ("cifs", "every 10 s"), ("fuse.bindfs", "every 10 s")],
)
def test_how_changes_are_noticed_is_told_by_the_file_system(kind: str, words: str) -> None:
    found = noticing_method("inbox", Mount(Path("/i"), kind), 10)
    assert found.verdict == Grade.OK and words in found.text and kind in found.text


def test_little_room_is_a_warning_and_hardly_any_is_a_problem() -> None:
    verdicts = [disk(Path("/d"), free).verdict for free in (6 * 10**9, 10**9, 10**8)]
    assert verdicts == [Grade.OK, Grade.WARNING, Grade.PROBLEM]
    found = disk(Path("/proc"), free_bytes(Path("/proc")))
    assert found.verdict is Grade.OK and "doesn't say" in found.text


def test_limits_that_are_too_low_are_told(tmp_path: Path) -> None:
    (tmp_path / "max_user_watches").write_text("1000\n")
    (tmp_path / "max_user_instances").write_text("128\n")
    assert [watches(number, tmp_path).verdict for number in (500, 900)] == [Grade.OK, Grade.WARNING]
    assert watches(1, tmp_path / "none").verdict == Grade.WARNING


def test_the_nearest_mount_counts_and_the_later_of_two_at_one_place(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        f"a / ext4 rw 0 0\nb {tmp_path}/with\\040space cifs rw 0 0\nc {tmp_path}/twice nfs rw 0 0\n"
        f"d {tmp_path}/twice xfs ro,relatime 0 0\n"
    )
    assert mount_of(tmp_path / "with space" / "x", mounts) == Mount(tmp_path / "with space", "cifs")
    assert mount_of(tmp_path / "twice" / "x", mounts) == Mount(tmp_path / "twice", "xfs")
    assert mount_of(tmp_path / "twice-not", mounts) == Mount(Path("/"), "ext4")
    assert mount_of(tmp_path, tmp_path / "none") is None


async def test_a_storage_on_this_machine_without_a_port_cant_be_tried() -> None:
    found = await storage("127.0.0.2")
    assert found.verdict is Grade.OK
    assert "whatever port" in found.text


def test_of_an_inbox_that_cant_be_written_only_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("root: .\n")
    settings = load(config, {})
    settings.inbox_folder(settings.all_inboxes()[0]).mkdir()
    why = LocalTrouble("no permission")
    monkeypatch.setattr("hotfolder.control.local.trouble_writing", lambda path: why)
    found = [one.text for one in folders(settings, "an-id") if one.what == "inbox"]
    assert len([text for text in found if "can't be written" in text]) == 1
    assert not any(".hotfolder-root" in text for text in found)


@pytest.mark.parametrize("name", ["inbox", "done", "results"])
def test_a_folder_that_cant_be_reached_is_a_problem_and_the_others_are_told_all_the_same(
    tmp_path: Path, name: str
) -> None:
    """As on a share whose server was killed, or below a folder that the user may not enter."""
    (tmp_path / "away").symlink_to("x" * 300)
    config = tmp_path / "config.yaml"
    config.write_text(f"root: .\n{name}: away\n")
    found = list(folders(load(config, {}), "an-id"))
    [told] = [one for one in found if one.what == name]
    assert told.verdict is Grade.PROBLEM and "away can't be reached: file name too long" in told.text
    assert {one.what for one in found} >= {"inbox", "done", "failed", "state", "disk"}


def ask_for_key(config: Path, *, running: bool) -> Finding:
    """Ask as a user who may not read a file readable for its owner alone; root always may."""
    key_file = config.parent / "key"
    key_file.touch()
    key_file.chmod(0 if os.geteuid() else 0o600)
    settings = load(config, {})
    root = not os.geteuid()
    try:
        if root:
            os.seteuid(65534)
        return key(settings, {}, running=running)
    finally:
        if root:
            os.seteuid(0)


@pytest.mark.parametrize("setting", ["", "api: {key_file: key}\n"])
def test_a_key_that_only_the_running_service_is_handed_is_no_problem(tmp_path: Path, setting: str) -> None:
    """systemd passes it from a file of root's; without a service nobody knows whether that works."""
    config = tmp_path / "config.yaml"
    config.write_text(f"root: .\n{setting}")
    found = ask_for_key(config, running=True)
    assert found.verdict is Grade.WARNING and "ask as root" in found.hint
    assert ask_for_key(config, running=False).verdict is Grade.PROBLEM


def test_a_key_that_is_wrong_where_it_can_be_read_stays_a_problem(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("root: .\napi: {key_file: key}\n")
    for running in (True, False):
        assert (
            key(load(config, {}), {"STAGER_API_KEY": "two words"}, running=running).verdict is Grade.PROBLEM
        )
        assert key(load(config, {}), {}, running=running).verdict is Grade.PROBLEM


def test_a_proxy_in_the_environment_that_is_not_used_is_named() -> None:
    [found] = proxies(None, {"HTTPS_PROXY": "http://user:word@proxy.example:3128"})
    assert found.verdict == Grade.WARNING and "HTTPS_PROXY is set" in found.text
    assert "api.proxy" in found.hint and "word" not in found.text + found.hint
    assert list(proxies(None, {})) == []


async def test_the_storage_behind_a_proxy_is_not_tried_past_it() -> None:
    address = "http://user:word@proxy.example:3128"
    [told] = proxies(address, {"HTTPS_PROXY": "http://other:1"})
    assert told.verdict == Grade.OK and "word" not in told.text
    found = await storage("127.0.0.1.invalid", proxy=address)
    assert found.verdict == Grade.OK and "through the proxy" in found.text
