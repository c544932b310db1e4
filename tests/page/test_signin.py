"""The page's passwords: set, used, tried too often, changed."""

from __future__ import annotations

import html
import re
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlmodel import update

from hotfolder.config.load import load
from hotfolder.control import actions
from hotfolder.control.access import changing
from hotfolder.jobs.model import PageSession
from hotfolder.jobs.sqlite import FILE_NAME as STORE_FILE
from hotfolder.page.site import MOST_ADDRESSES, SignInThrottle
from tests.support import forking
from tests.support.clocks import HeldClock
from tests.support.pageprocess import PageProcess, page_process, set_password, setting_password
from tests.support.studio import Studio, environment

pytestmark = pytest.mark.long

PASSWORD, LOOKING = "correct horse battery", "only for looking"


@pytest.fixture
def locked(studio: Studio) -> Iterator[PageProcess]:
    """A page that asks for PASSWORD."""
    set_password(studio, PASSWORD)
    with page_process(studio) as page:
        yield page


def test_beyond_this_computer_it_is_not_served_without_a_password(studio: Studio) -> None:
    """The wait of at most five seconds is measured in CPU time, since the machine may be busy."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for host in ("0.0.0.0", "::", "127.0.0.1"):
        if host == "127.0.0.1":
            studio.edit(page={"trusted_proxies": "127.0.0.1"})
        refused = studio.call("page", "--host", host, "--port", "0")
        assert refused.returncode == 2 and "there is no password yet" in refused.stderr
        assert "hotfolder page set-password" in refused.stderr
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 3 * 5


def test_beyond_this_computer_it_is_served_with_one(studio: Studio) -> None:
    set_password(studio, PASSWORD)
    with page_process(studio, "--host", "0.0.0.0") as page:
        assert page.get("/").status == 401


def test_signing_in_leads_back_and_lasts_until_signing_out(locked: PageProcess) -> None:
    sent = locked.get("/", Accept="text/html")
    assert (sent.status, sent.headers["location"]) == (303, "/signin?to=/")
    asked = locked.get("/signin?to=/project/abc").text
    assert 'autocomplete="current-password"' in asked and 'value="/project/abc"' in asked
    wrong = locked.post("/signin", {"password": "guessed", "to": "/project/abc"})
    assert wrong.status == 403 and "That is not the password." in wrong.text
    assert 'value="/project/abc"' in wrong.text
    entered = locked.post("/signin", {"password": PASSWORD, "to": "/project/abc"})
    assert (entered.status, entered.headers["location"]) == (303, "/project/abc")
    cookie = entered.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and "Secure" not in cookie
    assert locked.get("/").status == 200 and 'action="/signout"' in locked.get("/").text
    kept = dict(locked.cookies)
    assert locked.post("/signout").status == 303
    locked.cookies.update(kept)
    assert locked.get("/").status == 401


@pytest.mark.parametrize("anew", [False, True])
def test_an_open_stream_ends_with_its_session(studio: Studio, anew: bool) -> None:
    """It ends by signing out, or by a new password; another browser's stream goes on."""
    set_password(studio, PASSWORD)
    set_password(studio, LOOKING, "--read-only")
    with page_process(studio) as page:
        page.post("/signin", {"password": LOOKING})
        other_stream = page.listening()
        page.post("/signin", {"password": PASSWORD})
        with closing(other_stream), closing(page.listening()) as stream:
            first = stream.readline()
            assert first.startswith(b"data: ") and other_stream.readline() == first
            if anew:
                set_password(studio, "quite another one")
            else:
                assert page.post("/signout").status == 303
            assert (stream.readline(), stream.readline()) == (b"\n", b"")
            studio.by_hand(actions.pause, "by hand")
            assert other_stream.readline() == b"\n"
            assert other_stream.readline().startswith(b"data: ")
        assert page.status("GET", "/live")[0] == 401


def test_what_stood_in_the_address_outlives_the_session(locked: PageProcess) -> None:
    draft = "/held/abc?set=IMG_1.jpg&set=K%C3%BCche+2.jpg"
    sent = locked.get(draft, Accept="text/html").headers["location"]
    [to] = re.findall(r'name="to" value="([^"]*)"', locked.get(sent).text)
    entered = locked.post("/signin", {"password": PASSWORD, "to": html.unescape(to)})
    assert entered.headers["location"] == draft


def test_a_form_that_outlives_the_session_leads_back_to_its_page_by_the_sign_in(locked: PageProcess) -> None:
    form = "/set/abc/another?tag=sky-blue"
    sent = locked.post(
        "/set/abc/another", {"tag": "sky-blue"}, Referer=f"http://127.0.0.1:{locked.port}{form}"
    )
    [to] = re.findall(r'href="(/signin[^"]*)"', sent.text)
    assert sent.status == 401
    assert f'value="{form}"' in locked.get(html.unescape(to)).text


def test_signing_in_leads_nowhere_else(locked: PageProcess) -> None:
    for to in ("/?<", "//evil.example", "https://e.example", "/\\evil.example", "/a\r\nb", ""):
        entered = locked.post("/signin", {"password": PASSWORD, "to": to})
        assert entered.headers["location"] == "/", to


def test_another_password_signs_everybody_out(studio: Studio, locked: PageProcess) -> None:
    assert locked.post("/signin", {"password": PASSWORD}).status == 303
    set_password(studio, "quite another one")
    assert locked.get("/").status == 401
    assert locked.post("/signin", {"password": PASSWORD}).status == 403


def test_a_page_that_gets_a_password_closes_at_once(studio: Studio, page: PageProcess) -> None:
    assert page.get("/").status == 200
    set_password(studio, PASSWORD)
    assert page.get("/").status == 401


def test_the_link_in_the_log_sets_the_first_password_and_nothing_more(page: PageProcess) -> None:
    link = page.first_link()
    assert page.get("/first/guessed").status == 404
    assert "Choose a password" in page.get(link).text
    assert page.post(link, {"password": "short", "again": "short"}).status == 422
    assert page.post(link, {"password": PASSWORD, "again": PASSWORD + "!"}).status == 422
    done = page.post(link, {"password": PASSWORD, "again": PASSWORD})
    assert (done.status, done.headers["location"]) == (303, "/")
    assert page.get("/").status == 200
    assert page.post(link, {"password": "another one 2", "again": "another one 2"}).status == 404
    page.cookies.clear()
    assert page.get("/").status == 401
    assert page.post("/signin", {"password": PASSWORD}).status == 303


def test_a_first_password_is_not_set_where_there_is_one_meanwhile(studio: Studio, page: PageProcess) -> None:
    link = page.first_link()
    set_password(studio, PASSWORD)
    page.post(link, {"password": "another one 2", "again": "another one 2"})
    assert page.get("/").status == 401
    assert page.post("/signin", {"password": PASSWORD}).status == 303


def test_whoever_signs_in_is_told_what_is_wrong_with_the_records(studio: Studio, page: PageProcess) -> None:
    """The page itself works."""
    set_password(studio, PASSWORD)
    with closing(sqlite3.connect(studio.state / STORE_FILE)) as store:
        store.execute("PRAGMA user_version = 99")
    answer = page.post("/signin", {"password": PASSWORD})
    assert answer.status == 503 and "by a newer hotfolder" in answer.text
    assert page.get("/").status == 503


def test_a_store_that_is_away_opens_nothing_and_gets_no_empty_one_in_its_place(
    studio: Studio, locked: PageProcess, tmp_path: Path
) -> None:
    """As while its disk isn't mounted, or its file is being restored."""
    studio.drop("12 Elm Road", "kitchen", {"a.jpg": b"no picture"})
    assert locked.post("/signin", {"password": PASSWORD}).status == 303
    kept = (studio.state / STORE_FILE).rename(tmp_path / STORE_FILE)
    for _ in range(2):
        for path in ("/", "/preview"):
            answer = locked.get(path)
            assert answer.status == 503 and "12 Elm Road" not in answer.text
        assert locked.post("/signout").status == 303
        locked.cookies.clear()
    told = locked.post("/signin", {"password": PASSWORD})
    assert told.status == 503 and "The store with the passwords is not there." in told.text
    assert not (studio.state / STORE_FILE).exists()
    kept.rename(studio.state / STORE_FILE)
    assert locked.get("/").status == 401


def test_right_passwords_are_not_counted_and_a_stranger_s_wrong_ones_keep_nobody_out(studio: Studio) -> None:
    set_password(studio, PASSWORD)
    studio.edit(page={"trusted_proxies": "127.0.0.1"})
    with page_process(studio) as page:

        def tried(address: str, *passwords: str) -> list[int]:
            asked = [{"password": one} for one in passwords]
            told = [page.post("/signin", one, X_Forwarded_For=address) for one in asked]
            assert all(0 < int(one.headers["retry-after"]) <= 30 for one in told if one.status == 429)
            return [one.status for one in told]

        own, stranger = "192.0.2.1", "192.0.2.2"
        assert tried(own, *[PASSWORD] * 7) == [303] * 7
        assert tried(stranger, *["guess"] * 6, PASSWORD) == [403] * 5 + [429] * 2
        assert tried(own, PASSWORD) == [303]


def test_a_session_ends_by_itself_and_by_its_own_browser_alone(studio: Studio, locked: PageProcess) -> None:
    first, second = (PageProcess(locked.process, locked.log, locked.port) for _ in range(2))
    for browser in (first, second):
        assert browser.post("/signin", {"password": PASSWORD}).status == 303
    assert first.post("/signout").status == 303
    assert (first.get("/").status, second.get("/").status) == (401, 200)
    with changing(load(studio.config, {})) as store, store.session.begin() as session:
        session.exec(update(PageSession).values(expires_at=datetime.now(UTC)))
    assert second.get("/").status == 401


def test_what_a_password_must_be(studio: Studio) -> None:
    for typed, options, said in (
        ("short\n", (), "at least 10 letters"),
        ("", (), "at least 10 letters"),
        (PASSWORD, ("--read-only",), "Set that one first"),
    ):
        refused = setting_password(studio, typed, *options)
        assert refused.returncode == 2 and said in refused.stdout + refused.stderr
    set_password(studio, PASSWORD)
    refused = setting_password(studio, PASSWORD, "--read-only")
    assert refused.returncode == 2 and "the other role's password" in refused.stderr


def test_the_settings_may_be_named_before_the_command_or_behind_it(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = [*studio.command("page")[:-2]]
    named = ["--config", str(studio.config)]
    monkeypatch.chdir(tmp_path)
    for words in ([*named, "set-password"], ["set-password", *named]):
        done = forking.run([*start, *words], input=PASSWORD, env=environment(None))
        assert (done.returncode, done.stderr) == (0, "")


def test_one_address_is_throttled_and_all_together_are() -> None:
    clock = HeldClock()
    throttle = SignInThrottle(clock.monotonic)
    assert [throttle.take("10.0.0.1") for _ in range(6)] == [0] * 5 + [30]
    assert throttle.take("10.0.0.2") == 0
    clock.pass_seconds(30)
    assert throttle.take("10.0.0.1") == 0
    throttle.give_back("10.0.0.1")
    assert throttle.take("10.0.0.1") == 0
    tries = [throttle.take(f"10.0.1.{number}") for number in range(100)]
    assert 50 < tries.count(0) < 65 and tries[-1] > 0


def test_right_passwords_from_everywhere_leave_all_tries_to_the_others() -> None:
    throttle = SignInThrottle(HeldClock().monotonic)
    for number in range(100):
        assert throttle.take(f"10.0.2.{number}") == 0
        throttle.give_back(f"10.0.2.{number}")
    assert [throttle.take(f"10.0.1.{number}") for number in range(61)].count(0) == 60


def test_whoever_has_many_addresses_fills_no_memory() -> None:
    throttle = SignInThrottle(HeldClock().monotonic)
    for number in range(2 * MOST_ADDRESSES):
        throttle.take(f"10.{number // 250}.1.{number % 250}")
    assert len(throttle.full_at) == MOST_ADDRESSES
    assert [throttle.take(f"2001:db8::{number:x}") for number in range(3)].count(0) == 0
