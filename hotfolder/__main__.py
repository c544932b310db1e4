"""`python -m hotfolder`, and the `hotfolder` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    from hotfolder.cli.app import app

    sys.exit(app())


if __name__ == "__main__":
    main()
