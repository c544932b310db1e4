"""Where the state lies, also while the file of settings has an error: for commands that only look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hotfolder.config.environment import read_environment
from hotfolder.config.load import load
from hotfolder.config.meaning import absolute
from hotfolder.config.sources import Sources
from hotfolder.config.yamlfile import read_beginning
from hotfolder.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """`error` is what is wrong with the settings; None when nothing is."""

    state: Path
    error: ConfigurationError | None = None


def whereabouts(path: Path, environ: Mapping[str, str]) -> Whereabouts:
    """Where the state of the settings at `path` lies.

    A daemon goes on by the settings before an error, so its work must be seen while the file has one. `root`
    and `state` have to be written then, above the error where the file isn't YAML. Raises ConfigurationError,
    as `load` does, where they aren't.
    """
    try:
        return Whereabouts(load(path, environ).state_folder)
    except ConfigurationError as error:
        data = Sources(read_beginning(path), *read_environment(environ)).data
        root, state = data.get("root"), data.get("state")
        if not (isinstance(root, str) and isinstance(state, str) and root.strip() and state.strip()):
            raise
        return Whereabouts(Path(absolute(path.absolute().parent, root.strip()), state.strip()), error)
