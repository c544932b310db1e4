"""A page of a studio."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.pageprocess import PageProcess, page_process
from tests.support.studio import Studio


@pytest.fixture
def page(studio: Studio) -> Iterator[PageProcess]:
    """Of that studio, on loopback and without a password."""
    with page_process(studio) as process:
        yield process
