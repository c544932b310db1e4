"""Faults that are an honest answer of another status."""

from __future__ import annotations

import time
from email.utils import formatdate

from hotfolder.sandbox.faults.answer import JSON_TYPE, XML_TYPE, Answer, made
from hotfolder.sandbox.faults.endpoints import ALL
from hotfolder.sandbox.faults.exchange import Exchange
from hotfolder.sandbox.faults.kinds import Flag, Kind, Number, Parameter, Values, fault

STATUSES = range(400, 600)
STORAGE_CODES = {
    400: "InvalidArgument",
    401: "AuthenticationRequired",
    403: "AccessDenied",
    404: "NoSuchKey",
    409: "OperationAborted",
    412: "PreconditionFailed",
    413: "EntityTooLarge",
    429: "SlowDown",
    500: "InternalError",
    503: "ServiceUnavailable",
}
SAID = "a fault that the sandbox was told to make"
AFTER = Number(None, whole=True)


def status_kind(status: int) -> Kind:
    """The fault whose name is a number: answer with that status."""

    async def answer_status(exchange: Exchange, values: Values) -> None:
        if values["processed"]:
            await exchange.carry_out()
        else:
            await exchange.take_in()
        extra = {}
        if values["retry_after"] is not None:
            extra["retry-after"] = str(values["retry_after"])
        elif values["retry_after_date"] is not None:
            extra["retry-after"] = formatdate(time.time() + values["retry_after_date"], usegmt=True)
        if exchange.origin == "api":
            answer = made(status, JSON_TYPE, b'{"error": "%d: %s"}' % (status, SAID.encode()), extra)
        else:
            answer = storage_trouble(status, STORAGE_CODES.get(status, "Error"), extra)
        await exchange.reply(answer)

    parameters: dict[str, Parameter] = {
        "processed": Flag(False),
        "retry_after": AFTER,
        "retry_after_date": AFTER,
    }
    return Kind(str(status), ALL, answer_status, parameters)


def storage_trouble(status: int, code: str, extra: dict[str, str] | None = None) -> Answer:
    """An error as the storage words it."""
    body = (
        f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>{SAID}</Message></Error>"
    )
    return made(status, XML_TYPE, body.encode(), extra)


@fault("expired", ("put", "result-get"))
async def expired(exchange: Exchange, values: Values) -> None:
    """The signed URL's time is over: 400 ExpiredToken, and nothing is stored."""
    await exchange.take_in()
    await exchange.reply(storage_trouble(400, "ExpiredToken"))
