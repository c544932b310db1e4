"""Access to the page: passwords, signing in and out. All functions raise StoreError and LocalTrouble."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from hotfolder.config.settings import PageSettings, Settings
from hotfolder.control.opening import now, reading
from hotfolder.daemon.records import make_store, store_of
from hotfolder.errors import CommandHint, StoreError, UsageError
from hotfolder.jobs import access
from hotfolder.jobs.database import store_trouble
from hotfolder.jobs.model import PageRole
from hotfolder.jobs.sqlite import FILE_NAME, owner_of, refuse_other_users, user_named
from hotfolder.jobs.store import Store
from hotfolder.paths import is_file

if TYPE_CHECKING:
    from argon2 import PasswordHasher

FULL, READING = PageRole.FULL, PageRole.READING
SESSION_SECONDS = access.SESSION_DAYS * 86400
PACKAGES = ("jinja2", "argon2", "python_multipart", "segno")
"""The packages that the extra `page` installs."""
NO_PASSWORDS = "The store with the passwords is not there."
LEAST_LETTERS = 10
MOST_LETTERS = 500


@dataclass(frozen=True, slots=True)
class Visitor:
    """The access state of a request. `protected`: a password is set; `role` is the session's, None for a
    browser that isn't signed in."""

    protected: bool
    role: PageRole | None = None


def missing_packages() -> list[str]:
    """The PACKAGES that aren't installed."""
    return [name for name in PACKAGES if find_spec(name) is None]


def visitor(settings: Settings, token: str | None) -> Visitor:
    """The visitor with that session token; None for a browser without one."""
    with reading(settings) as store:
        role = access.signed_in(store, token, now()) if token else None
        return Visitor(role is not None or bool(access.passwords(store)), role)


def refuse_unprotected(settings: Settings, page: PageSettings) -> bool:
    """Whether a password is set. Raises UsageError where none is and the page is served beyond loopback."""
    protected = visitor(settings, None).protected
    if page.beyond_loopback and not protected:
        raise UsageError(
            f"The page at {page.host} would be open to whoever can reach it: there is no password yet.",
            hint=CommandHint(
                "Set one with `hotfolder page set-password`, or serve it on 127.0.0.1 and without proxies."
            ),
        )
    return protected


def set_password(settings: Settings, role: PageRole, password: str, *, first: bool = False) -> bool:
    """Set the password of a role and end the role's sessions; with `first` only while no password is set at
    all. Returns whether it was set. Raises UsageError for one that is too short or too long, that is the
    other role's, or for READING while FULL has none."""
    refuse_weak(password)
    with changing(settings) as store:
        known = access.passwords(store)
        if role is PageRole.READING and PageRole.FULL not in known:
            raise UsageError(
                "There is no password yet that lets people do everything.",
                hint=CommandHint("Set that one first, with `hotfolder page set-password`."),
            )
        if any(_matches(digest, password) for other, digest in known.items() if other is not role):
            raise UsageError("This is the other role's password already.", hint="Choose a different one.")
        return access.set_password(store, role, _hasher().hash(password), now(), first=first)


def refuse_weak(password: str) -> None:
    """Raise UsageError for a password that is too short or too long."""
    if not LEAST_LETTERS <= len(password) <= MOST_LETTERS:
        raise UsageError(
            f"The password must have at least {LEAST_LETTERS} letters.",
            hint="A few words in a row are easy to remember and hard to guess.",
        )


def sign_in(settings: Settings, password: str) -> str | None:
    """Create a session of the role with this password and return its token; None for a wrong password. Raises
    StoreError where there is no store: that says nothing of the password."""
    with reading(settings, StoreError(NO_PASSWORDS)) as store:
        known = access.passwords(store)
    role = next((role for role, digest in sorted(known.items()) if _matches(digest, password)), None)
    if role is None:
        return None
    with changing(settings) as store:
        return access.sign_in(store, role, now())


def sign_out(settings: Settings, token: str) -> None:
    """End the session with that token. Idempotent."""
    with reading(settings) as store:
        if access.signed_in(store, token, now()) is None:  # or the store is away: none is made in its place
            return
    with changing(settings) as store:
        access.sign_out(store, token)


@contextmanager
def changing(settings: Settings) -> Iterator[Store]:
    """The store, opened for writing; created where missing, since a password may be set before the first
    start. Raises UsageError where it would be created as another user than the owner of its folder."""
    place = store_of(settings)
    if isinstance(place, Path):
        refuse_other_users(place, writing=True)
        if not is_file(place / FILE_NAME) and owner_of(place) != os.geteuid():
            raise UsageError(
                f"There is no job store yet, and its folder belongs to {user_named(owner_of(place))}.",
                hint="Start hotfolder once, or run this as the user that it runs as.",
            )
    store = make_store(settings)
    try:
        with store_trouble():
            yield store
    finally:
        store.database.dispose()


def _hasher() -> PasswordHasher:
    """The argon2id hasher: 32 MiB, and about 50 ms of a core for each hash."""
    from argon2 import PasswordHasher  # late: it comes with the extra `page`

    return PasswordHasher(time_cost=3, memory_cost=32 * 1024, parallelism=1)


def _matches(digest: str, password: str) -> bool:
    from argon2.exceptions import VerificationError

    try:
        return _hasher().verify(digest, password)
    except VerificationError:
        return False
