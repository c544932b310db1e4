"""The API's answers: stored raw, then parsed.

Parsing is lenient: all that an answer must hold of a picture is its URL, since the downloaded file must
prove to be a whole picture before it counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from hotfolder.errors import OutcomeUnknown, Unreachable
from hotfolder.stager.addresses import SignedUrl, is_identifier
from hotfolder.stager.failures import CHARGED_HINT, error_text

__all__ = ["Answer", "GroupState", "ResultImage", "SignedUrl", "parse_results"]

STATUS_WORD = re.compile(r"[A-Za-z_-]{1,40}")
HIDDEN_STATUS = "not a word"
DONE_STATUSES = frozenset({"completed", "complete", "done", "finished", "ready", "succeeded", "success"})
FAILED_STATUSES = frozenset({"failed", "failure", "error", "cancelled", "canceled"})
"""Statuses assumed to mean that the merge ended without a picture, and may have been charged."""
URL_KEYS = ("imageUrl", "imageURL", "image_url", "url")
PICTURE_KEYS = ("data", "images", "image", "results", "result", "output")
"""Keys under which pictures are searched for in an answer, in this order."""
MOST_DEPTH = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """A raw answer. `body` is its text (at most 1 MiB), with undecodable bytes replaced.

    The body can contain signed URLs, so `repr` omits it.
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
    """One picture of a paid operation. `id` is "" if unknown."""

    url: SignedUrl
    id: str = ""


@dataclass(frozen=True, slots=True)
class GroupState:
    """The progress of a merge. `image_url` is None until the API gives one. `status` is safe to display: a
    status that isn't one plain word is replaced by "not a word".

    `message` is the API's message for a status that the reference doesn't document, such as why the merge
    failed, or that a finished merge has no URL; else "".
    """

    status: str
    image_url: SignedUrl | None
    message: str = ""

    @property
    def done(self) -> bool:
        """Whether the merge is complete, in any spelling of `DONE_STATUSES`."""
        return self.status.lower() in DONE_STATUSES

    @property
    def processing(self) -> bool:
        """Whether the merge is under way, in any spelling of "processing"."""
        return self.status.lower() == "processing"

    @property
    def failed(self) -> bool:
        """Whether it ended without a picture."""
        return self.status.lower() in FAILED_STATUSES


class Malformed(Exception):
    """The answer can't be used. The message says why, and quotes nothing of the answer but its error."""


def parse_results(answer: Answer, *, secret: str = "") -> tuple[ResultImage, ...]:
    """The pictures of a paid operation, at least one; what the API says is quoted with `secret` masked.

    Raises OutcomeUnknown where the status isn't 2xx, the body isn't JSON, says `success: false` or has no
    picture's URL: the API accepted the request, so it may have been charged.
    """
    try:
        if not 200 <= answer.status < 300:
            raise Malformed(f"its answer has the status {answer.status}")
        found = json_of(answer)
        refuse_failed(found, error_text(answer.body, secret))
        pictures = tuple(find_pictures(found))
        if not pictures:
            raise Malformed("its answer names no picture")
        return pictures
    except Malformed as problem:
        raise OutcomeUnknown(
            f"The API took the request and may have charged it, but {problem}",
            hint=CHARGED_HINT,
            why=str(problem),
        ) from None


def find_pictures(found: object, depth: int = 0) -> Iterator[ResultImage]:
    """The pictures in a parsed answer, in its order; everything else in it is ignored."""
    if depth > MOST_DEPTH:
        return
    if isinstance(found, list):
        for item in found:
            yield from find_pictures(item, depth + 1)
    elif isinstance(found, str):
        if (url := parse_signed_url(found)) is not None:
            yield ResultImage(url)
    elif isinstance(found, dict):
        url = first_picture_url(found)
        if url is not None:
            yield ResultImage(url, id_text(found.get("id")))
            return
        for name in PICTURE_KEYS:
            yield from find_pictures(found.get(name), depth + 1)


@contextmanager
def malformed_as_unreachable() -> Iterator[None]:
    """Translate Malformed into Unreachable: a free call can be retried."""
    try:
        yield
    except Malformed as problem:
        raise Unreachable(
            f"the API sent an answer that hotfolder can't use: {problem}",
            hint="If this lasts, check api.base_url, and whether the API has changed.",
        ) from None


def parse_id(answer: Answer, name: str) -> str:
    """The id under the key `name`. Raises Unreachable where it is missing or invalid."""
    with malformed_as_unreachable():
        value = id_text(object_with_key(answer, name).get(name))
        if not value:
            raise Malformed(f"its {name} is missing or odd")
        return value


def parse_upload_url(answer: Answer) -> SignedUrl:
    """The URL to upload a photo to. Raises Unreachable where the answer has none."""
    with malformed_as_unreachable():
        url = parse_signed_url(object_with_key(answer, "uploadUrl").get("uploadUrl"))
        if url is None:
            raise Malformed("its uploadUrl is missing or not an address")
        return url


def parse_group(answer: Answer, *, secret: str = "") -> GroupState:
    """The progress of a merge, with `secret` masked. Raises Unreachable where the answer has neither a status
    nor a picture's URL."""
    with malformed_as_unreachable():
        found = object_with_key(answer, "status", failed_too=True)
        status, url = found.get("status"), first_picture_url(found)
        if not isinstance(status, str) or not status.strip():
            if url is None:
                raise Malformed("the group's status is missing")
            status = "completed"
    status = status.strip()
    if not STATUS_WORD.fullmatch(status):
        status = HIDDEN_STATUS  # people see it, and the API could send anything
    state = GroupState(status, url)
    if state.done:
        said = "it names no address of a picture" if url is None else ""
    else:
        said = "" if state.processing else error_text(answer.body, secret)
    return GroupState(status, url, said)


def object_with_key(answer: Answer, name: str, *, failed_too: bool = False) -> dict[str, Any]:
    """The object that holds the key `name`: the answer's `data`, or the answer itself, whose own `id` or
    `status` may be that of the request. Raises Malformed where it is no object, or says `success: false`
    without `failed_too`."""
    found = json_of(answer)
    if not isinstance(found, dict):
        raise Malformed("its answer is not a JSON object")
    if not failed_too:
        refuse_failed(found)
    data = found.get("data")
    return data if isinstance(data, dict) and (name in data or name not in found) else found


def json_of(answer: Answer) -> Any:
    try:
        return json.loads(answer.body.lstrip("\ufeff"))
    except (ValueError, RecursionError):
        raise Malformed("its answer is not JSON") from None


def refuse_failed(found: object, said: str = "") -> None:
    """Raise Malformed for an answer with `success: false`, quoting its message `said`. The key may be
    missing."""
    if isinstance(found, dict) and found.get("success") in (False, "false"):
        raise Malformed("its answer says success: false" + (f": “{said}”" if said else ""))


def objection(answer: Answer, *, secret: str = "") -> str:
    """What an answer says against its request, by `success: false`, with `secret` masked; else ""."""
    try:
        refuse_failed(json.loads(answer.body), error_text(answer.body, secret))
    except (ValueError, RecursionError):
        return ""
    except Malformed as problem:
        return str(problem)
    return ""


def id_text(value: object) -> str:
    """An id as text, given as text or as an integer; "" for anything else."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return text if is_identifier(text) else ""


def first_picture_url(found: dict[str, Any]) -> SignedUrl | None:
    """The first valid picture URL in an object, or None."""
    return next((url for name in URL_KEYS if (url := parse_signed_url(found.get(name))) is not None), None)


def parse_signed_url(value: object) -> SignedUrl | None:
    """A JSON value as a signed URL; None where it is none."""
    try:
        return SignedUrl(value) if isinstance(value, str) else None
    except ValueError:
        return None
