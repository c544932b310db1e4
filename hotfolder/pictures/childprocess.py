"""The child's side of the decoding process: one JSON request per line on stdin, one answer per line on
stdout.

The process isolates memory use and crashes that a hostile picture causes, and keeps the daemon small.
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
from hotfolder.processes import die_with_parent

GREETING = b"ready\n"
"""The first line, written when requests can be taken: a death before it isn't the fault of a picture."""
_LEAST_BYTES = 64 * 1024 * 1024
_TASK_PARTICIPLES = {"inspect": "read", "carry": "given its metadata", "develop": "developed"}
_TASKS = {
    "inspect": "inspect",
    "render": "rendering",
    "png_of_webp": "rendering",
    "develop": "developing",
    "thumbnail": "developing",
    "carry": "carryover",
}
"""The functions that may be called, with their modules."""
_CONVERTERS: dict[str, Callable[[Any], object]] = {
    "target": Path,
    "limits": lambda told: PictureLimits(**told),
    "rendering": lambda told: Rendering(**told),
    "carrying": lambda told: Carrying(**told),
}
"""Constructors for arguments that JSON has only as strings and objects."""


def main(parent_id: int, memory_bytes: int) -> None:
    """Serve requests until stdin ends or the parent, process `parent_id`, is gone."""
    # Only the parent ends this process: on a signal to the whole group it drains, still sending requests.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    die_with_parent(parent_id)
    os.umask(0o077)  # files that it writes are private to the daemon's user
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # A limit too low for any picture must fail here, not as the fault of a picture.
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
        made = _run_task(request, path)
        return {"made": asdict(made) if is_dataclass(made) and not isinstance(made, type) else made}
    except OSError as error:
        doing = _TASK_PARTICIPLES.get(request["task"], "rendered")
        return {"trouble": f"{name} can't be {doing}: {error.strerror or error}"}
    except NotWhole as error:
        return {"not_whole": error.message, "hint": error.hint}
    except NeverUsable as error:
        return {"never": error.message, "hint": error.hint}
    except MemoryError:
        return {"never": f"{name} needs more memory to open than is allowed.", "hint": ""}


def _run_task(request: dict[str, Any], path: Path) -> object:
    """Call the function named `task` and return its result. Its module is imported late: the daemon imports
    this module, and developing needs large libraries."""
    task = request["task"]
    arguments = {
        name: _CONVERTERS[name](value) if name in _CONVERTERS else value
        for name, value in request["wanted"].items()
    }
    return getattr(import_module(f"hotfolder.pictures.{_TASKS[task]}"), task)(path, **arguments)
