"""The settings of `hotfolder page`: where it is served, and by which names and proxies it is reached."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from hotfolder.config.operations import as_list
from hotfolder.rules.delivery import Frozen
from hotfolder.rules.foldernames import shown

NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?\Z")
PORT = 8480

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]


def is_address(text: str) -> bool:
    """Whether this is an IP address, and no name."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine itself."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _host_name(text: str) -> str:
    name = text.lower().rstrip(".")
    if not (NAME.match(name) or is_address(name.strip("[]"))):
        raise ValueError(
            f"{shown(text)} is no host name; write it like photos.example.com, without https:// and port"
        )
    return name.strip("[]")


def _proxy_network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError:
        raise ValueError(
            f"{shown(text)} is no address; write that of the proxy, like 127.0.0.1 or 10.0.0.0/24"
        ) from None


HostNames = Annotated[
    tuple[Annotated[Text, AfterValidator(_host_name)], ...],
    BeforeValidator(as_list, json_schema_input_type=str | tuple[str, ...]),
]
Networks = Annotated[
    tuple[Annotated[Text, AfterValidator(_proxy_network)], ...],
    BeforeValidator(as_list, json_schema_input_type=str | tuple[str, ...]),
]


class PageSettings(Frozen):
    """The page of `hotfolder page`: everything at a glance, and what people do about it."""

    port: Annotated[int, Field(strict=True, ge=1, le=65535)] = PORT
    """The port that it is served on."""
    host: Text = "127.0.0.1"
    """The address that it is served on; 0.0.0.0 for all, which needs a password."""
    hosts: HostNames = ()
    """The names that people reach it by, such as photos.example.com; its own address needs no mention."""
    trusted_proxies: Networks = ()
    """Addresses or networks of reverse proxies before it, whose X-Forwarded-For, -Host and -Proto count."""

    @property
    def beyond_loopback(self) -> bool:
        """Whether others than this machine's users may reach it: it has a password then, or isn't served."""
        return bool(self.trusted_proxies) or not is_loopback(self.host)
