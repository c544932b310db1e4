"""Faults in the picture that is downloaded."""

from __future__ import annotations

import asyncio
from functools import partial

from hotfolder.sandbox.faults.answer import Answer, made
from hotfolder.sandbox.faults.bombs import START, gzip_bomb, pixel_bomb
from hotfolder.sandbox.faults.exchange import Exchange
from hotfolder.sandbox.faults.kinds import Flag, Number, Values, fault

RESULT = ("result-get",)
PIECE = bytes(1024**2)
PAGE = b"<!doctype html><title>Sign in</title><p>Please sign in to the network to go on.</p>\n"


async def picture(exchange: Exchange) -> Answer | None:
    """The sandbox's own answer; None if that was a refusal, which has then been sent as it is."""
    answer = await exchange.carry_out()
    if answer.fine:
        return answer
    await exchange.reply(answer)
    return None


@fault("truncated", RESULT)
async def truncated(exchange: Exchange, values: Values) -> None:
    """Half of the picture, and then the connection is closed; the length that was told is the whole one."""
    answer = await picture(exchange)
    if answer is not None:
        await exchange.begin(answer.status, answer.headers)
        await exchange.write(answer.body[: len(answer.body) // 2])
        await exchange.hang_up()


@fault("cut", RESULT)
async def cut(exchange: Exchange, values: Values) -> None:
    """Half of the picture, under an honest length: HTTP has nothing to complain of."""
    answer = await picture(exchange)
    if answer is not None:
        await exchange.reply(answer.with_body(answer.body[: len(answer.body) // 2]))


@fault("html", RESULT)
async def html(exchange: Exchange, values: Values) -> None:
    """200 with a page, as some networks do before one has signed in."""
    await exchange.reply(made(200, "text/html; charset=utf-8", PAGE))


@fault("empty", RESULT)
async def empty(exchange: Exchange, values: Values) -> None:
    """200 with the right type and no bytes."""
    answer = await picture(exchange)
    if answer is not None:
        await exchange.reply(answer.with_body(b""))


@fault("huge", RESULT, size_bytes=Number(300_000_000, least=2, most=1e12, whole=True), announced=Flag(True))
async def huge(exchange: Exchange, values: Values) -> None:
    """So many bytes, the first two of them a JPEG's, with or without a Content-Length."""
    size = int(values["size_bytes"])
    answer = made(200, "image/jpeg", b"")
    if values["announced"]:
        headers = [*answer.headers[:1], (b"content-length", str(size).encode())]
    else:
        headers = answer.headers[:1]
    await exchange.begin(200, headers)
    await exchange.write(START)
    left = size - len(START)
    while left > 0 and not await exchange.gone_within(0):
        piece = PIECE[:left]
        await exchange.write(piece)
        left -= len(piece)
    await exchange.write(b"", last=True)


@fault("gzip-bomb", RESULT, size_bytes=Number(300_000_000, least=2, most=4e9, whole=True))
async def gzip_bomb_sent(exchange: Exchange, values: Values) -> None:
    """Content-Encoding gzip: a thousandth of the bytes on the wire."""
    body = await asyncio.to_thread(gzip_bomb, int(values["size_bytes"]))
    await exchange.reply(made(200, "image/jpeg", body, {"content-encoding": "gzip"}))


@fault("pixel-bomb", RESULT, side_pixels=Number(32_000, least=1, most=60_000, whole=True))
async def pixel_bomb_sent(exchange: Exchange, values: Values) -> None:
    """A small, valid, square PNG of a billion pixels."""
    body = await asyncio.to_thread(partial(pixel_bomb, int(values["side_pixels"])))
    await exchange.reply(made(200, "image/png", body))
