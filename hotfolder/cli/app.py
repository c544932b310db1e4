"""The commands and their options. What they do is in the modules beside this one, imported when needed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hotfolder import __version__
from hotfolder.cli.problems import told

app = typer.Typer(
    name="hotfolder",
    help="A folder in, a finished picture out: exposure brackets through the Stager AI API.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Config = Annotated[
    Path,
    typer.Option("--config", "-c", envvar="HOTFOLDER_CONFIG", help="The YAML file with the settings."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Job = Annotated[str, typer.Argument(help="The job's id, as `hotfolder status` shows it.")]
CONFIG = Path("config.yaml")


def show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hotfolder {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """What comes before every command: what it has to say of itself must not lie among what it prints."""
    from hotfolder import log

    log.configure_if_nobody_has(level="warning")


@app.command()
def run(
    config: Config = CONFIG,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Use the embedded stand-in of the API: free, offline, no key.")
    ] = False,
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="End once nothing can go on by itself.")
    ] = False,
) -> None:
    """Watch the inbox and finish what is dropped there.

    Ends on SIGTERM or Ctrl-C, after paid calls in flight have been answered; a second Ctrl-C ends at once.
    Exit codes: 0 fine, 1 a set of this run failed or needs a person, 2 wrong usage or configuration,
    3 the API or a folder can't be reached, 130 Ctrl-C.
    """
    from hotfolder.cli.run import run as command

    with told():
        raise typer.Exit(command(config, sandbox=sandbox, until_idle=until_idle))


@app.command()
def demo(
    target: Annotated[Path, typer.Argument(help="Where the demonstration makes its workspace.")] = Path(
        "hotfolder-demo"
    ),
    photos: Annotated[
        Path | None,
        typer.Option(
            "--photos", help="Use your own brackets: a folder of one room, or a folder of such folders."
        ),
    ] = None,
    tag: Annotated[
        str, typer.Option("--tag", help="With --photos: a tag for all folders, such as sky-twilight.")
    ] = "",
) -> None:
    """Show the whole thing with the embedded stand-in of the API: no key, no network, no cost."""
    from hotfolder.cli.demo import demo as command

    with told():
        raise typer.Exit(command(target, photos, tag))


@app.command()
def check(
    config: Config = CONFIG,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of the settings, for editors, and end.")
    ] = False,
    against_inbox: Annotated[bool, typer.Option("--against-inbox", "--json", hidden=True)] = False,
) -> None:
    """Read the settings and say what is wrong with them, with line and column. Touches nothing."""
    from hotfolder.cli.check import check as command

    with told():
        raise typer.Exit(command(config, schema=schema, against_inbox=against_inbox))


@app.command()
def explain(
    path: Annotated[Path, typer.Argument(help="A folder of photos, a project's, or an inbox.")],
    config: Config = CONFIG,
    as_json: AsJson = False,
) -> None:
    """Say what would happen to a folder: route, photos, calls, what is paid. Touches nothing."""
    from hotfolder.cli.explain import explain as command

    with told():
        raise typer.Exit(command(path, config, as_json=as_json))


@app.command()
def approve(
    project: Annotated[
        str,
        typer.Argument(help="The folder of a project, or of a room, or its name: PROJECT or PROJECT/ROOM."),
    ],
    config: Config = CONFIG,
) -> None:
    """Let a shoot or a room that is held be made as `explain` shows it: puts .ready into its folder."""
    from hotfolder.cli.shoots import approve as command

    with told():
        raise typer.Exit(command(project, config))


@app.command()
def status(config: Config = CONFIG, as_json: AsJson = False) -> None:
    """Show what is waiting, running, finished, or needs a person."""
    from hotfolder.cli.status import status as command

    with told():
        raise typer.Exit(command(config, as_json=as_json))


@app.command()
def logs(job: Job, config: Config = CONFIG, as_json: AsJson = False) -> None:
    """Tell the whole story of one job in order: states, calls and what they cost, results, reasons."""
    from hotfolder.cli.logs import logs as command

    with told():
        raise typer.Exit(command(job, config, as_json=as_json))


@app.command()
def retry(
    job: Job,
    config: Config = CONFIG,
    pay_again: Annotated[
        bool, typer.Option("--pay-again", help="Buy its merge and operations anew, even what was bought.")
    ] = False,
) -> None:
    """Put a failed set back into the inbox. What was paid for is used again, unless --pay-again."""
    from hotfolder.cli.hands import retry as command

    with told():
        raise typer.Exit(command(job, config, pay_again=pay_again))


@app.command()
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
) -> None:
    """Say how a paid call ended whose answer was lost, and let its set go on."""
    from hotfolder.cli.hands import resolve as command

    with told():
        raise typer.Exit(
            command(job, config, paid_result=paid_result, not_charged=not_charged, giving_up=give_up)
        )


@app.command()
def verify(config: Config = CONFIG) -> None:
    """Compare the store, the ledger of paid calls and the folders, and report any disagreement."""
    from hotfolder.cli.hands import verify as command

    with told():
        raise typer.Exit(command(config))


@app.command()
def clean(
    config: Config = CONFIG,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would go, and what would stay and why.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Let go of what is older than `keep` in the settings allows, as the daemon does once a day."""
    from hotfolder.cli.clean import clean as command

    with told():
        raise typer.Exit(command(config, dry_run=dry_run, as_json=as_json))


@app.command()
def pause(
    config: Config = CONFIG,
    reason: Annotated[
        str, typer.Option("--reason", help="Shown to whoever asks why nothing goes on.")
    ] = "paused by hand",
) -> None:
    """Make no more paid calls until `hotfolder resume`. Those in flight are waited for."""
    from hotfolder.cli.hands import pause as command

    with told():
        raise typer.Exit(command(config, reason=reason))


@app.command()
def resume(config: Config = CONFIG) -> None:
    """Make paid calls again."""
    from hotfolder.cli.hands import resume as command

    with told():
        raise typer.Exit(command(config))


@app.command()
def doctor(config: Config = CONFIG, as_json: AsJson = False) -> None:
    """Check key, API, clock, folders, disk, limits and versions, and say what to do. Costs nothing."""
    from hotfolder.cli.doctor import doctor as command

    with told():
        raise typer.Exit(command(config, as_json=as_json))


@app.command("install-service")
def install_service(
    config: Config = CONFIG,
    write: Annotated[bool, typer.Option("--write", help="Write the files instead of printing them.")] = False,
    user: Annotated[str, typer.Option("--user", help="The user that the service runs as.")] = "hotfolder",
    group: Annotated[
        str | None, typer.Option("--group", help="Its group; left out: the one that shares the inbox.")
    ] = None,
    directory: Annotated[Path, typer.Option("--directory", help="Where units are written to.")] = Path(
        "/etc/systemd/system"
    ),
) -> None:
    """Print the systemd unit for these folders and this user, or with --write write it. Starts nothing."""
    from hotfolder.cli.install import install_service as command

    with told():
        raise typer.Exit(command(config, user=user, group=group, write=write, directory=directory))


Target = Annotated[str, typer.Argument(help="A job's id, or a project's folder: all its unfinished jobs.")]
By = Annotated[str, typer.Option("--by", help="Who wishes it; left out: the user of this terminal.")]
OfInbox = Annotated[str, typer.Option("--inbox", help="Which inbox's project, where several have it.")]


@app.command()
def cancel(target: Target, config: Config = CONFIG, inbox: OfInbox = "", by: By = "") -> None:
    """Take a job, or all of a project's, back: the originals go to failed, and nothing more is bought.

    A paid call in flight is waited for, and what was bought is published.
    """
    from hotfolder.cli.wheel import cancel as command

    with told():
        raise typer.Exit(command(target, config, inbox=inbox, by=by))


@app.command()
def priority(
    target: Target,
    level: Annotated[str, typer.Argument(help="high, normal or low.")],
    config: Config = CONFIG,
    inbox: OfInbox = "",
    by: By = "",
) -> None:
    """Let a job, or a project with all that is still to come of it, go before others or after them."""
    from hotfolder.cli.wheel import priority as command

    with told():
        raise typer.Exit(command(target, level, config, inbox=inbox, by=by))


@app.command()
def notify(
    test: Annotated[bool, typer.Option("--test", help="Send each address a message now.")] = False,
    config: Config = CONFIG,
) -> None:
    """Show which addresses people are told at, or with --test try each of them."""
    from hotfolder.cli.notify import notify as command

    with told():
        raise typer.Exit(command(config, test=test))


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
)
def sandbox(context: typer.Context) -> None:
    """Serve the stand-in of the API by itself; see `hotfolder sandbox --help`."""
    from hotfolder.sandbox.__main__ import main as serve

    with told():
        raise typer.Exit(serve(context.args))
