"""Health and readiness, with reasons that a person can act on."""

from __future__ import annotations

from hotfolder.stager.failures import GOES_ON
from hotfolder.telemetry.health import Heartbeats, not_ready, report
from hotfolder.telemetry.overview import Overview


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
