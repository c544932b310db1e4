"""A page of a studio, and a browser to look at it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.support.browser import chromium
from tests.support.pageprocess import PageProcess, page_process
from tests.support.studio import Studio


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for a module, in which there may be no asynchronous tests beside it."""
    with chromium() as opened:
        yield opened


@pytest.fixture
def page(studio: Studio) -> Iterator[PageProcess]:
    """Of that studio, on loopback and without a password."""
    with page_process(studio) as process:
        yield process
