"""A command on a terminal of its own, whose questions are answered."""

from __future__ import annotations

import os
import pty
import time
from collections.abc import Iterable, Sequence


def at_a_terminal(words: Sequence[str], answers: Iterable[tuple[str, str]]) -> str:
    """All that a command shows, whose questions come in the order of `answers`: (question, answer)."""
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(words[0], list(words))
    shown, left = "", list(answers)
    while True:
        try:
            read = os.read(terminal, 4096)
        except OSError:  # it has ended
            break
        if not read:
            break
        shown += read.decode(errors="replace")
        if left and shown.endswith(": ") and left[0][0] in shown.splitlines()[-1]:
            time.sleep(0.2)  # until it has switched the echo off
            os.write(terminal, f"{left.pop(0)[1]}\n".encode())
    os.waitpid(child, 0)
    assert not left, (left, shown)
    return shown
