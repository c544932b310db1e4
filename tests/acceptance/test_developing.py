"""TIFFs and a daemon that is killed while it develops them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

from tests.support.colours import profile
from tests.support.studio import Shop, Studio, files_below, wait_for
from tests.support.tiffs import tiff

ELM = "12 Elm Road"
KEY = "any-key"


def test_a_daemon_that_is_killed_over_its_tiffs_makes_them_once(
    shop: Shop, studio_at: Callable[..., Studio]
) -> None:
    """Whatever it has left in the darkroom: it is made anew, paid for once, and cleared away."""
    studio = studio_at(shop)
    size = (1200, 900)
    files = {
        f"{number}.tif": tiff(
            pixels=os.urandom(3 * size[0] * size[1]), size=size, profile=profile("Adobe RGB")
        )
        for number in range(4)
    }
    run = studio.start(key=KEY)
    studio.drop(ELM, "kitchen", files)
    darkroom: Path = studio.state / "developed"
    wait_for(lambda: any(darkroom.iterdir()), run.text)
    run.process.send_signal(signal.SIGKILL)
    run.process.wait()
    assert studio.start("--until-idle", key=KEY).wait() == 0
    assert (studio.states(), shop.bought()) == (["done"], 1)
    assert files_below(studio.done / ELM / "originals" / "kitchen") == files
    assert list(darkroom.iterdir()) == []
