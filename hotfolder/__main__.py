"""`python -m hotfolder`, and the `hotfolder` command."""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    """Run the command line and exit with its code."""
    heed_an_early_stop()
    from hotfolder.cli.app import app

    sys.exit(app())


def heed_an_early_stop() -> None:
    """Have SIGTERM end `run`, until that handles it by itself, at once and with exit code 0. Where SIGTERM is
    blocked, so for every command, and let it through again: it may have come already.

    The first process of a container is deaf to a signal that it has no handler for, so a stop that comes
    while it begins would be lost, and the whole grace period waited for. Blocked, it is kept until now.
    """
    if signal.SIGTERM in signal.pthread_sigmask(signal.SIG_BLOCK, ()) or sys.argv[1:2] == ["run"]:
        # Not SystemExit: raised in a callback, as the import of a module has some, it would be lost.
        signal.signal(signal.SIGTERM, lambda _number, _frame: os._exit(0))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


if __name__ == "__main__":
    main()
