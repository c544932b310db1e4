"""What `hotfolder status` and STATUS.txt show of a run, also beside it: who is needed, and what was paid."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import time
from contextlib import suppress

from tests.support.pictures import bracket
from tests.support.studio import ELM, FILE_TIMEOUT_SECONDS, MakeStudio, Studio, environment, files_into, until


def test_status_watch_shows_what_changes_until_ctrl_c(studio: Studio) -> None:
    screen, terminal = pty.openpty()
    watching = subprocess.Popen(
        studio.command("status", "--watch"),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env={**environment(None), "TERM": "xterm"},
    )
    os.close(terminal)

    def read() -> str:
        """What comes within a second; also a terminal that is written to no more must not block."""
        with suppress(OSError):  # nobody has it open any more
            if select.select([screen], [], [], 1)[0]:
                return os.read(screen, 65536).decode(errors="replace")
        return ""

    def shows(words: str) -> None:
        shown, end = "", time.monotonic() + FILE_TIMEOUT_SECONDS
        while words not in shown:
            assert time.monotonic() < end, shown
            shown += read()

    try:
        shows("not running")
        run = studio.start("--sandbox")
        shows(f"running (process {run.process.pid})")
        studio.drop(ELM, "hall_sky-blue", bracket())
        shows(f"{ELM} / hall_sky-blue: held")
        watching.send_signal(signal.SIGINT)
        end = time.monotonic() + FILE_TIMEOUT_SECONDS
        while watching.poll() is None and time.monotonic() < end:
            read()  # it may be about to write
        assert watching.poll() == 0
    finally:
        watching.kill()
        os.close(screen)


def test_status_watch_says_it_again_and_again_where_there_is_no_terminal(make_studio: MakeStudio) -> None:
    command = make_studio().command("status", "--watch")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment(None)) as watching:
        try:
            assert watching.stdout is not None
            first = [watching.stdout.readline()]
            while (line := watching.stdout.readline()) != first[0]:
                first.append(line)
            second = [line, *(watching.stdout.readline() for _ in first[1:])]
            watching.send_signal(signal.SIGINT)
            assert watching.wait(FILE_TIMEOUT_SECONDS) == 0
        finally:
            watching.kill()
    assert first == second and "not running" in first[0]


def on_screen(studio: Studio, columns: int, *words: str) -> list[str]:
    shown = studio.say(*words, columns=columns)
    assert shown.exit_code == 0, shown.stderr
    return [line.rstrip() for line in shown.stdout.splitlines()]


def test_what_people_see_of_a_run(make_studio: MakeStudio) -> None:
    """Sets that need a person come first, with their id on one line; finished sets are one line for each
    project; amounts are shown, since prices are set; a job is named by project and room."""
    studio = make_studio(prices={"currency": "EUR", "merge": 0.8, "sky": 0.35})
    studio.drop(ELM, "kitchen__sky-blue", bracket(3))
    studio.drop(ELM, "bath__skyblu", bracket(2))
    assert studio.start("--until-idle").wait() == 1
    receipt = studio.receipt("kitchen__sky-blue")
    assert receipt["cost"] == "1.15 EUR"
    [failed] = [job["job"] for job in studio.status()["jobs"] if job["state"] == "failed"]
    for columns in (40, 80):
        lines = on_screen(studio, columns, "status")
        assert all(len(line) <= columns for line in lines)
        assert any(failed in line for line in lines)
        assert any(line.startswith("      ") for line in lines)  # the reason, on lines of its own
        text = " ".join(lines)
        assert text.index("Came back: 1") < text.index("Done: 1") < text.index(f"{ELM}: 1 set, the last")
        assert "Today: 2 paid calls, 1.15 EUR." in text
    assert on_screen(studio, 80, "logs", f"{ELM}/kitchen")[0].startswith(f"{ELM} / kitchen (job ")
    assert "kitchen" in on_screen(studio, 80, "logs", f"{ELM} / kitchen")[0]  # as `status` shows it
    assert "files are back" in on_screen(studio, 80, "retry", f"{ELM}/bath__skyblu")[0]


def test_with_the_stand_in_it_is_said_that_nothing_is_bought(make_studio: MakeStudio) -> None:
    """The terminal, STATUS.txt, `status` and `logs` say so, and no receipt has a price."""
    studio = make_studio(prices={"merge": 0.8})
    studio.drop(ELM, "kitchen", bracket(2))
    run = studio.start("--sandbox")
    studio.wait_for_states("done")
    assert "SANDBOX: nothing is bought" in " ".join(on_screen(studio, 80, "status"))
    assert "SANDBOX: nothing is bought" in run.text()
    assert "SANDBOX: nothing is bought" in (studio.inbox / "STATUS.txt").read_text()
    assert "what is called paid has cost nothing" in studio.say("logs", f"{ELM}/kitchen").stdout
    assert "cost" not in studio.receipt("kitchen")
    assert run.stop() == 0


async def test_where_there_are_several_inboxes_each_set_is_shown_with_its_own(
    make_studio: MakeStudio,
) -> None:
    """Two inboxes have a project of the same name. With one inbox it isn't named."""
    studio = make_studio(inboxes=[{"path": "inbox"}, {"path": "ann"}])
    ann = studio.root / "ann" / ELM
    studio.drop(ELM, "bath__skyblu", bracket(2))
    await studio.until_idle()
    assert "inbox" not in " ".join(on_screen(studio, 80, "status"))
    for folder in ("bath__skyblu", "hall"):
        files_into(ann / folder, bracket(2))
    studio.drop(ELM, "kitchen", bracket(2))
    await studio.until_idle()
    text = " ".join(on_screen(studio, 80, "status"))
    assert f"{ELM} / bath__skyblu (inbox inbox) (" in text and f"{ELM} / bath__skyblu (inbox ann) (" in text
    assert f"{ELM} (inbox inbox): 1 set, the last" in text and f"{ELM} (inbox ann): 1 set, the last" in text


async def test_a_reason_that_several_sets_share_is_shown_once_below_them(studio: Studio) -> None:
    rooms = ("bath", "hall", "study")
    async with studio.working() as daemon:
        daemon.store.pause("the boss is away")
        for room in rooms:
            studio.drop(ELM, room, bracket(2))
        await studio.comes_to_say(lambda status: str(status["jobs"]).count("boss") == len(rooms))
        page = studio.inbox / "STATUS.txt"
        await until(lambda: all(f"/ {room}: waiting" in page.read_text() for room in rooms))
        for lines in (on_screen(studio, 100, "status"), page.read_text().splitlines()):
            told = [line for line in lines if line.startswith("  ")]
            assert [ELM in line for line in told[:4]] == [True, True, True, False]
            assert len([line for line in told if "boss" in line]) == 1
