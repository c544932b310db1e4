"""A gallery in a real browser, opened from the disk as a client does."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.pictures import bracket
from tests.support.studio import PATIENCE_SECONDS, Shop, Studio

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
ELM = "12 Elm Road"
HOSTILE = "<img src=x onerror=alert(1)> 100% #1 \"'"


@pytest.fixture
async def browser() -> AsyncIterator[Any]:
    async with playwright.async_playwright() as started:
        one = await started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield one
        await one.close()


@pytest.fixture
async def gallery(make_studio: Callable[..., Studio], shop: Shop) -> Path:
    """Of a project with a plain picture, an altered one, and a name that would be markup."""
    studio = make_studio(deliver={"gallery": True}, gallery={"base_url": "https://pictures.example.com"})
    for folder in ("front__sky-blue", "kitchen", HOSTILE.replace("/", "")):
        studio.drop(ELM, folder, bracket())
    await studio.until_idle(shop.access())
    return studio.done / ELM / "gallery"


async def opened(browser: Any, gallery: Path, **options: Any) -> tuple[Any, list[str]]:
    """The page, and what the browser has to complain of."""
    context = await browser.new_context(**options)
    page = await context.new_page()
    page.set_default_timeout(PATIENCE_SECONDS * 1000)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    await page.goto((gallery / "index.html").as_uri())
    return page, complaints


async def shown(page: Any, selector: str) -> None:
    """Wait until the picture is there to be seen."""
    script = "one => one.complete && one.naturalWidth > 0"
    picture = page.locator(selector).first
    await picture.scroll_into_view_if_needed()
    await page.wait_for_function(f"selector => ({script})(document.querySelector(selector))", arg=selector)


async def test_it_opens_from_the_disk_and_its_hashes_are_those_of_the_receipts(
    browser: Any, gallery: Path
) -> None:
    page, complaints = await opened(browser, gallery)
    for selector in (".altered img", ".original img", ".plain img", ".qr img"):
        await shown(page, selector)
    text = await page.evaluate("document.documentElement.textContent")
    receipts = [json.loads(path.read_bytes()) for path in (gallery.parent / "receipts").glob("*.json")]
    delivered = {one["sha256"] for receipt in receipts for one in receipt["pictures"]}
    assert set(re.findall(r"\b[0-9a-f]{64}\b", text)) == delivered
    assert HOSTILE in text
    assert await page.evaluate("getComputedStyle(document.querySelector('.grid')).display") == "grid"
    assert complaints == []


async def test_an_altered_picture_is_compared_with_its_unaltered_one_by_keyboard(
    browser: Any, gallery: Path
) -> None:
    """Escape leads back to where one was; the arrows lead on."""
    page, complaints = await opened(browser, gallery)
    await page.locator(".altered a.open").focus()
    await page.keyboard.press("Enter")
    viewer = page.locator("#viewer")
    await viewer.wait_for(state="visible")
    for name in ("before", "after"):
        await shown(page, f"#viewer img.{name}")
    addresses = [
        await page.locator(f"#viewer img.{name}").get_attribute("src") for name in ("before", "after")
    ]
    assert "sky" not in addresses[0] and "sky" in addresses[1]
    cut = "getComputedStyle(document.querySelector('.stage')).getPropertyValue('--cut')"
    assert await page.evaluate(cut) == "50%"
    await viewer.locator("input").focus()
    await page.keyboard.press("ArrowRight")
    assert await page.evaluate(cut) == "51%"
    before = await page.locator("#viewer-name").inner_text()
    await viewer.get_by_role("button", name="Next picture").click()
    assert await page.locator("#viewer-name").inner_text() != before
    await page.keyboard.press("Escape")
    await viewer.wait_for(state="hidden")
    assert await page.evaluate("document.activeElement.className") == "open"
    assert complaints == []


async def test_without_javascript_every_picture_is_a_link_to_the_large_one(
    browser: Any, gallery: Path
) -> None:
    page, _ = await opened(browser, gallery, java_script_enabled=False)
    links = page.locator("a.open")
    assert await links.count() == 4
    await page.locator(".altered a.open").click()
    await page.wait_for_url(re.compile(r".*/large/.*\.jpg"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
async def test_everybody_can_read_it(browser: Any, gallery: Path, width: int, scheme: str) -> None:
    """Nothing that axe-core finds, and nothing to scroll sideways for; with the large view open, too."""
    axe = pytest.importorskip("axe_playwright_python.async_playwright").Axe()
    page, _ = await opened(browser, gallery, viewport={"width": width, "height": 800}, color_scheme=scheme)
    for large in (False, True):
        if large:
            await page.locator(".altered a.open").click()
        found = (await axe.run(page)).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
