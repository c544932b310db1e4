"""The HOTFOLDER_* variables, which override the file before it is validated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import SecretStr
from pydantic.alias_generators import to_snake

from hotfolder.config.jsonschema import all_settings, includes_type, member_type, model_of
from hotfolder.config.settings import Settings
from hotfolder.config.values import PASSWORD_PLACES
from hotfolder.config.yamlfile import Document, KeyPath, Position, Problem, parse
from hotfolder.rules.foldernames import nearest, normal
from hotfolder.rules.routes import Match

PREFIX = "HOTFOLDER_"
SETUP_PORT = "HOTFOLDER_SETUP_PORT"
NOT_SETTINGS = {"HOTFOLDER_CONFIG", "HOTFOLDER_BRACKETS", "HOTFOLDER_PHOTOS", SETUP_PORT}
SECRET_NAMES = {"key", "apikey", "stagerapikey", "secret", "token", "password"}

RETIRED_SETTINGS: dict[KeyPath, str] = {
    ("keep", "purchases_days"): "what was paid for is remembered for ever now",
    ("notify", "disk_low_bytes"): "a disk is told of when it is full",
}
"""Settings of earlier releases, with the reason for the warning. They are accepted and ignored."""


def apply_environment(document: Document, environ: Mapping[str, str]) -> None:
    """Override the document's values by the variables in `environ`, then remove retired settings (adding a
    warning) and empty ones (which mean the default). Empty values that aren't settings, such as a mistyped
    name or an own tag, stay and are reported by validation; so do `match` and its conditions, without which
    a route takes every set. An unknown variable, or one whose value isn't YAML, is added to the document's
    `problems`."""
    # Outer settings first, so that inner ones override parts of them.
    for path, value in sorted(_variables(document, environ), key=lambda one: len(one[0])):
        document.replace_at(path, value)
    _remove_empty_values(document.data, Settings)
    for path, why in RETIRED_SETTINGS.items():
        position = document.position(path, of_name=True)
        section = document.at(path[:-1])
        if isinstance(section, dict) and section.pop(path[-1], None):
            warning = f"{'.'.join(map(str, path))} has no effect any more, since {why}; leave it out"
            document.warnings.append(Problem(position, warning))


def _variables(document: Document, environ: Mapping[str, str]) -> Iterator[tuple[KeyPath, Document]]:
    accepted = [*all_settings(), *((path, None) for path in RETIRED_SETTINGS)]
    known = {tuple(normal(str(part)) for part in path): (path, kind) for path, kind in accepted}
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or variable in NOT_SETTINGS:
            continue
        position = Position(variable=variable)
        parts = variable.removeprefix(PREFIX).split("__")
        path, kind = known.get(tuple(map(normal, parts)), ((), None))
        if not path:
            document.problems.append(Problem(position, _unknown_variable_message(variable, parts)))
        elif environ[variable].strip():  # container templates leave variables empty: those count as unset
            value = _value(environ[variable], kind, position)
            if value.syntax_problem or value.problems:
                document.problems.append(Problem(position, "its value is not valid YAML"))
            else:
                yield path, value


def _value(text: str, kind: object, position: Position) -> Document:
    if includes_type(kind, str, SecretStr):
        value = Document(position)
        value.data = text
        return value
    value = parse(text, position)
    if includes_type(kind, tuple) and isinstance(value.data, str):
        value.data = [part.strip() for part in value.data.split(",")]
    return value


def _unknown_variable_message(variable: str, parts: list[str]) -> str:
    if normal(parts[-1]) in SECRET_NAMES and normal(parts[0]) == "store":
        return f"the database's password is no setting; {PASSWORD_PLACES}"
    if normal(parts[-1]) in SECRET_NAMES:
        return "the API key goes into the variable STAGER_API_KEY, or into a file that api.key_file names"
    guess = nearest(variable, all_variables())
    return "there is no such setting" + (f"; did you mean {guess}?" if guess else "")


def all_variables() -> list[str]:
    """The names of all variables that are settings."""
    return [PREFIX + "__".join(to_snake(str(part)).upper() for part in path) for path, _ in all_settings()]


def _remove_empty_values(value: object, kind: object) -> None:
    if isinstance(value, list):
        for index, item in enumerate(value):
            _remove_empty_values(item, member_type(kind, index))
    elif isinstance(value, dict):
        for name, item in list(value.items()):
            inner = member_type(kind, name)
            _remove_empty_values(item, inner)
            if item is None and inner is not None and Match in (model_of(kind), model_of(inner)):
                continue
            if item is None and inner is not None and model_of(kind) is not None:
                del value[name]
