"""A studio's page, and a browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.support.browser import chromium, tab
from tests.support.pageprocess import PageProcess, page_process
from tests.support.studio import MakeStudio, Studio


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for a module, which may have no asynchronous tests."""
    with chromium() as opened:
        yield opened


@pytest.fixture
def page(studio: Studio) -> Iterator[PageProcess]:
    """The studio's page, on loopback and without a password."""
    with page_process(studio) as process:
        yield process


@pytest.fixture
def opened(browser: Browser, page: PageProcess) -> Iterator[Page]:
    """A tab at the page's beginning."""
    with tab(browser, page) as made:
        yield made


@pytest.fixture
def at_work(make_studio: MakeStudio) -> MakeStudio:
    """`at_work(**settings)`: makes a studio with a daemon in a process of its own."""

    def make(**settings: object) -> Studio:
        studio = make_studio(**settings)
        studio.start()
        return studio

    return make
