"""What loading leaves behind isn't looked through at every end."""

from __future__ import annotations

import subprocess
import sys

ENDING = """
import atexit, gc
atexit.register(lambda: gc.callbacks.append(lambda phase, info: print(phase, len(gc.get_objects()))))
from hotfolder import garbage
garbage.look_seldom()
import hotfolder.cli.run
"""


def test_an_end_looks_through_nothing_that_was_loaded() -> None:
    """It was most of what a stop took, and a quarter of what `hotfolder status` takes."""
    made = subprocess.run([sys.executable, "-c", ENDING], capture_output=True, text=True, check=True)
    looks = [int(line.split()[1]) for line in made.stdout.splitlines() if line.startswith("start")]
    assert looks and max(looks) < 10_000, looks


RUNNING = """
import gc
from hotfolder import garbage
usual = gc.get_threshold()
garbage.look_seldom()
import hotfolder.cli.run
garbage.look_as_usual()
print(gc.get_threshold() == usual, gc.get_freeze_count() > 50_000)
"""


def test_what_a_running_daemon_leaves_behind_is_found_as_ever() -> None:
    made = subprocess.run([sys.executable, "-c", RUNNING], capture_output=True, text=True, check=True)
    assert made.stdout == "True True\n"
