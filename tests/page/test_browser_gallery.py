"""Galleries in a real browser: from the disk as a client opens them, and by a shared link."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from hotfolder.control.lookup import project_id
from tests.support.browser import becomes, everywhere, faults_at_every_size, tab
from tests.support.pageprocess import PageProcess
from tests.support.pictures import bracket
from tests.support.studio import ELM, FILE_TIMEOUT_SECONDS, Shop, Studio

pytestmark = pytest.mark.long

HOSTILE = "<img src=x onerror=alert(1)> 100% #1 \"'"
MANAGING = f"/project/{project_id('inbox', ELM)}/share"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, one_shop: Shop) -> Studio:
    """A studio with a finished project: a plain picture, an altered one, and a name that would be markup."""
    one_shop.mark()
    studio = Studio(
        tmp_path_factory.mktemp("studio"),
        shop=one_shop,
        deliver={"gallery": True},
        gallery={"base_url": "https://pictures.example.com"},
    )
    for folder in ("front__sky-blue", "kitchen", HOSTILE):
        studio.drop(ELM, folder, bracket())
    assert studio.start("--until-idle").wait() == 0
    return studio


@pytest.fixture
def gallery(studio: Studio) -> Path:
    return studio.done / ELM / "gallery"


@contextmanager
def opened(browser: Browser, gallery: Path, **options: Any) -> Iterator[Page]:
    """The page opened from the disk. Fails at its end where the console had any message."""
    context = browser.new_context(**options)
    context.set_default_timeout(FILE_TIMEOUT_SECONDS * 1000)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto((gallery / "index.html").as_uri())
    yield page
    # axe-core would load the style by a request that the page's own policy forbids.
    assert [one for one in complaints if "gallery.css" not in one and "preload" not in one] == []
    context.close()


def is_shown(page: Page, selector: str) -> None:
    """Wait until the picture is loaded and visible."""
    picture = page.locator(selector).first
    picture.scroll_into_view_if_needed()
    becomes(lambda: picture.evaluate("one => one.complete && one.naturalWidth > 0"), f"{selector} is shown")


def test_it_opens_from_the_disk_and_its_hashes_are_the_receipts(browser: Browser, gallery: Path) -> None:
    with opened(browser, gallery) as page:
        for selector in (".altered img", ".original img", ".plain img", ".qr img"):
            is_shown(page, selector)
        text = page.evaluate("document.documentElement.textContent")
        style = page.evaluate("getComputedStyle(document.querySelector('.grid')).display")
    receipts = [json.loads(path.read_bytes()) for path in (gallery.parent / "receipts").glob("*.json")]
    delivered = {one["sha256"] for receipt in receipts for one in receipt["pictures"]}
    assert set(re.findall(r"\b[0-9a-f]{64}\b", text)) == delivered
    assert HOSTILE in text
    assert style == "grid"


def test_an_altered_picture_is_compared_with_its_unaltered_one_by_keyboard(
    browser: Browser, gallery: Path
) -> None:
    """Escape returns to the previous position; the arrow keys go on."""
    with opened(browser, gallery) as page:
        page.locator(".altered a.open").focus()
        page.keyboard.press("Enter")
        viewer = page.locator("#viewer")
        viewer.wait_for()
        addresses = []
        for name in ("before", "after"):
            is_shown(page, f"#viewer img.{name}")
            addresses.append(page.locator(f"#viewer img.{name}").get_attribute("src") or "")
        assert ["sky" in one for one in addresses] == [False, True]
        cut = "getComputedStyle(document.querySelector('.stage')).getPropertyValue('--cut')"
        assert page.evaluate(cut) == "50%"
        viewer.locator("input").focus()
        page.keyboard.press("ArrowRight")
        assert page.evaluate(cut) == "51%"
        before = page.locator("#viewer-name").inner_text()
        viewer.get_by_role("button", name="Next picture").click()
        assert page.locator("#viewer-name").inner_text() != before
        page.keyboard.press("Escape")
        viewer.wait_for(state="hidden")
        assert page.evaluate("document.activeElement.className") == "open"


def test_without_javascript_every_picture_is_a_link_to_the_large_one(browser: Browser, gallery: Path) -> None:
    with opened(browser, gallery, java_script_enabled=False) as page:
        assert page.locator("a.open").count() == 4
        page.locator(".altered a.open").click()
        page.wait_for_url(re.compile(r".*/large/.*\.jpg"))


def test_everybody_can_read_it(browser: Browser, gallery: Path) -> None:
    """In both languages, and with the large view open."""
    with opened(browser, gallery) as page:
        assert faults_at_every_size(page) == []
        page.locator(".altered a.open").click()
        assert faults_at_every_size(page) == []
        page.keyboard.press("Escape")
        page.get_by_role("link", name="Deutsch").click()
        page.get_by_text("Digital verändert: Himmel ersetzt").first.wait_for()
        assert faults_at_every_size(page) == []


def test_a_link_is_made_given_away_and_revoked(browser: Browser, page: PageProcess) -> None:
    """The client sees the altered picture beside its unaltered one, and no picture that wasn't chosen."""
    with tab(browser, page, MANAGING.removesuffix("/share")) as manager:
        manager.get_by_role("link", name="Gallery and links").click()
        manager.get_by_role("checkbox", name="Kitchen").uncheck()
        manager.get_by_role("button", name="Make the link").click()
        address = manager.get_by_label("The link", exact=True).input_value()
        path = address.removeprefix(f"http://127.0.0.1:{page.port}")
        with tab(browser, page, path, locale="de-DE") as client:
            client.get_by_text("Dieses Bild wurde digital verändert: Himmel ersetzt.").wait_for()
            for selector in (".altered img", ".original img"):
                is_shown(client, selector)
            assert client.get_by_text("Kitchen").count() == 0
            client.locator(".altered a.open").click()
            is_shown(client, "#viewer img.before")
            manager.get_by_role("button", name="Revoke").click()
            manager.get_by_text("revoked").wait_for()
            client.reload()
            client.get_by_text("Das Studio, von dem Sie ihn haben, hat ihn widerrufen").wait_for()


def test_everybody_can_share(browser: Browser, page: PageProcess) -> None:
    with tab(browser, page, MANAGING) as manager:
        manager.get_by_role("button", name="Make the link").click()
        address = manager.get_by_label("The link", exact=True).input_value()
        assert faults_at_every_size(manager) == []
    path = address.removeprefix(f"http://127.0.0.1:{page.port}")
    assert everywhere(browser, page, path) == []
