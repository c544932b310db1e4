"""Reading what a client sends, without letting it send too much."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotfolder.sandbox.refusals import Refusal

if TYPE_CHECKING:
    from starlette.types import Message, Receive


def bounded(receive: Receive, limit: int) -> Receive:
    """`receive` that refuses a body, announced or not, once it grows over `limit` bytes."""
    total = 0

    async def counting() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > limit:
            raise Refusal(413, f"the body is too large; at most {limit} bytes are taken")
        return message

    return counting


async def drain(receive: Receive, limit: int) -> None:
    """Read on for up to `limit` bytes: closing on a client that still sends would lose it the answer."""
    total = 0
    while total <= limit:
        message = await receive()
        total += len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body", False):
            return
