"""pydantic's findings, said in sentences for whoever wrote the settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from hotfolder.config.environment import KEY_NAMES
from hotfolder.config.fields import is_free, is_list, model_at, model_in, names, snake
from hotfolder.config.problems import KeyPath, Problem
from hotfolder.config.sources import Sources
from hotfolder.rules.nearest import nearest, normal, shown

KEY_MESSAGE = (
    "the API key doesn't belong in this file; put it into the environment variable STAGER_API_KEY,"
    " or alone into a file of its own and name that file with api.key_file"
)
NOUNS: Mapping[KeyPath, str] = {("log", "level"): "log level", ("log", "format"): "log format"}
LONGEST_LIST = 24
ITEMS: Mapping[str, str] = {"routes": "name:", "inboxes": "path:"}
"""What an item of a list begins with."""


def structure_problems(error: ValidationError, sources: Sources) -> list[Problem]:
    """One problem for each of pydantic's errors."""
    return [_problem(one, sources) for one in error.errors(include_url=False)]


def _problem(error: Mapping[str, Any], sources: Sources) -> Problem:
    path: KeyPath = tuple(error["loc"])
    kind: str = error["type"]
    if kind == "extra_forbidden":
        return Problem(sources.place(path, of_key=True), unknown_name(path))
    message = SENTENCES[kind](error, path, sources) if kind in SENTENCES else _other(error, path, sources)
    return Problem(sources.place(path), message)


def unknown_name(path: KeyPath) -> str:
    """What to say about a setting that doesn't exist."""
    name = str(path[-1])
    if normal(name) in KEY_NAMES:
        return KEY_MESSAGE
    model: type[BaseModel] | None = model_at(path[:-1])
    known = list(names(model)) if model else []
    home = _home(name, path, model)
    if home:
        return f"unknown setting {shown(name)}; it belongs {home}"
    return f"unknown setting {shown(name)}{did_you_mean(name, known)}"


def _home(name: str, path: KeyPath, model: type[BaseModel] | None) -> str:
    """Where a setting belongs that exists one level deeper, or further out: a slip of the indentation."""
    for section, info in names(model).items() if model else ():
        inner = model_in(info.annotation)
        if inner is not None and not is_free(info) and not is_list(info) and name in names(inner):
            return f"in {section}"
    for depth in range(len(path) - 2, -1, -1):
        outer = model_at(path[:depth])
        if isinstance(path[depth], str) and outer is not None and name in names(outer):
            return f"beside {path[depth]}, not in it; check the indentation"
    return ""


def did_you_mean(word: str, known: list[str]) -> str:
    """`; did you mean "…"? Allowed: …`, as far as there is something near and the list is short."""
    guess = nearest(word, known)
    text = f"; did you mean {shown(guess)}?" if guess else ""
    if known and len(known) <= LONGEST_LIST:
        text += f"{'' if guess else '.'} Allowed: {', '.join(known)}"
    return text


def title(path: KeyPath, sources: Sources) -> str:
    """The setting's name for people: its own, and the section's where it is in one."""
    words = [str(part) for part in sources.known_prefix(path) if isinstance(part, str)]
    return ".".join(words) or "the file"


def value_text(value: object) -> str:
    """A value in a sentence."""
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list | tuple) else shown(str(value)).strip('"')


def _enum(error: Mapping[str, Any], path: KeyPath, sources: Sources) -> str:
    name = next((part for part in reversed(path) if isinstance(part, str)), "value")
    noun = NOUNS.get(path) or (name if name == "single_photo" else snake(name).replace("_", " "))
    allowed = [word.strip().strip("'") for word in error["ctx"]["expected"].replace(" or ", ", ").split(", ")]
    value = error["input"]
    if not isinstance(value, str):
        return f"{noun} must be one of {', '.join(allowed)}, not {value_text(value)}"
    return f"unknown {noun} {shown(value)}{did_you_mean(value, allowed)}"


def _must(what: str) -> Callable[[Mapping[str, Any], KeyPath, Sources], str]:
    def say(error: Mapping[str, Any], path: KeyPath, sources: Sources) -> str:
        wanted = what.format(**{key: _number(value) for key, value in error.get("ctx", {}).items()})
        cure = "; put it in quotes" if what == "text" and isinstance(error["input"], int | float) else ""
        if what == "a list" and isinstance(error["input"], dict):
            cure = f"; begin each with `- {ITEMS.get(str(path[-1]), '')}`"
        return f"{title(path, sources)} must be {wanted}, not {value_text(error['input'])}{cure}"

    return say


def _group(error: Mapping[str, Any], path: KeyPath, sources: Sources) -> str:
    # The value isn't shown: behind `api:` it may well be the key.
    group = f"{title(path, sources)} must be a group of settings, each indented in a line of its own"
    return f"{group}, with a space after its colon" if isinstance(error["input"], str) else group


def _number(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _missing(error: Mapping[str, Any], path: KeyPath, sources: Sources) -> str:
    parent = title(path[:-1], sources)
    where = "" if parent == "the file" else f" in {parent}"
    return f"{shown(str(path[-1]))} is missing{where}"


def _empty(error: Mapping[str, Any], path: KeyPath, sources: Sources) -> str:
    return f"{title(path, sources)} must not be empty"


def _other(error: Mapping[str, Any], path: KeyPath, sources: Sources) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    return message if error["type"] in CUSTOM else f"{title(path, sources)}: {message}"


CUSTOM = {
    "operation",
    "base_url",
    "storage_host",
    "proxy",
    "folder",
    "template",
    "size",
    "rate",
    "hours",
    "rendition",
}

SENTENCES: dict[str, Callable[[Mapping[str, Any], KeyPath, Sources], str]] = {
    "missing": _missing,
    "enum": _enum,
    "string_type": _must("text"),
    "string_too_short": _empty,
    "string_too_long": _must("at most {max_length} letters long"),
    "int_type": _must("a whole number"),
    "int_from_float": _must("a whole number"),
    "float_type": _must("a number"),
    "finite_number": _must("a number"),
    "decimal_type": _must("a number, such as 0.80"),
    "decimal_parsing": _must("a number, such as 0.80"),
    "decimal_max_places": _must("a number with at most {decimal_places} digits after the point"),
    "bool_type": _must("true or false"),
    "list_type": _must("a list"),
    "tuple_type": _must("a list"),
    "dict_type": _must("a mapping"),
    "model_type": _group,
    "model_attributes_type": _group,
    "too_short": _empty,
    "greater_than": _must("more than {gt}"),
    "greater_than_equal": _must("at least {ge}"),
    "less_than_equal": _must("at most {le}"),
}
