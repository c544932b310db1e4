"""`python -m hotfolder.sandbox`: the sandbox as its own process."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from functools import partial
from pathlib import Path

from hotfolder.sandbox.embedded import missing_extra
from hotfolder.sandbox.settings import SandboxError, SandboxSettings


def parser() -> argparse.ArgumentParser:
    usual = SandboxSettings(data=Path("sandbox-data"))
    options = argparse.ArgumentParser(
        prog="hotfolder sandbox",
        description="An offline stand-in for the Stager AI API. It costs nothing.",
    )
    options.add_argument(
        "--data", type=Path, default=usual.data, help="folder for everything it keeps (%(default)s)"
    )
    options.add_argument("--host", default=usual.host, help="where the API listens (%(default)s)")
    options.add_argument("--port", type=int, default=usual.port, help="0 takes any free one (%(default)s)")
    options.add_argument(
        "--storage-host", default=usual.storage_host, help="where signed URLs lead (%(default)s)"
    )
    options.add_argument("--storage-port", type=int, default=usual.storage_port, help="(%(default)s)")
    options.add_argument(
        "--long-edge", type=int, default=usual.long_edge, help="of a merge, in pixels (%(default)s)"
    )
    options.add_argument(
        "--merge-delay-seconds", type=float, default=0, help="a merge takes at least so long"
    )
    options.add_argument(
        "--operation-delay-seconds", type=float, default=0, help="an operation takes at least so long"
    )
    options.add_argument(
        "--faults", type=Path, metavar="FILE", help="rules for what goes wrong on purpose; see docs/faults.md"
    )
    options.add_argument(
        "--engine", default=usual.engine, help="module that makes the pictures (%(default)s)"
    )
    options.add_argument("--embedded", action="store_true", help=argparse.SUPPRESS)
    return options


def settings_of(options: argparse.Namespace) -> SandboxSettings:
    if options.embedded:
        order = json.loads(sys.stdin.buffer.readline())
        faults = Path(order["faults"]) if order["faults"] else None
        return SandboxSettings(**order | {"data": Path(order["data"]), "faults": faults})
    values = vars(options).copy()
    del values["embedded"]
    return SandboxSettings(**values)


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM (or, embedded, until standard input ends).

    Returns 0 when it was stopped, 2 when it can't start.
    """
    options = parser().parse_args(arguments)
    try:
        missing_extra()
        asyncio.run(run(settings_of(options), embedded=options.embedded))
    except SandboxError as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 2
    return 0


async def run(settings: SandboxSettings, *, embedded: bool) -> None:
    from hotfolder.sandbox.server import serve

    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if embedded:
        loop.add_reader(sys.stdin.fileno(), watch_parent, stop)
    announce = send_addresses_to_parent if embedded else partial(print_addresses, settings.faults)
    await serve(settings, announce=announce, stop=stop)


def watch_parent(stop: asyncio.Event) -> None:
    """Stop when standard input ends: however the parent dies, the system closes the other end."""
    if not os.read(sys.stdin.fileno(), 4096):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        stop.set()


def send_addresses_to_parent(api: str, storage: str) -> None:
    print(json.dumps({"api": api, "storage": storage}), flush=True)


def print_addresses(faults: Path | None, api: str, storage: str) -> None:
    print(f"Sandbox of the Stager API on {api} (pictures on {storage}); try it at {api}/docs", flush=True)
    if faults is not None:
        print(f"Things go wrong on purpose, as {faults} says", flush=True)


if __name__ == "__main__":
    sys.exit(main())
