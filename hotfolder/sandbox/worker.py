"""The worker process: reads one task a line from its standard input, does it, and answers one line.

A task is `{"task": "merge", "arguments": {...}}` with paths as strings; an answer is
`{"width": ..., "height": ...}` or `{"refused": "why"}` or `{"failed": "why"}`.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from PIL import Image

from hotfolder.sandbox.engine import Engine, load_engine
from hotfolder.sandbox.inspection import seen_size

TASKS = ("merge", "replace_sky", "replace_lawn", "stage")
PR_SET_PDEATHSIG = 1
# How C++ libraries say it.
OUT_OF_MEMORY = ("bad_alloc", "Insufficient memory")


def die_with_parent(parent: int) -> None:
    """Where the system can (Linux), be killed together with `parent`, even in the middle of a task."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit(1)


def bound_memory(size_bytes: int) -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (size_bytes, size_bytes))


def as_paths(arguments: dict[str, Any]) -> dict[str, Any]:
    """JSON has no paths: `source`, `target` and `photos` become some again."""
    paths: dict[str, Any] = {
        name: Path(arguments[name]) for name in ("source", "target") if name in arguments
    }
    if "photos" in arguments:
        paths["photos"] = [Path(photo) for photo in arguments["photos"]]
    return arguments | paths


def perform(engine: Engine, task: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Do one task and say how it went. Raises nothing but what ends a process."""
    try:
        if task not in TASKS:
            return {"failed": f"unknown task {task}"}
        getattr(engine, task)(**as_paths(arguments))
        with Image.open(arguments["target"]) as picture:
            width, height = seen_size(picture)
        descriptor = os.open(arguments["target"], os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
        return {"width": width, "height": height}
    except engine.Unsuitable as error:
        return {"refused": str(error)}
    except Exception as error:
        if isinstance(error, MemoryError) or any(words in str(error) for words in OUT_OF_MEMORY):
            return {"failed": "the sandbox's memory doesn't suffice for pictures of this size"}
        traceback.print_exc()
        return {"failed": f"{type(error).__name__}: {error}"[:500]}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--engine", required=True)
    parser.add_argument("--memory-bytes", type=int, required=True)
    settings = parser.parse_args()
    die_with_parent(settings.parent)
    bound_memory(settings.memory_bytes)
    # A library that prints must not be able to garble the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    engine = load_engine(settings.engine)
    for line in sys.stdin:
        request = json.loads(line)
        answers.write(json.dumps(perform(engine, request["task"], request["arguments"])) + "\n")
        answers.flush()
