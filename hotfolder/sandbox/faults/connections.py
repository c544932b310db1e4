"""Faults of the connection, and error statuses. What the client receives is correct, if not complete."""

from __future__ import annotations

import time
from email.utils import formatdate

from hotfolder.sandbox.faults.exchange import FAULT_MESSAGE, JSON_TYPE, Exchange, HttpAnswer, new_answer
from hotfolder.sandbox.faults.rules import ALL, STATUSES, Rule, fault
from hotfolder.sandbox.strict import XML_TYPE, storage_error


@fault("refused", at=ALL, seconds=5, origin="both", processed=True)
async def refused(exchange: Exchange, rule: Rule) -> None:
    """Connections are refused for a time. The request that starts it is answered, or reset, meanwhile."""
    answer = await exchange.process_request() if rule.processed else None
    exchange.faults.outage.begin(rule.origin, rule.seconds)
    if answer is not None:
        answer.headers.append((b"connection", b"close"))
        await exchange.reply(answer)
    else:
        exchange.note(None)
        await exchange.reset()


@fault("reset-before", at=ALL)
async def reset_before(exchange: Exchange, rule: Rule) -> None:
    """Reset at the request's head, before its body is read. Nothing is processed."""
    exchange.note(None)
    await exchange.reset()


@fault("reset-after", at=ALL)
async def reset_after(exchange: Exchange, rule: Rule) -> None:
    """Processed, and then reset without a byte of the answer."""
    await exchange.process_request()
    exchange.note(None)
    await exchange.reset()


@fault("reset-mid", at=ALL)
async def reset_mid(exchange: Exchange, rule: Rule) -> None:
    """Processed; status, headers and half of the body, and then reset."""
    answer = await exchange.process_request()
    await exchange.begin(answer.status, answer.headers)
    await exchange.write(answer.body[: len(answer.body) // 2])
    await exchange.reset()


@fault("reset-halfway", at=("put", "image"))
async def reset_halfway(exchange: Exchange, rule: Rule) -> None:
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


@fault("hang", at=ALL, seconds=3600, processed=True)
async def hang(exchange: Exchange, rule: Rule) -> None:
    """No answer for a time. Then it comes, if the request was processed; else the connection is reset."""
    answer = await exchange.process_request() if rule.processed else None
    exchange.note(answer.status if answer else None)
    if await exchange.closed_within(rule.seconds):
        return
    if answer is None:
        await exchange.reset()
    else:
        await exchange.start(answer.status, answer.headers)
        await exchange.write(answer.body, last=True)


@fault("drip", at=ALL, interval_seconds=1, bytes=1)
async def drip(exchange: Exchange, rule: Rule) -> None:
    """Processed; status and headers at once, and then the body in pieces of `bytes` bytes."""
    answer = await exchange.process_request()
    await exchange.begin(answer.status, answer.headers)
    for start in range(0, len(answer.body), rule.bytes):
        if await exchange.closed_within(rule.interval_seconds):
            return
        await exchange.write(answer.body[start : start + rule.bytes])
    await exchange.write(b"", last=True)


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


@fault(*map(str, STATUSES), at=ALL, processed=False, retry_after=None, retry_after_date=None)
async def answer_status(exchange: Exchange, rule: Rule) -> None:
    """An error in the usual format, instead of processing the request or after it."""
    if rule.processed:
        await exchange.process_request()
    else:
        await exchange.read_request()
    status, extra = int(rule.fault), {}
    if rule.retry_after is not None:
        extra["retry-after"] = str(rule.retry_after)
    elif rule.retry_after_date is not None:
        extra["retry-after"] = formatdate(time.time() + rule.retry_after_date, usegmt=True)
    if exchange.origin == "api":
        answer = new_answer(
            status, JSON_TYPE, b'{"error": "%d: %s"}' % (status, FAULT_MESSAGE.encode()), extra
        )
    else:
        answer = storage_trouble(status, STORAGE_CODES.get(status, "Error"), extra)
    await exchange.reply(answer)


def storage_trouble(status: int, code: str, extra: dict[str, str] | None = None) -> HttpAnswer:
    return new_answer(status, XML_TYPE, storage_error(code, FAULT_MESSAGE), extra)


@fault("expired", at=("put", "result-get"))
async def expired(exchange: Exchange, rule: Rule) -> None:
    """The signed URL has expired: 400 ExpiredToken, and nothing is stored."""
    await exchange.read_request()
    await exchange.reply(storage_trouble(400, "ExpiredToken"))
