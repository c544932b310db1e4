"""All errors, as one tree. The class of an error decides what happens next. A few modules derive their own.

HotfolderError
├── ConfigurationError   the settings are wrong: nothing starts, exit code 2
├── UsageError           the command line is wrong: exit code 2
│   └── Unknown          nothing has the given id or name, or no longer
├── StoreError           the job store can't be used: nothing starts, and nothing is recreated
├── BadJob               this set can't be made: it goes to failed/ with its reason
│   ├── RuleRefused      the folder's name or the rules don't allow it
│   ├── UnusablePhoto    a photo can't be used; `pictures.facts` tells apart what may become readable
│   ├── RequestRefused   the API answered 4xx to this very request
│   ├── SetChanged       the photos or the folder changed after the set had settled; it is scanned again
│   └── Cancelled        a person has cancelled it
├── BadWorld             whatever needs the same thing waits, says why, and continues by itself
│   ├── Unreachable      no connection, a timeout, or a 5xx on a call that is free to repeat
│   │   └── HostInTrouble   the server answers, with a 5xx or 408
│   ├── KeyRejected      401: the key file is read again
│   ├── PaymentRequired  402
│   ├── TooManyRequests  429, with the server's Retry-After
│   └── LocalTrouble     disk full, folder not writable, share gone
│       ├── OutOfReach   the inbox is gone or doesn't answer
│       └── StoreAway    the database of the job store doesn't answer
├── LeaseLost            another machine has taken over the inbox: this one drops it, and touches nothing
└── OutcomeUnknown       a paid call may have been charged, and nothing can tell: a person decides
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from hotfolder.display import with_hint


def to_install(extra: str) -> str:
    """The command that installs an extra's packages, from the source folder: hotfolder isn't published."""
    program = shlex.quote(str(Path(sys.prefix, "bin", "pip")))
    return f"in the folder with hotfolder's pyproject.toml: {program} install '.[{extra}]'"


class CommandHint(str):
    """A hint that names commands or options to type, shown only in a terminal."""


class HotfolderError(Exception):
    """Base of all errors. `hint` is one sentence that says what to do; it may be empty."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def full_text(self) -> str:
        """Message and hint on one line."""
        return with_hint(self.message, self.hint)


class ConfigurationError(HotfolderError):
    """The settings are wrong. `message` holds one problem a line, each with file, line and column."""


class UsageError(HotfolderError):
    """The command line names something that doesn't exist."""


class Unknown(UsageError):
    """Nothing has the given id or name, or no longer."""


class StoreError(HotfolderError):
    """The job store is corrupt, from a newer version, or in a place where it can't be safe."""


class BadJob(HotfolderError):
    """This set can't be made as it is; an automatic retry would not help."""


class RuleRefused(BadJob):
    """An unknown tag, contradicting tags, too many photos, a staging without a room type.

    `also` are lines for the set's REASON.txt, such as the list of the tags that exist.
    """

    def __init__(self, message: str, *, hint: str = "", also: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.also = also


class UnusablePhoto(BadJob):
    """A photo that can't be used: NotWhole may become readable, NeverUsable can't."""


class RequestRefused(BadJob):
    """The API refused this request (4xx). It was not executed. `status` is None if it was never sent.

    `why` is the API's own reason alone, for a sentence that already names the call.
    """

    def __init__(self, message: str, *, hint: str = "", status: int | None = None, why: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.why = why or message


class SetChanged(BadJob):
    """A photo or its folder changed, vanished, joined or was renamed after the set had settled. Checked
    before each paid call, and until the set's pictures are placed; what was paid by then is remembered."""


class Cancelled(BadJob):
    """A person has cancelled this set. Nothing is bought for it from then on."""


class BadWorld(HotfolderError):
    """A problem outside of the job. `retry_after_seconds` is the server's Retry-After, None without one.
    `detail` is for the operator, `message` for everybody."""

    def __init__(
        self, message: str, *, hint: str = "", retry_after_seconds: float | None = None, detail: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_seconds = retry_after_seconds
        self.detail = detail


class Unreachable(BadWorld):
    """No connection, no answer in time, or a 5xx on a call that is free to repeat."""


class HostInTrouble(Unreachable):
    """The server answers with a temporary error of its own (5xx or 408)."""


class KeyRejected(BadWorld):
    """401: the API key is missing, wrong or withdrawn."""


class PaymentRequired(BadWorld):
    """402: the account has no credit."""


class TooManyRequests(BadWorld):
    """429. Taken to mean that the request was not executed."""


class LocalTrouble(BadWorld):
    """The disk is full, a folder isn't writable, or a share is gone."""


class OutOfReach(LocalTrouble):
    """The inbox is gone or doesn't answer, as its scan has found; the operation was not attempted."""


class StoreAway(LocalTrouble):
    """The database server of the job store can't be reached, or can't execute a request at the moment."""


class LeaseLost(HotfolderError):
    """Another machine has taken over the inbox, or may have."""


class OutcomeUnknown(HotfolderError):
    """A paid request may have been executed and its answer is lost. Never retried automatically.

    `why` is the cause alone, for a sentence that already names the call. `retry_after_seconds` is the
    server's Retry-After, for the next call; None without one.
    """

    def __init__(
        self, message: str, *, hint: str = "", why: str = "", retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.why = why or message
        self.retry_after_seconds = retry_after_seconds
