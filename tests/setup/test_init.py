"""`hotfolder init` where there is no systemd: for Docker, and refused with a sentence. With one:
`tests/systemd/test_init.py`."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from hotfolder.cli.app import app
from hotfolder.cli.init import ask_root
from hotfolder.errors import UsageError
from hotfolder.mounts import mount_of
from hotfolder.setup.deployment import ROOT, STATE
from hotfolder.setup.init import SYSTEMD_RUNTIME, refuse_foreign, refuse_name, refuse_root, refuse_state
from hotfolder.setup.install import write_files
from tests.support.terminal import at_a_terminal

KEY = "a-key-of-some-length"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, without environment variables."""
    for name in ("STAGER_API_KEY", "SUDO_UID", "SUDO_GID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def init(*words: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, ["init", *words], input=typed)


def test_for_docker_it_writes_the_compose_file_and_the_key_for_one_user(folder: Path) -> None:
    said = init("--docker", "--yes", "--key-stdin", "--root", str(folder / "photos"), typed=f"{KEY}\n")
    assert said.exit_code == 0 and KEY not in said.output, said.output
    service = yaml.safe_load((folder / "compose.yaml").read_text())["services"]["hotfolder"]
    assert service["volumes"][0] == f"{folder}/photos:/data"
    owner = os.geteuid() or 1000
    assert service["user"] == f"${{PUID:-{owner}}}:${{PGID:-{os.getegid() or 1000}}}"
    key = folder / "stager.key"
    assert key.read_text() == f"{KEY}\n"
    assert (stat.S_IMODE(key.stat().st_mode), key.stat().st_uid) == (0o600, owner)
    photos = (folder / "photos").stat()
    assert (stat.S_IMODE(photos.st_mode), photos.st_uid) == (0o2770, owner)
    assert "docker compose up -d" in said.output


def test_what_a_person_wrote_stays_and_what_it_would_be_is_shown(folder: Path) -> None:
    own = {"compose.yaml": "services: {}\n", "stager.key": "another\n"}
    for name, text in own.items():
        (folder / name).write_text(text)
    said = init("--docker", "--yes", "--key-stdin", "--root", str(folder), typed=f"{KEY}\n")
    assert {name: (folder / name).read_text() for name in own} == own
    assert "stays as it is. It would be:" in said.output and f"{folder}:/data" in said.output


def test_without_a_key_it_says_where_it_goes(folder: Path) -> None:
    """The advice is a command that makes the key readable for the container's user, whoever runs it."""
    said = init("--docker", "--yes", "--root", str(folder))
    assert said.exit_code == 0
    [command] = [line for line in said.output.splitlines() if line.startswith("  install ")]
    subprocess.run(command, shell=True, input=KEY, text=True, check=True)
    key = (folder / "stager.key").stat()
    assert (stat.S_IMODE(key.st_mode), key.st_uid) == (0o600, os.geteuid() or 1000)


def test_what_is_for_systemd_alone_is_not_dropped_in_silence_for_docker(folder: Path) -> None:
    said = init("--docker", "--yes", "--root", str(folder / "p"), "--group", "photos", "--page")
    assert said.exit_code == 2 and "--group, --page can't be given for Docker." in said.output
    assert list(folder.iterdir()) == []


def test_a_key_that_can_not_be_one_is_refused_before_anything_is_written(folder: Path) -> None:
    said = init("--docker", "--yes", "--key-stdin", "--root", str(folder / "p"), typed="two words\n")
    assert said.exit_code == 2 and "characters that no key has" in said.output
    assert "two words" not in said.output and list(folder.iterdir()) == []


@pytest.mark.parametrize("name", ["a:b", "the $HOME", "photos # new", "two\nlines", "file"])
def test_a_folder_that_docker_would_take_for_another_is_refused(folder: Path, name: str) -> None:
    (folder / "file").write_text("")
    said = init("--docker", "--yes", "--root", str(folder / name))
    assert said.exit_code == 2 and "Name " in said.output, said.output
    assert [one.name for one in folder.iterdir()] == ["file"]
    assert init("--docker", "--yes", "--root", "/").exit_code == 2


def test_the_persons_home_may_be_typed_as_shells_know_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setattr("typer.prompt", lambda *_, **__: "~/photos")
    assert ask_root(Path("/srv/photos"), refuse_root) == Path("/home/somebody/photos")


def test_a_wrong_answer_is_asked_for_again_and_costs_no_other_one(folder: Path) -> None:
    """At a real terminal."""
    (folder / "file").write_text("")
    where, key = "The folder that photographers will see", "The API key"
    answers = [(where, "/"), (where, f"{folder}/file"), (where, f"{folder}/a:b"), (where, f"{folder}/photos")]
    shown = at_a_terminal(
        [sys.executable, "-m", "hotfolder", "init", "--docker"], [*answers, (key, "two words"), (key, KEY)]
    )
    for why in ("is the root of all folders", "/file is a file", "a compose file can't", "that no key has"):
        assert why in shown, shown
    assert KEY not in shown and "two words" not in shown
    assert (folder / "stager.key").read_text() == f"{KEY}\n" and (folder / "photos").is_dir()
    assert f"{folder}/photos:/data" in (folder / "compose.yaml").read_text()


@pytest.mark.parametrize(
    ("refuse", "why"),
    [
        (lambda: refuse_name("no such group!", "group"), "“no such group!” can't be the name of a group."),
        (lambda: refuse_name("1st", "user"), "“1st” can't be the name of a user."),
        (lambda: refuse_state(Path("state"), ROOT), "state: name the folder from the root on"),
        (lambda: refuse_state(ROOT / "state", ROOT), "would lie where photographers see it, in /srv/photos."),
        (lambda: refuse_state(Path("/etc/passwd"), ROOT), "/etc/passwd, for what was paid for, is a file."),
    ],
)
def test_what_could_not_be_made_is_refused_before_anything_is(refuse: Callable[[], None], why: str) -> None:
    with pytest.raises(UsageError, match=re.escape(why)):
        refuse()
    refuse_name("photos", "group")
    refuse_name("root", "user")
    refuse_state(STATE, ROOT)


def test_nobody_to_be_asked_is_said(folder: Path) -> None:
    said = init("--docker")
    assert said.exit_code == 2 and "Say --yes" in said.output


@pytest.mark.skipif(
    os.geteuid() != 0 or SYSTEMD_RUNTIME.is_dir(), reason="needs root on a machine without systemd"
)
def test_a_machine_without_systemd_is_told_what_else_there_is(folder: Path) -> None:
    said = init("--yes")
    assert said.exit_code == 2 and "isn't run by systemd" in said.output and "--docker" in said.output


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount something")
def test_a_share_of_another_owner_is_not_taken_for_ours(tmp_path: Path) -> None:
    """Even an empty one: its files belong to the owner of its mount."""
    there, here = tmp_path / "there", tmp_path / "here"
    there.mkdir()
    here.mkdir()
    os.chown(there, 1, 1)
    try:
        subprocess.run(["bindfs", "-o", "subtype=sshfs", there, here], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("bindfs can't mount here")
    try:
        mount = mount_of(here)
        if mount is None or not mount.network:
            pytest.skip("this bindfs can't pass for sshfs")
        with pytest.raises(UsageError, match="is a share that belongs to daemon") as refused:
            refuse_foreign(here, "hotfolder", "photos")
        assert "uid=hotfolder,gid=photos" in refused.value.hint
        refuse_foreign(here, "daemon", "photos")
    finally:
        subprocess.run(["umount", here], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else for a moment")
def test_who_is_not_root_is_told_so(folder: Path) -> None:
    os.seteuid(65534)
    try:
        said = init("--yes")
    finally:
        os.seteuid(0)
    assert said.exit_code == 2 and "Say it with sudo." in said.output


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else for a moment")
def test_who_may_not_write_units_is_told_to_say_it_with_sudo(tmp_path: Path) -> None:
    """Never to give the service's user the right to write there."""
    units = tmp_path / "system"
    units.mkdir(mode=0o755)
    tmp_path.chmod(0o755)
    os.seteuid(65534)
    try:
        with pytest.raises(UsageError, match="Permission denied") as refused:
            list(write_files(units, {"hotfolder.service": "[Unit]"}))
    finally:
        os.seteuid(0)
    assert refused.value.hint == "Only root may; say it with sudo."
