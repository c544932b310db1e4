"""From a YAML file and the environment to checked settings, and to the API key."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, SecretStr, ValidationError

from hotfolder.config.checks import absolute, meaning_problems
from hotfolder.config.messages import structure_problems
from hotfolder.config.settings import WRITTEN, Settings, StoreSettings
from hotfolder.config.sources import lay_environment_over
from hotfolder.config.yamlfile import Document, Position, read_document, refusal
from hotfolder.errors import ConfigurationError
from hotfolder.rules.sets import FileIdentity

T = TypeVar("T", bound=BaseModel)

USUAL_NAME = "config.yaml"
ROOT_VARIABLE = "HOTFOLDER_ROOT"

KEY_VARIABLE = "STAGER_API_KEY"
KEY = re.compile(r"[\x21-\x7e]{1,4096}\Z")
LARGEST_KEY_FILE_BYTES = 8192
WHERE = f"Put it into the environment variable {KEY_VARIABLE}, or alone into a file that api.key_file names."


def load(path: Path, environ: Mapping[str, str]) -> Settings:
    """Read the settings at `path`, with the HOTFOLDER_* variables of `environ` over them.

    Where HOTFOLDER_ROOT is set, as in a container, the usual file, config.yaml, may be missing. `root` and
    every file that a setting names are absolute afterwards; nothing is created. `warnings` of what is
    returned name what is accepted and should be changed. Raises ConfigurationError with all problems, one a
    line, sorted by position.
    """
    without_file = path.name == USUAL_NAME and environ.get(ROOT_VARIABLE, "").strip() and is_missing(path)
    document = Document(Position(str(path))) if without_file else read_document(path)
    if document.broken:
        raise refusal([*document.problems, document.broken])
    lay_environment_over(document, environ)
    problems = list(document.problems)
    settings: Settings | None = None
    token = WRITTEN.set(document.data if isinstance(document.data, dict) else {})
    try:
        settings = Settings()
    except ValidationError as error:
        problems += structure_problems(error, document)
    finally:
        WRITTEN.reset(token)
    folder = path.absolute().parent
    problems += meaning_problems(document, folder)
    if problems or settings is None:
        raise refusal(problems)
    settings.set_warnings(document.warnings)
    if settings.time_zone is not None:
        use_time_zone(settings.time_zone)
    return _with_absolute_paths(settings, folder)


def use_time_zone(name: str) -> None:
    """Have this process, and those that it starts, show every time and begin every day there."""
    os.environ["TZ"] = name
    time.tzset()


def is_missing(path: Path) -> bool:
    """Whether there is no such file, beyond doubt: one that can't be reached may be there."""
    try:
        path.stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def _with_absolute_paths(settings: Settings, folder: Path) -> Settings:
    changed: dict[str, object] = {"root": absolute(folder, settings.root)}
    for section, name in (("api", "key_file"), ("notify", "url_file"), ("store", "password_file")):
        changed[section] = _with_absolute_file(getattr(settings, section), name, folder)
    return settings.model_copy(update=changed)


def _with_absolute_file(section: T, name: str, folder: Path) -> T:
    file = getattr(section, name)
    return section if file is None else section.model_copy(update={name: absolute(folder, file)})


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """Where the settings come from. The environment stays as it was at the start."""

    path: Path
    environ: Mapping[str, str]

    def load(self, *, anew: bool = False) -> Settings:
        """Raises ConfigurationError; `anew`, also where the file is gone: without it the environment alone
        would do, and there would be no rules."""
        if anew and not self.path.exists():
            raise ConfigurationError(f"{self.path}: the file is gone.")
        return load(self.path, self.environ)

    def identity(self, settings: Settings) -> tuple[object, ...]:
        """What changes whenever the file, or the list of addresses that it names, is written or replaced.
        None stands for a file that isn't there, as between two steps of an editor that replaces files."""
        beside = settings.notify.url_file
        found: list[object] = []
        for path in (self.path, *([Path(beside)] if beside else [])):
            try:
                found.append(FileIdentity.of(path.stat()))
            except (OSError, ValueError):
                found.append(None)
        return tuple(found)


@dataclass(frozen=True, slots=True)
class StateLocation:
    """`error` is what is wrong with the settings, None when nothing is."""

    state_folder: Path
    store: StoreSettings
    settings: Settings | None = None
    error: ConfigurationError | None = None


def state_location(path: Path, environ: Mapping[str, str]) -> StateLocation:
    """Where the state of the settings at `path` lies.

    A daemon goes on by the settings before an error, so its work must be seen while the file has one. `root`
    and `state` have to be written then, above the error where the file isn't YAML. Raises ConfigurationError,
    as `load` does, where they aren't.
    """
    try:
        settings = load(path, environ)
        return StateLocation(settings.state_folder, settings.store, settings)
    except ConfigurationError as error:
        try:
            document = read_document(path)
        except ConfigurationError:
            raise error from None
        lay_environment_over(document, environ)
        root, state = document.at(("root",)), document.at(("state",))
        if not (isinstance(root, str) and isinstance(state, str) and root.strip() and state.strip()):
            raise
        above = path.absolute().parent
        try:
            store = StoreSettings.model_validate(document.at(("store",)) or {})
        except ValidationError:
            raise error from None
        folder = Path(absolute(above, root.strip()), state.strip())
        return StateLocation(folder, _with_absolute_file(store, "password_file", above), error=error)


def load_key(settings: Settings, environ: Mapping[str, str]) -> SecretStr:
    """The API key: STAGER_API_KEY if set, else what `api.key_file` holds. Read anew at every call.

    Raises ConfigurationError when there is no key, or when it has a character that no key has; neither the
    key nor the file's name is part of the message, since a key pasted into the wrong place would be shown.
    """
    text = environ.get(KEY_VARIABLE, "")
    what = f"The API key in {KEY_VARIABLE}"
    if not text.strip():
        if settings.api.key_file is None:
            raise ConfigurationError("There is no API key.", hint=WHERE)
        text = _read_key(Path(settings.api.key_file))
        what = "The API key in the file that api.key_file names"
    return SecretStr(checked_key(text, what))


def checked_key(text: str, what: str) -> str:
    """A key without the end of its line. Raises ConfigurationError, which calls it `what`, where it is empty
    or has a character that no key has."""
    key = text.removesuffix("\n").removesuffix("\r")
    if not key:
        raise ConfigurationError(f"{what} is empty.", hint=WHERE)
    if not KEY.match(key):
        raise ConfigurationError(
            f"{what} holds characters that no key has, such as spaces, line breaks or curly quotes.",
            hint="Copy the key again: one line, nothing before or behind it.",
        )
    return key


def notify_addresses(settings: Settings) -> list[str]:
    """All addresses of the settings, in order; of a file one a line, without empty lines and those that begin
    with `#`. Raises ConfigurationError when the file can't be read."""
    addresses = [one.get_secret_value() for one in settings.notify.urls]
    if settings.notify.url_file is None:
        return addresses
    try:
        text = Path(settings.notify.url_file).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigurationError(
            f"the file that notify.url_file names can't be read: {reason}",
            hint="A relative name starts at the folder of the configuration file.",
        ) from None
    lines = (line.strip() for line in text.splitlines())
    return [*addresses, *(line for line in lines if line and not line.startswith("#"))]


def _read_key(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return stream.read(LARGEST_KEY_FILE_BYTES + 1).decode("latin-1")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a usable file name"
        raise ConfigurationError(
            f"The file that api.key_file names can't be read: {reason}.",
            hint="A relative name starts at the folder of the configuration file.",
        ) from None


RESTART = (
    *("root", "inbox", "done", "failed", "archive", "state", "results", "store.url", "store.password_file"),
    *("store.lease_seconds",),
    *("api.base_url", "api.key_file", "api.storage_hosts", "api.proxy", "api.connect_timeout_seconds"),
    *("api.read_timeout_seconds", "api.paid_timeout_seconds"),
    *("settle.scan_seconds", "web.port", "web.host", "page.port", "page.host", "page.hosts"),
    *("page.trusted_proxies", "log.format"),
)
"""Settings that only a new start takes up, besides which inboxes there are. Every other one is live."""


def only_at_next_start(at_start: Settings, fresh: Settings) -> tuple[str, ...]:
    """The names of the edited settings that a running daemon doesn't take up."""
    waiting = [name for name in RESTART if attrgetter(name)(at_start) != attrgetter(name)(fresh)]
    inboxes = [[(one.title, one.path) for one in settings.all_inboxes()] for settings in (at_start, fresh)]
    if inboxes[0] != inboxes[1] and "inbox" not in waiting:
        waiting.append("inboxes")
    return tuple(sorted(waiting))
