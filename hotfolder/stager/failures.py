"""The errors for failed requests to the API and to its storage, with the API's own message."""

from __future__ import annotations

import json
import re

import httpx

from hotfolder.errors import (
    BadWorld,
    ConfigurationError,
    HostInTrouble,
    HotfolderError,
    KeyRejected,
    OutcomeUnknown,
    PaymentRequired,
    RequestRefused,
    TooManyRequests,
    Unreachable,
)
from hotfolder.stager.transport import BAD_CERTIFICATE, NoAnswer, Reply, retry_after_seconds

GOES_ON = "Nothing is lost; it goes on by itself."
CHARGED_HINT = (
    "Look into the account whether it was charged; `hotfolder resolve` settles it, "
    "`hotfolder retry --pay-again` buys it again."
)
CHECK_KEY = "Check STAGER_API_KEY, or the file that api.key_file names."
CHECK_URL = "Check api.base_url."
CHECK_CERTIFICATE = (
    "Check this machine's clock; where a proxy inspects TLS, name its certificate in SSL_CERT_FILE. "
    "Nothing is lost; it goes on by itself."
)
SENTENCE_LETTERS = 300


class UrlExpired(BadWorld):
    """A signed upload URL is no longer valid: the set goes up anew, with fresh ones."""


class ResultGone(BadWorld):
    """A result can't be downloaded from this URL: expired, withdrawn or deleted. Request a fresh one."""


class UrlRefused(BadWorld):
    """A URL that isn't followed, or content that isn't kept: another host, a redirect, too large."""


class KeyUnusable(KeyRejected, ConfigurationError):
    """The key is missing, or can't be sent in a header. Nothing was sent; the next request reads it again."""


def unreachable(who: str, what: str, lost: NoAnswer) -> Unreachable:
    """The error for a request that got no answer and may be retried: `what` names it, `who` the server."""
    message = f"{who} gave no answer: {lost.why}" if lost.sent else f"{who} can't be reached: {lost.why}"
    if lost.by_proxy:
        message = f"the proxy can't be reached: {lost.why}"
    elif lost.offline:
        message = "the internet can't be reached"
    hint = CHECK_CERTIFICATE if lost.why == BAD_CERTIFICATE else GOES_ON
    return Unreachable(message, hint=hint, detail=f"{what} failed: {lost.why}")


def may_have_been_charged(call: str, why: str, wish: float | None = None) -> OutcomeUnknown:
    """The error for a paid call that may have been executed. `wish` is its Retry-After in seconds."""
    return OutcomeUnknown(
        f"{call} may have been charged: {why}", hint=CHARGED_HINT, why=why, retry_after_seconds=wish
    )


def error_for_reply(call: str, reply: Reply, *, paid: bool, secret: str) -> HotfolderError | None:
    """The error that matches the status of `reply`, None for 2xx. `secret` is masked in its message."""
    status = reply.status
    if 200 <= status < 300:
        return None
    said = error_text((reply.body or b"").decode("utf-8", "replace"), secret)
    answered = f"{call} was answered {status}" + (f": “{said}”" if said else "")
    if status == 401:
        return KeyRejected(f"the API refuses the key: {answered}", hint=CHECK_KEY)
    if status == 402:
        return PaymentRequired(f"the account has no credit: {answered}", hint="Buy new credit for it.")
    # Free calls only: a server that redirects a paid call may have executed it.
    if 300 <= status < 400 and not paid:
        return Unreachable(f"{answered}, a redirect, which is never followed", hint=CHECK_URL)
    # 408 doesn't say whether the request was executed.
    if 400 <= status < 500 and status not in (408, 429):
        return RequestRefused(f"The API refused a request: {answered}", status=status, why=said or answered)
    if paid and status != 429:
        why = f"the API answered {status}" + (f": “{said}”" if said else "")
        return may_have_been_charged(call, why, retry_after_seconds(reply.headers))
    return temporary_error("the API", answered, status, reply.headers)


def temporary_error(who: str, answered: str, status: int, headers: httpx.Headers) -> BadWorld:
    """The error for a temporary failure of `who`: TooManyRequests for 429, else HostInTrouble."""
    wish = retry_after_seconds(headers)
    if status == 429:
        return TooManyRequests(f"{who} asks for a pause: {answered}", hint=GOES_ON, retry_after_seconds=wish)
    return HostInTrouble(f"{who} has trouble of its own: {answered}", hint=GOES_ON, retry_after_seconds=wish)


def error_text(text: str, secret: str = "") -> str:
    """The message in the body `text` of an answer, as one line of at most 300 characters, safe to show.

    Control characters become spaces, `secret` is masked, URLs are cut after their host and queries of paths
    too. "" if there is none.
    """
    try:
        text = find_message(json.loads(text)) or ""
    except (ValueError, RecursionError):
        text = "" if text.lstrip().startswith("<") else text
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    if secret:
        text = text.replace(secret, "[key]")
    text = re.sub(r"(\b[A-Za-z][A-Za-z0-9+.-]*://[^/\s\"'?#]*)[^\s\"']*", r"\1/…", text)
    text = re.sub(r"\?[^\s\"'?]*=[^\s\"']*", "?…", text)
    return text if len(text) <= SENTENCE_LETTERS else text[: SENTENCE_LETTERS - 1] + "…"


def find_message(found: object) -> str | None:
    """The first message under the usual keys (message, error, detail, errors, msg); of a list, the first five
    joined. None where there is none."""
    match found:
        case str():
            return found
        case {"loc": list(place), "msg": str(problem)}:
            return f"{'.'.join(str(part) for part in place)}: {problem}"
        case dict():
            options = (
                find_message(found[name])
                for name in ("message", "error", "detail", "errors", "msg")
                if name in found
            )
            return next((option for option in options if option), None)
        case list():
            return "; ".join(text for item in found[:5] if (text := find_message(item)))
    return None
