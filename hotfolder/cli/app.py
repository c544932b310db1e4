"""The commands and their options. Their implementations are in the other modules of this package, imported
when needed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from hotfolder import __version__
from hotfolder.cli.output import errors_told, output_written


class CommandGroup(TyperGroup):
    """Exits with the code that a command returns (None: 0), and prints our errors for users."""

    def main(self, *arguments: Any, **named: Any) -> Any:
        with output_written():
            return super().main(*arguments, **named)

    def invoke(self, ctx: Any) -> None:
        with errors_told():
            ctx.exit(super().invoke(ctx) or 0)


app = typer.Typer(
    name="hotfolder",
    cls=CommandGroup,
    help="A folder of brackets in, a finished picture out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

Config = Annotated[
    Path,
    typer.Option("--config", "-c", envvar="HOTFOLDER_CONFIG", help="The YAML file with the settings."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Job = Annotated[str, typer.Argument(help="A job's id, or project/room, as `hotfolder status` shows them.")]
CONFIG = Path("config.yaml")
DAILY, RUNNING, OPERATING, TRYING = "Every day", "While it runs", "For whoever runs it", "To try it out"


def folder_named(text: str) -> Path:
    """Parse the name of a folder to write to. Raises BadParameter for an empty one, as from an unset variable
    in a script, which would otherwise be the current folder."""
    if not text.strip():
        raise typer.BadParameter("name a folder; the current one is `.`")
    return Path(text)


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


@app.command(rich_help_panel=OPERATING)
def run(
    config: Config = CONFIG,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Use the embedded stand-in of the API: free, offline, no key.")
    ] = False,
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="End once nothing can go on by itself.")
    ] = False,
    page: Annotated[
        bool, typer.Option("--page", help="Serve the page for browsers beside it, in a process of its own.")
    ] = False,
) -> int:
    """Watch the inbox and finish what is dropped.

    Ends on SIGTERM or Ctrl-C, after paid calls in flight have been answered; a second Ctrl-C ends at once.
    Exit codes: 0 fine, 1 a set of this run failed or needs a person, 2 wrong usage or configuration,
    3 the API or a folder can't be reached, 130 Ctrl-C.
    """
    from hotfolder.cli import run

    return run.run(config, sandbox=sandbox, until_idle=until_idle, page=page)


@app.command(rich_help_panel=TRYING)
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
) -> int:
    """Show the whole thing, offline and free.

    It drops brackets of its own and has them made by a stand-in of the API.
    """
    from hotfolder.cli import demo

    return demo.demo(target, photos, tag)


@app.command(rich_help_panel=OPERATING)
def check(
    config: Config = CONFIG,
    schema: Annotated[bool, typer.Option("--schema", help="Print a JSON Schema for editors.")] = False,
) -> int:
    """Say what is wrong with the settings.

    With line and column, all at once. Touches nothing.
    """
    from hotfolder.cli import upkeep

    return upkeep.check(config, schema=schema)


@app.command(rich_help_panel=DAILY)
def explain(
    path: Annotated[Path, typer.Argument(help="A room's folder, a project's, or an inbox.")],
    config: Config = CONFIG,
    calls: Annotated[bool, typer.Option("--calls", help="Show every call to the API.")] = False,
    as_json: AsJson = False,
) -> int:
    """Say what would happen to a folder, and what it costs.

    Touches nothing. Of a project or an inbox each set is one line; of a room's folder everything is told.
    """
    from hotfolder.cli import explain

    return explain.explain(path, config, as_json=as_json, calls=calls)


@app.command(rich_help_panel=DAILY)
def approve(
    project: Annotated[
        str,
        typer.Argument(help="The folder of a project, or of a room, or its name: PROJECT or PROJECT/ROOM."),
    ],
    config: Config = CONFIG,
) -> int:
    """Let a shoot or a room that is held be made.

    As `explain` shows it; puts a file .ready into its folder.
    """
    from hotfolder.cli import explain

    return explain.approve(project, config)


@app.command(rich_help_panel=DAILY)
def status(
    config: Config = CONFIG,
    watch: Annotated[bool, typer.Option("--watch", help="Show it anew every 2 s, until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> int:
    """Show what needs a person, runs, waits, is done."""
    from hotfolder.cli import status

    return status.status(config, as_json=as_json, watch=watch)


@app.command(rich_help_panel=DAILY)
def logs(job: Job, config: Config = CONFIG, as_json: AsJson = False) -> int:
    """Tell the whole history of one set, in order."""
    from hotfolder.cli import status

    return status.logs(job, config, as_json=as_json)


@app.command(rich_help_panel=DAILY)
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
    from hotfolder.cli import actions

    return actions.retry(job, config, pay_again=pay_again)


@app.command(rich_help_panel=RUNNING)
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
    from hotfolder.cli import actions

    return actions.resolve(job, config, paid_result=paid_result, not_charged=not_charged, giving_up=give_up)


@app.command(rich_help_panel=DAILY)
def gallery(
    project: Annotated[str, typer.Argument(help="A project's folder in done, or its name.")],
    config: Config = CONFIG,
    as_json: AsJson = False,
) -> int:
    """Show a project's pictures as a page to give away.

    Static files in done/PROJECT/gallery, which work from a disk and on any host: every altered picture beside
    its unaltered one.
    """
    from hotfolder.cli import upkeep

    return upkeep.gallery(project, config, as_json=as_json)


@app.command(rich_help_panel=OPERATING)
def verify(
    config: Config = CONFIG,
    disclosure: Annotated[
        str,
        typer.Option(
            "--disclosure",
            metavar="PROJECT",
            help="Only this: has each altered picture of the project a label, its unaltered one and a link?",
        ),
    ] = "",
) -> int:
    """Compare records, paid calls and folders."""
    from hotfolder.cli import upkeep

    return upkeep.disclosure(disclosure, config) if disclosure else upkeep.verify(config)


@app.command(rich_help_panel=OPERATING)
def clean(
    config: Config = CONFIG,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would go, and what would stay and why.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Delete what is older than the settings allow.

    As the daemon does by itself once a day.
    """
    from hotfolder.cli import upkeep

    return upkeep.clean(config, dry_run=dry_run, as_json=as_json)


@app.command(rich_help_panel=RUNNING)
def pause(
    config: Config = CONFIG,
    reason: Annotated[
        str, typer.Option("--reason", help="Shown to whoever asks why nothing is made.")
    ] = "paused by hand",
) -> int:
    """Make no more paid calls, until resume.

    Those under way are waited for.
    """
    from hotfolder.cli import actions

    return actions.pause(config, reason=reason)


@app.command(rich_help_panel=RUNNING)
def resume(config: Config = CONFIG) -> int:
    """Make paid calls again."""
    from hotfolder.cli import actions

    return actions.resume(config)


@app.command(rich_help_panel=OPERATING)
def doctor(config: Config = CONFIG, as_json: AsJson = False) -> int:
    """Check everything around it: key, API, folders.

    Also clock, disks, limits and versions. Says what to do, and costs nothing.
    """
    from hotfolder.cli import upkeep

    return upkeep.doctor(config, as_json=as_json)


@app.command(rich_help_panel=OPERATING)
def lightroom(
    write: Annotated[
        Path,
        typer.Option(
            "--write", metavar="DIR", parser=folder_named, help="The folder to write to; made where missing."
        ),
    ],
    config: Config = CONFIG,
    share: Annotated[
        str,
        typer.Option(
            "--share",
            metavar="PATH",
            help="What `root` is called on photographers' computers, such as /Volumes/photos or P:/.",
        ),
    ] = "",
) -> int:
    """Write plug-ins for Lightroom and darktable.

    Made from these rules: they offer their tags. With export presets for whole shoots in one folder.
    """
    from hotfolder.cli import upkeep

    return upkeep.lightroom(config, write, share=share)


@app.command("install-service", rich_help_panel=OPERATING)
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
    page: Annotated[
        bool, typer.Option("--page", help="Let it serve the page for browsers as well, as `run --page` does.")
    ] = False,
) -> int:
    """Print, or write, the systemd unit.

    For the folders of these settings, with what to do next. Starts nothing.
    """
    from hotfolder.cli import upkeep

    return upkeep.install_service(config, user=user, group=group, write=write, directory=directory, page=page)


@app.command(rich_help_panel=OPERATING)
def init(
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="The configuration; /etc/hotfolder/config.yaml.")
    ] = None,
    root: Annotated[
        Path | None, typer.Option("--root", help="The folder that photographers see; /srv/photos.")
    ] = None,
    group: Annotated[
        str | None, typer.Option("--group", help="The group of those who use it; left out: the folder's.")
    ] = None,
    user: Annotated[
        str | None, typer.Option("--user", help="The user that the service runs as; hotfolder.")
    ] = None,
    state: Annotated[
        Path | None, typer.Option("--state", help="The folder of what was paid for; /var/lib/hotfolder.")
    ] = None,
    page: Annotated[
        bool | None, typer.Option("--page/--no-page", help="Serve the page for browsers on this computer.")
    ] = None,
    page_port: Annotated[
        int | None, typer.Option("--page-port", min=1, max=65535, help="The page's port; 8480.")
    ] = None,
    docker: Annotated[
        bool | None, typer.Option("--docker/--systemd", help="Write what Docker needs into this folder.")
    ] = None,
    key_stdin: Annotated[
        bool, typer.Option("--key-stdin", help="Read the API key from the first line of standard input.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing: what is left out is usual.")] = False,
) -> int:
    """Install it: user, folders, settings, key, service.

    Asks five questions. The API key is asked for unseen, or read from standard input or STAGER_API_KEY. Said
    again, it makes what is missing, and changes nothing that is right. Ends with what `doctor` finds.
    """
    from hotfolder.cli import init
    from hotfolder.setup.init import Answers

    given = {"config": config, "user": user, "state": state, "page_port": page_port}
    said = {name: value for name, value in given.items() if value is not None}
    answers = Answers(**said, root=root, group=group, page=page)  # type: ignore[arg-type]
    return init.init(answers, docker=docker, key_stdin=key_stdin, ask=not yes)


Target = Annotated[str, typer.Argument(help="A job's id, project/room, or a project: all its sets.")]
By = Annotated[str, typer.Option("--by", help="Who wants it; left out: the user of this terminal.")]
OfInbox = Annotated[str, typer.Option("--inbox", help="Which inbox's project, where several have it.")]


@app.command(rich_help_panel=RUNNING)
def cancel(target: Target, config: Config = CONFIG, inbox: OfInbox = "", by: By = "") -> int:
    """Take back a set or a project.

    The originals go to failed, and nothing more is bought. A paid call under way is waited for, and what was
    bought is delivered.
    """
    from hotfolder.cli import actions

    return actions.cancel(target, config, inbox=inbox, by=by)


@app.command(rich_help_panel=RUNNING)
def priority(
    target: Target,
    level: Annotated[str, typer.Argument(help="high, normal or low.")],
    config: Config = CONFIG,
    inbox: OfInbox = "",
    by: By = "",
) -> int:
    """Let a set or a project go first, or last.

    A project with all that is still to come of it.
    """
    from hotfolder.cli import actions

    return actions.priority(target, level, config, inbox=inbox, by=by)


@app.command(rich_help_panel=OPERATING)
def notify(
    test: Annotated[bool, typer.Option("--test", help="Send each address a message now.")] = False,
    config: Config = CONFIG,
) -> int:
    """Show, or with --test try, who gets messages."""
    from hotfolder.cli import upkeep

    return upkeep.notify(config, test=test)


@app.command(
    rich_help_panel=TRYING,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
)
def sandbox(context: typer.Context) -> int:
    """Serve the stand-in of the API by itself."""
    from hotfolder.sandbox.__main__ import main as serve

    return serve(context.args)


store_commands = typer.Typer(cls=TyperGroup, no_args_is_help=True)
app.add_typer(store_commands, name="store", rich_help_panel=OPERATING)


@store_commands.callback()
def store() -> None:
    """Where jobs and purchases are recorded."""


@store_commands.command("migrate")
def migrate(
    url: Annotated[
        str, typer.Option("--to", help="Like postgresql+psycopg://hotfolder@db.example/hotfolder.")
    ],
    config: Config = CONFIG,
) -> int:
    """Move the store from SQLite into an empty PostgreSQL database.

    With everything in flight, while hotfolder is stopped. Whatever breaks it off, say it again.
    """
    from hotfolder.cli import upkeep

    return upkeep.move_store(config, url)


page_commands = typer.Typer(cls=TyperGroup, no_args_is_help=False)
app.add_typer(page_commands, name="page", rich_help_panel=OPERATING)


@page_commands.callback(invoke_without_command=True)
def page(
    context: typer.Context,
    config: Config = CONFIG,
    host: Annotated[
        str | None, typer.Option("--host", help="The address to serve on, in place of page.host.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", min=0, max=65535, help="The port to serve on, in place of page.port; 0: a free one."
        ),
    ] = None,
    beside: Annotated[int | None, typer.Option("--beside", hidden=True)] = None,
) -> int:
    """Serve the page for browsers.

    Everything at a glance, and what people do about it. Ends on SIGTERM or Ctrl-C.
    """
    if context.invoked_subcommand is not None:
        context.obj = config
        return 0
    from hotfolder.cli import page

    return page.page(config, host=host, port=port, beside=beside)


@page_commands.command("set-password")
def set_password(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", help="As for `hotfolder page`, before or behind its name."),
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="The one with which people can look, and change nothing.")
    ] = False,
) -> int:
    """Set the studio's password for the page.

    Asked for twice, or the first line of standard input. Signs out whoever came in by an earlier one.
    """
    from hotfolder.cli import page

    return page.set_password(config or context.obj, read_only=read_only)


PANELS = (DAILY, RUNNING, OPERATING, TRYING)
app.registered_commands.sort(key=lambda command: PANELS.index(str(command.rich_help_panel)))
