"""What a fault is: a name, the endpoints that it fits, its parameters, and what it does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hotfolder.sandbox.faults.exchange import Exchange

Values = Mapping[str, Any]
Act = Callable[["Exchange", Values], Awaitable[None]]


@dataclass(frozen=True)
class Number:
    """A number from `least`; a whole one if `whole`. `default` None leaves it out."""

    default: float | None
    least: float = 0
    most: float = 1e9
    whole: bool = False


@dataclass(frozen=True)
class Flag:
    """true or false."""

    default: bool


@dataclass(frozen=True)
class Text:
    """A text; one of `choices` where there are any."""

    default: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Origin(Text):
    """The first part of an address: http or https, a host, perhaps a port."""


Parameter = Number | Flag | Text


@dataclass(frozen=True)
class Kind:
    """`act` answers the request, or doesn't, and writes exactly one `faulted` line into the ledger."""

    name: str
    endpoints: tuple[str, ...]
    act: Act
    parameters: Mapping[str, Parameter] = field(default_factory=dict)


KINDS: dict[str, Kind] = {}


def fault(name: str, endpoints: tuple[str, ...], **parameters: Parameter) -> Callable[[Act], Act]:
    """Decorator: make a function known as what the fault `name` does."""

    def register(act: Act) -> Act:
        KINDS[name] = Kind(name, endpoints, act, parameters)
        return act

    return register
