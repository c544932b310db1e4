"""The API key: from the environment or from a file of its own, and never into a message."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from hotfolder.config.settings import Settings
from hotfolder.errors import ConfigurationError

VARIABLE = "STAGER_API_KEY"
KEY = re.compile(r"[\x21-\x7e]{1,4096}\Z")
LARGEST_FILE_BYTES = 8192
WHERE = f"Put it into the environment variable {VARIABLE}, or alone into a file that api.key_file names."


def load_key(settings: Settings, environ: Mapping[str, str] | None = None) -> SecretStr:
    """The API key: STAGER_API_KEY if set, else what `api.key_file` holds. Read anew at every call.

    `environ` is the process's own environment when left out. Raises ConfigurationError when there is no
    key, or when it has a character that no key has; neither the key nor the file's name is part of the
    message, since a key pasted into the wrong place would be shown.
    """
    variable = (os.environ if environ is None else environ).get(VARIABLE, "")
    if variable.strip():
        return _checked(variable, f"The API key in {VARIABLE}")
    if settings.api.key_file is None:
        raise ConfigurationError("There is no API key.", hint=WHERE)
    return _checked(_read(Path(settings.api.key_file)), "The API key in the file that api.key_file names")


def _read(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a usable file name"
        raise ConfigurationError(
            f"The file that api.key_file names can't be read: {reason}.",
            hint="A relative name starts at the folder of the configuration file.",
        ) from None
    return content.decode("latin-1")


def _checked(text: str, what: str) -> SecretStr:
    key = text.removesuffix("\n").removesuffix("\r")
    if not key:
        raise ConfigurationError(f"{what} is empty.", hint=WHERE)
    if not KEY.match(key):
        raise ConfigurationError(
            f"{what} holds characters that no key has, such as spaces, line breaks or curly quotes.",
            hint="Copy the key again: one line, nothing before or behind it.",
        )
    return SecretStr(key)
