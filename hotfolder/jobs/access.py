"""Who may see what on the page: passwords, sessions, shared links. Each function is one transaction."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, delete, select, update

from hotfolder.jobs.database import put
from hotfolder.jobs.model import PagePassword, PageRole, PageSession, ShareLink, short_id
from hotfolder.jobs.store import Store
from hotfolder.rules.foldernames import unicode_forms

MOST_SESSIONS = 500
"""The oldest session is deleted beyond this number, so that sign-ins cannot fill the store."""
SESSION_DAYS = 30
CLOCK_SLACK = timedelta(days=1)
"""How far in the future a session or a link may have been created: under a clock that was years ahead, it
would be valid for years."""


def new_token() -> str:
    """A random token of 128 bits as URL-safe text, for a link or a cookie."""
    return secrets.token_urlsafe(16)


def hashed(token: str) -> str:
    """The SHA-256 of a token, as the store keeps it. The token is random, so a fast hash is enough."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def passwords(store: Store) -> dict[PageRole, str]:
    """The hash of each password that is set."""
    return {PageRole(one.role): one.hash for one in store.rows(select(PagePassword))}


def set_password(store: Store, role: PageRole, digest: str, at: datetime, *, first: bool = False) -> bool:
    """Set the password of a role (its hash is `digest`) and delete the sessions of that role. With `first`
    only while no role has a password. Returns whether it was set."""
    password = PagePassword(role=role, hash=digest, set_at=at)
    try:
        with store.session.begin() as session:
            if first and session.exec(select(PagePassword).limit(1)).first() is not None:
                return False
            if first:
                session.add(password)
            else:
                put(session, password)
            session.exec(delete(PageSession).where(col(PageSession.role) == role))
            return True
    except IntegrityError:  # another process has set the first one meanwhile
        return False


def is_open(one: PageSession | ShareLink, at: datetime) -> bool:
    """Whether a session, or a link that isn't revoked, is valid at `at`."""
    return at < one.expires_at and one.created_at <= at + CLOCK_SLACK


def sign_in(store: Store, role: PageRole, at: datetime) -> str:
    """Create a session of that role, valid for SESSION_DAYS; returns its token."""
    token = new_token()
    with store.session.begin() as session:
        session.exec(delete(PageSession).where(col(PageSession.expires_at) <= at))
        newest = select(PageSession.token_sha256).order_by(col(PageSession.created_at).desc())
        over = newest.offset(MOST_SESSIONS - 1)
        session.exec(delete(PageSession).where(col(PageSession.token_sha256).in_(over)))
        ends = at + timedelta(days=SESSION_DAYS)
        session.add(PageSession(token_sha256=hashed(token), role=role, created_at=at, expires_at=ends))
    return token


def signed_in(store: Store, token: str, at: datetime) -> PageRole | None:
    """The role of the session with that token; None for an unknown or expired one."""
    with store.session() as session:
        found = session.get(PageSession, hashed(token))
    return PageRole(found.role) if found is not None and is_open(found, at) else None


def sessions(store: Store, at: datetime) -> frozenset[str] | None:
    """The token hashes of all valid sessions; None while no password is set, so that no session is needed."""
    with store.session() as session:
        if session.exec(select(PagePassword).limit(1)).first() is None:
            return None
        return frozenset(one.token_sha256 for one in session.exec(select(PageSession)) if is_open(one, at))


def sign_out(store: Store, token: str) -> None:
    """End the session with that token, if there is one."""
    with store.session.begin() as session:
        session.exec(delete(PageSession).where(col(PageSession.token_sha256) == hashed(token)))


def share(
    store: Store, inbox: str, project: str, pictures: Sequence[str], at: datetime, until: datetime
) -> str:
    """Create a link to these pictures of a project (paths relative to done/); returns its token."""
    token = new_token()
    link = ShareLink(
        id=short_id(),
        token_sha256=hashed(token),
        inbox=inbox,
        project=project,
        pictures=list(pictures),
        created_at=at,
        expires_at=until,
    )
    with store.session.begin() as session:
        session.add(link)
    return token


def shared_by(store: Store, token: str, at: datetime) -> ShareLink | None:
    """The link with that token; None for an unknown, revoked or expired one."""
    found = link_with(store, token)
    return found if found is not None and found.revoked_at is None and is_open(found, at) else None


def link_with(store: Store, token: str) -> ShareLink | None:
    """The link with that token, even a revoked or expired one."""
    return store.first(select(ShareLink).where(ShareLink.token_sha256 == hashed(token)))


def share_links(store: Store, inbox: str, project: str) -> list[ShareLink]:
    """Every link to a project, revoked and expired ones too, newest first."""
    of_project = ShareLink.inbox == inbox, col(ShareLink.project).in_(unicode_forms(project))
    links = select(ShareLink).where(*of_project)
    return store.rows(links.order_by(col(ShareLink.created_at).desc()))


def revoke(store: Store, link_id: str, at: datetime) -> None:
    """Revoke a link. Idempotent."""
    revoking = update(ShareLink).where(col(ShareLink.id) == link_id, col(ShareLink.revoked_at).is_(None))
    with store.session.begin() as session:
        session.exec(revoking.values(revoked_at=at))
