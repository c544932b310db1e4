"""The key is sent to one origin only, and neither it nor a signed URL is ever shown."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote

import pytest

from hotfolder.errors import BadWorld, ConfigurationError, KeyRejected, RequestRefused
from hotfolder.stager.client import StagerClient
from hotfolder.stager.transport import Timeouts
from tests.stager.conftest import FREE, KEY, PAID, SKY, ClientOf, Serve, does, failure


async def test_the_apis_own_words_reach_the_user(serve: Serve) -> None:
    """The reason of a refusal is passed on as one line, without the key, addresses or control characters."""
    said = f"bad\x1b[31m room\nstyle {KEY} at https://storage.googleapis.com/a/b?X-Goog-Signature=beef"
    wire = await serve(does.answer(422, {"error": {"message": said}}))
    for call in (FREE[0], PAID[0]):
        error = await failure(call(wire.client))
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
async def test_a_reason_is_found_where_apis_put_it(body: str | dict[str, object], serve: Serve) -> None:
    """The reference doesn't define the field of an error's text, so the usual ones are tried."""
    wire = await serve(does.answer(400, body))
    assert "“too many”" in (await failure(FREE[0](wire.client))).message


async def test_a_long_or_html_reason_is_kept_short(serve: Serve) -> None:
    """An error page is left out, a long text cut."""
    wire = await serve(does.answer(400, {"message": "very " * 10_000}))
    assert len((await failure(FREE[0](wire.client))).message) < 400
    wire = await serve(does.answer(502, b"<html><body>Bad Gateway</body></html>"))
    assert "<" not in (await failure(FREE[0](wire.client))).message


async def test_a_redirect_never_carries_the_key_away(serve: Serve) -> None:
    """Another origin is never even connected to."""
    elsewhere = await serve(does.answer(200, {"id": "p"}))
    for status in (301, 302, 303, 307, 308):
        wire = await serve(does.answer(status, location=f"{elsewhere.origin}/api/projects"))
        for call in FREE + PAID:
            await failure(call(wire.client))
    assert elsewhere.connections == 0


@pytest.mark.parametrize("identifier", ["https://evil/x", "//evil/x", "../../admin", "..", ".", "", "a\nb"])
async def test_an_identifier_never_leaves_its_place(identifier: str, serve: Serve) -> None:
    """An id from elsewhere can't choose another path or host; nothing is sent."""
    wire = await serve(does.answer(200, {}))
    for call in (wire.client.group(identifier), wire.client.operate(identifier, SKY)):
        with pytest.raises(RequestRefused):
            await call
    assert wire.connections == 0


@pytest.mark.parametrize("identifier", ["a?b", "a#b", "a%2fb", "ü", "img:1/2+3=", "a b", "~a.b-c_d"])
async def test_an_odd_identifier_is_one_part_of_the_path(identifier: str, serve: Serve) -> None:
    wire = await serve(does.answer(200, {"status": "processing"}))
    await wire.client.group(identifier)
    _, path, _ = wire.requests[0].line.split(" ")
    prefix, _, last = path.rpartition("/")
    assert (prefix, unquote(last)) == ("/api/hdr-image-group", identifier)


@pytest.mark.parametrize("key", ["", KEY + "\n", "two words", "schlüssel", "nul\0"])
async def test_a_key_that_no_header_can_hold(key: str, serve: Serve, client_of: ClientOf) -> None:
    """It is refused before anything is sent, both as a setting and as a key to wait for, without being
    shown."""
    wire = await serve(does.answer(200, {}))
    for call in FREE + PAID:
        error = await failure(call(client_of(wire.origin, key)))
        assert isinstance(error, ConfigurationError) and isinstance(error, BadWorld)
    assert wire.connections == 0


async def test_the_key_is_asked_for_at_every_request(serve: Serve) -> None:
    """A corrected key file takes effect at once; an unreadable one is waited for."""
    keys: Iterator[str | OSError] = iter(["first", OSError("gone"), "second"])

    def key() -> str:
        value = next(keys)
        if isinstance(value, Exception):
            raise value
        return value

    wire = await serve(does.answer(200, {"id": "p"}))
    client = StagerClient(wire.origin, key, timeouts=Timeouts())
    await client.create_project("a")
    with pytest.raises(KeyRejected):
        await client.create_project("a")
    await client.create_project("a")
    assert [request.header("stager-api-key") for request in wire.requests] == ["first", "second"]
    await client.aclose()


async def test_logs_show_neither_key_nor_address(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """The libraries beneath log nothing secret either."""
    caplog.set_level("DEBUG")
    wire = await serve(does.answer(200, {"id": "p"}))
    await wire.client.create_project("a")
    await wire.client.enhance("p", "g")
    assert KEY not in caplog.text and "/api/" not in caplog.text


@pytest.mark.parametrize(
    "base_url",
    [
        *("http://api.stagerai.com", "ftp://h", "api.stagerai.com", "", "https://", "https://u:p@h"),
        *("https://h?x=1", "http://127.0.0.1.evil.com", "http://0.0.0.0", "https://h#x"),
        "https://h:99999",
    ],
)
def test_an_unsafe_base_url_is_refused(base_url: str) -> None:
    """The key goes over https, or stays on this machine."""
    with pytest.raises(ConfigurationError):
        StagerClient(base_url, lambda: KEY)


@pytest.mark.parametrize("suffix", ["", "/", "/prefix", "/prefix/"])
async def test_a_base_url_may_have_a_path(suffix: str, serve: Serve, client_of: ClientOf) -> None:
    """Behind a gateway the API may be below a path."""
    wire = await serve(does.answer(200, {"id": "p"}))
    await client_of(wire.origin + suffix).create_project("a")
    assert wire.requests[0].line == f"POST {suffix.rstrip('/')}/api/projects HTTP/1.1"
