"""The JSON bodies of each call's request and answer, with the reference's names.

Not shared with the client: a shared enum would hide a shared mistake.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints

ActionType = Literal["subtleStaging", "autoStaging"]
Resolution = Literal["low", "high", "superHigh"]
RoomType = Literal[
    "LIVING_ROOM", "DINING_ROOM", "BEDROOM", "KITCHEN", "KITCHEN_LIVING_AREA", "HOME_OFFICE", "TERRACE",
    "BALCONY", "BATHROOM", "EXTERIOR", "GAME_ROOM", "KIDS_ROOM", "GARAGE",
]  # fmt: skip
RoomStyle = Literal[
    "modern", "minimalist", "scandinavian", "industrial", "rustic", "farmhouse", "kidsRoom",
    "coastalModern", "luxury", "midCentury", "bohoChic", "japandi",
]  # fmt: skip
ColorType = Literal[
    "classicWhite", "charcoalGray", "matteBlack", "beige", "espressoBrown", "walnut", "naturalWood",
    "navyBlue", "forestGreen", "rusticOak", "ivory", "steelBlue", "ashGray", "mahogany",
]  # fmt: skip
LawnType = Literal["light", "medium", "strong"]
SkyType = Literal["blue", "twilight"]
SkySubType = Literal["subtle", "middle", "dramatic"]


class GroupStatus(StrEnum):
    """`processing` and `completed` are the reference's; `created` and `failed` are the sandbox's own."""

    created = "created"
    processing = "processing"
    completed = "completed"
    failed = "failed"


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
    colorTypes: list[ColorType] = Field(default=[], max_length=14)
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


@dataclass(frozen=True)
class Operation:
    """A paid operation on an image. The engine's function `task` does it, with the fields of `body` in
    snake_case, and None for an empty text."""

    route: str
    body: type[StrictBody]
    task: str
    description: str


OPERATIONS = {
    "stage": Operation(
        "/api/images/{imageId}/stage",
        StageBody,
        "stage",
        "Virtual staging. **Paid.** The sandbox returns the photo with a band that says it isn't staged.",
    ),
    "lawn": Operation(
        "/api/images/{imageId}/lawn-replace",
        LawnBody,
        "replace_lawn",
        "Lawn replacement. **Paid.** 422 when there is no lawn to be found.",
    ),
    "sky": Operation(
        "/api/images/{imageId}/sky-replace",
        SkyBody,
        "replace_sky",
        "Sky replacement. **Paid.** 422 when there is no sky to be found.",
    ),
}
"""All operations, by the endpoint names of a file of faults."""


class ErrorAnswer(BaseModel):
    """Every refusal of the API, whatever its status."""

    error: str = Field(description="What is wrong: the field, its value and what is allowed.")


class ProjectAnswer(BaseModel):
    id: str
    title: str


class GroupAnswer(BaseModel):
    groupId: str


class UploadUrlAnswer(BaseModel):
    id: str
    uploadUrl: str = Field(description="Takes one PUT of the photo's bytes, with a Content-Length.")


class EmptyAnswer(BaseModel):
    """`{}`"""

    model_config = ConfigDict(extra="forbid")


class StatusAnswer(BaseModel):
    """`created` until the merge is asked for. `imageUrl` comes with `completed`, `error` with `failed`."""

    status: GroupStatus
    imageUrl: str | None = None
    error: str | None = None


class PictureData(BaseModel):
    id: str
    imageUrl: str
    width: int
    height: int


class ImageAnswer(BaseModel):
    success: Literal[True] = True
    data: PictureData


class OperationAnswer(BaseModel):
    success: Literal[True] = True
    data: list[PictureData]
