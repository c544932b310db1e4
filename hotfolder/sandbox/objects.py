"""The objects on the storage origin, the check whether they are pictures, and their signed URLs."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Literal
from urllib.parse import urlencode

from PIL import Image, UnidentifiedImageError

UPLOADS = "stager-uploads"
RESIZED = "stager-resized"
RESULTS = "stager-final-results"
BUCKETS = (UPLOADS, RESIZED, RESULTS)

CONTENT_TYPES = {".jpg": "image/jpeg", ".png": "image/png"}

NAME = re.compile(r"[A-Za-z0-9_-]+\.(jpg|png)")


class Objects:
    """The stored objects, in a folder for each bucket. An object appears atomically."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._parts = folder / "parts"
        for name in (*BUCKETS, "parts"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        for part in self._parts.iterdir():
            part.unlink()

    def path(self, bucket: str, name: str) -> Path:
        """The path of an object, existing or not. Raises KeyError for a name that no object can have."""
        if bucket not in BUCKETS or not NAME.fullmatch(name):
            raise KeyError(name)
        return self._folder / bucket / name

    def exists(self, bucket: str, name: str) -> bool:
        return self.path(bucket, name).is_file()

    def part(self, suffix: str) -> Path:
        """The path for a new temporary file; `place` moves it. Leftovers are deleted at the next start."""
        return self._parts / f"{secrets.token_hex(16)}{suffix}"

    def place(self, part: Path, bucket: str, name: str) -> None:
        """Turn a finished part into an object, replacing an earlier one of that name."""
        part.replace(self.path(bucket, name))


def url_path(bucket: str, name: str) -> str:
    return f"/{bucket}/{name}"


def result_name(group: str) -> str:
    """The name of a group's picture in the bucket of results."""
    return f"{group}.jpg"


EXPIRES = "X-Sandbox-Expires"
SIGNATURE = "X-Sandbox-Signature"
Signature = Literal["valid", "expired", "wrong"]
"""wrong: not signed by this sandbox, or for something else."""


class Signer:
    """Signs and verifies URLs. Signatures stay valid over restarts, since the data folder has the secret."""

    def __init__(self, secret: bytes, base_url: str) -> None:
        self._secret = secret
        self._base_url = base_url

    def url(self, method: str, path: str, expiry_seconds: float) -> str:
        """The absolute URL that allows `method` on `path` for `expiry_seconds` from now."""
        expires = f"{time.time() + expiry_seconds:.3f}"
        query = urlencode({EXPIRES: expires, SIGNATURE: self._signature(method, path, expires)})
        return f"{self._base_url}{path}?{query}"

    def verify(self, method: str, path: str, query: Mapping[str, str]) -> Signature:
        """Whether `query` allows `method` on `path` now."""
        expires, given = query.get(EXPIRES, ""), query.get(SIGNATURE, "")
        expected = self._signature("GET" if method == "HEAD" else method, path, expires)
        if not hmac.compare_digest(expected.encode(), given.encode()):
            return "wrong"
        return "expired" if float(expires) < time.time() else "valid"

    def _signature(self, method: str, path: str, expires: str) -> str:
        text = f"{method}\n{path}\n{expires}".encode()
        return hmac.new(self._secret, text, hashlib.sha256).hexdigest()


def load_secret(folder: Path) -> bytes:
    """The secret stored in `folder`, created at the first call. Only one process at a time may call it."""
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


ORIENTATION = 0x0112
QUARTER_TURNS = (5, 6, 7, 8)

SUFFIXES = {"JPEG": ".jpg", "PNG": ".png"}


class NotAPicture(Exception):
    """The data isn't an accepted picture. The message says why, for the caller."""


def upright_size(picture: Image.Image) -> tuple[int, int]:
    """Width and height after EXIF orientation, from the header alone."""
    turned = picture.getexif().get(ORIENTATION, 1) in QUARTER_TURNS
    return (picture.height, picture.width) if turned else picture.size


def check_picture(source: BinaryIO, pixel_limit: int) -> tuple[str, tuple[int, int]]:
    """Decode `source` to its end; returns its suffix and its `upright_size`. Raises NotAPicture unless it is
    a valid JPEG or PNG of at most `pixel_limit` pixels."""
    try:
        with Image.open(source, formats=tuple(SUFFIXES)) as picture:
            if picture.width * picture.height > pixel_limit:
                raise NotAPicture(
                    f"the picture has {picture.width} x {picture.height} pixels; at most {pixel_limit} in all"
                )
            picture.load()
            return SUFFIXES[str(picture.format)], upright_size(picture)
    except UnidentifiedImageError:
        raise NotAPicture("it is neither a JPEG nor a PNG") from None
    except (OSError, ValueError, SyntaxError, ArithmeticError, Image.DecompressionBombError) as error:
        raise NotAPicture(f"it can't be read to its end ({str(error)[:100]})") from None
