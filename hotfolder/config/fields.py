"""What the settings' models say about a path: which names are allowed there, and of what type."""

from __future__ import annotations

from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from hotfolder.config.items import MODELS, TagName
from hotfolder.config.problems import KeyPath
from hotfolder.config.settings import Settings
from hotfolder.rules.nearest import normal


def names(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a model by the name that is written in YAML."""
    return {info.alias or name: info for name, info in model.model_fields.items() if name != "kind"}


def types_in(annotation: object) -> list[type]:
    """Every type that a field's annotation is made of, containers before what they hold."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return types_in(get_args(annotation)[0])
    outer = [origin] if isinstance(origin, type) and origin is not UnionType else []
    if not outer and isinstance(annotation, type):
        return [annotation]
    return outer + [inner for part in get_args(annotation) for inner in types_in(part)]


def model_in(annotation: object) -> type[BaseModel] | None:
    """The first model inside a type, such as that of a list's items."""
    return next((found for found in types_in(annotation) if issubclass(found, BaseModel)), None)


def model_at(path: KeyPath) -> type[BaseModel] | None:
    """The model whose fields are written below `path`, None where there is no fixed set of names."""
    model: type[BaseModel] | None = Settings
    inside: type[BaseModel] | None = None
    for part in path:
        if isinstance(part, int):
            continue
        if inside is not None:
            model, inside = inside, None  # this part is a name of the user's own choice
            continue
        if part in MODELS:
            model = MODELS[part]
            continue
        info = names(model).get(part) or model.model_fields.get(part) if model else None
        inside = named_model(info) if info else None
        model = model_in(info.annotation) if info and not is_free(info) else None
    return model


def named_model(info: FieldInfo) -> type[BaseModel] | None:
    """The model of what a field holds by names of the user's own choice."""
    known = types_in(info.annotation)
    return model_in(info.annotation) if dict in known and TagName not in known else None


def is_free(info: FieldInfo) -> bool:
    """Whether a field holds names of the user's own choice, or operations."""
    return not {TagName, dict}.isdisjoint(types_in(info.annotation))


def is_text(info: FieldInfo) -> bool:
    """Whether a field takes one text, which a variable then gives as it is."""
    return all(issubclass(found, str | NoneType) for found in types_in(info.annotation))


def is_list(info: FieldInfo) -> bool:
    """Whether a field takes a list."""
    return tuple in types_in(info.annotation)


def find_variable_path(parts: list[str]) -> tuple[KeyPath, FieldInfo] | None:
    """The setting that a variable's parts name, blind to case and underscores, or None."""
    model: type[BaseModel] | None = Settings
    path: list[str] = []
    info: FieldInfo | None = None
    for part in parts:
        known = {normal(name): name for name in names(model)} if model else {}
        if model is None or normal(part) not in known:
            return None
        path.append(known[normal(part)])
        info = names(model)[path[-1]]
        model = None if is_free(info) or is_list(info) else model_in(info.annotation)
    return (tuple(path), info) if info is not None else None


def all_variables(model: type[BaseModel] = Settings, prefix: str = "HOTFOLDER_") -> Iterator[str]:
    """The name of every variable that sets something."""
    for name, info in names(model).items():
        variable = prefix + (name if name.islower() else snake(name)).upper()
        yield variable
        inner = None if is_free(info) or is_list(info) else model_in(info.annotation)
        if inner is not None:
            yield from all_variables(inner, variable + "__")


def snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
