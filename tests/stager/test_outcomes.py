"""The outcome of every kind of failure, for free and for paid calls."""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

import pytest

from hotfolder.errors import (
    BadJob,
    BadWorld,
    HostInTrouble,
    HotfolderError,
    KeyRejected,
    LeaseLost,
    OutcomeUnknown,
    PaymentRequired,
    RequestRefused,
    TooManyRequests,
    Unreachable,
)
from hotfolder.stager.answers import Answer
from hotfolder.stager.transport import Timeouts
from tests.stager.conftest import FREE, KEY, PAID, SKY, Behaviour, Call, ClientOf, Serve, does, failure

# For servers that send nothing or never end; all others get the time that a busy machine needs. So does each
# request until it is sent: before that its failure means something else.
QUICK = Timeouts(read_seconds=0.3, free_total_seconds=5.0, paid_total_seconds=5.0)

SUCCESS = b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"id":'
# The server's behaviours after which a free call may be repeated, and a paid one's outcome is unknown.
LOST = {
    "reset before reading": does.reset_unread(),
    "closed after the request": does.raw(b""),
    "reset after the request": does.raw(b"", then_reset=True),
    "cut within the headers": does.raw(b"HTTP/1.1 200 OK\r\nConte"),
    "cut within a success": does.raw(SUCCESS),
    "reset within a success": does.raw(SUCCESS, then_reset=True),
    "cut within a chunk": does.raw(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n{"id":'),
    "no HTTP": does.raw(b"SSH-2.0-OpenSSH_9.9\r\n"),
    "silence": does.hang(),
    "dripping": does.drip(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"),
    "dripping headers": does.drip(b"HTTP/1.1 200 OK\r\nX-A: "),
    "an endless success": does.endless(b"HTTP/1.1 200 OK\r\n\r\n"),
    "endless headers": does.endless(b"HTTP/1.1 200 OK\r\nX-A: "),
    "a redirect to what is no address": does.answer(302, location="mailto:x"),
    "101": does.raw(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nx"),
}
REFUSED = {
    "cut within a refusal": does.raw(b"HTTP/1.1 422 No\r\nContent-Length: 99\r\n\r\n{"),
    "an endless refusal": does.endless(b"HTTP/1.1 400 No\r\n\r\n"),
    "too deep": does.answer(400, b"[" * 100_000),
}
Raised = type[HotfolderError]
STATUSES: dict[tuple[Raised, Raised], tuple[int, ...]] = {
    (Unreachable, OutcomeUnknown): (300, 301, 302, 303, 307, 308),
    (HostInTrouble, OutcomeUnknown): (408, 500, 502, 503, 504, 599),
    (RequestRefused, RequestRefused): (400, 403, 404, 409, 413, 422),
    (KeyRejected, KeyRejected): (401,),
    (PaymentRequired, PaymentRequired): (402,),
    (TooManyRequests, TooManyRequests): (429,),
}


def answers(status: int) -> Behaviour:
    headers = {"location": "/elsewhere"} if 300 < status < 400 else {}
    return does.answer(status, **headers)


# (the server's behaviour, the error of a free call, the error of a paid call)
TABLE: dict[str, tuple[Behaviour, Raised, Raised]] = {
    **{name: (behave, Unreachable, OutcomeUnknown) for name, behave in LOST.items()},
    **{name: (behave, RequestRefused, RequestRefused) for name, behave in REFUSED.items()},
    **{str(status): (answers(status), *raised) for raised, each in STATUSES.items() for status in each},
}
ENDLESS = ("silence", "dripping", "dripping headers")


@pytest.mark.parametrize("name", TABLE)
async def test_each_failure_has_one_meaning(name: str, serve: Serve, client_of: ClientOf) -> None:
    """Every failure raises exactly the class of the table, and is never retried."""
    behave, free, paid = TABLE[name]
    timeouts = QUICK if name in ENDLESS else None

    async def attempt(call: Call, expected: Raised) -> None:
        wire = await serve(behave)
        error = await failure(call(client_of(wire.origin, KEY, timeouts)))
        assert type(error) is expected
        assert wire.connections == 1 and len(wire.requests) <= 1
        if name.isdigit() and isinstance(error, RequestRefused):
            assert error.status == int(name)

    await asyncio.gather(*(attempt(call, free) for call in FREE), *(attempt(call, paid) for call in PAID))


@pytest.mark.parametrize("call", FREE + PAID)
async def test_a_refused_connection_sent_nothing(call: Call, client_of: ClientOf, free_port: int) -> None:
    """It is safe to repeat, even when paid."""
    error = await failure(call(client_of(f"http://127.0.0.1:{free_port}", KEY)))
    assert type(error) is Unreachable and "refused" in error.message


@pytest.mark.parametrize("call", [FREE[0], PAID[0]])
async def test_a_connection_that_is_never_made_was_never_sent(call: Call, client_of: ClientOf) -> None:
    """A full listen queue lets nobody in: it is safe to repeat, even when paid."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        await asyncio.sleep(0.05)
        soon = Timeouts(connect_seconds=0.3)
        error = await failure(call(client_of(f"http://127.0.0.1:{full.getsockname()[1]}", KEY, soon)))
        for filler in fillers:
            filler.close()
    assert type(error) is Unreachable and "in time" in error.message


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (socket.EAI_AGAIN, "the internet can't be reached"),
        (socket.EAI_NONAME, "the API can't be reached: its name could not be looked up"),
    ],
)
async def test_a_name_without_an_address_was_never_sent(
    problem: int, said: str, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an answer by a name server, or where it knows no such host: it is safe to repeat, even when
    paid."""

    async def nowhere(*_args: object, **_kwargs: object) -> list[object]:
        raise socket.gaierror(problem, "no address")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", nowhere)
    error = await failure(PAID[0](client_of("https://stager.invalid", KEY)))
    assert type(error) is Unreachable and "looked up" in error.detail
    assert f"{error.message}. {error.hint}" == f"{said}. Nothing is lost; it goes on by itself."


PAGE = b"\n<!doctype html><title>Not found</title>"


@pytest.mark.parametrize(
    ("behave", "raised"),
    [
        pytest.param(does.answer(404, {"error": "no such group"}), None, id="served"),
        pytest.param(does.answer(403, {"error": "revoked"}), KeyRejected, id="key"),
        pytest.param(does.answer(404, PAGE), Unreachable, id="gateway"),
        pytest.param(does.answer(200, PAGE), Unreachable, id="sign-in page"),
    ],
)
async def test_whether_every_request_is_refused_is_told_by_a_free_one(
    behave: Behaviour, raised: Raised | None, serve: Serve
) -> None:
    wire = await serve(behave)
    error = None
    try:
        await wire.client.confirm_served()
    except HotfolderError as problem:
        error = problem
    assert type(error) is (raised or type(None))


async def test_paid_calls_never_share_a_connection(serve: Serve) -> None:
    """Two paid calls after a free one use three connections; free calls reuse one."""
    wire = await serve(does.answer(200, {"id": "p"}))
    await wire.client.create_project("a")
    await wire.client.create_project("b")
    assert wire.connections == 1
    await wire.client.enhance("p", "g")
    await wire.client.enhance("p", "g")
    assert wire.connections == 3


NO_PROJECT = (
    *(b"", b"not json", b"[]", b"null", b'{"id": ""}', b'{"id": "../x"}', b'{"id": null}'),
    *(b'{"id": ".."}', b'{"success": false, "id": "p"}', b'{"id": "p"', b"\xff\xfe", b"[" * 100000),
)
NO_GROUP = (b'{"status": 3}', b"{}", b'{"status": ""}')


@pytest.mark.parametrize(
    ("call", "body"), [*((FREE[0], body) for body in NO_PROJECT), *((FREE[1], body) for body in NO_GROUP)]
)
async def test_nonsense_on_a_free_call_is_a_bad_world(call: Call, body: bytes, serve: Serve) -> None:
    """A useless 200 pauses the queue; it never fails a photographer's set."""
    wire = await serve(does.answer(200, body))
    assert type(await failure(call(wire.client))) is Unreachable


@pytest.mark.parametrize("url", [None, "", "/relative.jpg", "ftp://h/x"])
async def test_a_completed_group_may_still_owe_its_address(url: str | None, serve: Serve) -> None:
    """One odd group must not pause the whole queue: its job polls again until its time is up."""
    wire = await serve(does.answer(200, {"status": "completed", "imageUrl": url}))
    state = await wire.client.group("g")
    assert (state.status, state.image_url) == ("completed", None)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        ("0", 0),
        ("99999", 3600),
        ("soon", None),
        ("-3", None),
        ("", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Wed, 21 Oct 2099 07:28:00 GMT", 3600),
    ],
)
async def test_the_wish_when_to_come_back(value: str, seconds: int | None, serve: Serve) -> None:
    """Retry-After is read in both its forms, and capped at an hour."""
    wire = await serve(does.answer(429, retry_after=value))
    error = await failure(PAID[0](wire.client))
    assert isinstance(error, TooManyRequests)
    assert error.retry_after_seconds == seconds


async def test_a_date_to_come_back_is_told_by_the_answers_own_clock(serve: Serve) -> None:
    """This computer's may be hours behind, and every pause would take an hour; or ahead, and none be kept."""
    date, after = "Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:09 GMT"
    wire = await serve(does.answer(429, retry_after=after, date=date))
    error = await failure(PAID[0](wire.client))
    assert isinstance(error, TooManyRequests) and error.retry_after_seconds == 9


async def test_an_answer_compressed_unasked_is_not_lost(serve: Serve) -> None:
    """A paid answer survives a proxy that compresses, and a bomb stays small."""
    wire = await serve(does.answer(200, gzip.compress(b'{"success": true}'), content_encoding="gzip"))
    assert (await wire.client.operate("img_1", SKY)).body == '{"success": true}'
    assert wire.requests[0].header("accept-encoding") == "identity"
    wire = await serve(does.answer(200, gzip.compress(bytes(200 << 20), 1), content_encoding="gzip"))
    assert len((await wire.client.operate("img_1", SKY)).body) <= 1 << 20


@pytest.mark.parametrize("kind", ["enhance", "operate"])
async def test_a_paid_request_may_be_kept_here_until_its_first_byte(kind: str, serve: Serve) -> None:
    """The check is called once the connection is made, however long that took, before any byte of the
    request."""
    wire = await serve(does.answer(200, {"success": True}))
    asked: list[tuple[int, int]] = []

    def call(before_send: Callable[[], None]) -> Coroutine[Any, Any, Answer]:
        if kind == "enhance":
            return wire.client.enhance("project_1", "group_1", before_send)
        return wire.client.operate("img_1", SKY, before_send)

    def refuse() -> NoReturn:
        asked.append((wire.connections, len(wire.requests)))
        raise LeaseLost("another machine works with it")

    def fail() -> NoReturn:
        raise MemoryError

    with pytest.raises(LeaseLost):
        await call(refuse)
    with pytest.raises(MemoryError):  # nothing left: whether it was charged is no question
        await call(fail)
    await asyncio.sleep(0.1)
    assert (asked, len(wire.requests)) == ([(1, 0)], 0)
    await call(lambda: asked.append((wire.connections, len(wire.requests))))
    assert (asked[1:], len(wire.requests)) == ([(3, 0)], 1)


async def test_cancelling_a_paid_call_reaches_the_caller(serve: Serve) -> None:
    """Shielding is the caller's; a cancel isn't swallowed and turned into an outcome."""
    wire = await serve(does.hang())
    task = asyncio.create_task(PAID[0](wire.client))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_the_classes_mean_what_the_engine_takes_them_for() -> None:
    """Bad jobs and bad worlds never overlap with unknown outcomes."""
    assert issubclass(RequestRefused, BadJob) and issubclass(Unreachable, BadWorld)
    assert not issubclass(OutcomeUnknown, BadJob | BadWorld)
