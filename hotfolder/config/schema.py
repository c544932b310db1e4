"""The JSON Schema of the settings, for editors that complete and check YAML while it is written."""

from __future__ import annotations

from typing import Any

from hotfolder.config.fields import snake
from hotfolder.config.settings import Settings

Schema = dict[str, Any]


def json_schema() -> Schema:
    """A JSON Schema (draft 2020-12) that accepts every file that loads, as far as a schema can tell."""
    schema = _loosened(Settings.model_json_schema(by_alias=True))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _loosened(node: Any) -> Any:
    """Both spellings of the API's names, and nothing at all where a default stands in."""
    if isinstance(node, list):
        return [_loosened(part) for part in node]
    if not isinstance(node, dict):
        return node
    loose = {name: _loosened(part) for name, part in node.items()}
    properties = loose.get("properties")
    if isinstance(properties, dict) and loose.get("type") == "object":
        required = loose.pop("required", [])
        spelt = {name: part if name in required else _or_nothing(part) for name, part in properties.items()}
        spelt |= {snake(name): part for name, part in spelt.items() if name != name.lower()}
        loose["properties"] = spelt
        asked = [name for name in required if name == name.lower()]
        either = [
            {"anyOf": [{"required": [name]}, {"required": [snake(name)]}]}
            for name in required
            if name not in asked
        ]
        loose |= {"required": asked} if asked else {}
        loose |= {"allOf": either} if either else {}
    return loose


def _or_nothing(schema: Schema) -> Schema:
    if {"type": "null"} in schema.get("anyOf", ()):
        return schema
    about: Schema = {name: schema[name] for name in ("title", "description", "default") if name in schema}
    rest: Schema = {name: part for name, part in schema.items() if name not in about}
    return about | {"anyOf": [rest, {"type": "null"}]}
