"""Loading of the settings from a YAML file and the environment, and of the API key."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, SecretStr, ValidationError

from hotfolder.config.checks import absolute, semantic_problems
from hotfolder.config.messages import problem_of
from hotfolder.config.settings import WRITTEN, Settings, StoreSettings
from hotfolder.config.sources import apply_environment
from hotfolder.config.values import time_zone
from hotfolder.config.yamlfile import Document, Position, Problem, configuration_error, read_document
from hotfolder.errors import ConfigurationError
from hotfolder.paths import is_dir
from hotfolder.rules.sets import FileIdentity

T = TypeVar("T", bound=BaseModel)

DEFAULT_FILE_NAME = "config.yaml"
ROOT_VARIABLE = "HOTFOLDER_ROOT"
ZONE_VARIABLE = "TZ"

KEY_VARIABLE = "STAGER_API_KEY"
KEY_PATTERN = re.compile(r"[\x21-\x7e]{1,4096}\Z")
LARGEST_KEY_FILE_BYTES = 8192
KEY_PLACES = (
    f"Put it into the environment variable {KEY_VARIABLE}, or alone into a file that api.key_file names."
)


def load(path: Path, environ: Mapping[str, str]) -> Settings:
    """Read the settings at `path`, overridden by the HOTFOLDER_* variables of `environ`.

    Where HOTFOLDER_ROOT is set, as in a container, the usual file, config.yaml, may be missing. `root` and
    the files that settings name are made absolute; the other folders stay relative to `root`. No file is
    created. `time_zone`, else TZ of `environ`, is applied to this process. Raises ConfigurationError with all
    problems, one a line, sorted by position.
    """
    without_file = (
        path.name == DEFAULT_FILE_NAME and environ.get(ROOT_VARIABLE, "").strip() and is_missing(path)
    )
    document = Document(Position(str(path))) if without_file else read_document(path)
    if document.syntax_problem:
        raise configuration_error([*document.problems, document.syntax_problem])
    apply_environment(document, environ)
    problems = list(document.problems)
    settings: Settings | None = None
    token = WRITTEN.set(document.data if isinstance(document.data, dict) else {})
    try:
        settings = Settings()
    except ValidationError as error:
        problems += [problem_of(one, document) for one in error.errors(include_url=False)]
    finally:
        WRITTEN.reset(token)
    folder = path.absolute().parent
    problems += semantic_problems(document, folder)
    if settings is not None and settings.time_zone is None:
        problems += _zone_problems(environ.get(ZONE_VARIABLE, ""))
    if problems or settings is None:
        raise configuration_error(problems)
    settings.set_origin(document)
    use_time_zone(settings, environ)
    return _with_absolute_paths(settings, folder)


def _zone_problems(name: str) -> Iterator[Problem]:
    """The problem of a time zone in TZ that this computer doesn't know: UTC would be used silently."""
    if re.fullmatch("[A-Za-z_]+/[A-Za-z_/-]+", name):  # else an offset, a file or an abbreviation
        try:
            time_zone(name)
        except ValueError as error:
            yield Problem(Position(variable=ZONE_VARIABLE), str(error))


def use_time_zone(settings: Settings, environ: Mapping[str, str]) -> None:
    """Set the time zone of this process and of the child processes that it starts (the variable TZ): that of
    the settings, else of `environ`, else the machine's."""
    name = settings.time_zone or environ.get(ZONE_VARIABLE)
    if name is None:
        os.environ.pop(ZONE_VARIABLE, None)
    else:
        os.environ[ZONE_VARIABLE] = name
    time.tzset()


def is_missing(path: Path) -> bool:
    """Whether the file certainly doesn't exist; False where it can't be reached."""
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
    """The source of the settings: a file, and the environment as of the process's start."""

    path: Path
    environ: Mapping[str, str]

    def load(self, *, anew: bool = False) -> Settings:
        """Load the settings. Raises ConfigurationError; with `anew` also where the file is missing, since a
        reload from the environment alone would drop all rules."""
        if anew and is_missing(self.path):
            raise ConfigurationError(f"{self.path}: the file is gone.")
        return load(self.path, self.environ)

    def identity(self, settings: Settings) -> tuple[object, ...]:
        """A value that changes whenever the file, or its `notify.url_file`, is written or replaced. It has
        None for a missing file, as while an editor replaces one."""
        beside = settings.notify.url_file
        found: list[object] = []
        for path in (self.path, *([Path(beside)] if beside else [])):
            try:
                found.append(FileIdentity.of(path.stat()))
            except (OSError, ValueError):
                found.append(None)
        return tuple(found)


def load_for_reading(path: Path, environ: Mapping[str, str]) -> tuple[Settings, ConfigurationError | None]:
    """The settings at `path`; where they have an error, those that lead to the store, and that error.

    A running daemon keeps the last valid settings, so its work must be visible while the file has an error.
    Then `root` and `state` must be in the file or the environment, before the error where the file isn't
    YAML; where it is, a `state` that is left out is the default one, if that is there. All others have their
    defaults. Raises the ConfigurationError of `load` where they aren't, or where `store` is invalid.
    """
    try:
        return load(path, environ), None
    except ConfigurationError as error:
        try:
            document = read_document(path)
        except ConfigurationError:
            raise error from None
        apply_environment(document, environ)
        root, state = document.at(("root",)), document.at(("state",))
        above, usual = path.absolute().parent, Settings.model_fields["state"].default
        if state is None and isinstance(root, str) and not document.syntax_problem:
            state = usual if is_dir(Path(absolute(above, root.strip()), usual)) else None
        if not (isinstance(root, str) and isinstance(state, str) and root.strip() and state.strip()):
            raise
        try:
            store = StoreSettings.model_validate(document.at(("store",)) or {})
        except ValidationError:
            raise error from None
        store = _with_absolute_file(store, "password_file", above)
        root = absolute(above, root.strip())
        return Settings.model_construct(root=root, state=state.strip(), store=store), error


def load_key(settings: Settings, environ: Mapping[str, str]) -> SecretStr:
    """The API key: STAGER_API_KEY if set, else the content of `api.key_file`. Not cached.

    Raises ConfigurationError when there is no key, or when it has an invalid character. The message has
    neither the key nor the file's name, since a key may have been pasted in place of the name.
    """
    text = environ.get(KEY_VARIABLE, "")
    what = f"The API key in {KEY_VARIABLE}"
    if not text.strip():
        if settings.api.key_file is None:
            raise ConfigurationError("There is no API key.", hint=KEY_PLACES)
        text = _read_key(Path(settings.api.key_file))
        what = "The API key in the file that api.key_file names"
    return SecretStr(validate_key(text, what))


def validate_key(text: str, what: str) -> str:
    """Check an API key and return it without its line end. Raises ConfigurationError, with `what` as its
    name, where it is empty or has an invalid character."""
    key = text.removesuffix("\n").removesuffix("\r")
    if not key:
        raise ConfigurationError(f"{what} is empty.", hint=KEY_PLACES)
    if not KEY_PATTERN.match(key):
        raise ConfigurationError(
            f"{what} holds characters that no key has, such as spaces, line breaks or curly quotes.",
            hint="Copy the key again: one line, nothing before or behind it.",
        )
    return key


def notify_addresses(settings: Settings) -> list[tuple[str, str]]:
    """The addresses of `notify.urls`, then those of the file, one a line without empty lines and those that
    begin with `#`, each behind the place where it stands. Raises ConfigurationError when the file can't be
    read."""
    addresses = [
        (f"{settings.notify_position('urls', index)}: notify.urls", one.get_secret_value())
        for index, one in enumerate(settings.notify.urls)
    ]
    file = settings.notify.url_file
    if file is None:
        return addresses
    try:
        text = Path(file).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        position = settings.notify_position("url_file")
        raise ConfigurationError(
            f"{position}: the file that notify.url_file names can't be read: {reason}",
            hint="A relative name starts at the folder of the configuration file.",
        ) from None
    lines = ((number, line.strip()) for number, line in enumerate(text.splitlines(), start=1))
    return [
        *addresses,
        *(
            (f"{Position(file, number, 1)}: notify.url_file", line)
            for number, line in lines
            if line and not line.startswith("#")
        ),
    ]


def _read_key(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return stream.read(LARGEST_KEY_FILE_BYTES + 1).decode("latin-1")
    except OSError as error:
        raise ConfigurationError(
            f"The file that api.key_file names can't be read: {error.strerror}.",
            hint="A relative name starts at the folder of the configuration file.",
        ) from None


RESTART_SETTINGS = (
    *("root", "inbox", "done", "failed", "archive", "state", "results", "store.url", "store.password_file"),
    *("store.lease_seconds",),
    *("api.base_url", "api.key_file", "api.storage_hosts", "api.proxy", "api.connect_timeout_seconds"),
    *("api.read_timeout_seconds", "api.paid_timeout_seconds"),
    *("settle.scan_seconds", "web.port", "web.host", "page.port", "page.host", "page.hosts"),
    *("page.trusted_proxies", "log.format"),
)
"""Settings whose changes take effect at the next start only, as do those of the list of inboxes. All others
are live."""


def changes_needing_restart(at_start: Settings, fresh: Settings) -> tuple[str, ...]:
    """The sorted names of the changed settings that take effect at the next start only."""
    waiting = [name for name in RESTART_SETTINGS if attrgetter(name)(at_start) != attrgetter(name)(fresh)]
    inboxes = [[(one.title, one.path) for one in settings.all_inboxes()] for settings in (at_start, fresh)]
    if inboxes[0] != inboxes[1] and "inbox" not in waiting:
        waiting.append("inboxes")
    return tuple(sorted(waiting))
