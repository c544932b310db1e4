"""Operations as they are written in YAML: a tag, or one mapping with the API's own parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, cast

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, PlainValidator

from hotfolder.rules.delivery import NAME, Frozen
from hotfolder.rules.foldernames import shown
from hotfolder.stager.operations import Lawn, Operation, OperationParameters, Sky, Stage


def as_list(value: object) -> object:
    return value if isinstance(value, list | tuple) else [] if value is None else [value]


def _short(model: type[OperationParameters]) -> BeforeValidator:
    """`sky: twilight` as `sky: {skyType: twilight}`."""
    main = model.model_fields[model.main]

    def full(value: object) -> object:
        return value if isinstance(value, dict | OperationParameters) else {main.alias: value}

    return BeforeValidator(full, json_schema_input_type=main.annotation | model)


class OneOperation(Frozen):
    """An operation with the API's own parameters: exactly one of these."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    sky: Annotated[Sky, _short(Sky)] | None = None
    lawn: Annotated[Lawn, _short(Lawn)] | None = None
    stage: Annotated[Stage, _short(Stage)] | None = None

    @property
    def operation(self) -> Operation:
        (one,) = (value for _, value in self if value is not None)
        return cast(Operation, one)


def _item(value: object) -> OneOperation | str:
    if isinstance(value, OneOperation | str):
        return value
    if not isinstance(value, dict) or len(value) != 1:
        *kinds, last = OneOperation.model_fields
        one = f"exactly one of {', '.join(kinds)} and {last} with its parameters"
        raise ValueError(f"an operation is a tag, like sky-blue, or {one}")
    return OneOperation.model_validate(value)


Item = Annotated[OneOperation | str, PlainValidator(_item, json_schema_input_type=OneOperation | str)]
"""One operation as it is written: a tag, or one with its parameters."""
Items = Annotated[tuple[Item, ...], BeforeValidator(as_list, json_schema_input_type=tuple[Item, ...] | Item)]
OwnTagItems = Annotated[Items, Field(min_length=1)]


def _variant_names(variants: Mapping[str, object]) -> Mapping[str, object]:
    spelt: dict[str, str] = {}
    for name in variants:
        if not NAME.fullmatch(name) or len(name) > 40:
            wrong = f"{shown(name)} is no name for a variant"
            raise ValueError(f"{wrong}; use letters, digits and single hyphens")
        other = spelt.setdefault(name.casefold(), name)
        if other != name:
            both = f"{shown(other)} and {shown(name)}"
            raise ValueError(f"the variants {both} would have the same name in files; rename one of them")
    return variants


Variants = Annotated[dict[str, OwnTagItems], AfterValidator(_variant_names)]
