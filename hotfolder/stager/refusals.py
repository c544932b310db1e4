"""What can go wrong beside the errors that everything shares.

All are bad worlds, so that whoever doesn't look closer waits and tries again; whoever does asks the API for
a fresh URL (`UrlExpired`, `ResultGone`) or tells a person (`UrlRefused`, `KeyUnusable`).
"""

from __future__ import annotations

from hotfolder.errors import BadWorld, ConfigurationError, KeyRejected


class UrlExpired(BadWorld):
    """A signed upload URL isn't valid any more: ask for one fresh URL and put the photo there."""


class ResultGone(BadWorld):
    """A result can't be had under this URL: expired, withdrawn or deleted. Ask for a fresh one."""


class UrlRefused(BadWorld):
    """A URL that is never followed, or content that is never kept: another host, a redirect, too large."""


class KeyUnusable(KeyRejected, ConfigurationError):
    """No request can carry this key, or there is none. Nothing was sent; the key is asked for again."""
