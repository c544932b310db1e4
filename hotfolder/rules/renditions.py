"""Further files that are made of a delivered picture, such as smaller ones for a portal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from hotfolder.rules.nearest import shown

LEAST_QUALITY = 30
"""A rendition that is still too large at this quality is not made."""
UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "kib": 2**10, "mib": 2**20}
SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)", re.IGNORECASE)
NAME = re.compile(r"[^\W_]+(?:[-_ ][^\W_]+)*")
TAKEN = ("originals", "receipts")


class RenditionFormat(StrEnum):
    JPEG = "jpeg"


def _size(value: object) -> object:
    if not isinstance(value, str):
        return value
    found = SIZE.fullmatch(value.strip())
    unit = UNITS.get(found.group(2).lower()) if found else None
    if found is None or unit is None:
        message = f"{shown(value)} is no size; write bytes, or a number with KB or MB, such as 10MB"
        raise PydanticCustomError("size", "{message}", {"message": message})
    return int(float(found.group(1)) * unit)


Size = Annotated[
    int, BeforeValidator(_size, json_schema_input_type=int | str), Field(strict=True, ge=20_000, le=10**10)
]


class Rendition(BaseModel):
    """One further file of every delivered picture: sRGB, with the picture's metadata."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    format: RenditionFormat = Field(default=RenditionFormat.JPEG, description="jpeg.")
    quality: Annotated[int, Field(strict=True, ge=LEAST_QUALITY, le=100)] = Field(
        default=90, description="The quality of the JPEG; lowered as far as max_bytes makes it necessary."
    )
    long_edge: Annotated[int, Field(strict=True, ge=16, le=65_500)] | None = Field(
        default=None, description="The longer side in pixels; left out: as it is. Never made larger."
    )
    max_bytes: Size | None = Field(
        default=None,
        description="The most that the file may have: bytes, or such as 10MB. Left out: no limit.",
    )

    def __str__(self) -> str:
        parts = [f"JPEG, quality {self.quality}"]
        parts += [f"longer side {self.long_edge}"] if self.long_edge else []
        parts += [f"at most {self.max_bytes / 10**6:g} MB"] if self.max_bytes else []
        return ", ".join(parts)


def _names(renditions: Mapping[str, Rendition]) -> Mapping[str, Rendition]:
    spelt: dict[str, str] = {}
    for name in renditions:
        message = ""
        if not NAME.fullmatch(name) or len(name) > 40:
            message = f"{shown(name)} is no name for a rendition; use letters, digits and single hyphens"
        elif name.casefold() in TAKEN:
            message = f"{shown(name)} is the name of another folder there; rename the rendition"
        elif name.casefold() in spelt:
            both = f"{shown(spelt[name.casefold()])} and {shown(name)}"
            message = f"the renditions {both} would share a folder; rename one of them"
        if message:
            raise PydanticCustomError("rendition", "{message}", {"message": message})
        spelt[name.casefold()] = name
    return renditions


Renditions = Annotated[dict[str, Rendition], AfterValidator(_names)]
