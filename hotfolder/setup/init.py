"""`hotfolder init`: the user, the folders, the smallest configuration, the key's file and the service, each
created where it is missing.

Idempotent: what is right stays as it is, and neither a configuration nor a key is ever overwritten.
"""

from __future__ import annotations

import grp
import os
import pwd
import re
import shlex
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from hotfolder.config.load import load, validate_key
from hotfolder.config.settings import PAGE_PORT, Settings
from hotfolder.control.first import OWNERS_ALONE, minimal_yaml
from hotfolder.display import visible
from hotfolder.errors import UsageError
from hotfolder.mounts import mount_of
from hotfolder.outbox.faults import folder_making_trouble
from hotfolder.outbox.files import write_once
from hotfolder.paths import exists, is_dir
from hotfolder.setup import install
from hotfolder.setup.deployment import (
    COMPOSE,
    CONFIG,
    CONTAINER_ID,
    KEY,
    ROOT,
    STATE,
    STATE_HOME,
    UNIT,
    USER,
    VALUES,
    generated_text,
)
from hotfolder.setup.install import InstalledService, group_id, user_id
from hotfolder.telemetry.web import listening

UNITS = Path("/etc/systemd/system")
SYSTEMD_RUNTIME = Path("/run/systemd/system")
"""Exists where systemd runs the machine (sd_booted)."""
SHARED_MODE, PRIVATE_MODE = 0o2770, 0o700
ZONEINFO = Path("/usr/share/zoneinfo")
COMPOSE_KEY_NAME = "stager.key"
ACCOUNT_NAME = re.compile("[a-zA-Z_][a-zA-Z0-9_-]{0,30}")
"""What systemd-sysusers creates: the strict mode of systemd's "User/Group Name Syntax"."""
NOT_IN_COMPOSE = re.compile(r"[:$\\\x00-\x1f\x7f]| #")
"""What has a special meaning in a compose file, and so can't be part of a folder's name there."""


@dataclass(frozen=True, slots=True)
class Answers:
    """A person's choices. None stands for what is there already, or else for the default; `key` is "" where
    it is given later."""

    config: Path = CONFIG
    root: Path | None = None
    group: str | None = None
    page: bool | None = None
    key: str = ""
    user: str | None = None
    state: Path = STATE
    page_port: int = PAGE_PORT


def refuse_bad_answers(answers: Answers) -> None:
    """Raise UsageError, ConfigurationError or LocalTrouble if `create_missing` can't work, before any
    change."""
    if os.geteuid() != 0:
        raise UsageError(
            "`hotfolder init` makes a user, folders and a service, which only root may.",
            hint="Say it with sudo. `hotfolder init --docker` needs no root.",
        )
    if not is_dir(SYSTEMD_RUNTIME):
        raise UsageError(
            "This machine isn't run by systemd.",
            hint="`hotfolder init --docker` writes what Docker needs; whatever else starts services here can"
            " start `hotfolder run --config FILE`.",
        )
    if answers.key:
        validate_key(answers.key, "The API key")
    settings = settings_at(answers.config)
    if answers.root is not None:
        refuse_root(answers.root)
    if settings is not None:
        for what, wanted, usual, found in (
            ("root", answers.root, None, settings.root_folder),
            ("state", answers.state, STATE, settings.state_folder),
            ("page.port", answers.page_port, PAGE_PORT, settings.page.port),
        ):
            if wanted not in (usual, found):
                raise UsageError(
                    f"{answers.config} is there already and says another {what}: {found}.",
                    hint="Change it there, or name another file with --config.",
                )
    root, user, group, page = resolve_answers(answers)
    refuse_name(user, "user")
    refuse_name(group, "group")
    refuse_state(answers.state, root)
    refuse_foreign(root, user, group)
    if page and not is_running():
        port = settings.page.port if settings is not None else answers.page_port
        listening("The page", "127.0.0.1", port, "with --page-port").close()


def refuse_root(root: Path) -> None:
    """Raise UsageError for what can't be the folder that photographers see."""
    if not root.is_absolute():
        raise UsageError(f"{root}: name the folder from the root on, such as {ROOT}.")
    if root == Path("/") or (exists(root) and not is_dir(root)):
        what = "is the root of all folders" if root == Path("/") else "is a file"
        raise UsageError(
            f"{visible(str(root))} {what}, and can't be the folder that photographers will see.",
            hint=f"Name one that is for them alone, such as {ROOT}.",
        )


def refuse_in_compose(root: Path) -> None:
    """Raise UsageError for what can't be that folder for Docker. A relative one starts at the working
    directory."""
    root = root.absolute()
    refuse_root(root)
    if NOT_IN_COMPOSE.search(str(root)):
        raise UsageError(
            f"{visible(str(root))}: a compose file can't name this folder.",
            hint="Name one without colon, dollar, backslash, line break and ` #`.",
        )


def refuse_name(name: str, what: str) -> None:
    """Raise UsageError for the name of a "user" or "group" that doesn't exist and can't be created; an
    existing one may be named by another rule, such as a directory server's."""
    known = user_id(name) if what == "user" else group_id(name)
    if known < 0 and not ACCOUNT_NAME.fullmatch(name):
        raise UsageError(
            f"“{visible(name)}” can't be the name of a {what}.",
            hint="A name has up to 31 letters from a to z, digits, hyphens and underscores, and begins with a"
            " letter.",
        )


def refuse_state(state: Path, root: Path) -> None:
    """Raise UsageError for what can't be the folder of what was paid for: photographers see all of `root`."""
    if not state.is_absolute():
        raise UsageError(f"{state}: name the folder from the root on, such as {STATE}.")
    if state.is_relative_to(root):
        raise UsageError(
            f"{state}, for what was paid for, would lie where photographers see it, in {root}.",
            hint=f"Name a folder outside of it, such as {STATE}.",
        )
    if exists(state) and not is_dir(state):
        raise UsageError(f"{state}, for what was paid for, is a file.", hint="Name a folder.")


def refuse_foreign(root: Path, user: str, group: str) -> None:
    """Raise UsageError for a folder with other owners that is a share or isn't empty: `init` doesn't take
    over existing files."""
    mount = mount_of(root)
    share = mount.kind if mount is not None and mount.network else ""
    if not is_dir(root) or not (share or any(root.iterdir())):
        return
    found, uid, gid = root.stat(), user_id(user), group_id(group)
    if uid == found.st_uid or gid == found.st_gid:
        return
    owner, owners = user_name(found.st_uid), group_name(found.st_gid)
    hint = f"Run hotfolder as its owner, with --user {owner} --group {owners}, or name another folder."
    if share:
        hint = f"Its mount ({share}) says so: mount it with uid={user},gid={group}. Or else: {hint}"
    elif not found.st_uid:
        hint = f"If hotfolder may have it: `chown -R {user}:{group} {root}`. Else name another folder."
    what = "is a share that" if share else "holds files already, and"
    raise UsageError(f"{root} {what} belongs to {owner} and the group {owners}.", hint=hint)


def settings_at(config: Path) -> Settings | None:
    """The settings in `config` as the service will read them, None without that file. Raises
    ConfigurationError."""
    return load(config, {}) if exists(config) else None


class ResolvedAnswers(NamedTuple):
    """The answers without gaps: completed by what is installed already, or else by the defaults."""

    root: Path
    user: str
    group: str
    page: bool


def resolve_answers(answers: Answers) -> ResolvedAnswers:
    settings, before = settings_at(answers.config), install.read_drop_in(UNITS)
    root = settings.root_folder if settings is not None else answers.root or ROOT
    user = answers.user or before.get("User", USER)
    number = root.stat().st_gid if exists(root) else 0  # of root's own group nobody else is a member
    group = answers.group or (group_name(number) if number else before.get("Group", user))
    page = install.serves_page(before) if answers.page is None else answers.page
    return ResolvedAnswers(root, user, group, page)


def configured_service(answers: Answers) -> InstalledService:
    """The service as the configuration file and the answers describe it."""
    _, user, group, page = resolve_answers(answers)
    return install.service_for(load(answers.config, {}), answers.config, user, group, page=page)


def create_missing(answers: Answers) -> Iterator[str]:
    """Create what is missing; yields a sentence after each step. Raises UsageError and LocalTrouble."""
    root, user, group, _ = resolve_answers(answers)
    yield from create_accounts(user, group)
    yield from create_folder(root, user, group, SHARED_MODE)
    yield from write_configuration(answers, root)
    site = configured_service(answers)
    for path in site.folders:
        yield from create_folder(path, user, group, SHARED_MODE)
    if site.state.parent != STATE_HOME:  # systemd creates the one there
        yield from create_folder(site.state, user, group, PRIVATE_MODE)
    key_file = site.key_file or KEY
    yield from write_key(key_file, answers.key)
    amiss = [*install.folder_repairs(site), *install.python_repairs(site)]
    yield from install_service(site, start=exists(key_file) and not amiss)


def create_accounts(user: str, group: str) -> Iterator[str]:
    """Create the user and the group, and make the user its member, for commands that are run as that user."""
    missing: dict[str, str] = {}
    if user_id(user) < 0:
        missing[f'u {user} - "hotfolder daemon" {STATE}'] = f"Made the user {user}."
    if install.must_create_group(user, group):
        missing[f"g {group}"] = f"Made the group {group}."
    if group != user and not is_member(user, group):
        missing[f"m {user} {group}"] = f"Made {user} a member of {group}."
    if missing:
        run_command("systemd-sysusers", "--inline", *missing)
    yield from missing.values()


def is_member(user: str, group: str) -> bool:
    try:
        number, account = grp.getgrnam(group).gr_gid, pwd.getpwnam(user)
    except KeyError:
        return False
    return number in os.getgrouplist(user, account.pw_gid)


def create_folder(path: Path, user: str, group: str, mode: int) -> Iterator[str]:
    """Create a folder with this owner and mode, or correct an empty one. One that isn't empty only gets the
    setgid bit, by which new folders get its group."""
    owner = user_id(user), group_id(group)
    if not exists(path):
        with folder_making_trouble(path):
            path.mkdir(parents=True)
            os.chown(path, *owner)
            path.chmod(mode)
        yield f"Made {path}, for {user} and the group {group}."
        return
    found = path.stat()
    if (found.st_uid, found.st_gid) == owner and stat.S_IMODE(found.st_mode) & mode == mode:
        return
    with folder_making_trouble(path):
        if not any(path.iterdir()):
            os.chown(path, *owner)
            path.chmod(mode)
            yield f"Gave {path} to {user} and the group {group}."
        elif mode == SHARED_MODE and found.st_gid == owner[1] and not found.st_mode & stat.S_ISGID:
            path.chmod(stat.S_IMODE(found.st_mode) | stat.S_ISGID)
            yield f"Set {path} so that new folders in it get its group, {group}."


def write_configuration(answers: Answers, root: Path) -> Iterator[str]:
    page = {"port": answers.page_port} if answers.page_port != PAGE_PORT else {}
    text = minimal_yaml(root, answers.state, KEY, page)
    with folder_making_trouble(answers.config.parent):
        answers.config.parent.mkdir(parents=True, exist_ok=True)
    if write_once(answers.config, text, 0o644):
        yield f"Wrote {answers.config}."
    else:
        yield f"{answers.config} is there already, and stays as it is."


def write_key(path: Path, given: str) -> Iterator[str]:
    """Write the API key's file. systemd passes the key to the service, so only root needs to read the
    file."""
    if exists(path) and path.stat().st_size == 0 and given:
        path.unlink()
    if given and write_once(path, f"{given}\n", OWNERS_ALONE):
        # The service has a copy of the one before.
        restart = " `systemctl restart hotfolder` takes it up." if is_running() else ""
        yield f"Wrote the API key into {path}, for root alone.{restart}"
    elif given and path.read_text(encoding="latin-1").strip() != given:
        yield f"The key in {path} is another one, and stays. To change it, remove that file first."
    elif exists(path):
        yield f"The API key is in {path} already."


def install_service(site: InstalledService, *, start: bool) -> Iterator[str]:
    """Write the unit as install-service does; with `start`, start the service."""
    files = install.unit_files(site)
    changed = any(not file_equals(UNITS / name, text) for name, text in files.items())
    was_running = is_running()
    if changed:
        for path in install.write_files(UNITS, files):
            yield f"Wrote {path}."
        run_command("systemctl", "daemon-reload")
    if start and not was_running:
        run_command("systemctl", "enable", "--now", UNIT, hint=f"`journalctl -u {UNIT} -n 20` says more.")
        yield "Started the service; it starts with the machine from now on."
    elif was_running:
        yield "The service runs." + (
            " `systemctl restart hotfolder` takes up its new unit." if changed else ""
        )


def next_steps(site: InstalledService) -> list[str]:
    """The steps left for a person; empty where the service runs."""
    return [] if is_running() else list(install.next_steps(site))


def is_running() -> bool:
    """Whether systemd says that the service is active."""
    return subprocess.run(["systemctl", "is-active", "--quiet", UNIT], check=False).returncode == 0


def write_docker_files(directory: Path, root: Path, given: str) -> Iterator[str]:
    """Write the compose file and the key's file beside it; yields a sentence after each step, and the next
    steps. Raises UsageError and LocalTrouble."""
    if given:
        validate_key(given, "The API key")
    refuse_in_compose(root)
    uid, gid = container_ids()
    text = generated_text(COMPOSE, root=root, uid=uid, gid=gid, zone=time_zone())
    if not exists(root):
        with folder_making_trouble(root):
            root.mkdir(parents=True)
            os.chown(root, uid, gid)
            root.chmod(SHARED_MODE)
        yield f"Made {root}, for the user {uid} and the group {gid}."
    compose, key_file = directory / COMPOSE, directory / COMPOSE_KEY_NAME
    if write_once(compose, text, 0o644):
        yield f"Wrote {compose}."
    elif not file_equals(compose, text):
        yield f"{compose} is there already, and stays as it is. It would be:\n\n{text}"
    if given and write_once(key_file, f"{given}\n", OWNERS_ALONE, (uid, gid)):
        yield f"Wrote the API key into {key_file}, for the user {uid} alone."
    elif not exists(key_file):
        yield f"The API key goes alone into {key_file}, readable for the user {uid}. Paste it, Enter, Ctrl-D:"
        owner = f" -o {uid} -g {gid}" if os.geteuid() == 0 else ""
        yield f"  install -m 600{owner} /dev/stdin {shlex.quote(str(key_file))}"
    yield "Build the image in the folder with hotfolder's Dockerfile; start it where the compose file is:"
    yield "  docker build -t hotfolder ."
    yield "  docker compose up -d && docker compose exec hotfolder hotfolder doctor"


def container_ids() -> tuple[int, int]:
    """The ids of the user and group of the container's files: those of the calling person, never root's."""
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    try:
        return int(os.environ["SUDO_UID"]) or CONTAINER_ID, int(os.environ["SUDO_GID"]) or CONTAINER_ID
    except (KeyError, ValueError):
        return CONTAINER_ID, CONTAINER_ID


def time_zone() -> object:
    """This machine's time zone by its IANA name; the default where that is unknown."""
    zone = Path("/etc/localtime").resolve()
    return zone.relative_to(ZONEINFO) if zone.is_relative_to(ZONEINFO) else VALUES["zone"]


def run_command(*command: str, hint: str = "") -> None:
    """Run a system command. Raises UsageError with its output where it fails."""
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise UsageError(f"This machine has no command {command[0]}.", hint=hint) from None
    if ended.returncode:
        said = (ended.stderr or ended.stdout).strip()
        raise UsageError(f"`{' '.join(command)}` failed: {said}", hint=hint)


def file_equals(path: Path, text: str) -> bool:
    try:
        return path.read_text(encoding="utf-8") == text
    except (OSError, ValueError):
        return False


def user_name(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def group_name(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
