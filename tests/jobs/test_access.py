"""The page's passwords, sessions and links in the store."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import select

from hotfolder.jobs import access
from hotfolder.jobs.model import PageRole, PageSession
from hotfolder.jobs.store import Store
from tests.jobs.conftest import AT

DAY = timedelta(days=1)


def test_a_session_is_known_by_its_token_until_it_is_over(store: Store) -> None:
    token = access.sign_in(store, PageRole.READING, AT)
    last = AT + access.SESSION_DAYS * DAY
    assert access.signed_in(store, token, last - timedelta(seconds=1)) is PageRole.READING
    assert access.signed_in(store, token, last) is None
    assert access.signed_in(store, token + "x", AT) is None
    access.sign_out(store, token)
    assert access.signed_in(store, token, AT) is None


def test_what_was_opened_under_a_clock_years_ahead_is_not_open_for_years(store: Store) -> None:
    ahead = AT + 1000 * DAY
    access.set_password(store, PageRole.FULL, "hash", AT)
    token = access.sign_in(store, PageRole.FULL, ahead)
    link = access.share(store, "inbox", "12 Elm Road", ["front.jpg"], ahead, ahead + 7 * DAY)
    assert access.signed_in(store, token, ahead) is PageRole.FULL
    assert access.sessions(store, ahead) == frozenset({access.hashed(token)})
    assert access.shared_by(store, link, ahead) is not None
    assert access.signed_in(store, token, AT) is None
    assert access.sessions(store, AT) == frozenset()
    assert access.shared_by(store, link, AT) is None


def test_another_password_signs_out_who_came_by_the_last_one(store: Store) -> None:
    access.set_password(store, PageRole.FULL, "hash", AT)
    full, reading = access.sign_in(store, PageRole.FULL, AT), access.sign_in(store, PageRole.READING, AT)
    assert access.set_password(store, PageRole.FULL, "other", AT)
    assert access.passwords(store) == {PageRole.FULL: "other"}
    assert access.signed_in(store, full, AT) is None
    assert access.signed_in(store, reading, AT) is PageRole.READING


def test_sessions_are_bounded_and_old_ones_go(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "MOST_SESSIONS", 3)
    tokens = [access.sign_in(store, PageRole.FULL, AT + number * DAY / 10) for number in range(5)]
    alive = [access.signed_in(store, token, AT) is not None for token in tokens]
    assert alive == [False, False, True, True, True]
    access.sign_in(store, PageRole.FULL, AT + 100 * DAY)
    with store.session() as session:
        assert len(session.exec(select(PageSession)).all()) == 1


def test_no_token_is_in_the_store(store: Store) -> None:
    token = access.sign_in(store, PageRole.FULL, AT)
    shared = access.share(store, "inbox", "12 Elm Road", ["12 Elm Road/kitchen.jpg"], AT, AT + DAY)
    [link] = access.share_links(store, "inbox", "12 Elm Road")
    with store.session() as session:
        [kept] = session.exec(select(PageSession)).all()
    assert token not in str(kept) and shared not in str(link)


def test_a_link_leads_to_its_pictures_until_it_is_over(store: Store) -> None:
    token = access.share(store, "inbox", "12 Elm Road", ["12 Elm Road/kitchen.jpg"], AT, AT + DAY)
    found = access.shared_by(store, token, AT)
    assert found is not None and found.pictures == ["12 Elm Road/kitchen.jpg"]
    assert access.shared_by(store, token, AT + DAY) is None
    assert access.shared_by(store, found.token_sha256, AT) is None


def test_a_revoked_link_leads_nowhere_at_once(store: Store) -> None:
    token = access.share(store, "inbox", "12 Elm Road", [], AT, AT + DAY)
    [link] = access.share_links(store, "inbox", "12 Elm Road")
    access.revoke(store, link.id, AT)
    assert access.shared_by(store, token, AT) is None
    access.revoke(store, link.id, AT + DAY)
    [kept] = access.share_links(store, "inbox", "12 Elm Road")
    assert kept.revoked_at == AT
