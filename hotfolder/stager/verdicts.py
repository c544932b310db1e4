"""What a failed API call means, decided in one place for free and for paid calls."""

from __future__ import annotations

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
from hotfolder.stager.wording import error_text


def lost_verdict(call: str, lost: Lost, *, paid: bool) -> HotfolderError:
    """The error for a call that got no answer. `call` is its method and path."""
    if paid and lost.sent:
        return may_have_been_charged(call, lost.why)
    return Unreachable(f"{call} failed: {lost.why}", hint="It is tried again by itself.")


def may_have_been_charged(call: str, why: str) -> OutcomeUnknown:
    return OutcomeUnknown(f"{call} may have been charged: {why}", hint=CHARGED_HINT, why=why)


def verdict(call: str, reply: Reply, *, paid: bool, secret: str) -> HotfolderError | None:
    """The error that `reply` amounts to, None for a success. `secret` is kept out of its message."""
    status = reply.status
    if 200 <= status < 300:
        return None
    said = error_text((reply.body or b"").decode("utf-8", "replace"), secret)
    answered = f"{call} was answered {status}" + (f": “{said}”" if said else "")
    if status == 401:
        return KeyRejected(answered, hint="Check STAGER_API_KEY or the file named by api.key_file.")
    if status == 402:
        return PaymentRequired(answered, hint="The account has no credit: top it up.")
    if status == 429:
        return TooManyRequests(answered, retry_after_seconds=retry_after_seconds(reply.headers))
    # A paid call is sent once: whoever redirects it may have taken it first, and would again.
    if 300 <= status < 400 and not paid:
        return Unreachable(f"{answered}, a redirect, which is never followed", hint="Check api.base_url.")
    # 408 is a 4xx that says nothing about what was done.
    if 400 <= status < 500 and status != 408:
        return RequestRefused(answered, status=status, why=said)
    if paid:
        return may_have_been_charged(call, f"the API answered {status}" + (f": “{said}”" if said else ""))
    return Unreachable(answered, retry_after_seconds=retry_after_seconds(reply.headers))
