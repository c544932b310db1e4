"""`hotfolder install-service`."""

from __future__ import annotations

import grp
import os
import pwd
import stat
import sys
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path

from hotfolder.config.load import load
from hotfolder.config.settings import Settings
from hotfolder.errors import UsageError
from hotfolder.outbox.faults import local_trouble
from hotfolder.units.dropin import STATE_HOME, Site, drop_in, shared

UNIT = "hotfolder.service"
DROP_IN = f"{UNIT}.d/10-hotfolder.conf"
SYSUSERS = "hotfolder.sysusers.conf"
USER = "hotfolder"
KEY = Path("/etc/hotfolder/key")


def install_service(config: Path, *, user: str, group: str | None, write: bool, directory: Path) -> int:
    """Print the unit and its drop-in, or write them below `directory`. Starts nothing."""
    settings = load(config, os.environ)
    site = site_of(settings, config.absolute(), user, group or group_of(settings, user))
    texts = {UNIT: shipped(UNIT), DROP_IN: drop_in(site)}
    if not write:
        for name, text in texts.items():
            print(f"# {directory / name}\n{text}")
        print("\n".join(f"# {line}" for line in next_steps(site, written=False)))
        return 0
    write_all(directory, texts)
    print("\n".join(next_steps(site, written=True)))
    return 0


def shipped(name: str) -> str:
    """A file that comes with hotfolder."""
    return (files("hotfolder.units") / name).read_text()


def site_of(settings: Settings, config: Path, user: str, group: str) -> Site:
    inboxes = (settings.inbox_folder(inbox) for inbox in settings.all_inboxes())
    return Site(
        command=command(Path(sys.executable)),
        config=config,
        root=settings.root_folder,
        folders=(*inboxes, settings.done_folder, settings.failed_folder),
        state=settings.state_folder,
        key_file=Path(settings.api.key_file) if settings.api.key_file else None,
        user=user,
        group=group,
    )


def command(python: Path) -> tuple[str, ...]:
    """How this very hotfolder is started."""
    script = python.with_name("hotfolder")
    return (str(script),) if script.is_file() else (str(python), "-m", "hotfolder")


def group_of(settings: Settings, user: str) -> str:
    """The group that shares the inbox, or will once it is made; the user's own where that is root's."""
    inbox = settings.inbox_folder()
    try:
        number = inbox.stat().st_gid if inbox.exists() else inherited_group(inbox)
        return grp.getgrgid(number).gr_name if number else user
    except (OSError, KeyError):
        return user


def inherited_group(path: Path) -> int:
    """What a folder made at `path` gets from a setgid folder above it; 0 if there is none. Raises OSError."""
    above = next(folder for folder in path.parents if folder.exists()).stat()
    return above.st_gid if above.st_mode & stat.S_ISGID else 0


def write_all(directory: Path, texts: Mapping[str, str]) -> None:
    """Raises UsageError where they can't be written."""
    for name, text in texts.items():
        target = directory / name
        try:
            with local_trouble(target):
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text)
                target.chmod(0o644)
        except OSError as error:
            raise UsageError(
                f"{target} can't be written: {error}", hint="Writing there needs root."
            ) from None
        print(f"Wrote {target}.")


def next_steps(site: Site, *, written: bool) -> Iterator[str]:
    """What a person does next, in order."""
    if not known(site.user):
        yield f"There is no user {site.user} yet. Make it:"
        yield f"  useradd --system --no-create-home --shell /usr/sbin/nologin {site.user}"
    key = site.key_file or KEY
    if not key.exists():
        yield f"The API key belongs alone into {key}, readable for root only:"
        yield f"  install -D -m 600 /dev/stdin {key}"
    for path in shared(site):
        if not path.exists():
            yield f"Make the folder: install -d -o {site.user} -g {site.group} -m 2770 '{path}'"
    if site.state.parent != STATE_HOME and not site.state.exists():
        yield f"Make the folder: install -d -o {site.user} -g {site.group} -m 700 '{site.state}'"
    if not written:
        yield "To write both files: hotfolder install-service --write"
    yield "Then: systemctl daemon-reload && systemctl enable --now hotfolder"


def known(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True
