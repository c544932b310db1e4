"""`hotfolder init`: its five questions, and what it says."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from getpass import getpass
from pathlib import Path
from typing import Any

import typer

from hotfolder.cli import upkeep
from hotfolder.cli.output import FAILED
from hotfolder.cli.page import refuse_without_extra
from hotfolder.config.load import KEY_VARIABLE
from hotfolder.control.access import missing_packages
from hotfolder.display import say as print
from hotfolder.errors import UsageError
from hotfolder.setup import init as setup
from hotfolder.setup.deployment import KEY, ROOT


@dataclass(frozen=True, slots=True)
class Questions:
    """The five, but for the key: None where it isn't answered yet. `ask`: a person is there to be asked."""

    root: Path | None
    group: str | None
    page: bool | None
    docker: bool | None
    key_stdin: bool
    ask: bool


def init(given: Mapping[str, Any], questions: Questions) -> int:
    """Make the installation; what the doctor's exit code is, or 0 where it still waits for the key. Raises
    UsageError, ConfigurationError and LocalTrouble."""
    if questions.ask and not sys.stdin.isatty():
        raise UsageError(
            "There is nobody to be asked.", hint="Say --yes, and as options what isn't to be as usual."
        )
    systemd = not questions.docker
    if questions.docker is None and questions.ask:
        systemd = typer.confirm("Run it by systemd? (Else by Docker.)", default=setup.BOOTED.is_dir())
    if not systemd:
        root = questions.root or (asked_root(ROOT) if questions.ask else ROOT)
        for line in setup.docker(Path.cwd(), root.absolute(), key(questions, there=False)):
            print(line)
        return 0
    answers = setup.Answers(**given, root=questions.root, group=questions.group, page=questions.page)
    if questions.page:
        refuse_without_extra()
    setup.refuse(answers)  # before anybody answers questions in vain
    if questions.ask:
        answers = asked(answers)
    settings = setup.settings_at(answers.config)
    key_file = Path(settings.api.key_file) if settings and settings.api.key_file else KEY
    there = key_file.exists() and key_file.stat().st_size > 0
    answers = replace(answers, key=key(questions, there=there))
    setup.refuse(answers)
    for line in setup.make(answers):
        print(line)
    steps = setup.next_steps(setup.site_of(answers))
    print("\n".join(steps))
    code = upkeep.doctor(answers.config, as_json=False)
    if not there and not answers.key:
        return 0
    return code or (FAILED if steps else 0)


def asked(answers: setup.Answers) -> setup.Answers:
    """With what a person says to what is still open; what is there already is no question."""
    if answers.root is None and setup.settings_at(answers.config) is None:
        answers = replace(answers, root=asked_root(setup.root_of(answers)))
    if answers.group is None:
        usual = setup.group_of(answers)
        answers = replace(answers, group=typer.prompt("The group of those who use it", default=usual))
    if answers.page is None and not missing_packages():
        usually = setup.page_of(answers)
        wanted = typer.confirm("Serve the page for browsers on this computer?", default=usually)
        answers = replace(answers, page=wanted)
    return answers


def asked_root(usual: Path) -> Path:
    return Path(typer.prompt("The folder that photographers will see", default=str(usual)))


def key(questions: Questions, *, there: bool) -> str:
    """The API key as it was given; empty where it wasn't. It is never taken from the command line, which
    others on this machine can read. One that is `there` isn't asked for."""
    if questions.key_stdin:
        return sys.stdin.readline().strip()
    given = os.environ.get(KEY_VARIABLE, "").strip()
    if given or there or not questions.ask:
        return given
    try:
        return getpass("The API key (it isn't shown; Enter, if you don't have it yet): ").strip()
    except EOFError:
        return ""
