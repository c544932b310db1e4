"""Faults in what the API says: a 2xx whose JSON isn't what the reference shows.

Where the sandbox's own answer is a refusal, there is nothing to spoil, and it goes out as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hotfolder.sandbox.faults.answer import JSON_TYPE, Answer, made
from hotfolder.sandbox.faults.endpoints import JSON
from hotfolder.sandbox.faults.exchange import Exchange
from hotfolder.sandbox.faults.kinds import Flag, Text, Values, fault

STATUS = ("group-get",)
# The reference's answer to a merge is `{}`: there is nothing to empty.
WITH_DATA = tuple(name for name in JSON if name != "enhance")


async def spoilt(exchange: Exchange, spoil: Callable[[Answer], Answer]) -> None:
    """Process, and answer what `spoil` makes of it."""
    answer = await exchange.carry_out()
    await exchange.reply(spoil(answer) if answer.fine else answer)


@fault("malformed", JSON)
async def malformed(exchange: Exchange, values: Values) -> None:
    """JSON that breaks off. Its length is honest."""
    await spoilt(exchange, lambda answer: answer.with_body(answer.body[:-1] + b', "'))


@fault("success-false", JSON, processed=Flag(True))
async def success_false(exchange: Exchange, values: Values) -> None:
    """A 200 that says `success: false`."""
    said = {"success": False, "error": "a fault that the sandbox was told to make"}
    if values["processed"]:
        await spoilt(exchange, lambda answer: answer.with_value(said))
    else:
        await exchange.take_in()
        await exchange.reply(made(200, JSON_TYPE, b"").with_value(said))


@fault("empty-data", WITH_DATA)
async def empty_data(exchange: Exchange, values: Values) -> None:
    """`data` without anything in it; `{}` where the answer has no `data`."""

    def emptied(answer: Answer) -> Answer:
        value = answer.value()
        if "data" not in value:
            return answer.with_value({})
        return answer.with_value(value | {"data": type(value["data"])()})

    await spoilt(exchange, emptied)


@fault("wrong-types", JSON)
async def wrong_types(exchange: Exchange, values: Values) -> None:
    """Each value is of another type than the reference's; `[]` for an empty object."""
    await spoilt(exchange, lambda answer: answer.with_value(mistyped(answer.value()) or []))


def mistyped(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: mistyped(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return {str(place): mistyped(inner) for place, inner in enumerate(value)}
    return 7 if isinstance(value, str) else str(value)


async def claimed(exchange: Exchange, **said: str) -> None:
    await spoilt(exchange, lambda answer: answer.with_value(said))


@fault("unknown-status", STATUS, text=Text("weird"))
async def unknown_status(exchange: Exchange, values: Values) -> None:
    """A status that the reference doesn't have."""
    await claimed(exchange, status=values["text"])


@fault("failed", STATUS)
async def failed(exchange: Exchange, values: Values) -> None:
    """The merge is said to have failed."""
    await claimed(exchange, status="failed", error="a fault that the sandbox was told to make")


@fault("never", STATUS)
async def never(exchange: Exchange, values: Values) -> None:
    """The merge is said to be still going on."""
    await claimed(exchange, status="processing")


@fault("completed-without-url", STATUS)
async def completed_without_url(exchange: Exchange, values: Values) -> None:
    """The merge is said to be completed, and no more."""
    await claimed(exchange, status="completed")
