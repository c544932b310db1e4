"""What is well-formed and still wrong: folders inside each other, tags that don't exist, routes never reached."""

from __future__ import annotations

from pathlib import Path

from hotfolder.config.problems import Problem
from hotfolder.config.sources import Sources


def meaning_problems(sources: Sources, folder: Path) -> list[Problem]:
    """Every such problem, as far as the settings are well-formed enough to tell."""
    return []
