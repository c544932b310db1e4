"""Allowed hosts of signed URLs, and what is shown of a URL."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotfolder.errors import ConfigurationError
from hotfolder.stager.addresses import AllowedHosts, SignedUrl
from hotfolder.stager.failures import UrlRefused
from hotfolder.stager.storage import StorageClient
from tests.stager.conftest import Serve, does

GOOGLE = ["storage.googleapis.com"]


@pytest.mark.parametrize(
    ("entries", "url"),
    [
        (GOOGLE, "https://storage.googleapis.com/b/o.jpg?s=1"),
        (GOOGLE, "https://bucket.storage.googleapis.com/o.jpg"),
        (GOOGLE, "https://STORAGE.googleapis.com:443/o.jpg"),
        (["storage.googleapis.com:443"], "https://storage.googleapis.com/o.jpg"),
        (["files.example:8443"], "https://files.example:8443/o.jpg"),
        (["127.0.0.2"], "http://127.0.0.2:9000/o.jpg"),
        (["127.0.0.2:9000"], "http://127.0.0.2:9000/o.jpg"),
        (["localhost"], "http://localhost:9000/o.jpg"),
        (["[::1]:9000"], "http://[::1]:9000/o.jpg"),
        (["[::1]"], "http://[::1]:9000/o.jpg"),
        (["127.0.0.1", "10.0.0.5"], "https://10.0.0.5/o.jpg"),
    ],
)
def test_allowed(entries: list[str], url: str) -> None:
    AllowedHosts(entries).check(SignedUrl(url))


@pytest.mark.parametrize(
    ("entries", "url"),
    [
        (GOOGLE, "http://storage.googleapis.com/o.jpg"),
        (GOOGLE, "https://storage.googleapis.com@evil.example/o.jpg"),
        (GOOGLE, "https://user@storage.googleapis.com/o.jpg"),
        (GOOGLE, "https://evilstorage.googleapis.com/o.jpg"),
        (GOOGLE, "https://storage.googleapis.com.evil.example/o.jpg"),
        (GOOGLE, "https://evil.example/storage.googleapis.com"),
        (GOOGLE, "https://evil.example\\@storage.googleapis.com/"),
        (GOOGLE, "https://storage.googleapis.com:8443/o.jpg"),
        (GOOGLE, "https://googleapis.com/o.jpg"),
        (GOOGLE, "https://169.254.169.254/latest/meta-data"),
        (GOOGLE, "http://127.0.0.1/o.jpg"),
        (GOOGLE, "https://[::ffff:10.0.0.1]/o.jpg"),
        (["127.0.0.2:9000"], "http://127.0.0.2:9001/o.jpg"),
        (["127.0.0.2"], "http://127.0.0.3:9000/o.jpg"),
        (["127.0.0.2"], "http://1.127.0.0.2/o.jpg"),
        (["10.0.0.5"], "http://10.0.0.5/o.jpg"),
        (["0.0.0.0"], "http://0.0.0.0/o.jpg"),
        ([], "https://storage.googleapis.com/o.jpg"),
    ],
)
def test_refused(entries: list[str], url: str) -> None:
    with pytest.raises((UrlRefused, ValueError)):
        AllowedHosts(entries).check(SignedUrl(url))


async def test_a_refused_address_is_never_contacted(serve: Serve, tmp_path: Path) -> None:
    """Neither for an upload nor for a download."""
    wire = await serve(does.answer(200, b"x"))
    (tmp_path / "p.jpg").write_bytes(b"x")
    client = StorageClient(["127.0.0.2"])
    url = SignedUrl(f"{wire.origin}/b/o.jpg")
    with pytest.raises(UrlRefused, match=r"127\.0\.0\.1"):
        await client.put(url, tmp_path / "p.jpg", size_bytes=1)
    with pytest.raises(UrlRefused):
        await client.download(url, tmp_path / "result", most_bytes=9)
    assert wire.connections == 0 and not (tmp_path / "result").exists()
    await client.aclose()


async def test_no_proxy_is_taken_from_the_environment(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy would see keys, photos and signed URLs."""
    proxy, wire = await serve(does.answer(200, b"proxied")), await serve(does.answer(200, b"x"))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy.origin)
    client = StorageClient(["127.0.0.1"])
    await client.download(SignedUrl(f"{wire.origin}/o"), tmp_path / "result", most_bytes=9)
    assert (proxy.connections, wire.connections) == (0, 1)
    await client.aclose()


@pytest.mark.parametrize(
    "entry", ["", " ", "https://h", "h/path", "u@h", "h:0", "h:99999", "h:x", "*.h", "a b", "::1"]
)
def test_an_entry_that_is_no_host(entry: str) -> None:
    """It is refused at the start, not taken for something wider."""
    with pytest.raises(ConfigurationError):
        AllowedHosts([entry])


def test_a_signed_url_shows_its_host_and_its_last_part() -> None:
    """This is enough to recognise it, too little to use it."""
    url = SignedUrl("https://storage.googleapis.com/bucket/secret-folder/output.jpg?X-Goog-Signature=c0ffee")
    assert str(url) == "https://storage.googleapis.com/…/output.jpg?…"
    assert f"{url}" == str(url) and str(url) in repr(url)
    assert str(url.parsed).endswith("c0ffee")
    assert str(SignedUrl("http://[::1]:90/")) == "http://[::1]:90/"
    assert len(str(SignedUrl("https://h/" + "x" * 5000))) < 100
    assert str(SignedUrl("https://user:pw@h/a%0Ab")) == "https://h/a?b"


@pytest.mark.parametrize("text", ["", "/x", "h/x", "ftp://h/x", "https://", "https://h/a\nb", "https://h/\0"])
def test_what_is_no_signed_url(text: str) -> None:
    """They are refused without being shown."""
    with pytest.raises(ValueError) as caught:
        SignedUrl(text)
    assert not text or text not in str(caught.value)


def test_an_address_with_spaces_is_followed() -> None:
    """APIs build URLs of folder names, and forget to encode them."""
    url = AllowedHosts(["h.example"]).check(SignedUrl(" https://h.example/12 Elm Road/ü.jpg?sig=a%2Bb c\n"))
    assert url.raw_path == b"/12%20Elm%20Road/%C3%BC.jpg?sig=a%2Bb%20c"
