"""Who asks: the address, name and scheme of a request, and whether a strange site is behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from hotfolder.config.settings import PageSettings
from hotfolder.config.values import is_loopback

FORWARDING = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")
SAFE_METHODS = ("GET", "HEAD")
SESSION_COOKIE = "hotfolder_session"
NO_HOST = frozenset("@/\\?#")
OWN_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Caller:
    """A request's sender. `host` is as the browser wrote it, with its port; `address` is that of the browser
    as far as trusted proxies tell; `forwarded`: some proxy, trusted or not, is on the way."""

    address: str
    host: str
    https: bool
    forwarded: bool

    @property
    def name(self) -> str:
        """The host without its port, in lower case; empty where it is none."""
        try:
            return "" if set(self.host) & NO_HOST else (urlsplit(f"//{self.host}").hostname or "").rstrip(".")
        except ValueError:
            return ""


def caller_of(scope: Scope, page: PageSettings) -> Caller:
    """By the connection and, where it comes from a trusted proxy, by what that says."""
    headers = Headers(scope=scope)
    address = plain_address((scope.get("client") or ("", 0))[0])
    host, https = headers.get("host", ""), False
    forwarded = any(name in headers for name in FORWARDING)
    networks = [ip_network(one) for one in page.trusted_proxies]
    if trusted(address, networks):
        host = last(headers.getlist("x-forwarded-host")) or host
        https = last(headers.getlist("x-forwarded-proto")).lower() == "https"
        # Each proxy has added whom it heard from: the first one from the end that is no proxy is who asks.
        for hop in reversed(parts(headers.getlist("x-forwarded-for"))):
            address = plain_address(hop)
            if not trusted(address, networks):
                break
    return Caller(address, host, https, forwarded)


def parts(values: Sequence[str]) -> list[str]:
    """Of a header that is a list with commas, and may come several times."""
    return [part.strip() for part in ",".join(values).split(",") if part.strip()]


def last(values: Sequence[str]) -> str:
    return (parts(values) or [""])[-1]


def plain_address(text: str) -> str:
    """An address in one way of writing; empty where it is none. IPv4 within IPv6 is IPv4."""
    try:
        found = ip_address(text.strip("[]"))
    except ValueError:
        return ""
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(found)


def trusted(address: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    return bool(address) and any(ip_address(address) in network for network in networks)


def known_name(caller: Caller, scope: Scope, page: PageSettings) -> bool:
    """Whether the page goes by that name: a page elsewhere whose name was made to lead here doesn't. An
    address names this machine where the connection has come in at it."""
    local = plain_address((scope.get("server") or ("", 0))[0])
    if caller.name in page.hosts:
        return True
    if caller.name in OWN_NAMES:
        return is_loopback(local)
    return bool(local) and plain_address(caller.name) == local


def own_origins(caller: Caller) -> tuple[str, ...]:
    """What a browser calls the page's own site; a proxy need not say that it is reached by https."""
    host = caller.host.lower()
    return (f"https://{host}",) if caller.https else (f"https://{host}", f"http://{host}")


def from_another_site(caller: Caller, headers: Headers, method: str) -> bool:
    """Whether a browser says that another site is behind the request. Only a link may lead here from there;
    a form must be one of ours, and its browser must say so."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin is not None and origin.lower() not in own_origins(caller):
        return True
    if method not in SAFE_METHODS:
        return site not in (None, "same-origin", "none") or (origin is None and site is None)
    followed_link = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == ("navigate", "document")
    return site in ("cross-site", "same-site") and not followed_link
