"""One misbehaving shop for all scenarios, and a bench on which a studio is put to the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.scenarios.bench import HURRIED, Bench
from tests.support.crashing import Crasher
from tests.support.mischief import BadShop
from tests.support.studio import Studio


@pytest.fixture(scope="session")
def one_bad_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BadShop]:
    with BadShop(tmp_path_factory.mktemp("bad-shop")) as shop:
        yield shop


@pytest.fixture
def bad_shop(one_bad_shop: BadShop) -> BadShop:
    """A shop for all scenarios; what it counts begins anew with each, and nothing goes wrong at first."""
    one_bad_shop.mark()
    return one_bad_shop


@pytest.fixture(scope="session")
def crasher() -> Iterator[Crasher]:
    """Starts daemons quickly, in processes of their own."""
    made = Crasher()
    yield made
    made.close()


@pytest.fixture
def make_bench(make_studio: Callable[..., Studio], bad_shop: BadShop) -> Callable[..., Bench]:
    """`make_bench(**settings)`: a studio that buys from the shop."""

    def make(**settings: object) -> Bench:
        return Bench(make_studio(**{**HURRIED, **settings}), bad_shop)

    return make


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    return make_bench()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder that belongs to no studio."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder
