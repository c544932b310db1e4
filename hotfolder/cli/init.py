"""`hotfolder init`: its questions and its output."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from getpass import getpass
from pathlib import Path

import typer

from hotfolder.cli import upkeep
from hotfolder.cli.output import FAILED
from hotfolder.cli.page import refuse_without_extra
from hotfolder.config.load import KEY_VARIABLE, validate_key
from hotfolder.control.access import missing_packages
from hotfolder.display import say as print
from hotfolder.errors import ConfigurationError, UsageError
from hotfolder.paths import exists, is_dir
from hotfolder.setup import init as setup
from hotfolder.setup.deployment import KEY, ROOT


def init(answers: setup.Answers, *, docker: bool | None, key_stdin: bool, ask: bool) -> int:
    """Create the installation. Returns the exit code of `doctor`, or 1 where steps are left to do; 0 where
    the key is still missing, and for Docker. `ask`: ask a person at the terminal. Raises UsageError,
    ConfigurationError and LocalTrouble."""
    if ask and not sys.stdin.isatty():
        raise UsageError(
            "There is nobody to be asked.", hint="Say --yes, and as options what isn't to be as usual."
        )
    systemd = not docker
    if docker is None and ask:
        systemd = typer.confirm("Run it by systemd? (Else by Docker.)", default=is_dir(setup.SYSTEMD_RUNTIME))
    if not systemd:
        refuse_systemd_options(answers)
        root = answers.root or (ask_root(ROOT, setup.refuse_in_compose) if ask else ROOT)
        for line in setup.write_docker_files(
            Path.cwd(), root.absolute(), read_api_key(key_stdin=key_stdin, ask=ask)
        ):
            print(line)
        return 0
    if answers.page:
        refuse_without_extra()
    setup.refuse_bad_answers(answers)  # before any question is asked in vain
    if ask:
        answers = ask_missing_answers(answers)
    settings = setup.settings_at(answers.config)
    key_file = Path(settings.api.key_file) if settings and settings.api.key_file else KEY
    there = exists(key_file) and key_file.stat().st_size > 0
    answers = replace(answers, key=read_api_key(key_stdin=key_stdin, ask=ask and not there))
    setup.refuse_bad_answers(answers)
    for line in setup.create_missing(answers):
        print(line)
    steps = setup.next_steps(setup.configured_service(answers))
    print("\n".join(steps))
    of_service = {name: value for name, value in os.environ.items() if name != KEY_VARIABLE}
    code = upkeep.print_findings(answers.config, of_service, as_json=False)
    if not there and not answers.key:
        return 0
    return code or (FAILED if steps else 0)


def refuse_systemd_options(answers: setup.Answers) -> None:
    """Raise UsageError for options that only an installation by systemd has."""
    usual = setup.Answers()
    named = ("config", "group", "user", "state", "page", "page_port")
    given = [
        f"--{name.replace('_', '-')}" for name in named if getattr(answers, name) != getattr(usual, name)
    ]
    if given:
        raise UsageError(
            f"{', '.join(given)} can't be given for Docker.",
            hint="Leave it out, and write it into compose.yaml, as docs/operations.md says.",
        )


def ask_missing_answers(answers: setup.Answers) -> setup.Answers:
    """The answers, completed by asking a person; what is given or installed already isn't asked for."""
    if answers.root is None and setup.settings_at(answers.config) is None:
        answers = replace(answers, root=ask_root(setup.resolve_answers(answers).root, setup.refuse_root))
    if answers.group is None:
        usual = setup.resolve_answers(answers).group
        refuse = partial(setup.refuse_name, what="group")
        answers = replace(answers, group=ask_text("The group of those who use it", usual, refuse))
    if answers.page is None and not missing_packages():
        usually = setup.resolve_answers(answers).page
        wanted = typer.confirm("Serve the page for browsers on this computer?", default=usually)
        answers = replace(answers, page=wanted)
    return answers


def ask_root(usual: Path, refuse: Callable[[Path], None]) -> Path:
    def folder(said: str) -> Path:  # `~` is not expanded by a shell
        return Path(said).expanduser() if said.startswith("~/") else Path(said)

    said = ask_text("The folder that photographers will see", str(usual), lambda said: refuse(folder(said)))
    return folder(said)


def ask_text(question: str, usual: str, refuse: Callable[[str], None]) -> str:
    """A person's answer, asked for again as long as `refuse` raises UsageError for it."""

    def checked(said: str) -> str:
        try:
            refuse(said)
        except UsageError as error:
            raise typer.BadParameter(" ".join(filter(None, (error.message, error.hint)))) from error
        return said

    said: str = typer.prompt(question, default=usual, value_proc=checked)
    return said


def read_api_key(*, key_stdin: bool, ask: bool) -> str:
    """The API key from standard input, the environment, or a hidden prompt; empty where none is given. Never
    from the command line, which other users of this machine can read."""
    if key_stdin:
        return sys.stdin.readline().strip()
    given = os.environ.get(KEY_VARIABLE, "").strip()
    if given or not ask:
        return given
    while True:
        try:
            key = getpass("The API key (it isn't shown; Enter, if you don't have it yet): ").strip()
            return validate_key(key, "The API key") if key else ""
        except EOFError:
            return ""
        except ConfigurationError as error:
            print(f"Error: {error.message} {error.hint}")
