"""All settings, by section. Docstrings of models and settings are descriptions in the JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, SecretStr
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from hotfolder.config.values import (
    MIB,
    ActiveHours,
    AtOnce,
    BaseUrl,
    FileBytes,
    Folder,
    GalleryUrl,
    HostNames,
    HostText,
    Items,
    Networks,
    OwnTagItems,
    PaidCalls,
    Proxy,
    QuietSeconds,
    Rate,
    Seconds,
    StorageHosts,
    StoreUrl,
    Text,
    TimeZone,
    Variants,
)
from hotfolder.config.yamlfile import Document, KeyPath, Position
from hotfolder.hosts import is_loopback
from hotfolder.rules.delivery import Delivery, Keep
from hotfolder.rules.kinds import Prices
from hotfolder.rules.routes import RouteBase, SinglePhoto
from hotfolder.stager.operations import Frozen, HdrOptions

PAGE_PORT = 8480


Language = Literal["en", "de"]


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
    """Operations' requests running at once; left out: found out while it runs."""
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
    """The largest photo that is accepted: bytes, or such as 200MB."""
    result_bytes: FileBytes = 200 * MIB
    """The largest result that is fetched: bytes, or such as 200MB."""
    result_pixels: Annotated[int, Field(strict=True, ge=1_000_000, le=1_000_000_000)] = 200_000_000
    """The largest result that is decoded, width times height in pixels."""


class Schedule(Frozen):
    """When photos are sent, on a line that is needed for other things by day."""

    active: ActiveHours = ()
    """Hours of the day, such as 22:00-06:00, or a list of them, by `time_zone`; empty: always."""


class Web(Frozen):
    """Pages for health checks and for Prometheus: /healthz, /readyz and /metrics. There is no password."""

    port: Annotated[int, Field(strict=True, ge=1, le=65535)] | None = None
    """The port that they are served on; left out: they are not served."""
    host: Text = "127.0.0.1"
    """The address that they are served on; 0.0.0.0 for all."""


class GallerySettings(Frozen):
    """A project's gallery in done/<project>/gallery/, as `hotfolder gallery` and deliver.gallery make it."""

    base_url: GalleryUrl | None = None
    """Where galleries are put for everybody to see, such as https://pictures.example.com/galleries: that of a
    project is below it under its folder's name, or where {project} stands. Left out: there is no QR code."""
    language: Language = "en"
    """The language that it opens in: en or de; the other one is a click away."""


class PageSettings(Frozen):
    """The page of `hotfolder page`: everything at a glance, and what people do about it."""

    port: Annotated[int, Field(strict=True, ge=1, le=65535)] = PAGE_PORT
    """The port that it is served on."""
    host: HostText = "127.0.0.1"
    """The address that it is served on; 0.0.0.0 for all, which needs a password."""
    hosts: HostNames = ()
    """The names that people reach it by, such as photos.example.com; its own address needs no mention."""
    trusted_proxies: Networks = ()
    """Addresses or networks of reverse proxies before it, whose X-Forwarded-For, -Host and -Proto count."""

    @property
    def beyond_loopback(self) -> bool:
        """Whether other machines may reach it; then it is served only with a password."""
        return bool(self.trusted_proxies) or not is_loopback(self.host)


class Notify(Frozen):
    """Who is told what happened, through apprise. The addresses are secret, so they stand in a file."""

    url_file: Folder | None = None
    """A file with one apprise address a line; relative to this file. Keep it like the key."""
    urls: tuple[SecretStr, ...] = ()
    """Addresses, where a file is not wanted, as in an environment variable."""
    done_link: Text | None = None
    """Where people find done, such as smb://nas/photos/done; left out: its path."""
    failed_link: Text | None = None
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

    level: Literal["debug", "info", "warning", "error"] = "info"
    """How much is said."""
    format: Literal["auto", "json", "console"] = "auto"
    """auto: readable on a terminal, JSON lines elsewhere."""

    @property
    def as_json(self) -> bool | None:
        """Whether log lines are JSON; None: JSON unless they are written to a terminal."""
        return None if self.format == "auto" else self.format == "json"


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
    name: Text | None = None
    """A name for people; the folder's name if left out."""
    routes: tuple[RouteSettings, ...] = ()
    """Routes for this inbox alone, tried before the general ones."""
    tags: dict[str, OwnTagItems] = Field(default={})
    """Own tags for this inbox alone."""

    @property
    def title(self) -> str:
        """The inbox's name for people."""
        return self.name or Path(self.path).name or self.path


WRITTEN: ContextVar[Mapping[str, Any]] = ContextVar("WRITTEN")
"""The values of file and environment during a call of `Settings()`."""


class Settings(BaseSettings):
    """All settings, as `load` makes them: `root`, and every file that a setting names, are absolute."""

    model_config = SettingsConfigDict(
        title="hotfolder",
        case_sensitive=True,
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

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
    language: Language = "en"
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
    hdr: HdrOptions = HdrOptions()
    """What every merge corrects; all are on by default."""
    single_photo: SinglePhoto = "merge"
    """One photo alone without operations: merge sends it through the merge, refuse turns it away."""
    tags: dict[str, OwnTagItems] = Field(default={})
    """Own tags: a name, and the operations it stands for."""
    routes: tuple[RouteSettings, ...] = ()
    """Rules by project, room, tag and photos; the first match wins."""

    _warnings: tuple[str, ...] = PrivateAttr(default=())
    _notify_positions: Mapping[KeyPath, Position] = PrivateAttr(default={})

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (InitSettingsSource(settings_cls, dict(WRITTEN.get({}))),)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings about accepted settings that should be changed, each with its position. Not a setting."""
        return self._warnings

    def notify_position(self, *path: str | int) -> Position:
        """Where the value at `path` in `notify` was written; for a missing one that of its nearest parent."""
        while path and path not in self._notify_positions:
            path = path[:-1]
        return self._notify_positions.get(path, Position())

    def set_origin(self, document: Document) -> None:
        """Take over the document's warnings, and the positions in `notify`, which apprise alone can check."""
        self._warnings = tuple(map(str, document.warnings))
        self._notify_positions = {
            path[1:]: position for path, position in document.positions.items() if path[:1] == ("notify",)
        }

    def all_inboxes(self) -> tuple[InboxSettings, ...]:
        """`inboxes`, or a single inbox made from `inbox` where there are none."""
        return self.inboxes or (InboxSettings(path=self.inbox),)

    @property
    def route_count(self) -> int:
        """The number of routes, those of single inboxes included."""
        return len(self.routes) + sum(len(inbox.routes) for inbox in self.inboxes)

    def inbox_folder(self, inbox: InboxSettings | None = None) -> Path:
        """The absolute path of an inbox, by default of the first."""
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
