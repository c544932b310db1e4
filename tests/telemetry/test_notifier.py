"""The notifier as a whole: from overviews to a message at a real web server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hotfolder.config.settings import Notify
from hotfolder.rules.kinds import Prices
from hotfolder.telemetry.notifications import Detector, Memory, Situation
from hotfolder.telemetry.notifier import Notifier
from hotfolder.telemetry.overview import Line, Overview
from tests.support.clocks import SkippingClock
from tests.support.receiver import Receiver
from tests.support.studio import until

pytest.importorskip("apprise", reason="the extra `notify` is not installed")


def line(state: str, room: str, reason: str = "") -> Line:
    return Line("id", "inbox", "12 Elm Road", room, room, state, reason=reason)


def nothing_goes_on() -> Situation:
    return Situation(Overview((), {}))


def notifier_of(
    address: str, *, facts: Callable[[], Situation] = nothing_goes_on, kept: list[Memory] | None = None
) -> tuple[Notifier, SkippingClock]:
    clock = SkippingClock(6000)

    async def remember(memory: Memory) -> None:
        if kept is not None:
            kept.append(json.loads(json.dumps(memory)))

    detector = Detector(Notify(), Prices(), done=Path("/srv/done"), failed=Path("/srv/failed"))
    notifier = Notifier(detector, clock, facts, remember)
    notifier.follow(Notify(), [address] if address else [])
    return notifier, clock


def ended(notifier: Notifier, ended: Line) -> None:
    notifier.queue(*notifier.detector.ended(ended))


async def test_a_project_with_a_failure_is_two_messages(receiver: Receiver) -> None:
    """One is for the failed set, gathered for a minute, and one for the finished project."""
    notifier, _ = notifier_of(receiver.address)
    for number in range(30):
        ended(notifier, line("done", f"room {number}"))
    ended(notifier, line("failed", "attic", "8 photos; at most 7."))
    ended(notifier, line("failed", "cellar", "a photo is unreadable."))
    running = asyncio.create_task(notifier.run())
    await until(lambda: len(receiver.got) == 2)
    await asyncio.sleep(0.3)
    running.cancel()
    failed, finished = receiver.got
    assert failed["title"] == "hotfolder: 2 sets came back"
    assert failed["message"].splitlines() == [
        "12 Elm Road / attic: 8 photos; at most 7.",
        "12 Elm Road / cellar: a photo is unreadable.",
    ]
    assert finished["message"].startswith(
        "12 Elm Road: 30 sets are done, 2 came back.\n  Pictures: /srv/done/"
    )
    assert len(receiver.got) == 2


async def test_a_stop_sends_what_was_gathered(receiver: Receiver) -> None:
    """Nobody has to wait for the next start to hear of it."""
    notifier, _ = notifier_of(receiver.address)
    ended(notifier, line("failed", "attic", "8 photos."))
    await notifier.close()
    assert [one["message"] for one in receiver.got] == ["12 Elm Road / attic: 8 photos."]


async def test_a_kill_loses_nothing_that_was_remembered(receiver: Receiver) -> None:
    """A second notifier with the first one's memory sends what the first one could not."""
    kept: list[Memory] = []
    first, clock = notifier_of(receiver.address, kept=kept)
    ended(first, line("done", "kitchen"))
    ended(first, line("failed", "attic", "8 photos."))
    running = asyncio.create_task(first.run())
    await until(lambda: clock.seconds > 20)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert len(kept) == 1 and not receiver.got  # written when it changes, not every second
    assert receiver.address not in json.dumps(kept)
    second, _ = notifier_of(receiver.address)
    second.recall(kept[-1])
    running = asyncio.create_task(second.run())
    await until(lambda: len(receiver.got) == 2)
    running.cancel()
    assert [one["message"].splitlines()[0] for one in receiver.got] == [
        "12 Elm Road / attic: 8 photos.",
        "12 Elm Road: 1 set is done, 1 came back.",
    ]


async def test_a_dead_address_and_unknown_facts_stop_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Both last for hours: the loop goes on, the log has one line of each, and a stop is quick."""

    def no_facts() -> Situation:
        raise OSError("the store is away")

    notifier, clock = notifier_of("json://127.0.0.1:1/x", facts=no_facts)
    ended(notifier, line("failed", "attic", "8 photos."))
    running = asyncio.create_task(notifier.run())
    await until(lambda: clock.seconds > 3600)
    assert not running.done()
    running.cancel()
    await asyncio.wait_for(notifier.close(), 3)
    logged = capsys.readouterr().out
    assert logged.count("notifications_not_looked_for") == 1 and logged.count("not_notified") == 1


@pytest.mark.parametrize(
    "rubbish",
    [
        None,
        {},
        {"gathered": 5, "detected": 6},
        {"detected": {"projects": [], "told": {"disk": "NO_SUCH_KIND"}}, "gathered": {}},
    ],
)
async def test_a_strange_memory_is_left_aside(rubbish: object) -> None:
    """An older or broken memory must not keep the daemon from starting."""
    notifier, _ = notifier_of("")
    notifier.recall(rubbish)
    await notifier.close()


async def test_what_could_not_be_delivered_is_sent_after_a_restart(receiver: Receiver) -> None:
    """By kind, with their number; an outage is logged once."""
    kept: list[Memory] = []
    receiver.status = 500
    first, clock = notifier_of(receiver.address, kept=kept)
    running = asyncio.create_task(first.run())
    for number in range(3):
        ended(first, line("failed", f"attic {number}", "8 photos."))
        await until(lambda: clock.seconds > 300 * (number + 1))  # noqa: B023 - asked at once
    running.cancel()
    await first.close()
    receiver.status = 200
    second, _ = notifier_of(receiver.address)
    second.recall(kept[-1])
    running = asyncio.create_task(second.run())
    await until(lambda: len(receiver.got) == 1)
    running.cancel()
    assert receiver.got[0]["title"] == "hotfolder: 3 sets came back"
