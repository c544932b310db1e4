"""Options and arguments that several commands have, and the panels of `--help`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[
    Path,
    typer.Option("--config", "-c", envvar="HOTFOLDER_CONFIG", help="The YAML file with the settings."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Job = Annotated[str, typer.Argument(help="A job's id, or project/room, as `hotfolder status` shows them.")]
CONFIG = Path("config.yaml")
DAILY, RUNNING, OPERATING, TRYING = "Every day", "While it runs", "For whoever runs it", "To try it out"
Target = Annotated[str, typer.Argument(help="A job's id, project/room, or a project: all its sets.")]
By = Annotated[str, typer.Option("--by", help="Who wants it; left out: the user of this terminal.")]
OfInbox = Annotated[
    str, typer.Option("--inbox", help="The inbox of the project or room, where several have it.")
]


def folder_named(text: str) -> Path:
    """Parse the name of a folder to write to. Raises BadParameter for an empty one, as from an unset variable
    in a script, which would otherwise be the current folder."""
    if not text.strip():
        raise typer.BadParameter("name a folder; the current one is `.`")
    return Path(text)
