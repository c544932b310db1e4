"""The JSON that each call takes. A field that the reference doesn't name is refused."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from hotfolder.sandbox.refusals import shown
from hotfolder.sandbox.vocabulary import (
    ActionType,
    ColorType,
    LawnType,
    Resolution,
    RoomStyle,
    RoomType,
    SkySubType,
    SkyType,
)

PHOTOS_PER_GROUP = 7

Identifier = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_-]+$")]
Title = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$"
    ),
]
Filename = Annotated[
    str,
    StringConstraints(
        min_length=5, max_length=255, pattern=r"^[^\x00-\x1f\x7f/\\]+\.([jJ][pP][eE]?[gG]|[pP][nN][gG])$"
    ),
]
Instructions = Annotated[str, StringConstraints(max_length=2000, pattern=r"^[^\x00]*$")]


class StrictBody(BaseModel):
    """A JSON object with exactly the named fields, each of exactly its type."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def only_known_fields(cls, value: Any) -> Any:
        unknown = [name for name in value if name not in cls.model_fields] if isinstance(value, dict) else []
        if unknown:
            raise PydanticCustomError(
                "unknown_field",
                "unknown field {names}; this call knows {known}",
                {"names": ", ".join(map(shown, unknown[:5])), "known": ", ".join(cls.model_fields)},
            )
        return value


class ProjectBody(StrictBody):
    title: Title = Field(examples=["123 Main Street Suite"])


class GroupBody(StrictBody):
    projectId: Identifier
    lensCorrection: StrictBool
    perspectiveCorrection: StrictBool
    photographerRemoval: StrictBool


class UploadUrlBody(StrictBody):
    projectId: Identifier
    groupId: Identifier
    filename: Filename = Field(examples=["living_room_bright.jpg"])


class EnhanceBody(StrictBody):
    projectId: Identifier
    groupId: Identifier


class StageBody(StrictBody):
    """Only `colorTypes` and `extraInstructions` may be left out."""

    roomType: RoomType
    roomStyle: RoomStyle
    actionType: ActionType
    resolution: Resolution
    colorTypes: list[ColorType] = Field(default=[], max_length=len(ColorType))
    removeFurniture: StrictBool
    extraInstructions: Instructions = ""


class LawnBody(StrictBody):
    """Only `extraInstructions` may be left out."""

    lawnType: LawnType
    resolution: Resolution
    extraInstructions: Instructions = ""


class SkyBody(StrictBody):
    skyType: SkyType
    resolution: Resolution
    skySubType: SkySubType
