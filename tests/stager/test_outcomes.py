"""What every way of failing amounts to, for free and for paid calls."""

from __future__ import annotations

import asyncio
import gzip
import socket
import traceback
from collections.abc import AsyncIterator, Callable

import pytest

from hotfolder.errors import (
    BadJob,
    BadWorld,
    ConfigurationError,
    HotfolderError,
    KeyRejected,
    OutcomeUnknown,
    PaymentRequired,
    RequestRefused,
    TooManyRequests,
    Unreachable,
)
from hotfolder.stager.client import StagerClient
from hotfolder.stager.operations import Sky
from hotfolder.stager.transport import Timeouts
from hotfolder.stager.vocabulary import SkyType

KEY = "sk_live_5e3r7VeryMuchSecret"
QUICK = Timeouts(
    connect_seconds=0.3,
    read_seconds=0.3,
    write_seconds=0.3,
    free_total_seconds=0.6,
    paid_read_seconds=0.3,
    paid_total_seconds=0.6,
    transfer_total_seconds=0.6,
)
SKY = Sky(sky_type=SkyType.TWILIGHT)

FREE = [
    lambda client: client.create_project("12 Elm Road"),
    lambda client: client.group("group_1"),
    lambda client: client.upload_slot("project_1", "group_1", "01.jpg"),
]
PAID = [
    lambda client: client.enhance("project_1", "group_1"),
    lambda client: client.operate("img_1", SKY),
]


@pytest.fixture
async def connect() -> AsyncIterator[Callable[[str], StagerClient]]:
    made: list[StagerClient] = []

    def make(origin: str, key: str = KEY, timeouts: Timeouts = QUICK) -> StagerClient:
        made.append(StagerClient(origin, lambda: key, timeouts=timeouts))
        return made[-1]

    yield make
    for client in made:
        await client.aclose()


async def failure(client: StagerClient, call) -> HotfolderError:
    with pytest.raises(HotfolderError) as caught:
        await call(client)
    assert_silent(caught.value)
    return caught.value


def assert_silent(error: BaseException) -> None:
    """Neither the error nor its traceback shows the key."""
    shown = "".join(traceback.format_exception(error)) + str(error) + repr(error) + repr(vars(error))
    assert KEY not in shown


# (what the server does, what a free call raises, what a paid call raises)
TABLE = {
    "reset before reading": (lambda does: does.reset_unread(), Unreachable, OutcomeUnknown),
    "closed after the request": (lambda does: does.raw(b""), Unreachable, OutcomeUnknown),
    "reset after the request": (lambda does: does.raw(b"", then_reset=True), Unreachable, OutcomeUnknown),
    "cut within the headers": (
        lambda does: does.raw(b"HTTP/1.1 200 OK\r\nConte"),
        Unreachable,
        OutcomeUnknown,
    ),
    "cut within a success": (
        lambda does: does.raw(b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"id":'),
        Unreachable,
        OutcomeUnknown,
    ),
    "reset within a success": (
        lambda does: does.raw(b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"id":', then_reset=True),
        Unreachable,
        OutcomeUnknown,
    ),
    "cut within a chunk": (
        lambda does: does.raw(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n{"id":'),
        Unreachable,
        OutcomeUnknown,
    ),
    "cut within a refusal": (
        lambda does: does.raw(b"HTTP/1.1 422 No\r\nContent-Length: 99\r\n\r\n{"),
        RequestRefused,
        RequestRefused,
    ),
    "no HTTP": (lambda does: does.raw(b"SSH-2.0-OpenSSH_9.9\r\n"), Unreachable, OutcomeUnknown),
    "silence": (lambda does: does.hang(), Unreachable, OutcomeUnknown),
    "dripping": (
        lambda does: does.drip(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"),
        Unreachable,
        OutcomeUnknown,
    ),
    "dripping headers": (lambda does: does.drip(b"HTTP/1.1 200 OK\r\nX-A: "), Unreachable, OutcomeUnknown),
    "an endless success": (
        lambda does: does.endless(b"HTTP/1.1 200 OK\r\n\r\n"),
        Unreachable,
        OutcomeUnknown,
    ),
    "an endless refusal": (
        lambda does: does.endless(b"HTTP/1.1 400 No\r\n\r\n"),
        RequestRefused,
        RequestRefused,
    ),
    "endless headers": (lambda does: does.endless(b"HTTP/1.1 200 OK\r\nX-A: "), Unreachable, OutcomeUnknown),
    "300": (lambda does: does.answer(300), Unreachable, OutcomeUnknown),
    "301": (lambda does: does.answer(301, location="/elsewhere"), Unreachable, Unreachable),
    "302": (lambda does: does.answer(302, location="/elsewhere"), Unreachable, OutcomeUnknown),
    "303": (lambda does: does.answer(303, location="/elsewhere"), Unreachable, OutcomeUnknown),
    "307": (lambda does: does.answer(307, location="/elsewhere"), Unreachable, Unreachable),
    "308": (lambda does: does.answer(308, location="/elsewhere"), Unreachable, Unreachable),
    "400": (lambda does: does.answer(400), RequestRefused, RequestRefused),
    "401": (lambda does: does.answer(401), KeyRejected, KeyRejected),
    "402": (lambda does: does.answer(402), PaymentRequired, PaymentRequired),
    "403": (lambda does: does.answer(403), RequestRefused, RequestRefused),
    "404": (lambda does: does.answer(404), RequestRefused, RequestRefused),
    "408": (lambda does: does.answer(408), Unreachable, OutcomeUnknown),
    "409": (lambda does: does.answer(409), RequestRefused, RequestRefused),
    "413": (lambda does: does.answer(413), RequestRefused, RequestRefused),
    "422": (lambda does: does.answer(422), RequestRefused, RequestRefused),
    "429": (lambda does: does.answer(429), TooManyRequests, TooManyRequests),
    "500": (lambda does: does.answer(500), Unreachable, OutcomeUnknown),
    "502": (lambda does: does.answer(502), Unreachable, OutcomeUnknown),
    "503": (lambda does: does.answer(503), Unreachable, OutcomeUnknown),
    "504": (lambda does: does.answer(504), Unreachable, OutcomeUnknown),
    "599": (lambda does: does.answer(599), Unreachable, OutcomeUnknown),
}


@pytest.mark.parametrize("name", TABLE)
async def test_each_failure_has_one_meaning(name, serve, does, connect) -> None:
    """Every way of failing raises exactly the class of the table, and is never tried twice."""
    behave, free, paid = TABLE[name]
    for calls, expected in ((FREE, free), (PAID, paid)):
        for call in calls:
            wire = await serve(behave(does))
            error = await failure(connect(wire.origin), call)
            assert type(error) is expected
            assert wire.connections == 1 and len(wire.requests) <= 1
            if name.isdigit() and isinstance(error, RequestRefused):
                assert error.status == int(name)


@pytest.mark.parametrize("call", FREE + PAID)
async def test_a_refused_connection_was_never_sent(call, connect, refused_port) -> None:
    """Nobody listens: safe to repeat, even when paid."""
    error = await failure(connect(f"http://127.0.0.1:{refused_port}"), call)
    assert type(error) is Unreachable and "refused" in error.message


@pytest.mark.parametrize("call", [FREE[0], PAID[0]])
async def test_a_connection_that_is_never_made_was_never_sent(call, connect) -> None:
    """A listener whose queue is full lets nobody in: safe to repeat, even when paid."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        await asyncio.sleep(0.05)
        error = await failure(connect(f"http://127.0.0.1:{full.getsockname()[1]}"), call)
        for filler in fillers:
            filler.close()
    assert type(error) is Unreachable and "in time" in error.message


async def test_a_name_without_an_address_was_never_sent(connect, monkeypatch) -> None:
    """DNS knows no such host: safe to repeat, even when paid."""

    async def nowhere(*_args: object, **_kwargs: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", nowhere)
    error = await failure(connect("https://stager.invalid"), PAID[0])
    assert type(error) is Unreachable and "looked up" in error.message


async def test_paid_calls_never_share_a_connection(serve, does, connect) -> None:
    """Two paid calls after a free one use three connections; free calls reuse one."""
    wire = await serve(does.answer(200, {"id": "p"}))
    client = connect(wire.origin)
    await client.create_project("a")
    await client.create_project("b")
    assert wire.connections == 1
    await client.enhance("p", "g")
    await client.enhance("p", "g")
    assert wire.connections == 3


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b"null",
        b'{"id": 7}',
        b'{"id": ""}',
        b'{"id": "../x"}',
        b'{"id": "a/b"}',
        b'{"id": ".."}',
        b'{"success": false, "id": "p"}',
        b'{"id": "p"',
        b"\xff\xfe",
        b"[" * 100000,
    ],
)
async def test_nonsense_on_a_free_call_is_a_bad_world(body, serve, does, connect) -> None:
    """A 200 that can't be used pauses the queue; it never fails a photographer's set."""
    wire = await serve(does.answer(200, body))
    assert type(await failure(connect(wire.origin), FREE[0])) is Unreachable


@pytest.mark.parametrize(
    "body",
    [
        {"status": 3},
        {},
        {"status": ""},
        {"status": "completed"},
        {"status": "completed", "imageUrl": ""},
        {"status": "completed", "imageUrl": "/relative.jpg"},
        {"status": "completed", "imageUrl": "ftp://h/x"},
    ],
)
async def test_a_group_that_makes_no_sense_is_a_bad_world(body, serve, does, connect) -> None:
    """ "completed" always comes with an address, or isn't believed."""
    wire = await serve(does.answer(200, body))
    assert type(await failure(connect(wire.origin), FREE[1])) is Unreachable


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        ("7", 7, 7),
        ("0", 0, 0),
        ("99999", 3600, 3600),
        ("soon", None, None),
        ("-3", None, None),
        ("", None, None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        ("Wed, 21 Oct 2099 07:28:00 GMT", 3600, 3600),
    ],
)
async def test_the_wish_when_to_come_back(value, low, high, serve, does, connect) -> None:
    """Retry-After is read in both its forms, and never trusted beyond an hour."""
    wire = await serve(does.answer(429, retry_after=value))
    error = await failure(connect(wire.origin), PAID[0])
    assert isinstance(error, TooManyRequests)
    assert error.retry_after_seconds == low == high


async def test_the_apis_own_words_reach_the_user(serve, does, connect) -> None:
    """The reason of a refusal is passed on as one line, without the key, addresses or control characters."""
    said = f"bad\x1b[31m room\nstyle {KEY} at https://storage.googleapis.com/a/b?X-Goog-Signature=beef"
    wire = await serve(does.answer(422, {"error": {"message": said}}))
    for call in (FREE[0], PAID[0]):
        error = await failure(connect(wire.origin), call)
        assert "bad [31m room style [key] at https://storage.googleapis.com/…" in error.message
        assert "beef" not in error.message and error.message.isprintable()


@pytest.mark.parametrize(
    "body",
    [
        {"message": "too many"},
        {"error": "too many"},
        {"detail": "too many"},
        {"detail": [{"msg": "too many"}]},
        "too many",
        {"errors": [{"message": "too many"}]},
        {"error": {"code": 7, "message": "too many"}},
    ],
)
async def test_a_reason_is_found_where_apis_put_it(body, serve, does, connect) -> None:
    """The reference doesn't say where an error's text is, so the usual places are looked at."""
    wire = await serve(does.answer(400, body))
    assert "“too many”" in (await failure(connect(wire.origin), FREE[0])).message


async def test_a_long_or_html_reason_is_kept_short(serve, does, connect) -> None:
    """An error page is left out, a novel cut."""
    wire = await serve(does.answer(400, {"message": "very " * 10_000}))
    assert len((await failure(connect(wire.origin), FREE[0])).message) < 400
    wire = await serve(does.answer(502, b"<html><body>Bad Gateway</body></html>"))
    assert "<" not in (await failure(connect(wire.origin), FREE[0])).message


async def test_a_redirect_never_carries_the_key_away(serve, does, connect) -> None:
    """Another origin is never even connected to."""
    elsewhere = await serve(does.answer(200, {"id": "p"}))
    for status in (301, 302, 303, 307, 308):
        wire = await serve(does.answer(status, location=f"{elsewhere.origin}/api/projects"))
        for call in FREE + PAID:
            await failure(connect(wire.origin), call)
    assert elsewhere.connections == 0


@pytest.mark.parametrize(
    "identifier", ["https://evil/x", "//evil/x", "../../admin", "..", ".", "", "a?b", "a#b", "a%2fb", "ü"]
)
async def test_an_identifier_never_leaves_its_place(identifier, serve, does, connect) -> None:
    """An id from elsewhere can't choose another path or host; nothing is sent."""
    wire = await serve(does.answer(200, {}))
    client = connect(wire.origin)
    for call in (client.group(identifier), client.operate(identifier, SKY)):
        with pytest.raises(RequestRefused):
            await call
    assert wire.connections == 0


@pytest.mark.parametrize("key", ["", KEY + "\n", "two words", "schlüssel", "nul\0"])
async def test_a_key_that_no_header_can_hold(key, serve, does, connect) -> None:
    """It is refused before anything is sent, as a setting and as something to wait for, unseen."""
    wire = await serve(does.answer(200, {}))
    for call in FREE + PAID:
        error = await failure(connect(wire.origin, key), call)
        assert isinstance(error, ConfigurationError) and isinstance(error, BadWorld)
    assert wire.connections == 0


async def test_the_key_is_asked_for_at_every_request(serve, does) -> None:
    """A key file that was corrected takes effect at once; one that can't be read is waited for."""
    keys = iter(["first", OSError("gone"), "second"])

    def key() -> str:
        value = next(keys)
        if isinstance(value, Exception):
            raise value
        return value

    wire = await serve(does.answer(200, {"id": "p"}))
    client = StagerClient(wire.origin, key, timeouts=QUICK)
    await client.create_project("a")
    with pytest.raises(KeyRejected):
        await client.create_project("a")
    await client.create_project("a")
    assert [request.header("stager-api-key") for request in wire.requests] == ["first", "second"]
    await client.aclose()


async def test_logs_at_any_level_show_neither_key_nor_address(serve, does, connect, caplog) -> None:
    """Even with everything logged, the libraries beneath print nothing secret."""
    caplog.set_level("DEBUG")
    wire = await serve(does.answer(200, {"id": "p"}))
    client = connect(wire.origin)
    await client.create_project("a")
    await client.enhance("p", "g")
    assert KEY not in caplog.text and "/api/" not in caplog.text


@pytest.mark.parametrize(
    "base_url",
    [
        "http://api.stagerai.com",
        "ftp://h",
        "api.stagerai.com",
        "",
        "https://",
        "https://u:p@h",
        "https://h?x=1",
        "http://127.0.0.1.evil.com",
        "http://0.0.0.0",
        "https://h#x",
        "https://h:99999",
    ],
)
def test_an_unsafe_base_url_is_refused(base_url) -> None:
    """The key goes over https, or stays on this machine."""
    with pytest.raises(ConfigurationError):
        StagerClient(base_url, lambda: KEY)


@pytest.mark.parametrize("suffix", ["", "/", "/prefix", "/prefix/"])
async def test_a_base_url_may_have_a_path(suffix, serve, does, connect) -> None:
    """Behind a gateway the API may live below a path."""
    wire = await serve(does.answer(200, {"id": "p"}))
    await connect(wire.origin + suffix).create_project("a")
    assert wire.requests[0].line == f"POST {suffix.rstrip('/')}/api/projects HTTP/1.1"


async def test_an_answer_compressed_unasked_is_not_lost(serve, does, connect) -> None:
    """A paid answer survives a proxy that compresses, and a bomb stays small."""
    wire = await serve(does.answer(200, gzip.compress(b'{"success": true}'), content_encoding="gzip"))
    assert (await connect(wire.origin).operate("img_1", SKY)).body == '{"success": true}'
    assert wire.requests[0].header("accept-encoding") == "identity"
    wire = await serve(does.answer(200, gzip.compress(bytes(200 << 20), 1), content_encoding="gzip"))
    assert len((await connect(wire.origin).operate("img_1", SKY)).body) <= 1 << 20


async def test_cancelling_a_paid_call_reaches_the_caller(serve, does, connect) -> None:
    """Shielding is the caller's; a cancel isn't swallowed and turned into an outcome."""
    wire = await serve(does.hang())
    task = asyncio.create_task(PAID[0](connect(wire.origin, timeouts=Timeouts())))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_the_classes_mean_what_the_engine_takes_them_for() -> None:
    """Bad jobs and bad worlds never overlap with what nobody knows."""
    assert issubclass(RequestRefused, BadJob) and issubclass(Unreachable, BadWorld)
    assert not issubclass(OutcomeUnknown, BadJob | BadWorld)
