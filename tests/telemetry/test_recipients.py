"""Messages by apprise's `json://` to a web server of our own on the loopback address."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hotfolder.errors import ConfigurationError
from hotfolder.telemetry import notifier as module
from hotfolder.telemetry.notifications import Kind, Notification, Severity
from hotfolder.telemetry.notifier import MOST_CHARACTERS, Batch, Message, Recipient, try_out
from tests.support.receiver import SECRET, Receiver

pytest.importorskip("apprise", reason="the extra `notify` is not installed")

REPOSITORY = Path(__file__).parents[2]


def message(body: str, weight: Severity = Severity.INFO) -> Message:
    return Message("A set came back", body, weight)


async def test_a_message_arrives_as_it_was_written(receiver: Receiver) -> None:
    """It has title, body and severity; markup stays text."""
    body = "12 Elm Road / <b>kitchen</b> & *bath* \\n:smile: “ü”\n  Pictures: /srv/done"
    assert await try_out([receiver.address], message(body, Severity.WARNING)) == [("1 (json)", True)]
    (got,) = receiver.got
    title = "hotfolder: A set came back"
    assert (got["title"], got["message"], got["type"]) == (title, body, "warning")


async def test_a_dead_address_does_not_keep_others_from_theirs(receiver: Receiver) -> None:
    """Each is tried by itself, and the result names each."""
    dead = f"json://127.0.0.1:1/{SECRET}"
    result = await try_out([dead, receiver.address], message("x"))
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


def test_a_message_is_short() -> None:
    """Services refuse what is too long."""
    batch = Batch(0.0)
    for number in range(10):
        batch.add(f"{number}" * 600)
    assert len(batch.message(Kind.JOB_FAILED).body) < MOST_CHARACTERS + 100


@pytest.mark.parametrize(
    "address",
    [
        f"nonsense://{SECRET}/x",
        SECRET,
        f"slack://{SECRET}",
        "",
        f"tgram://{SECRET}",
        f"{SECRET}://x",
        "json://",
    ],
)
def test_an_address_that_is_none_is_refused_without_showing_it(
    address: str, capfd: pytest.CaptureFixture[str]
) -> None:
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
from hotfolder.telemetry.notifier import Message, Recipient, try_out
logging.getLogger().setLevel(1)
addresses = sys.argv[1:]
print(asyncio.run(try_out(addresses, Message("t", "b"))))
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
