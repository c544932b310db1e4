"""The child's end of the decoding process: a JSON request a line on stdin, a JSON answer a line on stdout.

It keeps the daemon small, and what a hostile picture does to it (memory, a crash) stays in it.
"""

from __future__ import annotations

import json
import mmap
import os
import resource
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from hotfolder.display import visible
from hotfolder.pictures.facts import Carrying, NeverUsable, NotWhole, PictureLimits, Rendering
from hotfolder.processes import die_with

GREETING = b"ready\n"
"""The first line, once requests can be taken: before it, a death says nothing of a picture."""
_LEAST_BYTES = 64 * 1024 * 1024
_DOING = {"carry": "given its metadata", "develop": "developed"}
_TASKS = {
    "inspect": "inspect",
    "render": "rendering",
    "png_of_webp": "rendering",
    "develop": "developing",
    "thumbnail": "developing",
    "carry": "carryover",
}
"""Each function that may be asked for, with its module."""
_AS: dict[str, Callable[[Any], object]] = {
    "target": Path,
    "limits": lambda told: PictureLimits(**told),
    "rendering": lambda told: Rendering(**told),
    "carrying": lambda told: Carrying(**told),
}
"""What arguments are, that JSON knows only as texts and objects."""


def main(parent_id: int, memory_bytes: int) -> None:
    """Serve until stdin ends or the parent, process `parent_id`, is gone."""
    # The parent alone ends this process: signals to the whole group mean that it drains, and may still ask.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    die_with(parent_id)
    os.umask(0o077)  # what it writes is for the daemon alone
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # A limit too low for any picture is to show here, and not as a picture's fault.
    mmap.mmap(-1, _LEAST_BYTES).close()
    import hotfolder.pictures.inspect  # noqa: F401  (now, so that the first picture needn't wait for it)

    sys.stdout.write(GREETING.decode())
    sys.stdout.flush()
    for line in sys.stdin.buffer:
        sys.stdout.write(json.dumps(_answer(json.loads(line))) + "\n")
        sys.stdout.flush()


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    path = Path(request["path"])
    name = visible(path.name)
    try:
        made = _made(request, path)
        return {"made": asdict(made) if is_dataclass(made) and not isinstance(made, type) else made}
    except OSError as error:
        doing = _DOING.get(request["task"], "rendered")
        return {"trouble": f"{name} can't be {doing}: {error.strerror or error}"}
    except NotWhole as error:
        return {"not_whole": error.message, "hint": error.hint}
    except NeverUsable as error:
        return {"never": error.message, "hint": error.hint}
    except MemoryError:
        return {"never": f"{name} needs more memory to open than is allowed.", "hint": ""}


def _made(request: dict[str, Any], path: Path) -> object:
    """What the function called like the task makes. It is imported late: the daemon imports this module, and
    developing is large."""
    task = request["task"]
    arguments = {
        name: _AS[name](value) if name in _AS else value for name, value in request["wanted"].items()
    }
    return getattr(import_module(f"hotfolder.pictures.{_TASKS[task]}"), task)(path, **arguments)
