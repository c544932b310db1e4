"""What a host is by its name alone, without a DNS lookup."""

from __future__ import annotations

from ipaddress import ip_address


def is_address(host: str) -> bool:
    """Whether it is an IP address, not a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether it is `localhost` or a loopback address."""
    return host == "localhost" or (is_address(host) and ip_address(host).is_loopback)
