"""Fixtures that several test packages share."""

from __future__ import annotations

import gc
import os
import resource
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings

# `tests.support` must be importable, here and by the sandbox's workers, however pytest was started.
REPOSITORY = Path(__file__).parents[1]
if str(REPOSITORY) not in sys.path:
    sys.path.insert(0, str(REPOSITORY))

if sys.dont_write_bytecode:
    # Otherwise each of the many processes would compile everything anew.
    sys.dont_write_bytecode = False
    sys.pycache_prefix = str(REPOSITORY / ".pytest_cache" / "bytecode")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix

from hotfolder.pictures.decoder import Decoder  # noqa: E402
from tests.support.postgres import ADVICE, Postgres, programs, running  # noqa: E402
from tests.support.proxy import held_port  # noqa: E402
from tests.support.receiver import Receiver  # noqa: E402
from tests.support.studio import MakeStudio, Shop, Studio  # noqa: E402

STORES = SQLITE, POSTGRESQL = "sqlite", "postgresql"

# How long an example and its data take depends on the machine. Examples share what they don't change.
settings.register_profile(
    "any machine",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("any machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--store", choices=STORES, help="Where every studio has its store; else each test says by its marker."
    )


def pytest_configure(config: pytest.Config) -> None:
    """Leave out the tests marked `long`, which take three quarters of the time, where none are named."""
    named = config.option.keyword or config.option.markexpr
    if config.args_source is pytest.Config.ArgsSource.TESTPATHS and not named:
        config.option.markexpr = "not long"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    of = metafunc.definition.get_closest_marker
    if of("both_stores") is not None and metafunc.config.getoption("--store") is None:
        metafunc.parametrize("store_kind", STORES, indirect=True)


def pytest_collection_finish() -> None:
    """Exclude all imported and collected objects from garbage collection: they stay to the end."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server for all tests of this process."""
    programs_folder = programs()
    if programs_folder is None:
        pytest.skip(ADVICE)
    with running(programs_folder) as server:
        yield server


@pytest.fixture(scope="session", autouse=True)
def one_store_kind(request: pytest.FixtureRequest) -> None:
    """Use PostgreSQL for all studios with `--store postgresql`; runs before any fixture makes a studio."""
    if request.config.getoption("--store") == POSTGRESQL:
        Studio.new_server = request.getfixturevalue("postgres").fresh


@pytest.fixture(autouse=True)
def store_kind(request: pytest.FixtureRequest, one_store_kind: None) -> Iterator[str]:
    """Where the studios of the test have their store: `both_stores` marks what is run on each."""
    before = Studio.new_server
    kind: str = getattr(request, "param", request.config.getoption("--store") or SQLITE)
    if kind == POSTGRESQL:
        if request.node.get_closest_marker("sqlite_alone") is not None:
            pytest.skip(
                "about SQLite's file, a day that this machine's clock ends, or what markers tell machines"
            )
        Studio.new_server = request.getfixturevalue("postgres").fresh
    yield kind
    Studio.new_server = before


@pytest.fixture
async def decoder() -> AsyncIterator[Decoder]:
    made = Decoder()
    yield made
    await made.close()


@pytest.fixture(autouse=True)
def own_log() -> Iterator[None]:
    """No test inherits the log of the one before."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def one_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with Shop(tmp_path_factory.mktemp("shop")) as shop:
        yield shop


@pytest.fixture
def shop(one_shop: Shop) -> Shop:
    """A sandbox for all tests; what it counts begins anew with each, and nothing goes wrong at first."""
    one_shop.mark()
    return one_shop


@pytest.fixture
def small_files() -> Iterator[Callable[[int], None]]:
    """`small_files(most_bytes)`: no file of this process may be written beyond that, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda most_bytes: resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def make_studio(tmp_path: Path, shop: Shop) -> Iterator[MakeStudio]:
    """`make_studio(**settings)`; processes that it started are ended with the test."""
    made: list[Studio] = []

    def make(**settings: Any) -> Studio:
        made.append(Studio(tmp_path / f"studio-{len(made) + 1}", shop=shop, **settings))
        return made[-1]

    yield make
    for studio in made:
        studio.end()


@pytest.fixture
def studio(make_studio: MakeStudio) -> Studio:
    return make_studio()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def free_port() -> Iterator[int]:
    """A port on which nobody listens but whoever asks for it by number."""
    with held_port() as port:
        yield port


@contextmanager
def in_zone(monkeypatch: pytest.MonkeyPatch, zone: str) -> Iterator[None]:
    """This process in a time zone, spelt out so that no zone database is needed."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        yield
    time.tzset()


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A time zone with summer time."""
    with in_zone(monkeypatch, "CET-1CEST,M3.5.0,M10.5.0/3"):
        yield


@pytest.fixture
def chile(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A time zone whose clocks go forward from midnight to one."""
    with in_zone(monkeypatch, "<-04>4<-03>,M9.1.6/24,M4.1.6/24"):
        yield


@pytest.fixture
def house() -> dict[str, bytes]:
    """A real bracket of a room, where a folder of them is named by HOTFOLDER_BRACKETS."""
    folder = os.environ.get("HOTFOLDER_BRACKETS")
    if not folder:
        pytest.skip("HOTFOLDER_BRACKETS names no folder of real brackets")
    photos = sorted((Path(folder) / "mertens-house").glob("*.jpg"))
    if not photos:
        pytest.skip("HOTFOLDER_BRACKETS holds no mertens-house")
    return {photo.name: photo.read_bytes() for photo in photos}
