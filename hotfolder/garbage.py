"""When the interpreter looks for garbage: objects that hold each other, and that nobody needs any more."""

from __future__ import annotations

import atexit
import gc

USUAL = gc.get_threshold()
SELDOM = 50_000


def look_seldom() -> None:
    """While a command is loaded, and at its end. Nearly all objects are what our imports leave, and they
    stay: to look through them again and again costs a stop most of its time, and `status` a quarter."""
    gc.set_threshold(SELDOM)
    atexit.register(gc.freeze)


def look_as_usual() -> None:
    """From now on, though never more at what is loaded: pieces of photos can hang on what was left behind by
    an upload that failed, and a daemon may run for months."""
    gc.freeze()
    gc.set_threshold(*USUAL)
