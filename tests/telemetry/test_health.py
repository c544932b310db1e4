"""Health and readiness, with reasons that a person can act on, and what systemd is told of them."""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hotfolder.stager.failures import GOES_ON
from hotfolder.telemetry.health import Heartbeats, Systemd, not_ready, report, status_sentence
from hotfolder.telemetry.overview import SETTLING, Overview
from tests.support.receiver import Manager


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    abstract = f"@hotfolder-test-{secrets.token_hex(8)}"
    made = Manager(abstract if request.param == "abstract" else str(tmp_path / "notify"))
    yield made
    made.socket.close()


def test_every_message_has_the_protocols_words(manager: Manager) -> None:
    """Ready, status, reload, stop and ping are one datagram each."""
    systemd = Systemd(manager.address)
    assert systemd.ready("idle") and systemd.reloading() and systemd.stopping()
    systemd.feed_watchdog([])
    ready, reloading, stopping, ping = manager.heard()
    assert (ready, ping, stopping) == ("READY=1\nSTATUS=idle", "WATCHDOG=1", "STOPPING=1")
    assert (stamp := re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=(\d+)", reloading))
    assert abs(int(stamp[1]) / 1e6 - time.monotonic()) < 60


def test_a_status_is_one_line_and_sent_when_it_changes(manager: Manager) -> None:
    """Line breaks in a name must not become other fields, and the same status isn't repeated."""
    systemd = Systemd(manager.address)
    for _ in range(3):
        assert systemd.status("1 running\nMAINPID=1")
    assert systemd.status("idle \udcff")
    assert manager.heard() == ["STATUS=1 running MAINPID=1", "STATUS=idle ?"]


def test_a_manager_that_is_gone_or_deaf_costs_nothing(tmp_path: Path) -> None:
    """A missing socket, one that nobody reads, and a name that is too long give no error, and quickly."""
    assert not Systemd().ready()
    assert not Systemd(str(tmp_path / "nobody")).ready()
    assert not Systemd("/" + "x" * 300).ready()
    deaf = Manager(str(tmp_path / "deaf"))
    systemd = Systemd(deaf.address)
    began = time.monotonic()
    while systemd.reloading():
        assert time.monotonic() - began < 60
    assert time.monotonic() - began < 60
    deaf.socket.close()


def test_a_status_that_was_not_heard_is_said_again(tmp_path: Path) -> None:
    """Only a status that systemd has received counts as sent."""
    systemd = Systemd(str(tmp_path / "notify"))
    assert not systemd.status("idle")
    manager = Manager(str(tmp_path / "notify"))
    assert systemd.status("idle")
    assert manager.heard() == ["STATUS=idle"]
    manager.socket.close()


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ({"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "60000000"}, 60.0),
        ({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "1500000", "WATCHDOG_PID": "7"}, 1.5),
        ({"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "8"}, None),
        ({"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "soon"}, None),
        ({"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "0"}, None),
        ({"NOTIFY_SOCKET": "vsock:2:1", "WATCHDOG_USEC": "60000000"}, None),
        ({"WATCHDOG_USEC": "60000000"}, None),
        ({}, None),
    ],
)
def test_the_environment_is_read_and_kept_from_children(given: dict[str, str], seconds: float | None) -> None:
    """The watchdog is obeyed when it is meant for this process; the variables are removed after reading."""
    environment = {"HOME": "/", **given}
    assert Systemd.of(environment, pid=7).watchdog_seconds == seconds
    assert environment == {"HOME": "/"}


def test_a_hung_part_stops_the_pings_and_is_named(manager: Manager) -> None:
    """While the scan hangs nothing is pinged; when it moves again, pings go on."""
    now = [100.0]
    heartbeats = Heartbeats(lambda: now[0])
    scan = heartbeats.expect("scan", 60)
    asked = [100.0]
    heartbeats.expect("queue", 30, lambda: asked[0])
    systemd = Systemd(manager.address, 60)
    systemd.feed_watchdog(heartbeats.late_parts())
    now[0] = asked[0] = 161.0
    systemd.feed_watchdog(heartbeats.late_parts())
    systemd.feed_watchdog(heartbeats.late_parts())
    scan()
    systemd.feed_watchdog(heartbeats.late_parts())
    now[0] += 31
    systemd.feed_watchdog(heartbeats.late_parts())
    heartbeats.stop_watching_all()
    systemd.feed_watchdog(heartbeats.late_parts())
    assert manager.heard() == [
        "WATCHDOG=1",
        "STATUS=hung: the scan has not moved for 61 seconds",
        "WATCHDOG=1",
        "STATUS=hung: the queue has not moved for 31 seconds",
        "WATCHDOG=1",
    ]


def test_a_part_that_joins_has_its_whole_limit() -> None:
    """Starting up is not being late."""
    now = [50.0]
    heartbeats = Heartbeats(lambda: now[0])
    heartbeats.expect("store", 10)
    now[0] = 60.0
    assert not heartbeats.late_parts()
    now[0] = 60.1
    assert heartbeats.late_parts() == ["the store has not moved for 10 seconds"]


def seen(counts: dict[str, int], **more: object) -> Overview:
    return Overview(lines=(), counts=counts, pid=os.getpid(), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("overview", "sentence"),
    [
        (seen({}), "no sets yet"),
        (
            seen({"merging": 2, "queued": 10, SETTLING: 2, "needs_attention": 1, "done": 4000}),
            "2 being merged, 10 waiting for its turn, 2 still arriving, 1 needs a person, 4000 done",
        ),
        (
            seen({"queued": 1}, trouble="the API key was rejected (401)", degraded={"b": "gone", "a": ""}),
            "1 waiting for its turn. Nothing comes in from b: gone. The work waits: the API key was rejected"
            " (401). Everything continues by itself then",
        ),
        (
            seen({"queued": 2}, paused="by hand"),
            "2 waiting for its turn. No paid calls are made just now: by hand",
        ),
    ],
)
def test_the_status_is_a_sentence(overview: Overview, sentence: str) -> None:
    """Counts come first, then what is wrong."""
    assert status_sentence(overview) == sentence


def beating(silent_seconds: float) -> Heartbeats:
    now = [100.0]
    heartbeats = Heartbeats(lambda: now[0])
    heartbeats.expect("scan", 60.0)
    now[0] += silent_seconds
    heartbeats.expect("store", 30.0)
    return heartbeats


def test_health_names_the_part_that_hangs() -> None:
    """Only heartbeats count for health, and each is shown with its limit."""
    assert report(beating(5.0))["ok"]
    assert report(beating(90.0)) == {
        "ok": False,
        "reasons": ["the scan has not moved for 90 seconds"],
        "parts": {
            "scan": {"silent_seconds": 90.0, "limit_seconds": 60.0},
            "store": {"silent_seconds": 0.0, "limit_seconds": 30.0},
        },
    }


def test_ready_wants_the_store_the_inboxes_and_the_api() -> None:
    """Every reason is reported, not just the first."""
    assert list(not_ready(Overview((), {}, degraded={"inbox": ""}))) == []
    assert list(not_ready(None)) == ["the job store has not been read yet"]
    seen = Overview(
        (),
        {},
        trouble="the API refused the key (401).",
        trouble_hint="Put the new key into the key file.",
        degraded={"inbox": "", "second": "it is not mounted"},
        paused="by hand",
    )
    assert report(beating(90.0), not_ready(seen))["reasons"] == [
        "the scan has not moved for 90 seconds",
        "Nothing comes in from second: it is not mounted.",
        "The work waits: the API refused the key (401). Put the new key into the key file."
        " Everything continues by itself then.",
        "No paid calls are made just now: by hand. `hotfolder resume` continues.",
    ]


def test_why_the_api_is_not_asked_is_told_in_sentences() -> None:
    seen = Overview((), {}, trouble="the internet can't be reached", trouble_hint=GOES_ON)
    assert [one.text for one in seen.conditions()] == [
        "The work waits: the internet can't be reached. Nothing is lost; it goes on by itself."
    ]
