"""HOTFOLDER_* variables: the same settings, from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic.fields import FieldInfo

from hotfolder.config.fields import all_variables, find_variable_path, is_list, is_text
from hotfolder.config.problems import KeyPath, Place, Problem
from hotfolder.config.yamlfile import Document, parse_into
from hotfolder.errors import ConfigurationError
from hotfolder.rules.nearest import nearest, normal

PREFIX = "HOTFOLDER_"
NOT_SETTINGS = {"HOTFOLDER_CONFIG", "HOTFOLDER_BRACKETS"}
KEY_NAMES = {"key", "apikey", "stagerapikey", "secret", "token", "password"}


@dataclass(frozen=True, slots=True)
class Override:
    """One variable: the setting it names, and the value."""

    variable: str
    path: KeyPath
    value: object


def read_environment(environ: Mapping[str, str]) -> tuple[list[Override], list[Problem]]:
    """The settings in `environ`, outer ones first, and what is wrong. No value is ever in a message."""
    overrides: list[Override] = []
    problems: list[Problem] = []
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or variable in NOT_SETTINGS:
            continue
        parts = variable.removeprefix(PREFIX).split("__")
        found = find_variable_path(parts)
        if found is None:
            problems.append(Problem(Place(variable=variable), _unknown(variable, parts)))
            continue
        if not environ[variable].strip():
            continue  # what a container's template leaves empty is as good as unset
        try:
            value = _value(environ[variable], found[1])
        except ConfigurationError:
            problems.append(Problem(Place(variable=variable), "its value is not valid YAML"))
            continue
        overrides.append(Override(variable, found[0], value))
    return sorted(overrides, key=lambda one: len(one.path)), problems


def _unknown(variable: str, parts: list[str]) -> str:
    if normal(parts[-1]) in KEY_NAMES:
        return "the API key goes into the variable STAGER_API_KEY, or into a file that api.key_file names"
    guess = nearest(variable, all_variables())
    return "there is no such setting" + (f"; did you mean {guess}?" if guess else "")


def _value(text: str, info: FieldInfo) -> object:
    if is_text(info):
        return text
    document = Document(file="")
    value = parse_into(document, text)
    if document.problems:
        raise ConfigurationError("a name is written twice")
    if is_list(info) and isinstance(value, str):
        return [part.strip() for part in value.split(",")]
    return value
