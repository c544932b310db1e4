"""The process that decodes: one request a line on stdin, one answer a line on stdout, both JSON.

It keeps the daemon small, and what a hostile picture does to it (memory, a crash) stays in it.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import resource
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hotfolder.pictures.facts import Carrying, NeverUsable, NotWhole, PictureLimits, Rendering
from hotfolder.pictures.formats import printable_name
from hotfolder.pictures.inspect import inspect
from hotfolder.pictures.protocol import GREETING

_PR_SET_PDEATHSIG = 1
_LEAST_BYTES = 64 * 1024 * 1024


def main(parent_id: int, memory_bytes: int) -> None:
    """Serve until stdin ends or the parent, process `parent_id`, is gone."""
    # The parent alone ends this process: signals to the whole group mean that it drains, and may still ask.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    _die_with(parent_id)
    os.umask(0o077)  # what it writes is for the daemon alone
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    mmap.mmap(
        -1, _LEAST_BYTES
    ).close()  # a limit too low for any picture is to show here, and not as a picture's fault
    sys.stdout.write(GREETING.decode())
    sys.stdout.flush()
    for line in sys.stdin.buffer:
        request = json.loads(line)
        sys.stdout.write(json.dumps(_answer(request)) + "\n")
        sys.stdout.flush()


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    path, limits = Path(request["path"]), PictureLimits(**request.get("limits", {}))
    try:
        # Late, as `inspect` has it.
        if "rendering" in request:
            from hotfolder.pictures.rendering import render

            made = render(path, Path(request["target"]), Rendering(**request["rendering"]), limits=limits)
            return {"rendered": asdict(made) if made is not None else None}
        if "carrying" in request:
            from hotfolder.pictures.carrying import carry

            wanted = request["carrying"]
            wanted["altered"] = tuple(wanted["altered"])
            return {"notes": carry(path, Path(request["target"]), Carrying(**wanted))}
        if "develop_to" in request:
            from hotfolder.pictures.developing import develop

            return {"developed": asdict(develop(path, Path(request["develop_to"]), limits=limits))}
        if "png_to" in request:
            from hotfolder.pictures.rendering import png_of_webp

            return {"developed": asdict(png_of_webp(path, Path(request["png_to"]), limits=limits))}
        return {"facts": asdict(inspect(path, limits=limits, closely=request["closely"]))}
    except OSError as error:
        return {
            "trouble": f"{printable_name(path.name)} can't be {doing(request)}: {error.strerror or error}"
        }
    except NotWhole as error:
        return {"not_whole": error.message, "hint": error.hint}
    except NeverUsable as error:
        return {"never": error.message, "hint": error.hint}
    except MemoryError:
        return {
            "never": f"{printable_name(path.name)} needs more memory to open than is allowed.",
            "hint": "",
        }


def doing(request: dict[str, Any]) -> str:
    if "carrying" in request:
        return "given its metadata"
    return "developed" if "develop_to" in request else "rendered"


def _die_with(parent_id: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_id:  # it died before the line above
        os._exit(0)
