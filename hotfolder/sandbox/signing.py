"""Signed URLs: a method, a path and an expiry, under a secret that only this sandbox knows."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

EXPIRES = "X-Sandbox-Expires"
SIGNATURE = "X-Sandbox-Signature"


class BadSignature(Exception):
    """The URL was not signed by this sandbox, or for something else."""


class ExpiredSignature(Exception):
    """The URL was signed by this sandbox, and its time is over."""


class Signer:
    """Signs and checks. Signatures stay good over restarts, since the secret lies in the data folder."""

    def __init__(self, secret: bytes, base_url: str) -> None:
        self._secret = secret
        self._base_url = base_url

    def url(self, method: str, path: str, expiry_seconds: float) -> str:
        """The absolute URL that allows `method` on `path` for `expiry_seconds` from now."""
        expires = f"{time.time() + expiry_seconds:.3f}"
        query = urlencode({EXPIRES: expires, SIGNATURE: self._signature(method, path, expires)})
        return f"{self._base_url}{path}?{query}"

    def check(self, method: str, path: str, query: Mapping[str, str]) -> None:
        """Raise BadSignature or ExpiredSignature unless `query` allows `method` on `path` now."""
        expires, given = query.get(EXPIRES, ""), query.get(SIGNATURE, "")
        expected = self._signature("GET" if method == "HEAD" else method, path, expires)
        if not hmac.compare_digest(expected.encode(), given.encode()):
            raise BadSignature
        if float(expires) < time.time():
            raise ExpiredSignature

    def _signature(self, method: str, path: str, expires: str) -> str:
        text = f"{method}\n{path}\n{expires}".encode()
        return hmac.new(self._secret, text, hashlib.sha256).hexdigest()


def secret_of(folder: Path) -> bytes:
    """The secret kept in `folder`, made at the first call. One process at a time."""
    path = folder / "signing-secret"
    if not path.exists():
        fresh = path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(32))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    return path.read_bytes()
