"""A fixed sample of the random crash-and-fault runs. For many: `tests.scenarios.storm`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios import clusterstorm
from tests.scenarios.storm import storm, table
from tests.scenarios.weather import plan
from tests.support.postgres import ADVICE, programs

pytestmark = pytest.mark.long

SEED, RUNS = 20, 6


def test_nothing_is_lost_and_nothing_is_paid_twice_in_bad_weather(tmp_path: Path) -> None:
    stories = storm(tmp_path / "storm", {number: plan(SEED, number) for number in range(RUNS)}, lanes=4)
    broken = [f"run {story.number}: {what}" for story in stories for what in (*story.lost, *story.broken)]
    assert broken == [], table(stories)
    assert sum(story.paid for story in stories) > RUNS
    assert sum(story.faults_met for story in stories) > RUNS
    assert any(-9 in story.exit_codes for story in stories)


def test_a_seed_always_gives_the_same_plans_and_another_seed_others() -> None:
    assert plan(1, 2) == plan(1, 2)
    assert plan(1, 2) != plan(2, 2)


def test_machines_that_share_a_database_lose_nothing_and_pay_nothing_twice(tmp_path: Path) -> None:
    if programs() is None:
        pytest.skip(ADVICE)
    plans = {number: clusterstorm.plan(SEED, number) for number in range(1, 3)}
    stories = storm(tmp_path / "storm", plans, lanes=2, play=clusterstorm.play, opened=clusterstorm.opened)
    broken = [f"run {story.number}: {what}" for story in stories for what in (*story.lost, *story.broken)]
    assert broken == [], table(stories)
    assert sum(story.paid for story in stories) > len(plans)
