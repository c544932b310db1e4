"""The doctor's findings on the key, the API, the storage and a database server, by free requests only."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import aclosing, closing
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from hotfolder.config.load import KEY_VARIABLE, load_key
from hotfolder.config.settings import Settings
from hotfolder.control.local import Finding, ok, problem, warning
from hotfolder.errors import BadWorld, ConfigurationError, HotfolderError, StoreError
from hotfolder.hosts import is_loopback
from hotfolder.jobs.database import store_trouble
from hotfolder.jobs.postgres import ServerFacts, StoreServer, read_server_facts, refuse_unfit, server_engine
from hotfolder.stager.client import Probe, StagerClient
from hotfolder.stager.transport import Timeouts

FILE_TIMEOUT_SECONDS = 10.0
TIMEOUTS = Timeouts(FILE_TIMEOUT_SECONDS, FILE_TIMEOUT_SECONDS, FILE_TIMEOUT_SECONDS, FILE_TIMEOUT_SECONDS)
AS_ROOT = "To have the key and the API looked at, ask as root, with api.key_file naming the key's file."
NO_KEY = "hotfolder-doctor-has-no-key"
OFF_SECONDS, EXPIRING_SECONDS = 30.0, 300.0
"""How far a clock may be off, and from where on signed URLs may count as expired."""


def key(settings: Settings, environ: Mapping[str, str], *, running: bool) -> Finding:
    """Whether there is a key, and whether it looks like a placeholder. No part of it is shown.

    A `running` service may have a key that this user can't see, as by systemd's credentials: then a warning.
    """
    try:
        text = load_key(settings, environ).get_secret_value()
    except ConfigurationError as error:
        if running and out_of_sight(settings, environ):
            return warning("key", f"not looked at; the running service has its own. {error.message}", AS_ROOT)
        return problem("key", error.message, error.hint)
    where = KEY_VARIABLE if environ.get(KEY_VARIABLE, "").strip() else "the file that api.key_file names"
    look = f"{len(text)} characters from {where}"
    if len(text) < 12 or re.fullmatch(r"(your[_-]|xxx|changeme|<).*", text, re.IGNORECASE):
        return warning("key", f"{look}, which looks like a placeholder", "Put the real key there.")
    return ok("key", look)


def out_of_sight(settings: Settings, environ: Mapping[str, str]) -> bool:
    """Whether there may be a key that this user can't read: api.key_file is unreadable or not set."""
    if environ.get(KEY_VARIABLE, "").strip():
        return False
    if settings.api.key_file is None:
        return True
    try:
        Path(settings.api.key_file).open("rb").close()
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return False


async def remote(settings: Settings, environ: Mapping[str, str]) -> list[Finding]:
    """Findings on the proxy, the API and its clock (by one free request) and the storage (by a
    connection)."""
    try:
        secret = load_key(settings, environ).get_secret_value()
    except ConfigurationError:
        secret = ""
    proxy = settings.api.proxy_url
    found = [*proxies(proxy, environ)]
    try:
        found += await api(settings, secret)
        hosts = settings.api.storage_hosts
        found += await asyncio.gather(*(storage(host, proxy=proxy) for host in hosts))
    except ConfigurationError as error:  # SSL_CERT_FILE
        found.append(problem("certificates", error.message, error.hint))
    return found


def proxies(proxy: str | None, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Which proxy is used; a warning where only the environment names one, which isn't used."""
    if proxy is not None:
        url = urlsplit(proxy)
        yield ok("proxy", f"the API and the storage are reached through {url.hostname}, port {url.port}")
    named = [name for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy") if environ.get(name)]
    if named and proxy is None:
        yield warning(
            "proxy",
            f"{named[0]} is set, and hotfolder doesn't obey it",
            "If the internet is reached through a proxy only, write its address as api.proxy.",
        )


async def api(settings: Settings, key: str) -> list[Finding]:
    base_url = settings.api.base_url
    try:
        answer = await probe(settings, key or NO_KEY)
    except HotfolderError as error:
        hint = "Check api.base_url, this machine's name server, its firewall and its way to the internet."
        why = (error.detail if isinstance(error, BadWorld) else "") or error.message
        return [problem("API", f"{base_url} can't be reached: {why}", hint)]
    ahead = (datetime.now(UTC) - answer.at).total_seconds() if answer.at is not None else None
    return [*api_findings(base_url, answer, known=bool(key)), clock(ahead, "the API's", EXPIRING_SECONDS)]


async def accepts(settings: Settings, key: str) -> bool:
    """Whether the API accepts this key, by a free request; True where the API can't be reached."""
    try:
        answer = await probe(settings, key)
    except HotfolderError:
        return True
    return answer.status not in (401, 403)


async def probe(settings: Settings, key: str) -> Probe:
    """The answer to a free request. Raises HotfolderError where there is none."""
    base_url, proxy = settings.api.base_url, settings.api.proxy_url
    async with aclosing(StagerClient(base_url, lambda: key, timeouts=TIMEOUTS, proxy=proxy)) as client:
        return await client.probe()


def api_findings(base_url: str, answer: Probe, *, known: bool) -> Iterator[Finding]:
    """The findings from the answer to a free request for a group that doesn't exist."""
    asked = f"a free request to {base_url} (a group that isn't there) was answered {answer.status}"
    took = f"in {answer.seconds * 1000:.0f} ms"
    if not known:
        yield warning("API", f"{asked} {took}, without a key", "Ask again where the key can be read.")
    elif answer.is_web_page:
        yield problem("API", f"{asked}, with a web page in place of the API's answer", "Check api.base_url.")
    elif answer.status in (401, 403):
        yield problem("API", f"{asked}: the key is refused", "Ask Stager AI for a key that is valid.")
    elif answer.status == 402:
        yield problem("API", f"{asked}: the account has no credit", "Top it up.")
    elif answer.status == 429 or answer.status >= 500:
        yield warning("API", f"{asked}: it has trouble of its own", "There is nothing to do but wait.")
    elif 300 <= answer.status < 400:
        yield problem("API", f"{asked}, a redirect, which is never followed", "Check api.base_url.")
    else:
        yield ok("API", f"{asked} {took}; it accepts the key")


def clock(ahead: float | None, whose: str, grave_seconds: float = math.inf) -> Finding:
    """The finding on this machine's clock, `ahead` of the other one by seconds; None where the other one
    isn't known. A problem beyond `grave_seconds`."""
    if ahead is None:
        hint = "Compare this machine's clock with another one."
        return warning("clock", "the API did not say what time it is", hint)
    if abs(ahead) <= OFF_SECONDS:
        return ok("clock", f"within {OFF_SECONDS:.0f} s of {whose}")
    text = f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} {whose}"
    hint = "Switch time synchronisation on: `timedatectl set-ntp true`."
    if abs(ahead) > grave_seconds:
        return problem("clock", f"{text}: signed addresses may count as expired", hint)
    return warning("clock", text, hint)


async def storage(host: str, *, proxy: str | None = None) -> Finding:
    """The finding on a storage host by opening and closing a TCP connection, since requests need a signed
    URL."""
    url = urlsplit(f"//{host}")
    if url.port is None and is_loopback(url.hostname or ""):
        return ok("storage", f"{host} is this machine, on whatever port the API names: nothing to try yet")
    port = url.port or 443
    hint = "Photos are sent there. Check this machine's firewall and its way to the internet."
    if proxy is not None and not is_loopback(url.hostname or ""):
        return ok("storage", f"{host} is reached through the proxy: nothing to try yet")
    try:
        async with asyncio.timeout(FILE_TIMEOUT_SECONDS):
            _, writer = await asyncio.open_connection(url.hostname, port)
    except (OSError, TimeoutError) as error:
        why = "no answer in time" if isinstance(error, TimeoutError) else error.strerror or str(error)
        return problem("storage", f"{url.hostname}, port {port}, can't be reached: {why}", hint)
    writer.close()
    return ok("storage", f"{url.hostname}, port {port}, accepts connections")


def server(place: StoreServer) -> Iterator[Finding]:
    """The findings on the database server of a shared store, by a read-only connection."""
    try:
        found, off_seconds = server_facts(place)
    except HotfolderError as error:
        detail = error.detail if isinstance(error, BadWorld) else ""
        yield problem("database", f"{error.message}{f': {detail}' if detail else ''}", error.hint)
        return
    yield ok("database", f"PostgreSQL {found.version}")
    try:
        refuse_unfit(found, place)
    except StoreError as error:
        yield problem("database", error.message, error.hint)
    if not found.may_create:
        hint = "Let the user own it: ALTER DATABASE ... OWNER TO ...."
        yield problem("database", "its user may not make tables, as the first start and upgrades do", hint)
    if not found.fsync:
        hint = "Set fsync = on in postgresql.conf, and restart it."
        yield warning("database", "fsync is off: after a power cut nothing of it may be left", hint)
    # Leases use only the database's clock, but days, schedules and histories use this machine's as well.
    yield clock(off_seconds, "the database's")


def server_facts(place: StoreServer) -> tuple[ServerFacts, float]:
    """The server's facts, and how many seconds this machine's clock is ahead. Raises StoreError, LocalTrouble
    and ConfigurationError."""
    engine = server_engine(place, read_only=True)
    try:
        with store_trouble(), closing(engine.connect()) as connection:
            found = read_server_facts(connection)
            return found, (datetime.now(UTC) - found.now).total_seconds()
    finally:
        engine.dispose()
