"""What can go wrong, as one tree. The class of an error says what happens next.

HotfolderError
├── ConfigurationError   the settings are wrong: nothing starts, exit code 2
├── UsageError           the command line is wrong: exit code 2
│   └── Unknown          nothing has the id or name that is asked for, or not any more
├── StoreError           the job store can't be used: nothing starts, and nothing is recreated
├── BadJob               this set can't be made: it goes to failed/ with its reason
│   ├── RuleRefused      the folder's name or the rules don't allow it
│   ├── UnusablePhoto    a photo can't be read, or is of a format that the API doesn't take
│   ├── RequestRefused   the API answered 4xx to this very request
│   ├── SetChanged       the photos are not the ones that were settled; the set is looked at anew
│   └── Cancelled        a person has taken it back
├── BadWorld             nothing moves: the queue pauses, says why, and goes on by itself
│   ├── Unreachable      no connection, a time-out, or a 5xx on a call that is free to repeat
│   │   └── HostInTrouble   it answers, with a 5xx
│   ├── KeyRejected      401: the key file is read again
│   ├── PaymentRequired  402
│   ├── TooManyRequests  429, with the server's wish for when to come back
│   └── LocalTrouble     disk full, folder not writable, share gone
│       └── StoreAway    the database of the job store doesn't answer
├── LeaseLost            another machine works with the inbox by now: this one drops it, and touches nothing
└── OutcomeUnknown       a paid call may have been charged, and nobody can tell: a person decides
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from hotfolder.display import with_hint


def to_install(extra: str) -> str:
    """What to type to get the packages of an extra. No registry has this hotfolder."""
    program = shlex.quote(str(Path(sys.prefix, "bin", "pip")))
    return f"in the folder with hotfolder's pyproject.toml: {program} install '.[{extra}]'"


class CommandHint(str):
    """A hint that names commands or options to type: only whoever sits at a terminal is shown it."""


class HotfolderError(Exception):
    """Base of all. `hint` is one sentence that says what to do; it may be empty."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def told(self) -> str:
        """Both in one line."""
        return with_hint(self.message, self.hint)


class ConfigurationError(HotfolderError):
    """The settings are wrong. `message` holds one problem a line, each with file, line and column."""


class UsageError(HotfolderError):
    """The command line asks for something that isn't there."""


class Unknown(UsageError):
    """Nothing has the id or name that is asked for, or not any more."""


class StoreError(HotfolderError):
    """The job store is corrupt, from a newer version, or in a place where it can't be safe."""


class BadJob(HotfolderError):
    """This set can't be made as it is; retrying by itself would not help."""


class RuleRefused(BadJob):
    """An unknown tag, contradicting tags, too many photos, a staging without a room type.

    `also` is what is worth reading once, beside the set: a list of what there is, in lines.
    """

    def __init__(self, message: str, *, hint: str = "", also: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.also = also


class UnusablePhoto(BadJob):
    """A photo that never becomes readable, or of a format that isn't taken."""


class RequestRefused(BadJob):
    """The API refused this request (4xx). It was not executed. `status` is None if it was never sent.

    `why` is the API's own reason alone, for a sentence that already names the call.
    """

    def __init__(self, message: str, *, hint: str = "", status: int | None = None, why: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.why = why or message


class SetChanged(BadJob):
    """A photo changed, vanished or joined after the set had settled and before it was paid for."""


class Cancelled(BadJob):
    """A person doesn't want this set made any more. Nothing is bought for it from then on."""


class BadWorld(HotfolderError):
    """Not the job's fault. `retry_after_seconds` is the server's wish, None where it has none. `detail` is
    for the operator, where the message is for everybody."""

    def __init__(
        self, message: str, *, hint: str = "", retry_after_seconds: float | None = None, detail: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_seconds = retry_after_seconds
        self.detail = detail


class Unreachable(BadWorld):
    """No connection, no answer in time, or a 5xx on a call that is free to repeat."""


class HostInTrouble(Unreachable):
    """It answers, and says that it can't do anything just now."""


class KeyRejected(BadWorld):
    """401: the API key is missing, wrong or withdrawn."""


class PaymentRequired(BadWorld):
    """402: the account has no credit."""


class TooManyRequests(BadWorld):
    """429. Taken to mean that the request was not executed."""


class LocalTrouble(BadWorld):
    """The disk is full, a folder isn't writable, or a share is gone."""


class OutOfReach(LocalTrouble):
    """The inbox is gone, or doesn't answer, as its own looks have found: nothing was tried there."""


class StoreAway(LocalTrouble):
    """The database server of the job store can't be reached, or can't do just now what is asked of it."""


class LeaseLost(HotfolderError):
    """Another machine works with the inbox by now, or may."""


class OutcomeUnknown(HotfolderError):
    """A paid request may have been executed and its answer is lost. Never retried by itself.

    `why` is the cause alone, for a sentence that already names the call. `retry_after_seconds` is the
    server's wish for the next call, None where it has none.
    """

    def __init__(
        self, message: str, *, hint: str = "", why: str = "", retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.why = why or message
        self.retry_after_seconds = retry_after_seconds
