"""Alive and ready, with reasons that a person can act on."""

from __future__ import annotations

from hotfolder.stager.failures import GOES_ON
from hotfolder.telemetry.health import Beat, alive, ready
from hotfolder.telemetry.overview import Overview

FINE = (Beat("scan", 95.0, 60.0), Beat("store", 99.5, 30.0))
HUNG = (Beat("scan", 10.0, 60.0), Beat("store", 99.5, 30.0))


def test_alive_names_the_part_that_hangs() -> None:
    """Only heartbeats count for being alive, and each is shown with its limit."""
    assert alive(FINE, 100.0).well
    verdict = alive(HUNG, 100.0)
    assert verdict.as_dict() == {
        "ok": False,
        "reasons": ["the scan has not moved for 90 seconds"],
        "parts": {
            "scan": {"silent_seconds": 90.0, "limit_seconds": 60.0},
            "store": {"silent_seconds": 0.5, "limit_seconds": 30.0},
        },
    }


def test_ready_wants_the_store_the_inboxes_and_the_api() -> None:
    """Every reason is told, not just the first."""
    assert ready(Overview((), {}, degraded={"inbox": ""}), FINE, 100.0).well
    assert ready(None, FINE, 100.0).reasons == ("the job store has not been read yet",)
    seen = Overview(
        (),
        {},
        trouble="the API refused the key (401).",
        trouble_hint="Put the new key into the key file.",
        degraded={"inbox": "", "second": "it is not mounted"},
        paused="by hand",
    )
    assert ready(seen, HUNG, 100.0).reasons == (
        "the scan has not moved for 90 seconds",
        "an inbox is out of reach (second): it is not mounted",
        "nothing is paid for: by hand",
        "the API is not asked just now: the API refused the key (401). Put the new key into the key file.",
    )


def test_why_the_api_is_not_asked_is_told_in_sentences() -> None:
    seen = Overview((), {}, trouble="the internet can't be reached", trouble_hint=GOES_ON)
    assert seen.trouble_told == "The internet can't be reached. Nothing is lost; it goes on by itself."
