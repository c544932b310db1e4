"""Operations as they are written in YAML: a tag, or one mapping with the API's own parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    PlainValidator,
    ValidationError,
    WithJsonSchema,
    create_model,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from hotfolder.rules.nearest import nearest, shown
from hotfolder.rules.renditions import NAME
from hotfolder.rules.tags import TagTable
from hotfolder.stager.operations import Lawn, Operation, Sky, Stage

MODELS: dict[str, type[Sky | Lawn | Stage]] = {"sky": Sky, "lawn": Lawn, "stage": Stage}
SHORT: dict[str, str] = {"sky": "skyType", "lawn": "lawnType", "stage": "roomStyle"}
# The parameters that are true or false, by both spellings; pydantic alone would take 1 and "yes" for true.
FLAGS = {
    spelling
    for model in MODELS.values()
    for name, info in model.model_fields.items()
    if info.annotation is bool
    for spelling in (name, info.alias or name)
}

# A model around each, so that an error's path begins with the operation's name.
WRAPPED: dict[str, type[BaseModel]] = {
    name: create_model(name, **{name: (model, ...)})  # type: ignore[call-overload]
    for name, model in MODELS.items()
}


@dataclass(frozen=True, slots=True)
class TagName:
    """A tag named in YAML; what it does is looked up once all tags are known."""

    text: str


def read_item(value: object) -> TagName | Sky | Lawn | Stage:
    """One item of `operations`. Raises pydantic's errors, with the path below the item."""
    if isinstance(value, TagName | Sky | Lawn | Stage):
        return value
    if isinstance(value, str):
        return TagName(value)
    if not isinstance(value, dict) or len(value) != 1:
        raise PydanticCustomError(
            "operation",
            "an operation is a tag, like sky-blue, or exactly one of sky, lawn and stage with its parameters",
        )
    [(name, parameters)] = value.items()
    if name not in MODELS:
        guess = nearest(name, MODELS)
        meant = f"; did you mean {shown(guess)}?" if guess else "."
        message = f"unknown operation {shown(name)}{meant} Allowed: {', '.join(MODELS)}"
        raise PydanticCustomError("operation", "{message}", {"message": message})
    if not isinstance(parameters, dict):
        parameters = {SHORT[name]: parameters}
    for flag in FLAGS & parameters.keys():
        if not isinstance(parameters[flag], bool):
            wrong = InitErrorDetails(type="bool_type", loc=(name, flag), input=parameters[flag])
            raise ValidationError.from_exception_data(name, [wrong])
    item = WRAPPED[name].model_validate({name: parameters})
    operation: Sky | Lawn | Stage = getattr(item, name)
    return operation


def _as_list(value: object) -> object:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _parameters_schema(name: str) -> dict[str, object]:
    model = MODELS[name]
    schema = model.model_json_schema(by_alias=True)
    definitions = schema.pop("$defs", {})
    properties = schema["properties"]
    properties.pop("kind", None)
    for parameter, described in properties.items():
        properties[parameter] = _inlined(described, definitions)
    return {"anyOf": [dict(properties[SHORT[name]]), schema]}


def _inlined(schema: object, definitions: dict[str, object]) -> object:
    if isinstance(schema, list):
        return [_inlined(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        target = definitions[str(schema["$ref"]).rpartition("/")[2]]
        rest = {name: part for name, part in schema.items() if name != "$ref"}
        return {**(_inlined(target, definitions) or {}), **rest}  # type: ignore[dict-item]
    return {name: _inlined(part, definitions) for name, part in schema.items()}


ITEM_SCHEMA: dict[str, object] = {
    "anyOf": [
        {"type": "string", "description": "A tag, such as sky-twilight-dramatic."},
        {
            "type": "object",
            "properties": {name: _parameters_schema(name) for name in MODELS},
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
        },
    ]
}
ITEMS_SCHEMA: dict[str, object] = {"anyOf": [{"type": "array", "items": ITEM_SCHEMA}, *ITEM_SCHEMA["anyOf"]]}  # type: ignore[misc]

Item = Annotated[TagName | Sky | Lawn | Stage, PlainValidator(read_item)]
Items = Annotated[tuple[Item, ...], BeforeValidator(_as_list), WithJsonSchema(ITEMS_SCHEMA)]
OwnTagItems = Annotated[Items, Field(min_length=1)]


def _variant_names(variants: Mapping[str, object]) -> Mapping[str, object]:
    spelt: dict[str, str] = {}
    for name in variants:
        message = ""
        if not NAME.fullmatch(name) or len(name) > 40:
            message = f"{shown(name)} is no name for a variant; use letters, digits and single hyphens"
        elif name.casefold() in spelt:
            both = f"{shown(spelt[name.casefold()])} and {shown(name)}"
            message = f"the variants {both} would have the same name in files; rename one of them"
        if message:
            raise PydanticCustomError("variant", "{message}", {"message": message})
        spelt[name.casefold()] = name
    return variants


Variants = Annotated[dict[str, OwnTagItems], AfterValidator(_variant_names)]


def resolve(items: Iterable[TagName | Sky | Lawn | Stage], table: TagTable) -> tuple[Operation, ...]:
    """The operations that the items stand for. Raises KeyError for a tag that the table doesn't know."""
    operations: list[Operation] = []
    for item in items:
        if isinstance(item, TagName):
            tag = table.find(item.text)
            if tag is None:
                raise KeyError(item.text)
            operations += tag.operations
        else:
            operations.append(item)
    return tuple(operations)
