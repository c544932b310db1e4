"""A real browser: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, sync_playwright

from tests.support.pageprocess import PageProcess
from tests.support.studio import FILE_TIMEOUT_SECONDS, wait_for

NARROW, WIDE = (360, 800), (1440, 900)
SCHEMES: Final = ("light", "dark")


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser; skips the test where there is none."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("there is no chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def window(browser: Browser, site: PageProcess, **options: Any) -> Iterator[Page]:
    """An empty tab with a fresh profile."""
    options.setdefault("locale", "en-US")
    context = browser.new_context(base_url=f"http://127.0.0.1:{site.port}", **options)
    context.set_default_timeout(FILE_TIMEOUT_SECONDS * 1000)
    try:
        yield context.new_page()
    finally:
        context.close()


def go(opened: Page, path: str) -> None:
    """Open the page there once it has read its photos."""
    opened.goto(path)
    read = "document.readyState == 'complete' && !document.querySelector('.empty progress')"
    becomes(lambda: opened.evaluate(read), "its photos are read")


@contextmanager
def tab(browser: Browser, site: PageProcess, path: str = "/", **options: Any) -> Iterator[Page]:
    """A window at that path. Fails at its end where the console showed an error, such as a script or style
    that the page's policy forbids."""
    met: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type == "error" and "status of" not in message.text:
            met.append(message.text)

    with window(browser, site, **options) as opened:
        opened.on("console", hear)
        opened.on("pageerror", lambda error: met.append(str(error)))
        go(opened, path)
        yield opened
        assert met == []


def everywhere(browser: Browser, site: PageProcess, *paths: str) -> list[str]:
    """The faults of those pages, at every size."""
    with tab(browser, site, paths[0]) as opened:
        found = []
        for path in paths:
            go(opened, path)
            found += [f"{path}: {fault}" for fault in faults_at_every_size(opened)]
    return found


def becomes(holds: Callable[[], object], what: str) -> None:
    """Wait until `holds`; Playwright's own waiting uses `eval`, which the page's policy forbids."""
    wait_for(lambda: by_now(holds), lambda: f"it never came to that: {what}")


def by_now(holds: Callable[[], object]) -> bool:
    """Whether it holds; False while one page is replaced by another."""
    try:
        return bool(holds())
    except Error as error:
        if "because of a navigation" not in str(error):
            raise
        return False


def faults(opened: Page) -> list[str]:
    """Accessibility faults of the page by axe-core, and whether it is wider than its window."""
    from axe_playwright_python.sync_playwright import Axe

    opened.wait_for_load_state()
    found = Axe().run(opened).response["violations"]
    told = [f"{one['id']}: {[node['html'][:200] for node in one['nodes']][:3]}" for one in found]
    wide = opened.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return told + ([f"{wide} pixels too wide"] if wide else [])


def faults_at_every_size(opened: Page) -> list[str]:
    """The faults of the page narrow and wide, light and dark."""
    found = []
    for width, height in (NARROW, WIDE):
        opened.set_viewport_size({"width": width, "height": height})
        for scheme in SCHEMES:
            opened.emulate_media(color_scheme=scheme)
            found += [f"{width} pixels, {scheme}: {fault}" for fault in faults(opened)]
    return found
