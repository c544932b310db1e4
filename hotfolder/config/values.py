"""Types of single values in the settings: parsing, bounds and error messages."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Mapping
from contextlib import suppress
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, StringConstraints

from hotfolder.hosts import is_address, is_loopback
from hotfolder.paths import is_file
from hotfolder.rules.delivery import check_names, size_in_bytes
from hotfolder.rules.foldernames import quoted
from hotfolder.rules.hours import Span, parse_span
from hotfolder.stager.operations import OneOperation

MIB = 1024 * 1024
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
HOST_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?\Z")
STORAGE_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?\Z")

Seconds = Annotated[float, Field(strict=True, ge=0.1, le=7 * 86400)]
QuietSeconds = Annotated[float, Field(strict=True, ge=0.2, le=86400)]
AtOnce = Annotated[int, Field(strict=True, ge=1, le=64)]
PaidCalls = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
FileBytes = Annotated[
    int,
    BeforeValidator(size_in_bytes, json_schema_input_type=int | str),
    Field(strict=True, ge=1024, le=4096 * MIB),
]


def as_list(value: object) -> object:
    return value if isinstance(value, list | tuple) else [] if value is None else [value]


OR_ONE_TEXT = BeforeValidator(as_list, json_schema_input_type=str | tuple[str, ...])
"""For a list of texts: a single one may stand for it."""


def _without_control_characters(text: str) -> str:
    if CONTROL.search(text):
        raise ValueError("a control character, such as a line break, can't be part of this text")
    return text


Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=1000),
    AfterValidator(_without_control_characters),
]
Folder = Text
"""The name of a folder or a file."""
HostText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]


def _parse_rate(value: object) -> object:
    """Parse a rate like `5MB/s` into bytes per second; other types than text are returned unchanged. Raises
    ValueError."""
    if not isinstance(value, str):
        return value
    size, _, second = value.partition("/")
    with suppress(ValueError):
        if second.strip() in ("s", "sec", "second"):
            return size_in_bytes(size)
    raise ValueError(f"{quoted(value)} is no rate; write bytes in a second, or such as 500KB/s or 5MB/s")


Rate = Annotated[
    int,
    Field(strict=True, ge=10_000, le=10**11),
    BeforeValidator(_parse_rate, json_schema_input_type=int | str),
]


def _host_name(text: str) -> str:
    name = text.lower().rstrip(".")
    if not (HOST_NAME.match(name) or is_address(name.strip("[]"))):
        raise ValueError(
            f"{quoted(text)} is no host name; write it like photos.example.com, without https:// and port"
        )
    return name.strip("[]")


def _proxy_network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError:
        raise ValueError(
            f"{quoted(text)} is no address; write that of the proxy, like 127.0.0.1 or 10.0.0.0/24"
        ) from None


HostNames = Annotated[tuple[Annotated[HostText, AfterValidator(_host_name)], ...], OR_ONE_TEXT]
Networks = Annotated[tuple[Annotated[HostText, AfterValidator(_proxy_network)], ...], OR_ONE_TEXT]


def _split_http_url(text: str) -> SplitResult | None:
    """The parts of an http or https URL with a host; None for anything else."""
    try:
        url = urlsplit(text)
        host, _ = url.hostname, url.port  # raises ValueError for a port that isn't a number
    except ValueError:
        return None
    whole = url.scheme in ("http", "https") and host and not re.search(r"[\s\\]", text)
    return url if whole else None


def _base_url(text: str) -> str:
    said = f"base_url {quoted(text)}" if "@" not in text else "base_url"
    url = _split_http_url(text)
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
    # One canonical spelling, since the origin is part of each purchase's key.
    host = f"[{host}]" if ":" in host else host.rstrip(".")
    usual = {"http": 80, "https": 443}[url.scheme]
    return f"{url.scheme}://{host}" + (f":{port}" if port not in (None, usual) else "")


BaseUrl = Annotated[Text, AfterValidator(_base_url)]


def _storage_host(text: str) -> str:
    if not STORAGE_HOST.match(text.lower()):
        what = quoted(text) if "@" not in text else "this"
        like = "a name like storage.googleapis.com, with or without a port"
        raise ValueError(f"{what} is no storage host; write {like}")
    return text.lower()


StorageHosts = Annotated[
    tuple[Annotated[Text, AfterValidator(_storage_host)], ...], OR_ONE_TEXT, Field(min_length=1)
]


def _checked_proxy(secret: SecretStr) -> SecretStr:
    url = _split_http_url(secret.get_secret_value())
    if url is None or not url.port or url.path not in ("", "/") or url.query or url.fragment:
        raise ValueError("proxy is no address of a proxy; write it like http://proxy.example:3128")
    return secret


Proxy = Annotated[SecretStr, AfterValidator(_checked_proxy)]


def _gallery_url(text: str) -> str:
    """Check the base URL of galleries; `{project}` in it is a placeholder for the project's folder name."""
    told = "base_url of the galleries"
    url = _split_http_url(text)
    if url is None or re.search(r"[<>\"]", text):
        raise ValueError(f"{told} is not an address like https://pictures.example.com/galleries")
    if "@" in url.netloc or url.query or url.fragment:
        raise ValueError(f"{told} must not hold a user, a ? or a #: everybody is to see it")
    if len(text) > 200:
        raise ValueError(f"{told} is longer than 200 characters, too long for a QR code that can be read")
    return text


GalleryUrl = Annotated[Text, AfterValidator(_gallery_url)]


def _parse_hours(value: object) -> object:
    texts = as_list(value)
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        raise ValueError('hours are written like "22:00-06:00"')
    return tuple(parse_span(text) for text in texts)


ActiveHours = Annotated[
    tuple[Span, ...], BeforeValidator(_parse_hours, json_schema_input_type=str | tuple[str, ...])
]


def _store_url(text: str) -> str:
    told = "store.url is no address like postgresql+psycopg://hotfolder@db.example/hotfolder"
    try:
        url = urlsplit(text)
        password, _ = url.password, url.port
    except ValueError:
        raise ValueError(told) from None
    # No part of it is shown: a malformed URL may have a password anywhere.
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
StoreUrl = Annotated[Text, AfterValidator(_store_url)]


def time_zone(text: str) -> str:
    """The name of a time zone, as it is. Raises ValueError where this computer doesn't know it."""
    try:
        known = any(is_file(Path(folder, text)) for folder in zoneinfo.TZPATH) and zoneinfo.ZoneInfo(text)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        known = None
    if not known:
        raise ValueError(f"time_zone {text} is not known here; give a name like Europe/Berlin")
    return text


TimeZone = Annotated[Text, AfterValidator(time_zone)]


def _checked_item(value: object) -> OneOperation | str:
    if isinstance(value, OneOperation | str):
        return value
    if not isinstance(value, dict) or sum(one is not None for one in value.values()) != 1:
        *kinds, last = OneOperation.model_fields
        one = f"exactly one of {', '.join(kinds)} and {last} with its parameters"
        raise ValueError(f"an operation is a tag, like sky-blue, or {one}")
    return OneOperation.model_validate(value)


Item = Annotated[
    OneOperation | str, BeforeValidator(_checked_item, json_schema_input_type=OneOperation | str)
]
"""One operation as the settings have it: a tag, or a kind with its parameters."""
Items = Annotated[tuple[Item, ...], BeforeValidator(as_list, json_schema_input_type=tuple[Item, ...] | Item)]
OwnTagItems = Annotated[Items, Field(min_length=1)]


def _checked_variant_names(variants: Mapping[str, object]) -> Mapping[str, object]:
    check_names(variants, "variant", "have the same name in files")
    return variants


Variants = Annotated[dict[str, OwnTagItems], AfterValidator(_checked_variant_names)]
