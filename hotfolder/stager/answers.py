"""What the API answers: kept raw first, understood second."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from hotfolder.errors import HotfolderError, OutcomeUnknown, Unreachable
from hotfolder.stager.addresses import SignedUrl, is_identifier
from hotfolder.stager.wording import error_text

__all__ = [
    "Answer",
    "GroupState",
    "ResultImage",
    "SignedUrl",
    "UploadSlot",
    "UploadedImage",
    "parse_acceptance",
    "parse_results",
]

STATUS_WORD = re.compile(r"[A-Za-z_-]{1,40}")
NO_WORD = "not a word"

CHARGED_HINT = (
    "Look into the account whether it was charged; `hotfolder resolve` settles it, "
    "`hotfolder retry --pay-again` buys it again."
)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as it came. `body` is its text (at most 1 MiB), undecodable bytes replaced.

    It can hold signed URLs, so it is left out of `repr`.
    """

    status: int
    body: str = field(repr=False)

    def as_json(self) -> str:
        """One line of ASCII, for the store."""
        return json.dumps({"status": self.status, "body": self.body})

    @classmethod
    def from_json(cls, text: str) -> Answer:
        """The answer that `as_json` wrote. Raises ValueError for any other text."""
        match json.loads(text):
            case {"status": int(status), "body": str(body)}:
                return cls(status, body)
        raise ValueError("not a remembered answer")


@dataclass(frozen=True, slots=True)
class ResultImage:
    """One picture of a paid operation. Sizes in pixels."""

    id: str
    url: SignedUrl
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class UploadedImage:
    """What `POST /api/image` made of a photo. Sizes in pixels."""

    id: str
    url: SignedUrl
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class UploadSlot:
    """Where one photo of a group is to be put."""

    image_id: str
    url: SignedUrl


@dataclass(frozen=True, slots=True)
class GroupState:
    """How far a merge is. `image_url` is None until the API names one. `status` is a word that can be shown;
    "not a word" stands for anything else.

    `said` is what the API says beside a status that the reference doesn't know, such as why it failed.
    """

    status: str
    image_url: SignedUrl | None
    said: str = ""


class Malformed(Exception):
    """The answer isn't what the reference describes. Its text says how, and shows none of it."""


def parse_results(answer: Answer) -> tuple[ResultImage, ...]:
    """The pictures of a paid operation, at least one.

    Raises OutcomeUnknown for anything that the reference doesn't describe, unknown extra fields aside: the
    request succeeded, so it may have been charged.
    """
    try:
        return tuple(ResultImage(*image_fields(item)) for item in items_of(answer))
    except Malformed as problem:
        raise unknown(problem) from None


def parse_acceptance(answer: Answer) -> None:
    """Whether a merge was accepted: an empty body or any JSON object will do.

    Raises OutcomeUnknown for anything else and for an object that says `success: false`.
    """
    if not answer.body.strip():
        return
    try:
        succeeded(object_of(answer), required=False)
    except Malformed as problem:
        raise unknown(problem) from None


def unknown(problem: Malformed) -> HotfolderError:
    return OutcomeUnknown(
        f"the API took the request and may have charged it, but {problem}",
        hint=CHARGED_HINT,
        why=str(problem),
    )


def parse_project(answer: Answer) -> str:
    """The project's id. Raises Unreachable, like the rest of the free answers below, when it isn't there."""
    return identifier_of(free_object(answer), "id")


def parse_group_id(answer: Answer) -> str:
    return identifier_of(free_object(answer), "groupId")


def parse_slot(answer: Answer) -> UploadSlot:
    found = free_object(answer)
    return UploadSlot(identifier_of(found, "id"), free_url(found, "uploadUrl"))


def parse_group(answer: Answer, *, secret: str = "") -> GroupState:
    """How far a merge is, with no `secret` in it. Raises Unreachable."""
    found = free_object(answer)
    status = found.get("status")
    if not isinstance(status, str) or not status:
        raise useless("the group's status is missing")
    if not STATUS_WORD.fullmatch(status):
        status = NO_WORD  # it will be shown to people, and might hold anything
    said = "" if status in ("processing", "completed") else error_text(answer.body, secret)
    named = found.get("imageUrl") not in (None, "")
    return GroupState(status, free_url(found, "imageUrl") if named else None, said)


def parse_uploaded(answer: Answer) -> UploadedImage:
    try:
        found = object_of(answer)
        succeeded(found, required=True)
        return UploadedImage(*image_fields(found.get("data")))
    except Malformed as problem:
        raise useless(str(problem)) from None


def free_object(answer: Answer) -> dict[str, Any]:
    try:
        found = object_of(answer)
        succeeded(found, required=False)
    except Malformed as problem:
        raise useless(str(problem)) from None
    return found


def identifier_of(found: dict[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not is_identifier(value):
        raise useless(f"its {name} is missing or odd")
    return value


def free_url(found: dict[str, Any], name: str) -> SignedUrl:
    try:
        return url_of(found, name)
    except Malformed as problem:
        raise useless(str(problem)) from None


def useless(why: str) -> Unreachable:
    return Unreachable(
        f"the API answered something that hotfolder can't use: {why}",
        hint="If this lasts, check api.base_url, and whether the API has changed.",
    )


def object_of(answer: Answer) -> dict[str, Any]:
    try:
        found = json.loads(answer.body.lstrip("\ufeff"))
    except (ValueError, RecursionError):
        raise Malformed("its answer is not JSON") from None
    if not isinstance(found, dict):
        raise Malformed("its answer is not a JSON object")
    return found


def succeeded(found: dict[str, Any], *, required: bool) -> None:
    if "success" not in found and not required:
        return
    if found.get("success") is not True:
        raise Malformed("its answer doesn't say success: true")


def items_of(answer: Answer) -> list[Any]:
    if not 200 <= answer.status < 300:
        raise Malformed(f"its answer has the status {answer.status}")
    found = object_of(answer)
    succeeded(found, required=True)
    data = found.get("data")
    if not isinstance(data, list) or not data:
        raise Malformed("its answer names no picture")
    return data


def image_fields(item: object) -> tuple[str, SignedUrl, int, int]:
    if not isinstance(item, dict):
        raise Malformed("a picture in its answer is not an object")
    identifier = item.get("id")
    if not isinstance(identifier, str) or not is_identifier(identifier):
        raise Malformed("a picture's id is missing or odd")
    width, height = (pixels(item, name) for name in ("width", "height"))
    return identifier, url_of(item, "imageUrl"), width, height


def pixels(item: dict[str, Any], name: str) -> int:
    value = item.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 1_000_000:
        raise Malformed(f"a picture's {name} is missing or odd")
    return value


def url_of(found: dict[str, Any], name: str) -> SignedUrl:
    value = found.get(name)
    try:
        return SignedUrl(value) if isinstance(value, str) else SignedUrl("")
    except ValueError:
        raise Malformed(f"its {name} is missing or not an address") from None
