"""`python -m hotfolder`, and the `hotfolder` command."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path


def main() -> None:
    """Run the command line and exit with its code."""
    open_standard_streams()
    exit_on_early_sigterm()
    from hotfolder.cli.app import app

    sys.exit(app())


def open_standard_streams() -> None:
    """Open /dev/null in place of each standard stream that is closed, as some schedulers leave them: else the
    next file that is opened gets its number, and whatever is printed, by a child process, too."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = Path(os.devnull).open(mode)  # noqa: SIM115 - it stays open
            os.set_inheritable(stream.fileno(), True)
            setattr(sys, name, stream)


def exit_on_early_sigterm() -> None:
    """Exit with code 0 on SIGTERM, until `run` installs its own handler. Where SIGTERM is blocked, do so for
    every command, and unblock it: the signal may be pending.

    Process 1 of a container ignores signals without a handler, so a stop during its start would be lost, and
    the container killed after the grace period. A blocked signal stays pending until now.
    """
    if signal.SIGTERM in signal.pthread_sigmask(signal.SIG_BLOCK, ()) or sys.argv[1:2] == ["run"]:
        # Not SystemExit: raised in a callback, such as those during imports, it would be lost.
        signal.signal(signal.SIGTERM, lambda _number, _frame: os._exit(0))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


if __name__ == "__main__":
    main()
