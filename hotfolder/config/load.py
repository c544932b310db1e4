"""From a YAML file and the environment to checked settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from hotfolder.config.environment import read_environment
from hotfolder.config.keys import load_key
from hotfolder.config.meaning import absolute, meaning_problems
from hotfolder.config.problems import Problem, refusal
from hotfolder.config.rulebooks import rulebook_for
from hotfolder.config.schema import json_schema
from hotfolder.config.sentences import structure_problems, unknown_name
from hotfolder.config.settings import Settings
from hotfolder.config.sources import Sources
from hotfolder.config.yamlfile import Document, read_document

USUAL_NAME = "config.yaml"
ROOT_VARIABLE = "HOTFOLDER_ROOT"

__all__ = ["json_schema", "load", "load_key", "rulebook_for"]


def load(path: Path, environ: Mapping[str, str]) -> Settings:
    """Read the settings at `path`, with the HOTFOLDER_* variables of `environ` over them.

    Where HOTFOLDER_ROOT is set, as in a container, the usual file, config.yaml, may be missing. `root` and
    `api.key_file` are absolute afterwards; nothing is created. `warnings` of what is returned name what is
    accepted and should be changed. Raises ConfigurationError with all problems, one a line, sorted by
    position.
    """
    without_file = path.name == USUAL_NAME and environ.get(ROOT_VARIABLE, "").strip() and is_missing(path)
    document = Document(str(path)) if without_file else read_document(path)
    sources = Sources(document, *read_environment(environ))
    problems = [*document.problems, *sources.problems]
    warnings = sources.take_retired()
    settings: Settings | None = None
    # pydantic-settings would take these for options of its own.
    options = [name for name in sources.data if name.startswith("_")]
    problems += [Problem(sources.place((name,), of_key=True), unknown_name((name,))) for name in options]
    try:
        settings = Settings(**{name: one for name, one in sources.data.items() if name not in options})  # type: ignore[arg-type]
    except ValidationError as error:
        problems += structure_problems(error, sources)
    folder = path.absolute().parent
    problems += meaning_problems(sources, folder)
    if problems or settings is None:
        raise refusal(problems)
    settings.set_warnings(warnings)
    return _with_absolute_paths(settings, folder)


def is_missing(path: Path) -> bool:
    """Whether there is no such file, beyond doubt: one that can't be reached may be there."""
    try:
        path.stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def _with_absolute_paths(settings: Settings, folder: Path) -> Settings:
    api = settings.api
    if api.key_file is not None:
        api = api.model_copy(update={"key_file": absolute(folder, api.key_file)})
    notify = settings.notify
    if notify.url_file is not None:
        notify = notify.model_copy(update={"url_file": absolute(folder, notify.url_file)})
    return settings.model_copy(update={"root": absolute(folder, settings.root), "api": api, "notify": notify})
