"""A studio of several machines, with a database of its own on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.cluster import Cluster
from tests.support.postgres import ADVICE, Postgres, programs, running
from tests.support.studio import Shop


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server for all tests of this process."""
    programs_folder = programs()
    if programs_folder is None:
        pytest.skip(ADVICE)
    with running(programs_folder) as server:
        yield server


@pytest.fixture
def cluster(postgres: Postgres, tmp_path: Path) -> Iterator[Callable[..., Cluster]]:
    """`cluster(**changes)` makes it, as `Cluster` does; every process of it ends with the test."""
    made: list[Cluster] = []
    with Shop(tmp_path / "shop") as shop, postgres.store() as engine:
        url = engine.url.render_as_string(hide_password=False)

        def make(**changes: object) -> Cluster:
            made.append(Cluster(tmp_path / "studio", shop, url, **changes))  # type: ignore[arg-type]
            return made[-1]

        yield make
        for one in made:
            one.end()
