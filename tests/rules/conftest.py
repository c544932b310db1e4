"""A simulated photographer."""

from __future__ import annotations

import random

import pytest

from tests.support.camera import Photographer


@pytest.fixture
def by() -> Photographer:
    return Photographer(random.Random(7))
