"""The sections of the settings, each value with its unit, its bounds and a description."""

from __future__ import annotations

import re
from enum import StrEnum
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, StringConstraints
from pydantic_core import PydanticCustomError

from hotfolder.rules.delivery import Delivery
from hotfolder.rules.hours import Span, parse_span
from hotfolder.rules.nearest import shown
from hotfolder.rules.routes import Frozen

MIB = 1024 * 1024
HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?\Z")

Seconds = Annotated[float, Field(strict=True, ge=0.1, le=7 * 86400)]
AtOnce = Annotated[int, Field(strict=True, ge=1, le=64)]
PaidCalls = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def _no_control(text: str) -> str:
    if CONTROL.search(text):
        raise PydanticCustomError(
            "folder", "a control character, such as a line break, can't be part of this text"
        )
    return text


Folder = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000), AfterValidator(_no_control)
]


RATE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kKmMgG]?)(?:B|b|i?B|bytes)?\s*/\s*s(?:ec|econd)?\s*")
UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}


def _rate(value: object) -> object:
    """`5MB/s` as bytes in a second; numbers pass."""
    if not isinstance(value, str):
        return value
    found = RATE.fullmatch(value)
    if found is None:
        message = f"{shown(value)} is no rate; write bytes in a second, or such as 500KB/s or 5MB/s"
        raise PydanticCustomError("rate", "{message}", {"message": message})
    return round(float(found[1]) * UNITS[found[2].lower()])


Rate = Annotated[
    int,
    Field(strict=True, ge=10_000, le=10**11),
    BeforeValidator(_rate, json_schema_input_type=int | str),
]


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine itself."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _base_url(text: str) -> str:
    def wrong(why: str) -> PydanticCustomError:
        said = f" {shown(text)}" if "@" not in text else ""
        return PydanticCustomError("base_url", "{message}", {"message": f"base_url{said} {why}"})

    try:
        url = urlsplit(text)
        host, port = url.hostname or "", url.port
    except ValueError:
        raise wrong("is not an address like https://api.stagerai.com") from None
    if url.scheme not in ("http", "https") or not host or re.search(r"[\s\\]", text):
        raise wrong("is not an address like https://api.stagerai.com")
    if "@" in url.netloc:
        raise wrong("must not hold a user name or password")
    if url.path not in ("", "/") or url.query or url.fragment or text.endswith(("?", "#")):
        raise wrong("must end after the host and port, without a path")
    if url.scheme == "http" and not is_loopback(host):
        raise wrong(
            "must start with https://, or the key would travel readable; http:// is for this machine alone"
        )
    # The same address must not be spelt in two ways: it names the shop that things were bought from.
    host = f"[{host}]" if ":" in host else host.rstrip(".")
    usual = {"http": 80, "https": 443}[url.scheme]
    return f"{url.scheme}://{host}" + (f":{port}" if port not in (None, usual) else "")


def _storage_host(text: str) -> str:
    host = text.lower()
    if not HOST.match(host):
        what = shown(text) if "@" not in text else "this"
        message = (
            f"{what} is no storage host; write a name like storage.googleapis.com, with or without a port"
        )
        raise PydanticCustomError("storage_host", "{message}", {"message": message})
    return host


def _proxy(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    try:
        url = urlsplit(text)
        whole = url.scheme in ("http", "https") and url.hostname and url.port
    except ValueError:
        whole = False
    if not whole or url.path not in ("", "/") or url.query or url.fragment or re.search(r"[\s\\]", text):
        message = "proxy is no address of a proxy; write it like http://proxy.example:3128"
        raise PydanticCustomError("proxy", "{message}", {"message": message})
    return secret


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


StorageHost = Annotated[Folder, AfterValidator(_storage_host)]
StorageHosts = Annotated[
    tuple[StorageHost, ...],
    BeforeValidator(_as_list, json_schema_input_type=str | tuple[str, ...]),
    Field(min_length=1),
]


class Api(Frozen):
    """How the API is reached. The key is never written here: STAGER_API_KEY or key_file hold it."""

    base_url: Annotated[Folder, AfterValidator(_base_url)] = Field(
        default="https://api.stagerai.com", description="Where the API is; https, without a path."
    )
    key_file: Folder | None = Field(
        default=None,
        description="A file that holds the API key and nothing else; relative to this file."
        " The environment variable STAGER_API_KEY wins over it.",
    )
    storage_hosts: StorageHosts = Field(
        default=("storage.googleapis.com",),
        description="Hosts, with or without a port, that pictures may be sent to and fetched from;"
        " their subdomains too.",
    )
    proxy: Annotated[SecretStr, AfterValidator(_proxy)] | None = Field(
        default=None,
        description="An HTTP proxy that leads to the API and to the storage, like http://proxy.example:3128;"
        " a user and a password may stand before the host. HTTPS_PROXY is not obeyed.",
    )
    merge_timeout_seconds: Seconds = Field(
        default=1800, description="How long a merge may take before a person has to look."
    )
    connect_timeout_seconds: Seconds = Field(
        default=10, description="How long a connection may take to stand."
    )
    read_timeout_seconds: Seconds = Field(
        default=60, description="How long an answer to a free request may take."
    )
    paid_timeout_seconds: Annotated[float, Field(strict=True, ge=1, le=86400)] = Field(
        default=600, description="How long an answer to a paid request may take; 300 or more is wise."
    )

    @property
    def proxy_url(self) -> str | None:
        return None if self.proxy is None else self.proxy.get_secret_value()


class Settle(Frozen):
    """When a folder counts as completely copied."""

    quiet_seconds: Annotated[float, Field(strict=True, ge=0.2, le=86400)] = Field(
        default=15, description="Seconds without any change in a folder before its photos are looked at."
    )
    give_up_seconds: Seconds = Field(
        default=900, description="Seconds after which a photo that stays unreadable is refused."
    )
    scan_seconds: Annotated[float, Field(strict=True, ge=0.2, le=3600)] = Field(
        default=10,
        description="Seconds between two looks at everything; changes are usually noticed at once.",
    )


class Limits(Frozen):
    """How much happens at once, and how large things may be."""

    uploads: AtOnce | None = Field(
        default=None, description="Photos sent at once; left out: found out while it runs."
    )
    merges: AtOnce | None = Field(
        default=None, description="Merges running at once; left out: found out while it runs."
    )
    operations: AtOnce | None = Field(
        default=None,
        description="Sky, lawn and staging requests running at once; left out: found out while it runs.",
    )
    downloads: AtOnce | None = Field(
        default=None, description="Results fetched at once; left out: found out while it runs."
    )
    paid_calls_per_day: PaidCalls | None = Field(
        default=None, description="The most paid calls between two midnights; left out: no limit."
    )
    paid_calls_per_project: PaidCalls | None = Field(
        default=None, description="The most paid calls for one project's folder; left out: no limit."
    )
    paid_calls_per_job: PaidCalls | None = Field(
        default=None, description="The most paid calls for one set; left out: no limit."
    )
    upload_rate: Rate | None = Field(
        default=None,
        description="The most that all uploads together send: bytes in a second, or such as 5MB/s;"
        " left out: no limit.",
    )
    photo_bytes: Annotated[int, Field(strict=True, ge=1024, le=4096 * MIB)] = Field(
        default=200 * MIB, description="The largest photo that is accepted, in bytes."
    )
    result_bytes: Annotated[int, Field(strict=True, ge=1024, le=4096 * MIB)] = Field(
        default=200 * MIB, description="The largest result that is fetched, in bytes."
    )
    result_pixels: Annotated[int, Field(strict=True, ge=1_000_000, le=1_000_000_000)] = Field(
        default=200_000_000, description="The largest result that is decoded, width times height in pixels."
    )


def _spans(value: object) -> object:
    texts = (value,) if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        raise PydanticCustomError("hours", "{message}", {"message": 'hours are written like "22:00-06:00"'})
    try:
        return tuple(parse_span(text) for text in texts)
    except ValueError as error:
        raise PydanticCustomError("hours", "{message}", {"message": str(error)}) from None


ActiveHours = Annotated[
    tuple[Span, ...], BeforeValidator(_spans, json_schema_input_type=str | tuple[str, ...])
]


class Schedule(Frozen):
    """When photos are sent, on a line that is needed for other things by day."""

    active: ActiveHours = Field(
        default=(),
        description="Hours of the day, such as 22:00-06:00, or a list of them, by this computer's clock;"
        " left out: always.",
    )


class Web(Frozen):
    """Pages for health checks and for Prometheus: /healthz, /readyz and /metrics. There is no password."""

    port: Annotated[int, Field(strict=True, ge=1, le=65535)] | None = Field(
        default=None, description="The port that they are served on; left out: they are not served."
    )
    host: Folder = Field(
        default="127.0.0.1", description="The address that they are served on; 0.0.0.0 for all."
    )


class Notify(Frozen):
    """Who is told what happened, through apprise. The addresses are secret, so they stand in a file."""

    url_file: Folder | None = Field(
        default=None,
        description="A file with one apprise address a line; relative to this file. Keep it like the key.",
    )
    urls: tuple[SecretStr, ...] = Field(
        default=(), description="Addresses, where a file is not wanted, as in an environment variable."
    )
    done_link: Folder | None = Field(
        default=None, description="Where people find done, such as smb://nas/photos/done; left out: its path."
    )
    failed_link: Folder | None = Field(
        default=None, description="Where people find failed; left out: its path."
    )
    gather_seconds: Annotated[float, Field(strict=True, ge=1, le=3600)] = Field(
        default=60, description="Seconds that happenings are gathered before they are told."
    )
    pause_seconds: Annotated[float, Field(strict=True, ge=60, le=86400)] = Field(
        default=600, description="The least seconds between two messages of a kind."
    )
    finished_quiet_seconds: Seconds = Field(
        default=120, description="Seconds without any set under way after which a project is finished."
    )
    unreachable_seconds: Seconds = Field(
        default=900, description="Seconds without the API, or without an inbox, before that is told."
    )
    disk_low_bytes: Annotated[int, Field(strict=True, ge=0)] = Field(
        default=5 * 1024 * MIB, description="Free bytes on a disk below which that is told."
    )


Days = Annotated[float, Field(strict=True, ge=1, le=36500)]


class Keep(Frozen):
    """For how many days things are kept. What goes is read and compared first."""

    originals_days: Days | None = Field(
        default=None,
        description="Days that a finished set's originals stay in done; left out: for ever. They go only"
        " where its pictures, an unaltered one among them, and its receipt lie there unchanged.",
    )
    receipts_days: Days | None = Field(
        default=None,
        description="Days that a finished set's receipt stays in done; left out: for ever. It outlives its"
        " originals where those are to go.",
    )
    results_days: Days | None = Field(
        default=30,
        description="Days that a bought result is kept in the state folder, so that the same photos dropped"
        " again need no download; left out: 30. Those of sets that are not done stay, or whose pictures are"
        " not in done as they were delivered.",
    )
    records_days: Days | None = Field(
        default=None,
        description="Days that a project's records stay in the job store after its last set was done: their"
        " stories, and the hashes that `hotfolder verify` compares with; left out: for ever. Files that are"
        " to go by the settings above go first; what was paid for is remembered on.",
    )


class Deliver(Delivery):
    """What is delivered into done, where a route doesn't say otherwise."""

    def delivery(self) -> Delivery:
        """All of it that a set's recipe holds."""
        return Delivery(**{name: getattr(self, name) for name in Delivery.model_fields})


class Log(Frozen):
    """What the daemon says while it runs."""

    level: LogLevel = Field(default=LogLevel.INFO, description="How much is said.")
    format: LogFormat = Field(
        default=LogFormat.AUTO, description="auto: readable on a terminal, JSON lines elsewhere."
    )
