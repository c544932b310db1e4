"""The command line: its general options, and the commands whose implementation is large and imported when
needed. `--help` must not load the daemon."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from hotfolder import __version__
from hotfolder.cli import actions, upkeep
from hotfolder.cli.options import CONFIG, DAILY, OPERATING, RUNNING, TRYING, AsJson, Config, Job, parse_path
from hotfolder.cli.output import flush_output, report_errors


class CommandGroup(TyperGroup):
    """Exits with the code that a command returns (None: 0), and prints our errors for users."""

    def main(self, *arguments: Any, **named: Any) -> Any:
        with flush_output():
            return super().main(*arguments, **named)

    def invoke(self, ctx: Any) -> None:
        with report_errors():
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
    """Runs before every command: warnings are logged to standard error, apart from the command's output."""
    from hotfolder import log

    log.configure_once(level="warning")


@app.command(rich_help_panel=OPERATING)
def run(
    config: Config = CONFIG,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Use the embedded stand-in for the API: free, offline, no key.")
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

    It drops brackets of its own and has them made by a stand-in for the API.
    """
    from hotfolder.cli import demo

    return demo.demo(target, photos, tag)


@app.command(rich_help_panel=DAILY)
def explain(
    path: Annotated[
        Path, typer.Argument(parser=parse_path, help="A room's folder, a project's, or an inbox.")
    ],
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
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Ask nothing; what is left out is as usual.")
    ] = False,
) -> int:
    """Install it: user, folders, settings, key, service.

    Asks five questions. The API key is asked for unseen, or read from standard input or STAGER_API_KEY. Run
    again, it makes what is missing, and changes nothing that is right. Ends with what `doctor` finds.
    """
    from hotfolder.cli import init
    from hotfolder.setup.init import Answers

    given = {"config": config, "user": user, "state": state, "page_port": page_port}
    said = {name: value for name, value in given.items() if value is not None}
    answers = Answers(**said, root=root, group=group, page=page)  # type: ignore[arg-type]
    return init.init(answers, docker=docker, key_stdin=key_stdin, ask=not yes)


@app.command(
    rich_help_panel=TRYING,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
)
def sandbox(context: typer.Context) -> int:
    """Serve the stand-in for the API by itself."""
    from hotfolder.sandbox.__main__ import main as serve

    return serve(context.args)


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


app.add_typer(upkeep.store_commands, name="store", cls=TyperGroup, rich_help_panel=OPERATING)
app.registered_commands += [*actions.commands.registered_commands, *upkeep.commands.registered_commands]
PANELS = (DAILY, RUNNING, OPERATING, TRYING)
app.registered_commands.sort(key=lambda command: PANELS.index(str(command.rich_help_panel)))
