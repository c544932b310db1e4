"""Translation of pydantic's errors into messages for people, each with its position."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic.alias_generators import to_snake

from hotfolder.config.jsonschema import fields_by_yaml_name, model_of, type_at
from hotfolder.config.sources import SECRET_NAMES
from hotfolder.config.values import PASSWORD_PLACES
from hotfolder.config.yamlfile import Document, KeyPath, Problem
from hotfolder.rules.foldernames import nearest, normal, quoted
from hotfolder.stager.operations import OneOperation

KEY_MESSAGE = (
    "the API key doesn't belong in this file; put it into the environment variable STAGER_API_KEY,"
    " or alone into a file of its own and name that file with api.key_file"
)
STORE_MESSAGE = f"the database's password doesn't belong in this file; {PASSWORD_PLACES}"
LONGEST_LIST = 30
FIRST_ITEM_KEYS: Mapping[str, str] = {"routes": "name:", "inboxes": "path:"}
"""The first key of an item, by the name of the list."""
REQUIREMENTS: Mapping[str, str] = {
    "string_type": "text",
    "string_too_long": "at most {max_length} letters long",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a number",
    "decimal_type": "a number, such as 0.80",
    "decimal_parsing": "a number, such as 0.80",
    "decimal_max_places": "a number with at most {decimal_places} digits after the point",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
}
"""The requirement on a value, by the type of pydantic's error."""


def problem_of(error: Mapping[str, Any], document: Document) -> Problem:
    """The problem of one of pydantic's errors."""
    path: KeyPath = tuple(error["loc"])
    if error["type"] == "extra_forbidden":
        return Problem(document.position(path, of_name=True), _unknown_name(path))
    return Problem(document.position(path), _message(error, path, _title(path, document)))


def _message(error: Mapping[str, Any], path: KeyPath, title: str) -> str:
    kind, value = error["type"], error["input"]
    match kind:
        case "missing":
            where = _dotted_name(path[:-1])
            return f"{quoted(str(path[-1]))} is missing" + (f" in {where}" if where else "")
        case "literal_error" | "enum":
            return _choice_message(error, path)
        case "string_too_short" | "too_short":
            return f"{title} must not be empty"
        case "model_type" | "model_attributes_type":
            return _not_a_group_message(path, title, value)
    if kind in REQUIREMENTS:
        numbers = {name: _number(one) for name, one in error.get("ctx", {}).items()}
        cure = ""
        if REQUIREMENTS[kind] == "text" and isinstance(value, int | float):
            cure = "; put it in quotes"
        elif REQUIREMENTS[kind] == "a list" and isinstance(value, dict):
            cure = f"; begin each with `- {FIRST_ITEM_KEYS.get(str(path[-1]), '')}`"
        return f"{title} must be {REQUIREMENTS[kind].format(**numbers)}, not {_value_text(value)}{cure}"
    if kind == "value_error":  # raised by our validators, whose messages name the setting
        return str(error["ctx"]["error"])
    return f"{title}: {error['msg']}"


def _not_a_group_message(path: KeyPath, title: str, value: object) -> str:
    """The message for a value in place of a group. It isn't shown: after `api:` it may be the key."""
    if path[-1] == "photos":
        return f"{title} must be a number, such as 5, or bounds, such as {{min: 3, max: 7}}"
    if isinstance(path[-1], int) and str(path[-2]) in FIRST_ITEM_KEYS:
        return (
            f"each of {title} must be a group of settings; begin it with `- {FIRST_ITEM_KEYS[str(path[-2])]}`"
        )
    group = f"{title} must be a group of settings, each indented in a line of its own"
    return f"{group}, with a space after its colon" if isinstance(value, str) else group


def _unknown_name(path: KeyPath) -> str:
    """The message for a setting that doesn't exist."""
    name = str(path[-1])
    if normal(name) in SECRET_NAMES:
        return STORE_MESSAGE if path[0] == "store" else KEY_MESSAGE
    model = model_of(type_at(path[:-1]))
    home = _correct_place(name, path)
    if home:
        return f"unknown setting {quoted(name)}; it belongs {home}"
    noun = "operation" if model is OneOperation else "setting"
    return f"unknown {noun} {quoted(name)}{did_you_mean(name, fields_by_yaml_name(model))}"


def _correct_place(name: str, path: KeyPath) -> str:
    """Where a misplaced setting belongs, if it exists one level deeper or further out (as after a wrong
    indentation); "" if not."""
    model = model_of(type_at(path[:-1]))
    for section, info in fields_by_yaml_name(model).items():
        if name in fields_by_yaml_name(model_of(info.annotation)) and model is not OneOperation:
            return f"in {section}"
    for depth in range(len(path) - 2, -1, -1):
        if isinstance(path[depth], str) and name in fields_by_yaml_name(model_of(type_at(path[:depth]))):
            return f"beside {path[depth]}, not in it; check the indentation"
    return ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean "…"?` if a known word is similar, ` Allowed: …` if at most LONGEST_LIST are known."""
    allowed = list(known)
    guess = nearest(word, allowed)
    text = f"; did you mean {quoted(guess)}?" if guess else ""
    if allowed and len(allowed) <= LONGEST_LIST:
        text += f"{'' if guess else '.'} Allowed: {', '.join(allowed)}"
    return text


def _title(path: KeyPath, document: Document) -> str:
    """The setting's dotted name for people, without list indices; "the file" at the top level."""
    return _dotted_name(document.known_prefix(path)) or "the file"


def _dotted_name(path: KeyPath) -> str:
    return ".".join(part for part in path if isinstance(part, str))


def _value_text(value: object) -> str:
    """A value as a part of a sentence."""
    match value:
        case str():
            return quoted(value)
        case bool():
            return "true" if value else "false"
        case None:
            return "nothing"
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list"
    return quoted(str(value)).strip('"')


def _choice_message(error: Mapping[str, Any], path: KeyPath) -> str:
    name = next((part for part in reversed(path) if isinstance(part, str)), "value")
    noun = name if name == "single_photo" else to_snake(name).replace("_", " ")
    if path[0] == "log":
        noun = f"log {noun}"
    expected = str(error["ctx"]["expected"]).replace(" or ", ", ").split(", ")
    allowed = [word.strip().strip("'") for word in expected]
    value = error["input"]
    if not isinstance(value, str):
        return f"{noun} must be one of {', '.join(allowed)}, not {_value_text(value)}"
    return f"unknown {noun} {quoted(value)}{did_you_mean(value, allowed)}"


def _number(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value
