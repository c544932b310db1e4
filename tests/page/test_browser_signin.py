"""Signing in with a real Chromium: by keyboard, accessible, and without scripts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.support.browser import everywhere, tab
from tests.support.pageprocess import PageProcess, page_process, set_password
from tests.support.studio import Studio

pytestmark = pytest.mark.long

PASSWORD, LOOKING = "correct horse battery", "only for looking"


@pytest.fixture
def page(studio: Studio) -> Iterator[PageProcess]:
    set_password(studio, PASSWORD)
    set_password(studio, LOOKING, "--read-only")
    with page_process(studio) as process:
        yield process


@pytest.mark.parametrize("script", [True, False])
def test_a_person_signs_in_and_out_by_keyboard(page: PageProcess, browser: Browser, script: bool) -> None:
    with tab(browser, page, java_script_enabled=script) as opened:
        assert opened.title().startswith("Sign in")
        field = opened.locator("input:focus")  # it gets the focus by itself
        field.wait_for()
        opened.keyboard.type("guessed")
        opened.keyboard.press("Enter")
        opened.get_by_role("alert").get_by_text("That is not the password.").wait_for()
        field.wait_for()
        opened.keyboard.type(PASSWORD)
        opened.keyboard.press("Enter")
        opened.get_by_role("button", name="Sign out").wait_for()
        assert not opened.get_by_text("You can look, and change nothing.").count()
        opened.get_by_role("button", name="Sign out").press("Enter")
        opened.get_by_label("The studio's password").wait_for()


def test_another_tab_of_who_signs_out_asks_to_sign_in(opened: Page) -> None:
    opened.get_by_label("The studio's password").fill(PASSWORD)
    opened.get_by_role("button", name="Sign in").click()
    opened.get_by_role("button", name="Sign out").wait_for()
    other = opened.context.new_page()
    other.goto(opened.url)
    opened.get_by_role("button", name="Sign out").click()
    other.get_by_label("The studio's password").wait_for()


def test_who_may_only_look_is_told_so(opened: Page) -> None:
    opened.get_by_label("The studio's password").fill(LOOKING)
    opened.get_by_role("button", name="Sign in").click()
    opened.get_by_text("You can look, and change nothing.").wait_for()


def test_everybody_can_sign_in(page: PageProcess, browser: Browser) -> None:
    assert everywhere(browser, page, "/signin", "/signin?lang=de") == []


def test_everybody_can_choose_the_first_password(studio: Studio, browser: Browser) -> None:
    with page_process(studio) as page:
        assert everywhere(browser, page, page.first_link()) == []
        with tab(browser, page, page.first_link()) as opened:
            opened.get_by_label("New password").fill(PASSWORD)
            opened.get_by_label("Once more").fill(PASSWORD)
            opened.get_by_role("button", name="Set the password").click()
            opened.get_by_role("button", name="Sign out").wait_for()
