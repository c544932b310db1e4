"""Options and arguments that several commands have, and the panels of `--help`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

LONGEST_NAME_BYTES = 255
"""The limit of all common file systems."""


def parse_name(typed: str) -> str:
    """Parse the name of a set, a project, an inbox or a person, or a path in an inbox. Raises BadParameter
    for text that isn't UTF-8, or is longer than a file name can be: nothing known has such a name."""
    try:
        if max(len(part.encode()) for part in typed.split("/")) > LONGEST_NAME_BYTES:
            raise typer.BadParameter(f"a name has at most {LONGEST_NAME_BYTES} bytes")
    except UnicodeEncodeError:
        raise typer.BadParameter("this is not text in UTF-8") from None
    return typed


def parse_path(typed: str) -> Path:
    """Parse a path, as `parse_name` does."""
    return Path(parse_name(typed))


Config = Annotated[
    Path,
    typer.Option("--config", "-c", envvar="HOTFOLDER_CONFIG", help="The YAML file with the settings."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Job = Annotated[
    str,
    typer.Argument(parser=parse_name, help="A job's id, or project/room, as `hotfolder status` shows them."),
]
CONFIG = Path("config.yaml")
DAILY, RUNNING, OPERATING, TRYING = "Every day", "While it runs", "For whoever runs it", "To try it out"
Target = Annotated[
    str, typer.Argument(parser=parse_name, help="A job's id, project/room, or a project: all its sets.")
]
By = Annotated[
    str, typer.Option("--by", parser=parse_name, help="Who wants it; left out: the user of this terminal.")
]
InboxName = Annotated[
    str,
    typer.Option(
        "--inbox", parser=parse_name, help="The inbox of the project or room, where several have it."
    ),
]


def parse_folder(text: str) -> Path:
    """Parse the path of a folder to write to. Raises BadParameter for an empty one, as from an unset variable
    in a script, which would otherwise be the current folder."""
    if not text.strip():
        raise typer.BadParameter("name a folder; the current one is `.`")
    return Path(text)
