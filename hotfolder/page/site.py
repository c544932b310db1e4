"""The site: what every view needs, created once in the page's process."""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv6Address, ip_address, ip_network
from pathlib import Path
from threading import Lock

import jinja2
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import Response

from hotfolder.config.load import SettingsFile
from hotfolder.config.rulebooks import rules_in_force
from hotfolder.config.settings import PageSettings, Settings
from hotfolder.control.opening import refuse_bad_addresses
from hotfolder.display import visible_lines
from hotfolder.errors import ConfigurationError, UsageError
from hotfolder.page.live import Live
from hotfolder.page.reading import PhotoReader, Thumbnails
from hotfolder.telemetry.overview import Overview

ADDRESS_TRIES, ADDRESS_REFILL_SECONDS = 5, 30.0
ALL_TRIES, ALL_REFILL_SECONDS = 60, 5.0
"""Capacity and refill interval of the token buckets: for an address, and for all together."""
MOST_ADDRESSES = 1024
"""Beyond these the least recently used is evicted; the limit for all together still holds."""


class SignInThrottle:
    """A rate limit on wrong passwords: token buckets, one for each address and one for all together. A bucket
    is represented by the time at which it will be full again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.full_at: OrderedDict[str, float] = OrderedDict()
        self._all_full_at = clock()

    def take(self, address: str) -> float:
        """Count a try and return 0 where it is allowed; else the seconds until the next one is."""
        whose, now = network_of(address), self._clock()
        own, every = max(now, self.full_at.pop(whose, now)), max(now, self._all_full_at)
        wait = max(
            0.0,
            own - now - (ADDRESS_TRIES - 1) * ADDRESS_REFILL_SECONDS,
            every - now - (ALL_TRIES - 1) * ALL_REFILL_SECONDS,
        )
        self.full_at[whose] = own if wait else own + ADDRESS_REFILL_SECONDS
        self._all_full_at = every if wait else every + ALL_REFILL_SECONDS
        if len(self.full_at) > MOST_ADDRESSES:
            self.full_at.popitem(last=False)
        return wait

    def give_back(self, address: str) -> None:
        """Don't count the try: the password was right."""
        self._all_full_at -= ALL_REFILL_SECONDS
        whose = network_of(address)
        if whose in self.full_at:
            self.full_at[whose] -= ADDRESS_REFILL_SECONDS


def network_of(address: str) -> str:
    """The address, or its /64 for IPv6, since a client has all addresses of that; "" where it is invalid."""
    try:
        found = ip_address(address)
    except ValueError:
        return ""
    return str(ip_network((found, 64), strict=False)) if isinstance(found, IPv6Address) else address


ABSOLUTE_PATH = re.compile(r"(?<![^\s\"'“„(\[:,;])/(?:[^\s/\"']+/)+[^\s/\"'“,;:)\]]+")
"""An absolute path of at least two parts, which isn't part of a URL."""


@dataclass(frozen=True, slots=True)
class CurrentSettings:
    """The last valid settings. `error` is what is wrong with the file now, "" if nothing is."""

    settings: Settings
    error: str = ""


ERROR_RELOAD_SECONDS = 5.0
"""The interval at which settings with an error are loaded again, although the file hasn't changed."""


class SettingsOnDisk:
    """The settings file, reloaded whenever it has changed. Thread-safe."""

    def __init__(self, file: SettingsFile) -> None:
        """Raises ConfigurationError."""
        self._file = file
        self._lock = Lock()
        self._current = CurrentSettings(file.load())
        self._seen: tuple[object, ...] = ()  # `current` loads it again: it may have changed since
        self._again_at = 0.0

    def current(self) -> CurrentSettings:
        """The current settings, reloaded if the file has changed."""
        with self._lock:
            settings = self._current.settings
            seen = self._file.identity(settings)
            now = time.monotonic()
            # What an error is about, such as a missing folder, isn't watched.
            if seen != self._seen or (self._current.error and now >= self._again_at):
                self._seen, self._again_at = seen, now + ERROR_RELOAD_SECONDS
                try:
                    self._current = CurrentSettings(refuse_bad_addresses(self._file.load()))
                except ConfigurationError as error:
                    self._current = CurrentSettings(settings, error.message)
            return self._current


def template_environment(
    hide: Callable[[str], str] = str, priced: Callable[[Iterable[str]], str] = lambda _: ""
) -> jinja2.Environment:
    """A template engine that escapes every value and replaces what reverses or hides other text or can't be
    encoded, after a call of `hide`. `priced` tells the price of paid calls, by their kinds."""

    def as_text(value: object) -> object:
        return (
            visible_lines(hide(value)) if isinstance(value, str) and not isinstance(value, Markup) else value
        )

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("hotfolder.page"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=as_text,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters["priced"] = priced
    environment.filters["as_is"] = as_is
    return environment


def as_is(value: str) -> Markup:
    """A form's value that comes back unchanged, except for what can't be encoded."""
    return escape(value.encode("utf-8", "replace").decode())


class FirstToken:
    """The token in the log by which the first password can be set, once."""

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(16)
        self.used = False

    def matches(self, asked: str) -> bool:
        return not self.used and secrets.compare_digest(asked.encode(errors="replace"), self.token.encode())


@dataclass(frozen=True)
class Site:
    """The shared state of the page's process. `config` is the absolute path of the settings file, as
    `control` takes it with `environ`; `page` are the settings that the server was started with."""

    config: Path
    environ: Mapping[str, str]
    page: PageSettings
    on_disk: SettingsOnDisk
    thumbnails: Thumbnails
    live: Live
    templates: jinja2.Environment
    throttle: SignInThrottle = field(default_factory=SignInThrottle)
    first_token: FirstToken = field(default_factory=FirstToken)
    password_set: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the store had a password."""
    hashing_lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a password is hashed."""
    moving_lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a set's files are moved."""
    last_forms: dict[str, tuple[object, asyncio.Future[Response], float]] = field(default_factory=dict)
    """The last form of each browser, with its answer and when it came."""
    photos: PhotoReader = field(default_factory=PhotoReader)


def site_for(
    config: Path, environ: Mapping[str, str], *, host: str | None = None, port: int | None = None
) -> Site:
    """The site of the settings at `config`; `host` and `port` override theirs. Raises ConfigurationError."""
    on_disk = SettingsOnDisk(SettingsFile(config.absolute(), environ))
    given = {name: value for name, value in {"host": host, "port": port}.items() if value is not None}
    page = on_disk.current().settings.page.model_copy(update=given)
    settings = on_disk.current().settings
    templates = template_environment(
        lambda text: hide_folders(text, on_disk.current().settings),
        lambda kinds: on_disk.current().settings.prices.sum_text(kinds),
    )
    live = Live(settings, lambda: on_disk.current().error)
    return Site(config.absolute(), environ, page, on_disk, Thumbnails(settings.state_folder), live, templates)


def hide_folders(text: str, settings: Settings) -> str:
    """`text` with its absolute paths shortened to names known in the studio, such as `done/…`: a page must
    not show where folders are on this machine."""
    if "/" not in text:
        return text
    folders = {Path(settings.root): "", settings.state_folder: "state/", settings.done_folder: "done/"}
    folders |= {settings.failed_folder: "failed/", Path(settings.root).resolve(): ""}
    folders |= {settings.inbox_folder(one): f"{one.title}/" for one in settings.all_inboxes()}
    if settings.archive_folder is not None:
        folders[settings.archive_folder] = "archive/"
    if settings.results_folder is not None:
        folders[settings.results_folder] = "results/"
    for folder, name in sorted(folders.items(), key=lambda one: len(str(one[0])), reverse=True):
        if str(folder) in text:
            text = text.replace(f"{folder}/", name).replace(str(folder), name.rstrip("/") or "root")
    return ABSOLUTE_PATH.sub(lambda found: found[0].rpartition("/")[2], text)


def parse_number(text: str) -> int | None:
    """`text` as a number; None where it isn't one of at most six digits."""
    return int(text) if re.fullmatch("[0-9]{1,6}", text) else None


def site_of(request: Request) -> Site:
    """The site that answers the request."""
    site: Site = request.app.state.site
    return site


def settings_of(request: Request) -> Settings:
    """The settings in force when the request came, the same during all of it."""
    if not hasattr(request.state, "settings"):
        request.state.settings = site_of(request).on_disk.current().settings
    settings: Settings = request.state.settings
    return settings


def with_settings_error(request: Request, seen: Overview) -> Overview:
    """The overview with the error of the edited settings, which a daemon that doesn't run can't tell."""
    return replace(seen, settings_error=site_of(request).on_disk.current().error or seen.settings_error)


def terms_of(request: Request) -> str:
    """A digest of the rules and prices, which a form that buys something sends back."""
    settings = settings_of(request)
    terms = repr((rules_in_force(settings), settings.hdr, settings.prices))
    return hashlib.sha256(terms.encode()).hexdigest()[:16]


def confirm_terms(request: Request, fields: Mapping[str, str]) -> None:
    """Raise UsageError if the rules or prices have changed since the form was shown."""
    shown = fields.get("terms")
    if shown is not None and shown != terms_of(request):
        raise UsageError(
            "This could come to other paid calls than were shown, or to another price: the rules or the"
            " prices have changed since.",
            hint="Open the page anew, and look at the price as it is now.",
        )
