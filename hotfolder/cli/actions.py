"""The commands on sets: approve, retry, resolve, cancel, priority, pause, resume."""

from __future__ import annotations

import getpass
import os
from typing import TYPE_CHECKING, Annotated

import typer

from hotfolder.cli.options import CONFIG, DAILY, RUNNING, By, Config, InboxName, Job, Target, parse_name
from hotfolder.display import counted, sentence, visible
from hotfolder.display import say as print
from hotfolder.errors import UsageError

if TYPE_CHECKING:
    from hotfolder.control.actions import PutBack
    from hotfolder.control.opening import Installation
    from hotfolder.jobs import model

commands = typer.Typer()


@commands.command(rich_help_panel=DAILY)
def approve(
    project: Annotated[
        str,
        typer.Argument(
            parser=parse_name,
            help="The folder of a project, or of a room, or its name: PROJECT or PROJECT/ROOM.",
        ),
    ],
    config: Config = CONFIG,
) -> int:
    """Let a shoot or a room that is held be made.

    As `explain` shows it; puts a file .ready into its folder.
    """
    from hotfolder.config.load import load
    from hotfolder.control import held
    from hotfolder.control.opening import refuse_bad_addresses

    found = held.approve(refuse_bad_addresses(load(config, os.environ)), project)
    if found.sets:
        print(f"Made {found.ready}: {', '.join(found.sets)}, which was held, may be made as it is.")
    else:
        print(f"Made {found.ready}: the {counted(found.photos, 'photo')} there may be made as they are.")
    print("hotfolder takes the file away once it has begun with that.")
    return 0


@commands.command(rich_help_panel=DAILY)
def retry(
    job: Job,
    config: Config = CONFIG,
    pay_again: Annotated[
        bool, typer.Option("--pay-again", help="Buy its merge and operations anew, even what was bought.")
    ] = False,
) -> int:
    """Put a failed set back into the inbox.

    What was paid for is used again, unless --pay-again, which makes a finished set once more, too.
    """
    from hotfolder.control import actions, opening

    with opening.opened(config) as installation:
        print_put_back(actions.retry(installation, job, pay_again=pay_again))
    print("Its calls are paid for anew." if pay_again else "What was paid for is used again.")
    return 0


def print_put_back(back: PutBack) -> None:
    """Print how many files went back into the inbox, and where."""
    files = "1 file is" if back.files == 1 else f"{back.files} files are"
    copied = ", as copies; the finished pictures stay as they are" if back.copied else ""
    print(f"{files} back in {back.folder}{copied}.")


@commands.command(rich_help_panel=RUNNING)
def resolve(
    job: Job,
    config: Config = CONFIG,
    paid_result: Annotated[
        str | None, typer.Option("--paid-result", help="It was charged, and its picture is at this address.")
    ] = None,
    not_charged: Annotated[
        bool, typer.Option("--not-charged", help="It was not charged: make the call, and pay for it.")
    ] = False,
    give_up: Annotated[
        bool, typer.Option("--give-up", help="Leave it at that; the originals stay in failed.")
    ] = False,
) -> int:
    """Say how a paid call ended that is in doubt."""
    from hotfolder.control import actions, opening

    with opening.opened(config) as installation:
        if sum((paid_result is not None, not_charged, give_up)) != 1:
            raise UsageError(
                visible(sentence(actions.in_doubt(installation, job).reason)),
                hint="Say how it ended: --paid-result URL, if it was charged and its picture is there;"
                " --not-charged, to make the call and pay for it; or --give-up, to leave it at that.",
            )
        if give_up:
            actions.give_up(installation, job)
            print(f"Job {job} is given up; its originals stay in the failed folder.")
            return 0
        back = actions.resolve(installation, job, paid_result=paid_result)
    if back.answered and not_charged:
        print(f"The call ({back.answered}) counts as not charged: it will be made, and paid for.")
    elif back.answered:
        print(f"The call ({back.answered}) counts as paid; its picture will be fetched from there.")
    print_put_back(back)
    return 0


@commands.command(rich_help_panel=RUNNING)
def cancel(target: Target, config: Config = CONFIG, inbox: InboxName = "", by: By = "") -> int:
    """Take back a set or a project.

    The originals go to failed, and nothing more is bought. A paid call under way is waited for, and what was
    bought is delivered.
    """
    from hotfolder.control import actions, opening
    from hotfolder.telemetry.overview import WORDS

    with opening.opened(config) as installation:
        found = actions.cancel(installation, target, by=by or terminal_user(), inbox=inbox)
        for job in found.too_late:
            print(visible(f"Too late for {job_label(job)}: {WORDS.get(job.state, job.state)}."))
        if not found.taken:
            raise UsageError(
                visible(f"Nothing of {found.project or target} is under way that could be cancelled."),
                hint="Sets that are still arriving are taken back by taking their folders out of the inbox.",
            )
        for job in found.taken:
            print(visible(f"Cancelled: {job_label(job)}."))
        for room in found.arriving:
            print(visible(f"Not cancelled, since it has not begun: {found.project} / {room}."))
        if found.arriving:
            print("To keep such a set from being made, take its photos out of the inbox.")
        print(
            when_effective(installation), "A paid call under way is waited for, and its picture is delivered."
        )
    return 0


@commands.command(rich_help_panel=RUNNING)
def priority(
    target: Target,
    level: Annotated[str, typer.Argument(help="high, normal or low.")],
    config: Config = CONFIG,
    inbox: InboxName = "",
    by: By = "",
) -> int:
    """Let a set or a project go first, or last.

    A project with all that is still to come of it.
    """
    from hotfolder.control import actions, opening

    with opening.opened(config) as installation:
        jobs, project = actions.prioritise(installation, target, level, by=by or terminal_user(), inbox=inbox)
        for job in jobs:
            print(visible(f"{job_label(job)} has {level.lower()} priority."))
        if project:
            none = "" if jobs else "Nothing of it is under way. "
            whole = f"Every set of {project} that is still to come gets {level.lower()} priority."
            print(visible(f"{none}{whole}"))
        print(when_effective(installation))
    return 0


def job_label(job: model.Job) -> str:
    return f"{job.project} / {job.room} (job {job.id})"


def when_effective(installation: Installation) -> str:
    """A sentence on when the daemon obeys a command."""
    if not installation.running:
        return "hotfolder is not running; this is done at the next start."
    return "hotfolder takes it up within a second."


def terminal_user() -> str:
    """The login name of this terminal's user (before sudo); "somebody" if unknown."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return "somebody"


@commands.command(rich_help_panel=RUNNING)
def pause(
    config: Config = CONFIG,
    reason: Annotated[
        str, typer.Option("--reason", help="Shown to whoever asks why nothing is made.")
    ] = "paused by hand",
) -> int:
    """Make no more paid calls, until resume.

    Those under way are waited for.
    """
    from hotfolder.control import actions, opening

    with opening.opened(config) as installation:
        holds = actions.pause(installation, reason)
    print("No more paid calls are made; those under way are waited for. `hotfolder resume` continues.")
    if holds not in (reason, None):
        print(f"They were paused before, and the reason of then stays: {holds}.")
    return 0


@commands.command(rich_help_panel=RUNNING)
def resume(config: Config = CONFIG) -> int:
    """Make paid calls again."""
    from hotfolder.control import actions, opening

    with opening.opened(config) as installation:
        was_paused = actions.resume(installation)
    print("Paid calls are made again." if was_paused else "There was no pause.")
    return 0
