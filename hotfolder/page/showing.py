"""How the views show a set: what their templates have beside what `render` hands to all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from hotfolder.control.rooms import Frame
from hotfolder.page.rendering import render, request_language
from hotfolder.page.site import site_of
from hotfolder.patience import patiently
from hotfolder.words import word

T = TypeVar("T")


def live_page(request: Request, template: str, stamp: str, **context: Any) -> Response:
    """A page that is replaced as soon as there is another stamp."""
    return render(
        request,
        template,
        stamp=stamp,
        clock=clock,
        counted=counted,
        frame_name=lambda frame: frame_name(request_language(request), frame),
        **context,
    )


async def looked_up(request: Request, look: Callable[..., T], *args: object) -> T:
    """What `control` tells by the settings in force. Raises what that does."""
    settings = site_of(request).settings().settings
    return await patiently(settings.state_folder, partial(look, settings, *args))


async def current(request: Request) -> str:
    """The stamp, looked for before anything is read that it is to speak for."""
    return await site_of(request).live.stamp()


def clock(moment: str | datetime, *, seconds: bool = False) -> str:
    """A moment by the clock of this machine; with its day where that is not today."""
    try:
        at = moment if isinstance(moment, datetime) else datetime.fromisoformat(moment)
    except ValueError:
        return ""
    here = at.astimezone()
    told = f"{here:%H:%M:%S}" if seconds else f"{here:%H:%M}"
    return told if here.date() == datetime.now(UTC).astimezone().date() else f"{here:%Y-%m-%d} {told}"


def counted(kinds: Sequence[str]) -> Mapping[str, int]:
    """How many paid calls there are of each kind."""
    return Counter(kinds)


def frame_name(language: str, frame: Frame) -> str:
    """Such as "Merge" and "sky, lawn"; of several looks, with its own name."""
    if frame.kind != "altered":
        return word(language, f"frame.{frame.kind}")
    kinds = ", ".join(word(language, f"kind.{kind}") for kind in frame.altered)
    told = f"{frame.variant}: {kinds}" if frame.variant else kinds
    return told[:1].upper() + told[1:]
