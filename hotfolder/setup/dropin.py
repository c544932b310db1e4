"""The drop-in: what the shipped unit can't know. Pure text from plain facts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hotfolder.setup.deployment import STATE, STATE_HOME

HOMES = (Path("/home"), Path("/root"), Path("/run/user"))
CREDENTIALS = Path("/run/credentials")
CREDENTIAL = "stager-api-key"


@dataclass(frozen=True, slots=True)
class InstalledService:
    """One installation, with the page beside the daemon or without. All paths are absolute; `folders` are
    inboxes, done and failed, and `python` is where the Python is installed that the command's environment was
    made with."""

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


def drop_in(site: InstalledService) -> str:
    """As a file for `hotfolder.service.d/`."""
    return "\n".join(lines(site)) + "\n"


def lines(site: InstalledService) -> Iterator[str]:
    yield "# Written by `hotfolder install-service`, which writes it anew. Changes of your own belong in"
    yield "# another drop-in: `systemctl edit hotfolder`."
    yield "[Unit]"
    for path in (*shared(site), site.state):
        yield f"RequiresMountsFor={quoted(path)}"
    yield ""
    yield "[Service]"
    yield f"User={site.user}"
    yield f"Group={site.group}"
    yield "ExecStart="
    words = (*site.command, "run", "--config", str(site.config), *(["--page"] if site.page else []))
    yield f"ExecStart={' '.join(quoted(word, shell=True) for word in words)}"
    for path in shared(site):
        yield f"ReadWritePaths={quoted(path)}"
    yield from state(site)
    yield from key(site)
    yield from homes(site)


def shared(site: InstalledService) -> list[Path]:
    """What must be writable, as few paths as possible: between two of them nothing can be renamed."""
    inside = [folder for folder in site.folders if folder.is_relative_to(site.root)]
    outside = [folder for folder in site.folders if folder not in inside]
    return outermost([*([site.root] if inside else []), *outside])


def outermost(paths: Sequence[Path]) -> list[Path]:
    """Without those that lie in another one."""
    unique = list(dict.fromkeys(paths))
    return [
        path for path in unique if not any(path != other and path.is_relative_to(other) for other in unique)
    ]


def state(site: InstalledService) -> Iterator[str]:
    if site.state.parent == STATE_HOME:
        if site.state != STATE:  # what the unit says already
            yield "StateDirectory="
            yield f"StateDirectory={quoted(site.state.name)}"
        return
    yield "StateDirectory="
    if not any(site.state.is_relative_to(path) for path in shared(site)):
        yield f"ReadWritePaths={quoted(site.state)}"


def key(site: InstalledService) -> Iterator[str]:
    """The key is handed over by systemd, so that only root need be able to read its file."""
    if site.key_file is not None and not site.key_file.is_relative_to(CREDENTIALS):
        yield "LoadCredential="
        yield f"LoadCredential={CREDENTIAL}:{escaped(str(site.key_file))}"


def homes(site: InstalledService) -> Iterator[str]:
    """Only what is needed of people's homes, where something of it lies there."""
    own = [path for path in (*shared(site), site.state) if at_home(path)]
    needed = (Path(site.command[0]).parent.parent, site.python, site.config.parent)
    # Of /root nothing can be shown: whatever is put over it, only root may enter.
    read = [path for path in needed if at_home(path) and not path.is_relative_to("/root")]
    if own or read:
        yield "ProtectHome=tmpfs"
    for path in outermost(read):
        if not any(path.is_relative_to(one) for one in own):
            yield f"BindReadOnlyPaths={quoted(path)}"
    for path in outermost(own):
        yield f"BindPaths={quoted(path)}"


def at_home(path: Path) -> bool:
    return any(path.is_relative_to(home) for home in HOMES)


def quoted(text: Path | str, *, shell: bool = False) -> str:
    """One word of a unit; `shell` for a command line, where a dollar means something too."""
    word = escaped(str(text)).replace("\\", "\\\\").replace('"', '\\"')
    if shell:
        word = word.replace("$", "$$")
    return f'"{word}"' if set(word) & set(" \t'\"\\;#") else word


def escaped(text: str) -> str:
    """With no specifiers in it."""
    return text.replace("%", "%%")
