"""The systemd unit for a site: its content, and systemd's judgement of it."""

from __future__ import annotations

import grp
import os
import pwd
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from typer.testing import CliRunner

from hotfolder.cli.app import app
from hotfolder.setup.install import InstalledService, drop_in_lines, next_steps, quoted

REPOSITORY = Path(__file__).parents[2]
MOST_EXPOSED = 15  # tenths; systemd calls it 1.5

usual: dict[str, Any] = {
    "command": ("/opt/hotfolder/bin/hotfolder",),
    "python": Path("/usr"),
    "config": Path("/etc/hotfolder/config.yaml"),
    "root": Path("/srv/photos"),
    "folders": tuple(Path(f"/srv/photos/{name}") for name in ("inbox", "done", "failed")),
    "state": Path("/var/lib/hotfolder"),
    "key_file": None,
    "user": "photos",
    "group": "studio",
}


def said(**changes: Any) -> list[str]:
    return [*drop_in_lines(InstalledService(**{**usual, **changes}))]


def test_the_usual_site_needs_user_command_and_one_writable_folder() -> None:
    """One folder is writable, since nothing can be renamed between two."""
    lines = said()
    assert lines[lines.index("[Service]") + 1 :] == [
        "User=photos",
        "Group=studio",
        "ExecStart=",
        "ExecStart=/opt/hotfolder/bin/hotfolder run --config /etc/hotfolder/config.yaml",
        "ReadWritePaths=/srv/photos",
    ]
    assert "RequiresMountsFor=/srv/photos" in lines


def test_the_page_is_served_by_the_same_service_where_it_is_wanted() -> None:
    words = "/opt/hotfolder/bin/hotfolder run --config /etc/hotfolder/config.yaml --page"
    assert f"ExecStart={words}" in said(page=True)


def test_folders_outside_of_root_are_writable_and_root_only_where_something_lies_in_it() -> None:
    away = (Path("/mnt/nas/inbox"), Path("/mnt/nas"), Path("/data/failed"))
    assert [line for line in said(folders=away) if line.startswith("ReadWritePaths")] == [
        "ReadWritePaths=/mnt/nas",
        "ReadWritePaths=/data/failed",
    ]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("/var/lib/hotfolder", []),
        ("/var/lib/other", ["StateDirectory=", "StateDirectory=other"]),
        ("/srv/photos/state", ["StateDirectory="]),
        ("/data/state", ["StateDirectory=", "ReadWritePaths=/data/state"]),
    ],
)
def test_the_state_folder_is_systemds_own_or_writable(state: str, expected: list[str]) -> None:
    lines = said(state=Path(state))
    found = [line for line in lines if line.startswith("StateDirectory") or line.endswith("=/data/state")]
    assert [line for line in found if not line.startswith("RequiresMountsFor")] == expected


def test_the_key_file_is_handed_over_unless_it_is_systemds_already() -> None:
    assert said(key_file=Path("/root/key"))[-1] == "LoadCredential=stager-api-key:/root/key"
    handed = Path("/run/credentials/hotfolder.service/stager-api-key")
    assert not [line for line in said(key_file=handed) if line.startswith("LoadCredential")]


def test_of_a_home_only_what_is_needed_is_shown() -> None:
    home = Path("/home/anna")
    lines = said(
        command=(str(home / "venv/bin/hotfolder"),),
        config=home / "photos/config.yaml",
        root=home / "photos",
        folders=(home / "photos/inbox",),
        state=home / "state",
    )
    assert lines[-4:] == [
        "ProtectHome=tmpfs",
        "BindReadOnlyPaths=/home/anna/venv",
        "BindPaths=/home/anna/photos",
        "BindPaths=/home/anna/state",
    ]


def test_a_python_in_a_home_is_shown_to_the_service_but_for_roots() -> None:
    """An environment in /opt that was made with it could not be started; nobody else may enter /root."""
    python = Path("/home/anna/.pyenv/versions/3.12")
    assert said(python=python)[-2:] == ["ProtectHome=tmpfs", f"BindReadOnlyPaths={python}"]
    assert said(python=Path("/root/.pyenv/versions/3.12")) == said()


@pytest.mark.skipif(
    os.geteuid() != 0 or not Path(sys.executable).resolve().is_relative_to("/root"),
    reason="this Python is not in root's home",
)
def test_a_python_that_the_services_user_can_not_start_is_named(config: Path) -> None:
    """systemd says no more than 203/EXEC."""
    said = install(config, "--user", "daemon", "--group", "daemon")
    assert f"The user daemon can't start {Path(sys.executable).resolve()}" in said


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to ask as somebody else")
def test_a_closed_folder_above_the_root_is_named_with_what_opens_it(config: Path) -> None:
    """No right to the root itself helps; the service would say that the root doesn't exist."""
    shut = config.parent / "anna"
    (shut / "photos" / "inbox").mkdir(parents=True)
    shut.chmod(0o700)
    config.write_text(f"root: {shut}/photos\nstate: /var/lib/hotfolder\n")
    words = ("--user", "daemon", "--group", "daemon")
    said = install(config, *words)
    assert f"chmod o+x {shut}" in said and f"can't pass {shut}, in which" in said
    assert "can't write" not in said
    shut.chmod(0o711)
    said = install(config, *words)
    assert "can't pass" not in said and f"can't write to {shut}/photos. Let it:" in said


def test_names_with_spaces_and_signs_mean_themselves() -> None:
    assert quoted("/srv/100% photos") == '"/srv/100%% photos"'
    assert quoted('a"b\\c $x', shell=True) == '"a\\"b\\\\c $$x"'


def test_a_folder_below_tmp_is_said_to_be_out_of_the_services_sight() -> None:
    """The unit has PrivateTmp=yes."""
    assert not [line for line in next_steps(InstalledService(**usual)) if "/tmp" in line]
    root = Path("/var/tmp/photos")
    told = list(next_steps(InstalledService(**{**usual, "root": root, "folders": (root / "inbox",)})))
    assert f"{root} lies in /var/tmp, which systems clear; a service sees its own /var/tmp instead." in told


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """In a folder that others may enter: those of pytest are for their owner alone."""
    monkeypatch.delenv("HOTFOLDER_CONFIG", raising=False)
    with TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        (folder / "my photos").mkdir()
        path = folder / "config.yaml"
        path.write_text("root: my photos\nstate: /var/lib/hotfolder\n")
        yield path


def install(config: Path, *options: str) -> str:
    words = ["install-service", "--config", str(config), *options]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    return result.output


def test_it_prints_both_files_and_writes_nothing(config: Path, tmp_path: Path) -> None:
    printed = install(config, "--directory", str(tmp_path / "system"))
    shipped = (REPOSITORY / "systemd/hotfolder.service").read_text()
    assert shipped in printed and "systemctl daemon-reload" in printed and "Documentation" not in printed
    assert not (tmp_path / "system").exists()


def test_an_inbox_that_is_still_to_be_made_gets_the_group_that_it_will_inherit(config: Path) -> None:
    """On a new machine only the root exists, and what photographers drop has its group."""
    mine = {os.getegid(), *os.getgroups()} if os.geteuid() else {65534, 100}
    group = next(one for one in grp.getgrall() if one.gr_gid in mine)
    root = config.parent / "my photos"
    os.chown(root, -1, group.gr_gid)
    root.chmod(0o770)
    assert f"Group={group.gr_name}" not in install(config, "--user", "anna")
    root.chmod(0o2770)
    assert f"Group={group.gr_name}" in install(config, "--user", "anna")


def test_written_twice_it_is_the_same_and_systemd_takes_it(config: Path, tmp_path: Path) -> None:
    """systemd prints warnings on standard error, and still exits with 0."""
    system = tmp_path / "system"
    for _ in range(2):
        install(config, "--write", "--directory", str(system), "--user", "daemon")
    assert sorted(path.name for path in system.rglob("*.*") if path.is_file()) == [
        "10-hotfolder.conf",
        "hotfolder.service",
    ]
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze")
    unit = str(system / "hotfolder.service")
    verified = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    assert (verified.returncode, verified.stderr) == (0, "")
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSED}", unit],
        capture_output=True,
        text=True,
    )
    assert judged.returncode == 0, judged.stdout[-400:] + judged.stderr


def test_written_again_it_keeps_the_user_and_the_page(config: Path, tmp_path: Path) -> None:
    """A folder that moves is no reason to take the page from a service that has it."""
    there = ("--write", "--directory", str(tmp_path / "system"))
    written = tmp_path / "system/hotfolder.service.d/10-hotfolder.conf"
    install(config, *there, "--user", "daemon", "--page")
    before = written.read_text()
    said = install(config, *there)
    assert written.read_text() == before and "User=daemon" in before
    assert "systemctl restart hotfolder" in said, "one that runs is to have its new unit, too"
    install(config, *there, "--no-page")
    assert written.read_text() == before.replace(" --page", "")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can try what another user may")
def test_a_folder_that_the_service_can_not_write_is_named_with_the_line_that_mends_it(config: Path) -> None:
    """Root usually makes /srv/photos by `mkdir`."""
    root = config.parent / "my photos"
    asked = ("--user", "daemon", "--group", "daemon")
    said = install(config, *asked)
    assert f"The user daemon can't write to {root}" in said
    mending = next(line for line in said.splitlines() if "install -d" in line).removeprefix("#")
    subprocess.run(mending, shell=True, check=True)
    assert "can't write" not in install(config, *asked)
    assert f"The user still-to-come can't write to {root}" in install(config, "--user", "still-to-come")


def test_the_printed_command_writes_the_printed_files(config: Path, tmp_path: Path) -> None:
    """The hint can be pasted: it has the settings, the user and the place that were given."""
    system = tmp_path / "system"
    printed = install(config, "--user", "daemon", "--group", "daemon", "--directory", str(system))
    line = next(line for line in printed.splitlines() if "--write" in line).removeprefix("#").strip()
    words = shlex.split(line)
    subprocess.run([sys.executable, "-m", "hotfolder", *words[words.index("install-service") :]], check=True)
    assert (system / "hotfolder.service.d/10-hotfolder.conf").read_text() in printed


def test_a_group_that_there_is_not_is_named_with_the_line_that_makes_it(config: Path) -> None:
    """Otherwise systemd would only report 216/GROUP."""
    said = install(config, "--user", "daemon", "--group", "still-to-come")
    assert (
        "There is no group still-to-come yet. Make it:" in said and "groupadd --system still-to-come" in said
    )
    assert "There is no group" not in install(config, "--user", "still-to-come")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes folders of root's group")
def test_a_user_is_given_its_own_group_where_the_inbox_is_roots(config: Path) -> None:
    """Whose name may be another one: nobody's is nogroup."""
    own = grp.getgrgid(pwd.getpwnam("nobody").pw_gid).gr_name
    assert f"Group={own}" in install(config, "--user", "nobody")
