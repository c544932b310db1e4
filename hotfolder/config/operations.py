"""Operations as they are written in YAML, alone or in a list: a tag, or one with the API's own parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator

from hotfolder.rules.delivery import check_names
from hotfolder.stager.operations import OneOperation


def as_list(value: object) -> object:
    return value if isinstance(value, list | tuple) else [] if value is None else [value]


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
    check_names(variants, "variant", "have the same name in files")
    return variants


Variants = Annotated[dict[str, OwnTagItems], AfterValidator(_variant_names)]
