"""Signed URLs, which are never shown in full, and the hosts that requests may go to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

import httpx

from hotfolder.errors import ConfigurationError, RequestRefused
from hotfolder.hosts import is_address, is_loopback
from hotfolder.stager.failures import UrlRefused

MOST_ID_LETTERS, MOST_URL_LETTERS = 1000, 16384
HOST_NAME = re.compile(rb"[a-z0-9_]([a-z0-9._-]*[a-z0-9])?")
DEFAULT_PORTS = {"https": 443, "http": 80}


class SignedUrl:
    """A URL whose signature is a credential. `str` and `repr` show its scheme, host, port and last path
    segment; `parsed` is the whole URL as httpx reads it, and the only form to check.

    Surrounding spaces are stripped, inner ones percent-encoded. The constructor raises ValueError, without
    quoting the text, for anything but an absolute http or https URL of at most 16,384 characters.
    """

    __slots__ = ("parsed",)

    def __init__(self, text: str) -> None:
        text = text.strip()
        self.parsed = parse_url(text if len(text) <= MOST_URL_LETTERS and text.isprintable() else "")
        if self.parsed.scheme not in DEFAULT_PORTS or not self.parsed.host:
            raise ValueError("not an absolute http or https URL")

    def __str__(self) -> str:
        url = self.parsed
        host = f"[{url.host}]" if ":" in url.host else url.host
        port = f":{url.port}" if url.port is not None else ""
        folder, _, last = url.path.rpartition("/")
        shown = last if len(last) <= 60 else "…" + last[-60:]
        shown = "".join(letter if letter.isprintable() else "?" for letter in shown)
        return f"{url.scheme}://{host}{port}{'/…/' if folder else '/'}{shown}{'?…' if url.query else ''}"

    def __repr__(self) -> str:
        return f"SignedUrl({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SignedUrl) and other.parsed == self.parsed

    def __hash__(self) -> int:
        return hash(self.parsed)


def parse_url(text: str) -> httpx.URL:
    """The URL; an empty one where `text` is none, or names a port that none can have."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        return httpx.URL("")
    return url if url.port is None or 0 < url.port < 65536 else httpx.URL("")


def parse_base_url(text: str) -> httpx.URL:
    """The API's origin and path prefix, if any. Raises ConfigurationError unless the key is safe there."""
    url = parse_url(text.strip())
    if url.scheme not in DEFAULT_PORTS or not url.host:
        raise ConfigurationError(
            "api.base_url is not an address", hint="It looks like https://api.stagerai.com."
        )
    if url.userinfo or url.query or url.fragment:
        raise ConfigurationError(
            "api.base_url must be an address alone, without a user, a '?' or a '#'",
            hint="It looks like https://api.stagerai.com.",
        )
    if url.scheme == "http" and not is_loopback(url.host):
        raise ConfigurationError(
            f"api.base_url would send the key unencrypted to {url.host}",
            hint="Use https; plain http is for this machine itself (127.0.0.1).",
        )
    return url.copy_with(path=url.path.rstrip("/") or "/")


def path_segment(identifier: str) -> str:
    """An id from the API as one percent-encoded path segment. Raises RequestRefused for an id with which a
    server that decodes it could read another path."""
    if not is_identifier(identifier):
        raise RequestRefused("An id from the API can't be part of a request; nothing was sent")
    return quote(identifier, safe="")


def is_identifier(value: str) -> bool:
    """Whether `value` can be an id: printable, at most 1,000 characters, no empty, `.` or `..` segment."""
    leads_elsewhere = any(part in ("", ".", "..") for part in value.replace("\\", "/").split("/"))
    return len(value) <= MOST_ID_LETTERS and value.isprintable() and not leads_elsewhere


def parse_host_entry(entry: str) -> tuple[str, int | None]:
    """An entry of api.storage_hosts; None for no port. Raises ConfigurationError."""
    url = parse_url(f"https://{entry.strip()}")
    alone = not url.userinfo and url.raw_path in (b"", b"/")
    if not alone or not (is_address(url.host) or HOST_NAME.fullmatch(url.raw_host)):
        raise ConfigurationError(
            f"api.storage_hosts: {entry!r} is not a host",
            hint="Write a host, with or without a port, like storage.googleapis.com or 127.0.0.2:8802.",
        )
    # httpx drops the scheme's default port, but a port that is written here is a restriction.
    written = re.search(r":(\d+)$", entry.strip())
    return url.host, int(written[1]) if written else None


def entry_allows(host: str, port: int | None, url: httpx.URL) -> bool:
    """Whether the entry allows `url`. Without a port it allows every port of a loopback host, and only the
    scheme's default port of any other host."""
    subdomain = not is_address(host) and url.host.endswith("." + host)
    if url.host != host and not subdomain:
        return False
    if port is None:
        return url.port is None or is_loopback(host)
    return (url.port or DEFAULT_PORTS[url.scheme]) == port


class AllowedHosts:
    """The hosts that signed URLs may point to. Raises ConfigurationError for an entry that is not a host.

    A name includes its subdomains. Plain http is allowed only to a listed loopback address. Names are
    compared, never resolved: with https the certificate authenticates the host.
    """

    def __init__(self, entries: Sequence[str]) -> None:
        self._entries = tuple(map(parse_host_entry, entries))

    def check(self, signed: SignedUrl) -> httpx.URL:
        """`signed` as an httpx URL. Raises UrlRefused where its host or scheme isn't allowed."""
        url = signed.parsed
        if url.userinfo or not any(entry_allows(*entry, url) for entry in self._entries):
            raise UrlRefused(
                f"an address on {url.host}, which is not among the storage hosts, is not followed",
                hint="If this host belongs to the API, add it to api.storage_hosts.",
            )
        if url.scheme == "http" and not is_loopback(url.host):
            raise UrlRefused(f"an unencrypted address on {url.host} is not followed; only https is")
        return url
