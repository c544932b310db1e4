"""What a signed URL can come to, beside the errors that every call shares.

All three are bad worlds, so that whoever doesn't look closer waits and tries again; whoever does asks
the API for a fresh URL (`UrlExpired`, `ResultGone`) or tells a person (`UrlRefused`).
"""

from __future__ import annotations

from hotfolder.errors import BadWorld


class UrlExpired(BadWorld):
    """A signed upload URL isn't valid any more: ask for one fresh URL and put the photo there."""


class ResultGone(BadWorld):
    """A result can't be had under this URL: expired, withdrawn or deleted. Ask for a fresh one."""


class UrlRefused(BadWorld):
    """A URL that is never followed, or content that is never kept: another host, a redirect, too large."""
