"""Installing the service's unit: its drop-in, the files to write, and the next steps for a person."""

from __future__ import annotations

import grp
import os
import pwd
import shlex
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hotfolder.config.settings import Settings
from hotfolder.control.local import temporary
from hotfolder.errors import UsageError
from hotfolder.paths import exists, is_file
from hotfolder.setup.deployment import KEY, STATE, STATE_HOME, UNIT, generated_text

HOMES = (Path("/home"), Path("/root"), Path("/run/user"))
CREDENTIALS = Path("/run/credentials")
CREDENTIAL = "stager-api-key"


@dataclass(frozen=True, slots=True)
class InstalledService:
    """One installation, with the page beside the daemon or without. All paths are absolute; `folders` are
    inboxes, done, failed and results, and `python` is the prefix of the Python that the command's virtual
    environment was made with."""

    command: tuple[str, ...]
    python: Path
    config: Path
    root: Path
    folders: tuple[Path, ...]
    state: Path
    key_file: Path | None
    user: str
    group: str
    page: bool = False


def drop_in_lines(site: InstalledService) -> Iterator[str]:
    """The lines of the unit's drop-in, a file for `hotfolder.service.d/`."""
    yield "# Written by `hotfolder install-service`, which writes it anew. Changes of your own belong in"
    yield "# another drop-in: `systemctl edit hotfolder`."
    yield "[Unit]"
    for path in (*writable_paths(site), site.state):
        yield f"RequiresMountsFor={quoted(path)}"
    yield ""
    yield "[Service]"
    yield f"User={site.user}"
    yield f"Group={site.group}"
    yield "ExecStart="
    words = (*site.command, "run", "--config", str(site.config), *(["--page"] if site.page else []))
    yield f"ExecStart={' '.join(quoted(word, shell=True) for word in words)}"
    for path in writable_paths(site):
        yield f"ReadWritePaths={quoted(path)}"
    yield from state_lines(site)
    yield from key_lines(site)
    yield from home_lines(site)


def writable_paths(site: InstalledService) -> list[Path]:
    """The paths for ReadWritePaths, as few as possible: nothing can be renamed from one to another."""
    inside = [folder for folder in site.folders if folder.is_relative_to(site.root)]
    outside = [folder for folder in site.folders if folder not in inside]
    return outermost([*([site.root] if inside else []), *outside])


def outermost(paths: Sequence[Path]) -> list[Path]:
    """The paths without those that are inside another one."""
    unique = list(dict.fromkeys(paths))
    return [
        path for path in unique if not any(path != other and path.is_relative_to(other) for other in unique)
    ]


def state_lines(site: InstalledService) -> Iterator[str]:
    if site.state.parent == STATE_HOME:
        if site.state != STATE:  # which the unit has already
            yield "StateDirectory="
            yield f"StateDirectory={quoted(site.state.name)}"
        return
    yield "StateDirectory="
    if not any(site.state.is_relative_to(path) for path in writable_paths(site)):
        yield f"ReadWritePaths={quoted(site.state)}"


def key_lines(site: InstalledService) -> Iterator[str]:
    """systemd passes the key to the service, so that only root needs to read its file."""
    if site.key_file is not None and not site.key_file.is_relative_to(CREDENTIALS):
        yield "LoadCredential="
        yield f"LoadCredential={CREDENTIAL}:{escaped(str(site.key_file))}"


def home_lines(site: InstalledService) -> Iterator[str]:
    """The lines that open no more of people's homes than the service needs; none if it needs nothing
    there."""
    own = [path for path in (*writable_paths(site), site.state) if is_in_home(path)]
    needed = (Path(site.command[0]).parent.parent, site.python, site.config.parent)
    # Nothing in /root can be made accessible: whatever is mounted over it, only root may enter.
    read = [path for path in needed if is_in_home(path) and not path.is_relative_to("/root")]
    if own or read:
        yield "ProtectHome=tmpfs"
    for path in outermost(read):
        if not any(path.is_relative_to(one) for one in own):
            yield f"BindReadOnlyPaths={quoted(path)}"
    for path in outermost(own):
        yield f"BindPaths={quoted(path)}"


def is_in_home(path: Path) -> bool:
    return any(path.is_relative_to(home) for home in HOMES)


def quoted(text: Path | str, *, shell: bool = False) -> str:
    """One quoted word of a unit; `shell` for a command line, where dollars are escaped, too."""
    word = escaped(str(text)).replace("\\", "\\\\").replace('"', '\\"')
    if shell:
        word = word.replace("$", "$$")
    return f'"{word}"' if set(word) & set(" \t'\"\\;#") else word


def escaped(text: str) -> str:
    """`text` with its `%` escaped, which would start a specifier."""
    return text.replace("%", "%%")


DROP_IN = f"{UNIT}.d/10-hotfolder.conf"


def unit_files(site: InstalledService) -> Mapping[str, str]:
    """The unit and its drop-in, by their names in the folder of units."""
    return {UNIT: generated_text(UNIT), DROP_IN: "\n".join([*drop_in_lines(site), ""])}


def read_drop_in(directory: Path) -> dict[str, str]:
    """The values in the drop-in that was written into this folder of units before, by name; the last of
    each."""
    try:
        lines = (directory / DROP_IN).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return {}
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def serves_page(before: Mapping[str, str]) -> bool:
    """Whether the installed service, whose drop-in has these values, serves the page, too."""
    return before.get("ExecStart", "").endswith("--page")


def service_for(
    settings: Settings, config: Path, user: str, group: str | None, *, page: bool = False
) -> InstalledService:
    """The installation for these settings; without `group`, with the one that shares the inbox."""
    folders = [settings.inbox_folder(inbox) for inbox in settings.all_inboxes()]
    folders += filter(None, (settings.done_folder, settings.failed_folder, settings.results_folder))
    return InstalledService(
        command=start_command(Path(sys.executable)),
        python=Path(sys.base_prefix).resolve(),
        config=config.absolute(),
        root=settings.root_folder,
        folders=tuple(folders),
        state=settings.state_folder,
        key_file=Path(settings.api.key_file) if settings.api.key_file else None,
        user=user,
        group=group or group_for(settings, user),
        page=page,
    )


def start_command(python: Path) -> tuple[str, ...]:
    """The command that starts this installation of hotfolder."""
    script = python.with_name("hotfolder")
    return (str(script),) if is_file(script) else (str(python), "-m", "hotfolder")


def group_for(settings: Settings, user: str) -> str:
    """The group of the inbox, or the one that it will get when it is created; the user's own where that is
    root's or unknown. One of the user's name for a user that doesn't exist yet."""
    inbox = settings.inbox_folder()
    try:
        number = inbox.stat().st_gid if exists(inbox) else inherited_group(inbox)
        return grp.getgrgid(number or pwd.getpwnam(user).pw_gid).gr_name
    except (OSError, KeyError):
        return user


def inherited_group(path: Path) -> int:
    """The id of the group that a folder made at `path` inherits from a setgid folder above it, 0 if none.
    Raises OSError."""
    above = next(folder for folder in path.parents if exists(folder)).stat()
    return above.st_gid if above.st_mode & stat.S_ISGID else 0


def write_files(directory: Path, texts: Mapping[str, str]) -> Iterator[Path]:
    """Write the files; yields each when it is written. Raises UsageError where they can't be written."""
    for name, text in texts.items():
        target = directory / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
            target.chmod(0o644)
        except OSError as error:
            hint = "Only root may; say it with sudo." if isinstance(error, PermissionError) else ""
            raise UsageError(f"{target} can't be written: {error.strerror}", hint=hint) from None
        yield target


def write_command(site: InstalledService, directory: Path) -> Sequence[str]:
    """The command that writes this site's files into `directory`."""
    return (
        *(*site.command, "install-service", "--config", str(site.config), "--user", site.user),
        *("--group", site.group, "--directory", str(directory.absolute()), "--write"),
        "--page" if site.page else "--no-page",
    )


def next_steps(site: InstalledService, again: Sequence[str] = ()) -> Iterator[str]:
    """What a person does next, in order. `again` is the command that writes the files, unless it was done."""
    if user_id(site.user) < 0:
        yield f"There is no user {site.user} yet. Make it:"
        yield f"  useradd --system --no-create-home --shell /usr/sbin/nologin {site.user}"
    if must_create_group(site.user, site.group):
        yield f"There is no group {site.group} yet. Make it:"
        yield f"  groupadd --system {site.group}"
    key = site.key_file or KEY
    if not exists(key):
        yield f"The API key goes alone into {key}, readable for root only. Paste it, Enter, Ctrl-D:"
        yield f"  install -D -m 600 /dev/stdin {shlex.quote(str(key))}"
    yield from folder_repairs(site)
    yield from python_repairs(site)
    if again:
        yield "Write both files, as root:"
        yield f"  {shlex.join(again)}"
    yield "Then start it, or, where it runs, start it anew:"
    yield "  systemctl daemon-reload && systemctl enable hotfolder && systemctl restart hotfolder"


def folder_repairs(site: InstalledService) -> Iterator[str]:
    """Sentences on the folders that the service can't pass or write, each with the command that repairs
    it."""
    owners = f"-o {shlex.quote(site.user)} -g {shlex.quote(site.group)}"
    wanted = dict.fromkeys((*writable_paths(site), *site.folders), "2770")
    if site.state.parent != STATE_HOME:  # systemd creates the one there
        wanted[site.state] = "700"
    closed = {path: first_closed_folder(site, path) for path in wanted}
    for above in dict.fromkeys(filter(None, closed.values())):
        yield f"The user {site.user} can't pass {above}, in which folders of hotfolder lie. Let it:"
        yield f"  chmod o+x {shlex.quote(str(above))}"
    for path, mode in wanted.items():
        outermost = path in writable_paths(site) or path == site.state
        if not exists(path) and outermost:
            yield f"There is no {path} yet. Make it:"
        elif exists(path) and closed[path] is None and not service_can_access(site, "-w", path):
            yield f"The user {site.user} can't write to {path}. Let it:"
        else:
            continue
        yield f"  install -d {owners} -m {mode} {shlex.quote(str(path))}"
    folders = {str(path): path for path in writable_paths(site)} | {"state": site.state}
    for found in temporary(folders):
        yield f"{found.text}."
        yield f"  {found.hint}"


def first_closed_folder(site: InstalledService, path: Path) -> Path | None:
    """The outermost folder above `path` that the service's user can't pass. None where there is none, and in
    homes, which the unit opens."""
    if is_in_opened_home(path):
        return None
    above = (folder for folder in reversed(path.parents) if exists(folder))
    return next((folder for folder in above if not service_can_access(site, "-x", folder)), None)


def is_in_opened_home(path: Path) -> bool:
    """Whether the unit bind-mounts the path from a home whose permissions don't matter: any but /root."""
    return is_in_home(path) and not path.is_relative_to("/root")


def python_repairs(site: InstalledService) -> Iterator[str]:
    """What to do where the service's user can't start Python: systemd would only report 203/EXEC."""
    program = Path(sys.executable).resolve()
    if not service_can_access(site, "-x", program):
        yield f"The user {site.user} can't start {program}. Install hotfolder with a Python outside of homes:"
        yield "  /usr/bin/python3 -m venv --clear /opt/hotfolder && /opt/hotfolder/bin/pip install ."


def service_can_access(site: InstalledService, how: str, path: Path) -> bool:
    """Whether the service's user may access `path`, by `test` with the option `how` (such as -w) as that
    user. True where that can't be tested, as without root. The permissions above what `is_in_opened_home`
    don't matter."""
    try:
        user, group = pwd.getpwnam(site.user), grp.getgrnam(site.group)
    except KeyError:  # a user that doesn't exist yet owns nothing
        return how != "-w" or bool(path.stat().st_mode & stat.S_IWOTH)
    if os.geteuid() != 0:
        return True
    opened = os.open(path, os.O_PATH) if is_in_opened_home(path) else None
    try:
        return (
            subprocess.run(
                ["test", how, str(path) if opened is None else f"/proc/self/fd/{opened}"],
                user=user.pw_uid,
                group=group.gr_gid,
                extra_groups=os.getgrouplist(site.user, group.gr_gid),
                pass_fds=() if opened is None else (opened,),
                check=False,
            ).returncode
            == 0
        )
    finally:
        if opened is not None:
            os.close(opened)


def user_id(name: str) -> int:
    """The id of a user; -1 where there is no such user."""
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return -1


def group_id(name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return -1


def must_create_group(user: str, group: str) -> bool:
    """Whether the group must be created separately: a new user gets a group of its own name."""
    return group_id(group) < 0 and (group != user or user_id(user) >= 0)
