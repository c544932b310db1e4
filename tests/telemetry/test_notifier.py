"""The notifier and its recipients: messages by apprise's `json://` to a web server of our own."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hotfolder.config.settings import Notify
from hotfolder.errors import ConfigurationError
from hotfolder.rules.kinds import Prices
from hotfolder.telemetry import notifier as module
from hotfolder.telemetry.notifications import Detector, Kind, Notification, SavedState, Severity, Situation
from hotfolder.telemetry.notifier import MOST_CHARACTERS, Batch, Message, Notifier, Recipient, send_test
from hotfolder.telemetry.overview import Line, Overview
from tests.support.clocks import SkippingClock
from tests.support.receiver import SECRET, Receiver
from tests.support.studio import FILE_TIMEOUT_SECONDS, until

pytest.importorskip("apprise", reason="the extra `notify` is not installed")

REPOSITORY = Path(__file__).parents[2]


def line(state: str, room: str, reason: str = "") -> Line:
    return Line("id", "inbox", "12 Elm Road", room, room, state, reason=reason)


def nothing_goes_on() -> Situation:
    return Situation(Overview((), {}))


def notifier_of(
    address: str, *, facts: Callable[[], Situation] = nothing_goes_on, kept: list[SavedState] | None = None
) -> tuple[Notifier, SkippingClock]:
    clock = SkippingClock(6000)

    async def remember(memory: SavedState) -> None:
        if kept is not None:
            kept.append(json.loads(json.dumps(memory)))

    detector = Detector(Notify(), Prices(), done=Path("/srv/done"), failed=Path("/srv/failed"))
    notifier = Notifier(detector, clock, facts, remember)
    notifier.follow(Notify(), [address] if address else [])
    return notifier, clock


@asynccontextmanager
async def at_work(notifier: Notifier) -> AsyncIterator[asyncio.Task[None]]:
    running = asyncio.create_task(notifier.run())
    yield running
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def ended(notifier: Notifier, ended: Line) -> None:
    notifier.queue(*notifier.detector.ended(ended))


async def test_a_project_with_a_failure_is_two_messages(receiver: Receiver) -> None:
    """One is for the failed set, gathered for a minute, and one for the finished project."""
    notifier, _ = notifier_of(receiver.address)
    for number in range(30):
        ended(notifier, line("done", f"room {number}"))
    ended(notifier, line("failed", "attic", "8 photos; at most 7."))
    ended(notifier, line("failed", "cellar", "a photo is unreadable."))
    async with at_work(notifier):
        await until(lambda: len(receiver.got) == 2)
        await asyncio.sleep(0.3)
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
    kept: list[SavedState] = []
    first, clock = notifier_of(receiver.address, kept=kept)
    ended(first, line("done", "kitchen"))
    ended(first, line("failed", "attic", "8 photos."))
    async with at_work(first):
        await until(lambda: clock.seconds > 20)
    assert len(kept) == 1 and not receiver.got  # written when it changes, not every second
    assert receiver.address not in json.dumps(kept)
    second, _ = notifier_of(receiver.address)
    second.recall(kept[-1])
    async with at_work(second):
        await until(lambda: len(receiver.got) == 2)
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
    async with at_work(notifier) as running:
        await until(lambda: clock.seconds > 3600)
        assert not running.done()
    await asyncio.wait_for(notifier.close(), 30)
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


async def test_of_messages_that_are_not_all_understood_none_is_taken_over(receiver: Receiver) -> None:
    """A newer release had gathered them, and ended: they would be taken over anew every time."""
    notifier, _ = notifier_of("")
    notifier.follow(Notify(), [receiver.address, f"{receiver.address}/other"])
    ended(notifier, line("failed", "attic", "8 photos."))
    first, other = notifier.recipients.values()
    left = {one.memory_key: one.batches.memory() for one in (first, other)}
    left[other.memory_key] = {"groups": {"NO_SUCH_KIND": {"since": 0}}, "sent": {}}
    with pytest.raises(KeyError):
        notifier.inherit({"gathered": left, "detected": {}})
    assert first.batches.by_kind[Kind.JOB_FAILED].count == 1
    await notifier.close()


async def test_messages_taken_over_do_not_end_the_pause_of_their_kind(receiver: Receiver) -> None:
    notifier, _ = notifier_of(receiver.address)
    held = Notification(Kind.HELD, "12 Elm Road / hall: its route asks for a review.")
    [one] = notifier.recipients.values()
    one.batches.add(held, 1000.0)
    left = one.batches.memory()
    one.batches.take(Kind.HELD, 1000.0)
    notifier.inherit({"gathered": {one.memory_key: left}, "detected": {}})
    pause = one.batches.notify.pause_seconds
    assert [one.batches.due(1000.0 + after) for after in (1.0, pause + 1)] == [[], [Kind.HELD]]
    await notifier.close()


async def test_an_address_that_moves_up_in_the_settings_keeps_its_messages(receiver: Receiver) -> None:
    notifier, _ = notifier_of("")
    notifier.follow(Notify(), ["json://127.0.0.1:9/gone", receiver.address])
    notifier.queue(Notification(Kind.HELD, "12 Elm Road / hall: its route asks for a review."))
    notifier.follow(Notify(), [receiver.address])
    [stays] = notifier.recipients.values()
    assert stays.name == "1 (json)"
    assert Kind.HELD in stays.batches.by_kind


async def test_what_could_not_be_delivered_is_sent_after_a_restart(receiver: Receiver) -> None:
    """By kind, with their number; an outage is logged once."""
    kept: list[SavedState] = []
    receiver.status = 500
    first, clock = notifier_of(receiver.address, kept=kept)
    async with at_work(first):
        for number in range(3):
            ended(first, line("failed", f"attic {number}", "8 photos."))
            await until(lambda: clock.seconds > 300 * (number + 1))  # noqa: B023 - asked at once
    await first.close()
    receiver.status = 200
    second, _ = notifier_of(receiver.address)
    second.recall(kept[-1])
    async with at_work(second):
        await until(lambda: len(receiver.got) == 1)
    assert receiver.got[0]["title"] == "hotfolder: 3 sets came back"


def message(body: str, weight: Severity = Severity.INFO) -> Message:
    return Message("A set came back", body, weight)


async def test_a_message_arrives_as_it_was_written(receiver: Receiver) -> None:
    """It has title, body and severity; markup stays text."""
    body = "12 Elm Road / <b>kitchen</b> & *bath* \\n:smile: “ü”\n  Pictures: /srv/done"
    assert await send_test([receiver.address], message(body, Severity.WARNING)) == [("1 (json)", True)]
    (got,) = receiver.got
    title = "hotfolder: A set came back"
    assert (got["title"], got["message"], got["type"]) == (title, body, "warning")


async def test_a_dead_address_does_not_keep_others_from_theirs(receiver: Receiver) -> None:
    """Each is tried by itself, and the result names each."""
    dead = f"json://127.0.0.1:1/{SECRET}"
    result = await send_test([dead, receiver.address], message("x"))
    assert result == [("1 (json)", False), ("2 (json)", True)]


async def test_a_recipient_waits_longer_after_each_failure(
    receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    """Later notifications join those that wait; the log has one line of the failure, and one of its end."""
    receiver.status = 500
    outcomes: list[str] = []
    recipient = Recipient(receiver.address, 1, outcome=outcomes.append)
    recipient.batches.add(Notification(Kind.JOB_FAILED, "one"), 0)
    for second in range(60, 1060, 10):
        recipient.begin(second)
        assert recipient.sending is not None
        await recipient.sending
    assert len(outcomes) == 6  # after 30, 60, 120, 240 and 480 seconds
    receiver.status = 200
    recipient.batches.add(Notification(Kind.JOB_FAILED, "two"), 1060)
    recipient.begin(3000)
    assert recipient.sending is not None
    await recipient.sending
    assert receiver.bodies() == ["one\ntwo"] and outcomes[-1] == "sent"
    logged = capsys.readouterr().out
    assert logged.count("not_notified") == 1 and logged.count("notifying_again") == 1


async def test_a_hung_service_is_left_behind(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time limit holds, and the message waits."""
    monkeypatch.setattr(module, "SEND_SECONDS", 0.2)
    receiver.delay_seconds = 1.0
    recipient = Recipient(receiver.address, 1)
    recipient.batches.add(Notification(Kind.JOB_FAILED, "slow"), 0)
    recipient.begin(60)
    assert recipient.sending is not None
    await recipient.sending
    assert recipient.batches.due(61) == [Kind.JOB_FAILED]


async def test_an_answer_without_end_keeps_one_thread_and_no_exit(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of an address of a stream of events: each message would have kept one more thread for good, until
    the daemon had none left for its work."""
    monkeypatch.setattr(module, "SEND_SECONDS", 0.2)
    receiver.endless = True
    recipient = Recipient(receiver.address, 1)
    assert [await recipient.send(Message("a", "b")) for _ in range(3)] == [False] * 3
    assert len(receiver.got) == 1
    assert {one.daemon for one in threading.enumerate() if one.name == "notify"} == {True}
    receiver.endless = False
    await until(lambda: "notify" not in [one.name for one in threading.enumerate()])
    assert await recipient.send(Message("a", "b"))


STOPPED_AMID = """
import asyncio, sys, threading
from hotfolder.telemetry import notifier
from hotfolder.telemetry.notifier import Message, Recipient
notifier.SEND_SECONDS = 3600.0
async def stopped() -> None:
    sending = asyncio.create_task(Recipient(sys.argv[1], 1).send(Message("a", "b")))
    while "notify" not in [one.name for one in threading.enumerate()]:
        await asyncio.sleep(0.05)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
asyncio.run(stopped())
"""


def test_a_process_that_is_stopped_amid_a_hung_message_ends(receiver: Receiver) -> None:
    """Not after SEND_SECONDS, for which systemd would have to wait with each stop."""
    receiver.endless = True
    command = [sys.executable, "-c", STOPPED_AMID, receiver.address]
    assert subprocess.run(command, cwd=REPOSITORY, timeout=FILE_TIMEOUT_SECONDS).returncode == 0


def test_a_message_is_short() -> None:
    """Services refuse what is too long."""
    batch = Batch(0.0)
    for number in range(10):
        batch.add(f"{number}" * 600)
    assert len(batch.message(Kind.JOB_FAILED).body) < MOST_CHARACTERS + 100


@pytest.mark.parametrize(
    "address",
    [
        *(f"nonsense://{SECRET}/x", SECRET, f"slack://{SECRET}", "", f"tgram://{SECRET}"),
        *(f"{SECRET}://x", "json://"),
    ],
)
def test_an_address_that_is_none_is_refused_unshown(address: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Its place in the settings is enough to find it."""
    with pytest.raises(ConfigurationError, match=r"notify\.urls: address 3") as caught:
        Recipient(address, 3)
    out = capfd.readouterr()
    assert SECRET not in f"{caught.value.message}{caught.value.hint}{out.out}{out.err}"


async def test_a_recipient_shows_no_secret(receiver: Receiver) -> None:
    assert SECRET not in repr(Recipient(receiver.address, 1))


TALK = """
import asyncio, logging, sys
logging.basicConfig(level=1, stream=sys.stderr)
from hotfolder import log
from hotfolder.clock import SystemClock
from hotfolder.errors import ConfigurationError
from hotfolder.telemetry.notifier import Message, Recipient, send_test
logging.getLogger().setLevel(1)
addresses = sys.argv[1:]
print(asyncio.run(send_test(addresses, Message("t", "b"))))
for wrong in ("none://hunter2hunter2", "json://u:hunter2hunter2@:9999999/x", "tgram://hunter2hunter2"):
    try:
        Recipient(wrong, 1)
    except ConfigurationError as error:
        print(error)
logging.getLogger("other").debug("the log is really open")
"""


def test_no_secret_is_logged_even_when_everything_is(receiver: Receiver) -> None:
    """Every logger is open: for a success, a refusal, and an address with nobody behind it."""
    refusing = Receiver()
    refusing.status = 500
    addresses = [receiver.address, refusing.address, f"json://user:{SECRET}@127.0.0.1:1/{SECRET}"]
    ended = subprocess.run(
        [sys.executable, "-c", TALK, *addresses], capture_output=True, text=True, cwd=REPOSITORY, timeout=180
    )
    refusing.shutdown()
    refusing.server_close()
    assert "[('1 (json)', True), ('2 (json)', False), ('3 (json)', False)]" in ended.stdout, ended.stderr
    assert "the log is really open" in ended.stderr
    assert SECRET not in ended.stdout + ended.stderr
