"""All settings by section, with their bounds. What stands below a setting is its description for editors."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    StringConstraints,
)

from hotfolder.config.operations import Items, OwnTagItems, Variants, as_list
from hotfolder.config.page import PageSettings, is_loopback
from hotfolder.rules.delivery import Delivery, Frozen, Keep
from hotfolder.rules.foldernames import shown
from hotfolder.rules.hours import Span, parse_span
from hotfolder.rules.prices import Prices
from hotfolder.rules.routes import HdrChoices, RouteBase, SinglePhoto

MIB = 1024 * 1024
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?\Z")
RATE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kKmMgG]?)(?:B|b|i?B|bytes)?\s*/\s*s(?:ec|econd)?\s*")
UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}

Seconds = Annotated[float, Field(strict=True, ge=0.1, le=7 * 86400)]
QuietSeconds = Annotated[float, Field(strict=True, ge=0.2, le=86400)]
AtOnce = Annotated[int, Field(strict=True, ge=1, le=64)]
PaidCalls = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
FileBytes = Annotated[int, Field(strict=True, ge=1024, le=4096 * MIB)]


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


def _no_control(text: str) -> str:
    if CONTROL.search(text):
        raise ValueError("a control character, such as a line break, can't be part of this text")
    return text


Folder = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000), AfterValidator(_no_control)
]


def _rate(value: object) -> object:
    """`5MB/s` as bytes in a second; numbers pass."""
    if not isinstance(value, str):
        return value
    found = RATE.fullmatch(value)
    if found is None:
        raise ValueError(f"{shown(value)} is no rate; write bytes in a second, or such as 500KB/s or 5MB/s")
    return round(float(found[1]) * UNITS[found[2].lower()])


Rate = Annotated[
    int, Field(strict=True, ge=10_000, le=10**11), BeforeValidator(_rate, json_schema_input_type=int | str)
]


def _web_address(text: str) -> SplitResult | None:
    """The parts of an http or https address with a host; None where it is none."""
    try:
        url = urlsplit(text)
        host, _ = url.hostname, url.port  # a port that is no number is found here
    except ValueError:
        return None
    whole = url.scheme in ("http", "https") and host and not re.search(r"[\s\\]", text)
    return url if whole else None


def _base_url(text: str) -> str:
    said = f"base_url {shown(text)}" if "@" not in text else "base_url"
    url = _web_address(text)
    if url is None:
        raise ValueError(f"{said} is not an address like https://api.stagerai.com")
    host, port = url.hostname or "", url.port
    if "@" in url.netloc:
        raise ValueError("base_url must not hold a user name or password")
    if url.path not in ("", "/") or url.query or url.fragment or text.endswith(("?", "#")):
        raise ValueError(f"{said} must end after the host and port, without a path")
    if url.scheme == "http" and not is_loopback(host):
        must = "must start with https://, or the key would travel readable"
        raise ValueError(f"{said} {must}; http:// is for this machine alone")
    # The same address must not be spelt in two ways: it names the shop that things were bought from.
    host = f"[{host}]" if ":" in host else host.rstrip(".")
    usual = {"http": 80, "https": 443}[url.scheme]
    return f"{url.scheme}://{host}" + (f":{port}" if port not in (None, usual) else "")


BaseUrl = Annotated[Folder, AfterValidator(_base_url)]


def _storage_host(text: str) -> str:
    if not HOST.match(text.lower()):
        what = shown(text) if "@" not in text else "this"
        like = "a name like storage.googleapis.com, with or without a port"
        raise ValueError(f"{what} is no storage host; write {like}")
    return text.lower()


StorageHosts = Annotated[
    tuple[Annotated[Folder, AfterValidator(_storage_host)], ...],
    BeforeValidator(as_list, json_schema_input_type=str | tuple[str, ...]),
    Field(min_length=1),
]


def _proxy(secret: SecretStr) -> SecretStr:
    url = _web_address(secret.get_secret_value())
    if url is None or not url.port or url.path not in ("", "/") or url.query or url.fragment:
        raise ValueError("proxy is no address of a proxy; write it like http://proxy.example:3128")
    return secret


Proxy = Annotated[SecretStr, AfterValidator(_proxy)]


def _gallery_url(text: str) -> str:
    """An address under which galleries are put; `{project}` in it stands for the project's folder."""
    told = "base_url of the galleries"
    url = _web_address(text)
    if url is None or re.search(r"[<>\"]", text):
        raise ValueError(f"{told} is not an address like https://pictures.example.com/galleries")
    if "@" in url.netloc or url.query or url.fragment:
        raise ValueError(f"{told} must not hold a user, a ? or a #: everybody is to see it")
    if len(text) > 200:
        raise ValueError(f"{told} is longer than 200 characters, too long for a QR code that can be read")
    return text


GalleryUrl = Annotated[Folder, AfterValidator(_gallery_url)]


class Language(StrEnum):
    ENGLISH = "en"
    GERMAN = "de"


def _spans(value: object) -> object:
    texts = as_list(value)
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        raise ValueError('hours are written like "22:00-06:00"')
    return tuple(parse_span(text) for text in texts)


ActiveHours = Annotated[
    tuple[Span, ...], BeforeValidator(_spans, json_schema_input_type=str | tuple[str, ...])
]


class Api(Frozen):
    """How the API is reached. The key is never written here: STAGER_API_KEY or key_file hold it."""

    base_url: BaseUrl = "https://api.stagerai.com"
    """Where the API is; https, without a path."""
    key_file: Folder | None = None
    """A file that holds the API key and nothing else; relative to this file. The environment variable
    STAGER_API_KEY wins over it."""
    storage_hosts: StorageHosts = ("storage.googleapis.com",)
    """Hosts, with or without a port, that pictures may be sent to and fetched from; their subdomains too."""
    proxy: Proxy | None = None
    """An HTTP proxy that leads to the API and to the storage, like http://proxy.example:3128; a user and a
    password may stand before the host. HTTPS_PROXY is not obeyed."""
    merge_timeout_seconds: Seconds = 1800
    """How long a merge may take before a person has to look."""
    connect_timeout_seconds: Seconds = 10
    """How long a connection may take to stand."""
    read_timeout_seconds: Seconds = 60
    """How long an answer to a free request may take."""
    paid_timeout_seconds: Annotated[float, Field(strict=True, ge=1, le=86400)] = 600
    """How long an answer to a paid request may take; 300 or more is wise."""

    @property
    def proxy_url(self) -> str | None:
        return None if self.proxy is None else self.proxy.get_secret_value()


def _store_url(text: str) -> str:
    told = "store.url is no address like postgresql+psycopg://hotfolder@db.example/hotfolder"
    try:
        url = urlsplit(text)
        password, _ = url.password, url.port
    except ValueError:
        raise ValueError(told) from None
    # Nothing of it is shown: what can't be read may hold a password anywhere.
    if password is not None or SECRET_IN_QUERY.search(url.query):
        raise ValueError(f"store.url must not hold a password; {PASSWORD_PLACES}")
    if url.scheme in ("sqlite", "sqlite3"):
        raise ValueError("store.url is for a shared database; leave it out, and SQLite is used in `state`")
    if url.scheme != "postgresql+psycopg":
        raise ValueError("store.url must begin with postgresql+psycopg://; no other database is supported")
    if not url.path.strip("/") or "/" in url.path[1:] or url.fragment or re.search(r"\s", text):
        raise ValueError(told)
    return text


SECRET_IN_QUERY = re.compile(r"(?:^|&)(?:ssl)?password=", re.IGNORECASE)
PASSWORD_PLACES = "put it into the file that store.password_file names, or into PGPASSFILE or PGPASSWORD"
StoreUrl = Annotated[Folder, AfterValidator(_store_url)]


def _time_zone(text: str) -> str:
    try:
        known = any(Path(folder, text).is_file() for folder in zoneinfo.TZPATH) and zoneinfo.ZoneInfo(text)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        known = None
    if not known:
        raise ValueError(f"time_zone {text} is not known here; give a name like Europe/Berlin")
    return text


TimeZone = Annotated[Folder, AfterValidator(_time_zone)]


class StoreSettings(Frozen):
    """Where jobs and purchases are recorded. The password is never written here."""

    url: StoreUrl | None = None
    """The PostgreSQL database that several machines share, like
    postgresql+psycopg://hotfolder@db.example/hotfolder; left out: SQLite in state."""
    password_file: Folder | None = None
    """A file that holds the database's password and nothing else; relative to this file. Left out: PGPASSWORD
    and PGPASSFILE are obeyed, and none may be needed."""
    lease_seconds: Annotated[float, Field(strict=True, ge=1, le=600)] = 10
    """Where machines share a database: so long after a machine's last sign of life the others take over its
    inboxes."""


class Settle(Frozen):
    """When a folder counts as completely copied."""

    quiet_seconds: QuietSeconds = 15
    """Seconds without any change in a folder before its photos are looked at."""
    give_up_seconds: Seconds = 900
    """Seconds after which a photo that stays unreadable is refused."""
    scan_seconds: Annotated[float, Field(strict=True, ge=0.2, le=3600)] = 10
    """Seconds between two looks at everything; changes are usually noticed at once."""


class Limits(Frozen):
    """How much happens at once, and how large things may be."""

    uploads: AtOnce | None = None
    """Photos sent at once; left out: found out while it runs."""
    merges: AtOnce | None = None
    """Merges running at once; left out: found out while it runs."""
    operations: AtOnce | None = None
    """Sky, lawn and staging requests running at once; left out: found out while it runs."""
    downloads: AtOnce | None = None
    """Results fetched at once; left out: found out while it runs."""
    paid_calls_per_day: PaidCalls | None = None
    """The most paid calls between two midnights; left out: no limit."""
    paid_calls_per_project: PaidCalls | None = None
    """The most paid calls for one project's folder; left out: no limit."""
    paid_calls_per_job: PaidCalls | None = None
    """The most paid calls for one set; left out: no limit."""
    upload_rate: Rate | None = None
    """The most that all uploads together send: bytes in a second, or such as 5MB/s; left out: no limit."""
    photo_bytes: FileBytes = 200 * MIB
    """The largest photo that is accepted, in bytes."""
    result_bytes: FileBytes = 200 * MIB
    """The largest result that is fetched, in bytes."""
    result_pixels: Annotated[int, Field(strict=True, ge=1_000_000, le=1_000_000_000)] = 200_000_000
    """The largest result that is decoded, width times height in pixels."""


class Schedule(Frozen):
    """When photos are sent, on a line that is needed for other things by day."""

    active: ActiveHours = ()
    """Hours of the day, such as 22:00-06:00, or a list of them, by this computer's clock; empty: always."""


class Web(Frozen):
    """Pages for health checks and for Prometheus: /healthz, /readyz and /metrics. There is no password."""

    port: Annotated[int, Field(strict=True, ge=1, le=65535)] | None = None
    """The port that they are served on; left out: they are not served."""
    host: Folder = "127.0.0.1"
    """The address that they are served on; 0.0.0.0 for all."""


class GallerySettings(Frozen):
    """A project's gallery in done/<project>/gallery/, as `hotfolder gallery` and deliver.gallery make it."""

    base_url: GalleryUrl | None = None
    """Where galleries are put for everybody to see, such as https://pictures.example.com/galleries: that of a
    project is below it under its folder's name, or where {project} stands. Left out: there is no QR code."""
    language: Language = Language.ENGLISH
    """The language that it opens in: en or de; the other one is a click away."""


class Notify(Frozen):
    """Who is told what happened, through apprise. The addresses are secret, so they stand in a file."""

    url_file: Folder | None = None
    """A file with one apprise address a line; relative to this file. Keep it like the key."""
    urls: tuple[SecretStr, ...] = ()
    """Addresses, where a file is not wanted, as in an environment variable."""
    done_link: Folder | None = None
    """Where people find done, such as smb://nas/photos/done; left out: its path."""
    failed_link: Folder | None = None
    """Where people find failed; left out: its path."""
    gather_seconds: Annotated[float, Field(strict=True, ge=1, le=3600)] = 60
    """Seconds that news is gathered before it is told."""
    pause_seconds: Annotated[float, Field(strict=True, ge=60, le=86400)] = 600
    """The least seconds between two messages of a kind."""
    finished_quiet_seconds: Seconds = 120
    """Seconds without any set under way after which a project is finished."""
    unreachable_seconds: Seconds = 900
    """Seconds without the API, or without an inbox, before that is told."""


class Log(Frozen):
    """What the daemon says while it runs."""

    level: LogLevel = LogLevel.INFO
    """How much is said."""
    format: LogFormat = LogFormat.AUTO
    """auto: readable on a terminal, JSON lines elsewhere."""


class RouteSettings(RouteBase):
    """A rule: which sets it is for, and what happens to them. The first route that matches wins."""

    operations: Items = ()
    """What is done after the merge, in this order. A folder's own tags win."""
    variants: Variants = Field(default={})
    """Several looks of one merge, by name, each with what is done for it after `operations`. A folder's own
    tags win."""


class InboxSettings(Frozen):
    """One inbox of several. Its own routes are tried before the general ones, and its own tags win."""

    path: Folder
    """The inbox's folder, relative to root."""
    name: Folder | None = None
    """A name for people; the folder's name if left out."""
    routes: tuple[RouteSettings, ...] = ()
    """Routes for this inbox alone, tried before the general ones."""
    tags: dict[str, OwnTagItems] = Field(default={})
    """Own tags for this inbox alone."""

    @property
    def title(self) -> str:
        """The inbox's name for people."""
        return self.name or Path(self.path).name or self.path


class Settings(Frozen):
    """All settings, as `load` makes them: `root`, and every file that a setting names, are absolute."""

    model_config = ConfigDict(title="hotfolder")

    root: Folder
    """The folder that holds all others; relative to this file. It must exist."""
    inbox: Folder = "inbox"
    """Where photographers drop folders; relative to root."""
    inboxes: tuple[InboxSettings, ...] = ()
    """Several inboxes, instead of inbox."""
    done: Folder = "done"
    """Where finished pictures appear; relative to root."""
    failed: Folder = "failed"
    """Where refused folders go; relative to root."""
    archive: Folder | None = None
    """Where originals go under `originals: archive`; relative to root. It may be on another disk, and must
    exist."""
    state: Folder = "state"
    """Where hotfolder remembers its work, on a local disk; relative to root."""
    results: Folder | None = None
    """Where bought pictures are kept; relative to root. Left out: in state. With store.url it must be named:
    a folder that all machines reach, and that exists."""
    store: StoreSettings = StoreSettings()
    """Where jobs and purchases are recorded."""
    time_zone: TimeZone | None = None
    """The time zone of all times and days, such as Europe/Berlin; left out: this machine's own."""
    language: Language = Language.ENGLISH
    """The language of STATUS.txt and REASON.txt: en or de."""
    api: Api = Api()
    """How the API is reached."""
    settle: Settle = Settle()
    """When a folder counts as completely copied."""
    limits: Limits = Limits()
    """How much happens at once."""
    schedule: Schedule = Schedule()
    """When photos are sent."""
    prices: Prices = Prices()
    """What paid calls cost, so that money is shown; left out: none is."""
    deliver: Delivery = Delivery()
    """What is delivered, and under which names."""
    gallery: GallerySettings = GallerySettings()
    """A project's gallery."""
    keep: Keep = Keep()
    """For how many days things are kept."""
    web: Web = Web()
    """Pages for health checks and for Prometheus."""
    page: PageSettings = PageSettings()
    """The page of `hotfolder page`."""
    notify: Notify = Notify()
    """Who is told what happened."""
    log: Log = Log()
    """What the daemon says while it runs."""
    hdr: HdrChoices = HdrChoices()
    """What every merge corrects; all are on by default."""
    single_photo: SinglePhoto = SinglePhoto.MERGE
    """One photo alone without operations: merge sends it through the merge, refuse turns it away."""
    tags: dict[str, OwnTagItems] = Field(default={})
    """Own tags: a name, and the operations it stands for."""
    routes: tuple[RouteSettings, ...] = ()
    """Rules by project, room, tag and photos; the first match wins."""

    _warnings: tuple[str, ...] = PrivateAttr(default=())

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was accepted and should be changed, each with its place. Not a setting."""
        return self._warnings

    def set_warnings(self, warnings: Iterable[object]) -> None:
        self._warnings = tuple(map(str, warnings))

    def all_inboxes(self) -> tuple[InboxSettings, ...]:
        """Every inbox, also when there is only the one of `inbox`."""
        return self.inboxes or (InboxSettings(path=self.inbox),)

    def inbox_folder(self, inbox: InboxSettings | None = None) -> Path:
        """The absolute path of an inbox; of the first one when none is given."""
        return Path(self.root, (inbox or self.all_inboxes()[0]).path)

    @property
    def root_folder(self) -> Path:
        return Path(self.root)

    @property
    def done_folder(self) -> Path:
        return Path(self.root, self.done)

    @property
    def failed_folder(self) -> Path:
        return Path(self.root, self.failed)

    @property
    def archive_folder(self) -> Path | None:
        return Path(self.root, self.archive) if self.archive else None

    @property
    def state_folder(self) -> Path:
        return Path(self.root, self.state)

    @property
    def results_folder(self) -> Path | None:
        """None where results are kept in `state`."""
        return Path(self.root, self.results) if self.results else None
