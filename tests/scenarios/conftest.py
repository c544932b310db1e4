"""Benches for scenarios."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.scenarios.bench import HURRIED, Bench
from tests.support.studio import Shop, Studio


@pytest.fixture
def make_bench(make_studio: Callable[..., Studio], shop: Shop) -> Callable[..., Bench]:
    """`make_bench(**settings)`: makes a studio that buys from the shop."""

    def make(**settings: object) -> Bench:
        return Bench(make_studio(**{**HURRIED, **settings}), shop)

    return make


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    return make_bench()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder outside of all studios."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder
