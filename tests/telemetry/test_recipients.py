"""Messages that really travel: apprise's `json://` to a web server of our own on the loopback address."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hotfolder.clock import SystemClock
from hotfolder.errors import ConfigurationError
from hotfolder.telemetry.notifications import Severity
from hotfolder.telemetry.notifier import (
    MOST_CHARACTERS,
    MOST_PENDING,
    Message,
    Recipient,
    addresses_in,
    together,
    try_out,
)
from tests.support.receiver import SECRET, Receiver, until

pytest.importorskip("apprise", reason="the extra `notify` is not installed")

REPOSITORY = Path(__file__).parents[2]


def message(body: str, weight: Severity = Severity.INFO) -> Message:
    return Message("A set came back", body, weight)


async def test_a_message_arrives_as_it_was_written(receiver: Receiver) -> None:
    """Title, body and weight; what looks like markup stays text."""
    body = "12 Elm Road / <b>kitchen</b> & *bath* \\n:smile: “ü”\n  Pictures: /srv/done"
    assert await try_out([receiver.address], SystemClock(), message(body, Severity.WARNING)) == [
        ("1 (json)", True)
    ]
    (got,) = receiver.got
    title = "hotfolder: A set came back"
    assert (got["title"], got["message"], got["type"]) == (title, body, "warning")


async def test_a_dead_address_does_not_keep_others_from_theirs(receiver: Receiver) -> None:
    """Each is tried by itself, and the result names each."""
    dead = f"json://127.0.0.1:1/{SECRET}"
    result = await try_out([dead, receiver.address], SystemClock(), message("x"))
    assert result == [("1 (json)", False), ("2 (json)", True)]


async def test_what_could_not_be_delivered_arrives_later_as_one(
    receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    """No message is lost to an outage, its end brings one and not a storm, and the log says it once."""
    receiver.status = 500
    outcomes: list[str] = []
    recipient = Recipient(
        receiver.address, 1, SystemClock(), outcome=outcomes.append, first_retry_seconds=0.02
    )
    running = asyncio.create_task(recipient.run())
    for number in range(5):
        recipient.post(message(f"number {number}"))
    await until(lambda: outcomes.count("failed") >= 4)
    receiver.status = 200
    await until(lambda: not recipient.pending)
    recipient.post(message("the next"))
    await until(lambda: len(receiver.got) == 2)
    running.cancel()
    first, second = receiver.bodies()
    assert all(f"number {number}" in first for number in range(5)) and second == "the next"
    assert receiver.got[0]["title"] == "hotfolder: 5 messages"
    logged = capsys.readouterr().out
    assert logged.count("not_notified") == 1 and logged.count("notifying_again") == 1


async def test_a_hung_service_is_left_behind_and_not_told_twice(receiver: Receiver) -> None:
    """The time limit holds; if the answer comes after all, the message counts as delivered."""
    receiver.delay_seconds = 3.5  # apprise itself gives up reading after 4 s
    recipient = Recipient(receiver.address, 1, SystemClock(), send_seconds=0.2, first_retry_seconds=0.05)
    recipient.post(message("slow"))
    began = time.monotonic()
    assert not await recipient.deliver()
    assert time.monotonic() - began < 3
    recipient.post(message("meanwhile"))
    receiver.delay_seconds = 0.0
    running = asyncio.create_task(recipient.run())
    await until(lambda: not recipient.pending)
    running.cancel()
    assert receiver.bodies() == ["slow", "meanwhile"]


async def test_a_long_outage_stays_bounded(receiver: Receiver) -> None:
    """The newest messages are kept, and what there was no room for is counted."""
    receiver.status = 500
    recipient = Recipient(receiver.address, 1, SystemClock())
    for number in range(MOST_PENDING + 30):
        recipient.post(message(f"number {number}."))
    assert not await recipient.deliver()
    receiver.status = 200
    await recipient.finish()
    (body,) = receiver.bodies()
    assert body.startswith("30 earlier messages could not be delivered")
    assert "number 30." in body and "number 29." not in body and recipient.pending == 0


def test_together_is_short_and_as_grave_as_the_gravest() -> None:
    """Services refuse what is too long."""
    whole = together([message("x" * 3000), message("y" * 3000, Severity.FAILURE), message("z")])
    assert len(whole.body) < MOST_CHARACTERS + 100 and whole.severity is Severity.FAILURE
    assert together([message("x")]) == message("x")


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
        Recipient(address, 3, SystemClock())
    out = capfd.readouterr()
    assert SECRET not in f"{caught.value.message}{caught.value.hint}{out.out}{out.err}"


def test_addresses_are_read_one_a_line() -> None:
    """With comments, empty lines and any line ends."""
    text = "# the office\r\nntfy://a/b\r\n\r\n  mailto://c:d@e # f\n"
    assert addresses_in(text) == ["ntfy://a/b", "mailto://c:d@e # f"]


async def test_a_recipient_shows_no_secret(receiver: Receiver) -> None:
    """However it gets into a log."""
    assert SECRET not in repr(Recipient(receiver.address, 1, SystemClock()))


TALK = """
import asyncio, logging, sys
logging.basicConfig(level=1, stream=sys.stderr)
from hotfolder import log
from hotfolder.clock import SystemClock
from hotfolder.errors import ConfigurationError
from hotfolder.telemetry.notifier import Message, Recipient, try_out
logging.getLogger().setLevel(1)
addresses = sys.argv[1:]
print(asyncio.run(try_out(addresses, SystemClock(), Message("t", "b"))))
for wrong in ("none://hunter2hunter2", "json://u:hunter2hunter2@:9999999/x", "tgram://hunter2hunter2"):
    try:
        Recipient(wrong, 1, SystemClock())
    except ConfigurationError as error:
        print(error)
logging.getLogger("other").debug("the log is really open")
"""


def test_no_secret_is_logged_even_when_everything_is(receiver: Receiver) -> None:
    """With every logger wide open: a success, a refusal, and an address with nobody behind it."""
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


HANG = """
import asyncio, sys
from hotfolder.clock import SystemClock
from hotfolder.telemetry.notifier import Message, Recipient
async def main():
    recipient = Recipient(sys.argv[1], 1, SystemClock(), send_seconds=0.3)
    recipient.post(Message("t", "b"))
    print(await recipient.deliver())
asyncio.run(main())
"""


def test_a_hung_service_does_not_hold_up_the_end_of_the_process(receiver: Receiver) -> None:
    """Its thread is left behind: the daemon stops when it is told to."""
    receiver.delay_seconds = 60
    address = f"{receiver.address}?rto=60"
    ended = subprocess.run(
        [sys.executable, "-c", HANG, address], capture_output=True, text=True, cwd=REPOSITORY, timeout=55
    )
    assert ended.stdout.endswith("\nFalse\n"), ended.stderr


MISSING = """
import sys
sys.modules["apprise"] = None
from hotfolder.clock import SystemClock
from hotfolder.errors import ConfigurationError
from hotfolder.telemetry.notifier import Recipient
try:
    Recipient("json://localhost", 1, SystemClock())
except ConfigurationError as error:
    print(error.message, error.hint)
"""


def test_without_the_extra_the_line_to_install_it_is_said() -> None:
    """The daemon alone installs lean; who wants messages is told what to type."""
    ended = subprocess.run(
        [sys.executable, "-c", MISSING], capture_output=True, text=True, cwd=REPOSITORY, timeout=55
    )
    assert f"{sys.prefix}/bin/pip install '.[notify]'" in ended.stdout, ended.stderr
