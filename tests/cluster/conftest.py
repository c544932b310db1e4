"""A studio of several machines with a database of its own on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.cluster import Cluster
from tests.support.postgres import Postgres
from tests.support.studio import Shop


@pytest.fixture
def cluster(postgres: Postgres, shop: Shop, tmp_path: Path) -> Iterator[Callable[..., Cluster]]:
    """`cluster(**changes)`: makes a Cluster, all of whose processes end with the test."""
    made: list[Cluster] = []
    with postgres.store() as engine:
        url = engine.url.render_as_string(hide_password=False)

        def make(**changes: object) -> Cluster:
            made.append(Cluster(tmp_path / "studio", shop, url, **changes))  # type: ignore[arg-type]
            return made[-1]

        yield make
        for one in made:
            one.end()
