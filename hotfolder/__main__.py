"""`python -m hotfolder`, and the `hotfolder` command."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """Run the command line and exit with its code."""
    heed_an_early_stop()
    from hotfolder.cli.app import app

    sys.exit(app())


def heed_an_early_stop() -> None:
    """Where SIGTERM is blocked, let it through again and end by it with exit code 0, also if it came already.

    The first process of a container is deaf to a signal that it has no handler for, so a stop that comes
    while it begins would be lost, and the whole grace period waited for. Blocked, it is kept until now.
    """
    if signal.SIGTERM in signal.pthread_sigmask(signal.SIG_BLOCK, ()):
        signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


if __name__ == "__main__":
    main()
