"""Faults of the connection. What the client gets of the answer is true, as far as it goes."""

from __future__ import annotations

from hotfolder.sandbox.faults.endpoints import ALL
from hotfolder.sandbox.faults.exchange import Exchange
from hotfolder.sandbox.faults.kinds import Flag, Number, Text, Values, fault

BODIES = ("put", "image")


@fault(
    "refused",
    ALL,
    seconds=Number(5),
    origin=Text("both", ("api", "storage", "both")),
    processed=Flag(True),
)
async def refused(exchange: Exchange, values: Values) -> None:
    """Nobody listens for a time. The request that begins it is answered, or reset, when that time runs."""
    answer = await exchange.carry_out() if values["processed"] else None
    exchange.around.outage.begin(values["origin"], values["seconds"])
    if answer is not None:
        answer.headers.append((b"connection", b"close"))
        await exchange.reply(answer)
    else:
        exchange.note(None)
        await exchange.reset()


@fault("reset-before", ALL)
async def reset_before(exchange: Exchange, values: Values) -> None:
    """Reset at the request's head, before its body is read. Nothing is processed."""
    exchange.note(None)
    await exchange.reset()


@fault("reset-after", ALL)
async def reset_after(exchange: Exchange, values: Values) -> None:
    """Processed, and then reset without a byte of the answer."""
    await exchange.carry_out()
    exchange.note(None)
    await exchange.reset()


@fault("reset-mid", ALL)
async def reset_mid(exchange: Exchange, values: Values) -> None:
    """Processed; status, headers and half of the body, and then reset."""
    answer = await exchange.carry_out()
    await exchange.begin(answer.status, answer.headers)
    await exchange.write(answer.body[: len(answer.body) // 2])
    await exchange.reset()


@fault("reset-halfway", BODIES)
async def reset_halfway(exchange: Exchange, values: Values) -> None:
    """Reset when half of the request's body has been read. Nothing is stored."""
    headers = dict(exchange.scope["headers"])
    half, taken = int(headers.get(b"content-length", b"0")) // 2, 0
    more = True
    while more and taken < half:
        message = await exchange.receive()
        taken += len(message.get("body", b""))
        more = message.get("more_body", False)
    exchange.note(None)
    await exchange.reset()


@fault("hang", ALL, seconds=Number(3600), processed=Flag(True))
async def hang(exchange: Exchange, values: Values) -> None:
    """No answer for a time. Then it comes, if the request was processed; else the connection is reset."""
    answer = await exchange.carry_out() if values["processed"] else None
    exchange.note(answer.status if answer else None)
    if await exchange.gone_within(values["seconds"]):
        return
    if answer is None:
        await exchange.reset()
    else:
        await exchange.start(answer.status, answer.headers)
        await exchange.write(answer.body, last=True)


@fault("drip", ALL, interval_seconds=Number(1), bytes=Number(1, least=1, whole=True))
async def drip(exchange: Exchange, values: Values) -> None:
    """Processed; status and headers at once, and then the body byte by byte, or so many bytes at a time."""
    answer = await exchange.carry_out()
    await exchange.begin(answer.status, answer.headers)
    size = int(values["bytes"])
    for start in range(0, len(answer.body), size):
        if await exchange.gone_within(values["interval_seconds"]):
            return
        await exchange.write(answer.body[start : start + size])
    await exchange.write(b"", last=True)
