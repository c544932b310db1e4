"""How often a password may be tried: from one address, and altogether."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

MOST_ADDRESSES = 1024
"""Beyond these the one goes that has tried least lately; all together are bounded anyhow."""


@dataclass
class Allowance:
    """So many tries at once, and a further one every `seconds`."""

    most: int
    seconds: float
    left: float
    at: float

    def renew(self, now: float) -> None:
        self.left = min(self.most, self.left + (now - self.at) / self.seconds)
        self.at = now

    @property
    def wait_seconds(self) -> float:
        return max(0.0, (1 - self.left) * self.seconds)


class SignInThrottle:
    """Wrong passwords of one address and of all. A right one isn't counted."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._all = Allowance(60, 5.0, 60, clock())
        self._by_address: OrderedDict[str, Allowance] = OrderedDict()

    def take(self, address: str) -> float:
        """Count a try; 0 where it may be made, else in how many seconds the next may."""
        own, now = self._allowance(address), self._clock()
        for one in (own, self._all):
            one.renew(now)
        wait = max(own.wait_seconds, self._all.wait_seconds)
        if not wait:
            own.left -= 1
            self._all.left -= 1
        return wait

    def give_back(self, address: str) -> None:
        """The try was no wrong one."""
        for one in (self._allowance(address), self._all):
            one.left = min(one.most, one.left + 1)

    def _allowance(self, address: str) -> Allowance:
        whose = network_of(address)
        known = self._by_address.setdefault(whose, Allowance(5, 30.0, 5, self._clock()))
        self._by_address.move_to_end(whose)
        if len(self._by_address) > MOST_ADDRESSES:
            self._by_address.popitem(last=False)
        return known


def network_of(address: str) -> str:
    """Whoever has one IPv6 address has all of its /64."""
    try:
        found = ip_address(address)
    except ValueError:
        return ""
    return str(ip_network((found, 64), strict=False)) if isinstance(found, IPv6Address) else address
