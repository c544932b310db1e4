"""What a failed API call means, decided in one place for free and for paid calls."""

from __future__ import annotations

import json
import re

from hotfolder.errors import (
    HotfolderError,
    KeyRejected,
    OutcomeUnknown,
    PaymentRequired,
    RequestRefused,
    TooManyRequests,
    Unreachable,
)
from hotfolder.stager.answers import CHARGED_HINT
from hotfolder.stager.transport import Lost, Reply, retry_after_seconds

SENTENCE_LETTERS = 300
# These say "elsewhere" and mean that nothing was done; 302 and 303 may follow a request that was.
MOVED = (301, 307, 308)


def lost_verdict(call: str, lost: Lost, *, paid: bool) -> HotfolderError:
    """The error for a call that got no answer. `call` is its method and path."""
    if paid and lost.sent:
        return may_have_been_charged(call, lost.why)
    return Unreachable(f"{call} failed: {lost.why}", hint="It is tried again by itself.")


def may_have_been_charged(call: str, why: str) -> OutcomeUnknown:
    return OutcomeUnknown(f"{call} may have been charged: {why}", hint=CHARGED_HINT)


def verdict(call: str, reply: Reply, *, paid: bool, secret: str) -> HotfolderError | None:
    """The error that `reply` amounts to, None for a success. `secret` is kept out of its message."""
    status = reply.status
    if 200 <= status < 300:
        return None
    said = error_text(reply.body or b"", secret)
    answered = f"{call} was answered {status}" + (f": “{said}”" if said else "")
    if status == 401:
        return KeyRejected(answered, hint="Check STAGER_API_KEY or the file named by api.key_file.")
    if status == 402:
        return PaymentRequired(answered, hint="The account has no credit: top it up.")
    if status == 429:
        return TooManyRequests(answered, retry_after_seconds=retry_after_seconds(reply.headers))
    if status in MOVED or (300 <= status < 400 and not paid):
        return Unreachable(f"{answered}, a redirect, which is never followed", hint="Check api.base_url.")
    # 408 is a 4xx that says nothing about what was done.
    if 400 <= status < 500 and status != 408:
        return RequestRefused(answered, status=status)
    if paid:
        return may_have_been_charged(call, f"the API answered {status}" + (f": “{said}”" if said else ""))
    return Unreachable(answered, retry_after_seconds=retry_after_seconds(reply.headers))


def error_text(body: bytes, secret: str) -> str:
    """The API's own words, as one short line: no control characters, no key, no URL beyond its host."""
    text = body.decode("utf-8", "replace")
    try:
        text = message_in(json.loads(text)) or ""
    except (ValueError, RecursionError):
        text = "" if text.lstrip().startswith("<") else text
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    if secret:
        text = text.replace(secret, "[key]")
    text = re.sub(r"(https?://[^/\s\"'?#]*)[^\s\"']*", r"\1/…", text)
    return text if len(text) <= SENTENCE_LETTERS else text[: SENTENCE_LETTERS - 1] + "…"


def message_in(found: object) -> str | None:
    """The first sentence in the usual places: message, error, detail, errors; a list of them is joined."""
    match found:
        case str():
            return found
        case {"loc": list(place), "msg": str(problem)}:
            return f"{'.'.join(str(part) for part in place)}: {problem}"
        case dict():
            options = (
                message_in(found[name])
                for name in ("message", "error", "detail", "errors", "msg")
                if name in found
            )
            return next((option for option in options if option), None)
        case list():
            return "; ".join(text for item in found[:5] if (text := message_in(item)))
    return None
