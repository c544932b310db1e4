"""Faults in where a URL leads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from hotfolder.sandbox.faults.answer import Answer, made
from hotfolder.sandbox.faults.endpoints import ENDPOINTS
from hotfolder.sandbox.faults.exchange import Exchange
from hotfolder.sandbox.faults.kinds import Origin, Values, fault
from hotfolder.sandbox.faults.spoiling import spoilt
from hotfolder.sandbox.merging import result_name
from hotfolder.sandbox.objects import RESULTS

URL_FIELDS = ("imageUrl", "uploadUrl")
WITH_PICTURE = ("group-get", "image", "stage", "lawn", "sky")
WITH_URL = ("upload-url", *WITH_PICTURE)
# A name that can't exist, so that nothing is ever sent to anybody.
ELSEWHERE = Origin("https://results.invalid")
PRIVATE = Origin("http://169.254.169.254")


@fault("url-other-host", WITH_URL, to=ELSEWHERE)
async def url_other_host(exchange: Exchange, values: Values) -> None:
    """The answer's URL leads to another host."""
    await with_urls(exchange, lambda url: moved(url, values["to"]))


@fault("url-private", WITH_URL, to=PRIVATE)
async def url_private(exchange: Exchange, values: Values) -> None:
    """The answer's URL leads to an address inside of somebody's network."""
    await with_urls(exchange, lambda url: moved(url, values["to"]))


@fault("url-redirecting", WITH_PICTURE, to=ELSEWHERE)
async def url_redirecting(exchange: Exchange, values: Values) -> None:
    """The answer's URL is the storage's own, and whoever fetches it is sent to another host."""

    def remembered(url: str) -> str:
        exchange.around.redirects[urlsplit(url).query.encode()] = moved(url, values["to"])
        return url

    await with_urls(exchange, remembered)


@fault("redirect", ("result-get",), to=ELSEWHERE)
async def redirect(exchange: Exchange, values: Values) -> None:
    """302 to another host instead of the picture."""
    path = exchange.scope["path"] + "?" + exchange.scope["query_string"].decode("ascii")
    await lead(exchange, moved(path, values["to"]))


async def lead(exchange: Exchange, url: str) -> None:
    """Answer that the picture is at `url`."""
    await exchange.reply(made(302, "text/html", b"", {"location": url}))


def redirected(exchange: Exchange) -> str | None:
    """Where the URL of this request was made to lead, None for an ordinary one."""
    if (exchange.endpoint, exchange.origin) != ("result-get", ENDPOINTS["result-get"].origin):
        return None
    return exchange.around.redirects.get(exchange.scope["query_string"])


def moved(url: str, origin: str) -> str:
    """The same path and query on another origin."""
    scheme, host = urlsplit(origin)[:2]
    return urlunsplit((scheme, host, *urlsplit(url)[2:]))


async def with_urls(exchange: Exchange, change: Callable[[str], str]) -> None:
    """Process, and change each URL of the answer. A merge that goes on is said to be completed."""

    def changed(value: Any) -> Any:
        if isinstance(value, list):
            return [changed(inner) for inner in value]
        if not isinstance(value, dict):
            return value
        return {
            name: change(inner) if name in URL_FIELDS else changed(inner) for name, inner in value.items()
        }

    def spoil(answer: Answer) -> Answer:
        value = answer.value()
        if value.get("status") == "processing":
            group = exchange.scope["path"].rpartition("/")[2]
            url = exchange.around.sandbox.download_url(RESULTS, result_name(group))
            value = {"status": "completed", "imageUrl": url}
        return answer.with_value(changed(value))

    await spoilt(exchange, spoil)
