"""The JSON that each call answers."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from hotfolder.sandbox.vocabulary import GroupStatus


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


class Picture(BaseModel):
    id: str
    imageUrl: str
    width: int
    height: int


class ImageAnswer(BaseModel):
    success: Literal[True] = True
    data: Picture


class OperationAnswer(BaseModel):
    success: Literal[True] = True
    data: list[Picture]
