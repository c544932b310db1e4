"""Names and types of all settings, taken from the models, and the JSON Schema."""

from __future__ import annotations

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.alias_generators import to_snake
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import WithDefaultSchema

from hotfolder.config.settings import Settings
from hotfolder.config.yamlfile import KeyPath

Schema = dict[str, Any]


def fields_by_yaml_name(model: type[BaseModel] | None) -> dict[str, FieldInfo]:
    """The fields of a model by their names in YAML; empty for None."""
    fields = model.model_fields if model else {}
    return {info.alias or name: info for name, info in fields.items() if name != "kind"}


def model_of(kind: object) -> type[BaseModel] | None:
    """The model of a type, also inside Annotated and unions; None where it has none."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind
    alternatives = get_args(kind) if get_origin(kind) in (Annotated, Union, UnionType) else ()
    return next(filter(None, map(model_of, alternatives)), None)


def member_type(kind: object, part: str | int) -> object:
    """The type of the member `part` (a name or an index) of the type `kind`; None where there is none."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is dict:
        return inner[1]
    if origin is tuple:
        return inner[0] if isinstance(part, int) else member_type(inner[0], part)
    if origin in (Annotated, Union, UnionType):
        return next((found for one in inner if (found := member_type(one, part)) is not None), None)
    known = fields_by_yaml_name(model_of(kind))
    spelt = {to_snake(name): info for name, info in known.items()} | known
    return spelt[part].annotation if isinstance(part, str) and part in spelt else None


def type_at(path: KeyPath) -> object:
    """The type of the value at `path`, None where there is no such setting."""
    kind: object = Settings
    for part in path:
        kind = member_type(kind, part)
    return kind


def includes_type(kind: object, *types: type) -> bool:
    """Whether `kind`, or an alternative in it, is one of `types` or a subclass."""
    if get_origin(kind) in (Annotated, Union, UnionType):
        return any(includes_type(one, *types) for one in get_args(kind))
    outer = get_origin(kind) or kind
    return isinstance(outer, type) and issubclass(outer, types)


def all_settings(model: type[BaseModel] = Settings, above: KeyPath = ()) -> Iterator[tuple[KeyPath, object]]:
    """The paths of all sections and settings, with their types; not those inside lists and own names."""
    for name, info in fields_by_yaml_name(model).items():
        yield (*above, name), info.annotation
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from all_settings(info.annotation, (*above, name))


class NullAllowed(GenerateJsonSchema):
    """Allows null wherever there is a default: an empty setting means that."""

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        found = super().default_schema(schema)
        if {"type": "null"} in found.get("anyOf", ()):
            return found
        return {"default": found.pop("default"), "anyOf": [found, {"type": "null"}]}


def json_schema() -> Schema:
    """A JSON Schema (draft 2020-12) of the settings, with the documented spelling of their names."""
    schema = Settings.model_json_schema(by_alias=True, schema_generator=NullAllowed)
    for model in (schema, *schema["$defs"].values()):
        properties = model.get("properties", {})
        properties.pop("kind", None)
        for described in (model, *properties.values()):
            if "description" in described:
                described["description"] = " ".join(described["description"].split())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
