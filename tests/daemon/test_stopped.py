"""A daemon that is stopped, as by `docker pause` or Ctrl-Z, and goes on."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.support.pictures import bracket
from tests.support.processes import children_of
from tests.support.studio import ELM, MakeStudio, Run, Shop, wait_for

pytestmark = pytest.mark.long

PAID = '"event": "paid_call_leaves"'


def stop_for(seconds: float, run: Run) -> None:
    everyone = [run.process.pid, *children_of(run.process.pid)]
    for one in everyone:
        os.kill(one, signal.SIGSTOP)
    time.sleep(seconds)
    for one in everyone:
        os.kill(one, signal.SIGCONT)


def test_a_paid_answer_that_came_meanwhile_is_used(make_studio: MakeStudio, shop: Shop) -> None:
    """It lies in the socket, and the deadline passed during the stop."""
    api = {"base_url": shop.url, "storage_hosts": [shop.storage_host], "paid_timeout_seconds": 2}
    studio = make_studio(api=api)
    shop.goes_wrong({"endpoint": "sky", "fault": "hang", "seconds": 1})
    run = studio.start()
    studio.drop(ELM, "kitchen__sky-twilight", bracket())
    wait_for(lambda: run.text().count(PAID) == 2, run.text)
    stop_for(5, run)
    studio.wait_for_states("done")
    assert shop.bought() == 2


def test_a_set_whose_copying_was_stopped_too_is_not_settled_by_it(
    make_studio: MakeStudio, shop: Shop
) -> None:
    """As with a file server in the next container, paused with it."""
    studio = make_studio(settle={"quiet_seconds": 3, "scan_seconds": 30})
    run = studio.start()
    photos = bracket(5)
    first = sorted(photos)[:2]
    studio.drop(ELM, "kitchen", {name: photos[name] for name in first})
    studio.wait_for_states("settling")
    stop_for(6, run)
    time.sleep(1)
    studio.drop(ELM, "kitchen", photos)
    studio.wait_for_states("done")
    assert shop.bought() == 1 and len(studio.receipt("kitchen")["photos"]) == 5
