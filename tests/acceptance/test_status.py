"""`hotfolder status` beside a daemon at work."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import time
from contextlib import suppress

from tests.support.pictures import bracket
from tests.support.studio import ELM, PATIENCE_SECONDS, MakeStudio, Studio, environment


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
        shown, end = "", time.monotonic() + PATIENCE_SECONDS
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
        end = time.monotonic() + PATIENCE_SECONDS
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
            assert watching.wait(PATIENCE_SECONDS) == 0
        finally:
            watching.kill()
    assert first == second and "not running" in first[0]
