"""`hotfolder gallery`, and what `hotfolder verify --disclosure` says."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from hotfolder.cli.output import FAILED, print_json
from hotfolder.control import gallery as control
from hotfolder.control.opening import opened
from hotfolder.display import counted
from hotfolder.display import say as print
from hotfolder.outbox.faults import shown


def gallery(project: str, config: Path, *, as_json: bool) -> int:
    """Make it, and say where it is. What is left out of it is told and is no failure."""
    with opened(config) as installation:
        made = asyncio.run(control.gallery(installation, project))
        url = installation.settings.gallery.base_url
    if as_json:
        told = {"page": shown(made.page), "pictures": made.pictures, "left_out": list(made.left_out)}
        print_json({**told, "anew": made.anew})
        return 0
    print(f"{shown(made.page)}: {counted(made.pictures, 'picture')}{'' if made.anew else ', as before'}.")
    for sentence in made.left_out:
        print(f"  {sentence}", file=sys.stderr)
    if url is None:
        print("Without gallery.base_url it has no QR code, and nobody can be given a link to it.")
    return 0


def disclosure(project: str, config: Path) -> int:
    """1 where an altered picture lacks something."""
    with opened(config) as installation:
        found = list(control.undisclosed(installation, project))
    print("\n".join(found) or "Every altered picture has its label, its unaltered one and a link to both.")
    return FAILED if found else 0
