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

GOES_ON = "Nothing is lost; it goes on by itself."


def lost_verdict(call: str, lost: Lost, *, paid: bool) -> HotfolderError:
    """The error for a call that got no answer. `call` is its method and path."""
    return may_have_been_charged(call, lost.why) if paid and lost.sent else unreachable("the API", call, lost)


def unreachable(who: str, what: str, lost: Lost) -> Unreachable:
    """The error for a request that may be repeated: `what` was asked of `who`."""
    message = f"{who} gave no answer: {lost.why}" if lost.sent else f"{who} can't be reached: {lost.why}"
    if lost.offline:
        message = "the internet can't be reached"
    return Unreachable(message, hint=GOES_ON, detail=f"{what} failed: {lost.why}")


def may_have_been_charged(call: str, why: str, wish: float | None = None) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"{call} may have been charged: {why}", hint=CHARGED_HINT, why=why, retry_after_seconds=wish
    )


def verdict(call: str, reply: Reply, *, paid: bool, secret: str) -> HotfolderError | None:
    """The error that `reply` amounts to, None for a success. `secret` is kept out of its message."""
    status = reply.status
    if 200 <= status < 300:
        return None
    said = error_text((reply.body or b"").decode("utf-8", "replace"), secret)
    answered = f"{call} was answered {status}" + (f": “{said}”" if said else "")
    if status == 401:
        return KeyRejected(
            f"the API refuses the key: {answered}",
            hint="Check STAGER_API_KEY, or the file that api.key_file names.",
        )
    if status == 402:
        return PaymentRequired(f"the account has no credit: {answered}", hint="Buy new credit for it.")
    wish = retry_after_seconds(reply.headers)
    if status == 429:
        return TooManyRequests(
            f"the API asks for a pause: {answered}", hint=GOES_ON, retry_after_seconds=wish
        )
    # A paid call is sent once: whoever redirects it may have taken it first, and would again.
    if 300 <= status < 400 and not paid:
        return Unreachable(f"{answered}, a redirect, which is never followed", hint="Check api.base_url.")
    # 408 is a 4xx that says nothing about what was done.
    if 400 <= status < 500 and status != 408:
        return RequestRefused(f"the API refused a request: {answered}", status=status, why=said or answered)
    if paid:
        return may_have_been_charged(
            call, f"the API answered {status}" + (f": “{said}”" if said else ""), wish
        )
    return Unreachable(f"the API has trouble of its own: {answered}", hint=GOES_ON, retry_after_seconds=wish)
