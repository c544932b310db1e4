from __future__ import annotations

from typing import Any

import pytest

from tests.support.studio import MakeStudio, Shop, Studio


@pytest.fixture
def studio_at(make_studio: MakeStudio) -> MakeStudio:
    """`studio_at(shop, **settings)`: makes a studio whose processes buy from `shop`."""

    def make(shop: Shop, **settings: Any) -> Studio:
        api = {**shop.api, **settings.pop("api", {})}
        return make_studio(api=api, **settings)

    return make
