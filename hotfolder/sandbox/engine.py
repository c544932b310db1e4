"""What an imaging engine must offer. It runs inside a worker process, one task at a time."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, cast


class Engine(Protocol):
    """A module or an object. Each function writes `target` whole, in the format of its suffix, or raises.

    A picture that can't be edited honestly raises `Unsuitable`, whose message goes to the caller.
    """

    Unsuitable: type[Exception]

    def merge(
        self,
        photos: Sequence[Path],
        target: Path,
        *,
        lens_correction: bool,
        perspective_correction: bool,
        photographer_removal: bool,
        long_edge: int,
    ) -> None:
        """Merge 1 to 7 exposures into a picture whose long edge is at most `long_edge` pixels."""
        ...

    def replace_sky(
        self, source: Path, target: Path, *, sky_type: str, sky_sub_type: str, resolution: str
    ) -> None: ...

    def replace_lawn(
        self, source: Path, target: Path, *, lawn_type: str, resolution: str, extra_instructions: str | None
    ) -> None: ...

    def stage(
        self,
        source: Path,
        target: Path,
        *,
        room_type: str,
        room_style: str,
        action_type: str,
        resolution: str,
        color_types: Sequence[str],
        remove_furniture: bool,
        extra_instructions: str | None,
    ) -> None: ...


def load_engine(name: str) -> Engine:
    """The engine that `name` (`package.module` or `package.module:object`) stands for. Raises ImportError."""
    module_name, _, attribute = name.partition(":")
    module = importlib.import_module(module_name)
    return cast(Engine, getattr(module, attribute) if attribute else module)
