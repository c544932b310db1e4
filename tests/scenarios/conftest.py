"""Benches for scenarios."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios.bench import HURRIED, Bench, MakeBench
from tests.support.studio import MakeStudio, Shop


@pytest.fixture
def make_bench(make_studio: MakeStudio, shop: Shop) -> MakeBench:
    """`make_bench(**settings)`: makes a studio that buys from the shop."""

    def make(**settings: object) -> Bench:
        return Bench(make_studio(**{**HURRIED, **settings}), shop)

    return make


@pytest.fixture
def bench(make_bench: MakeBench) -> Bench:
    return make_bench()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder outside of all studios."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder
